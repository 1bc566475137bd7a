/* Messages of rules with the facts of the case in them. */
#include "decide/impl.h"

#include "base/visible.h"

#include <stdio.h>
#include <string.h>

struct text {
	char *out;
	size_t n, size;
	bool full; /* cut once, cut for good */
};

static void put(struct text *t, const char *bytes, size_t len)
{
	if (t->full || len + 1 > t->size - t->n) {
		t->full = true;
		return;
	}
	memcpy(t->out + t->n, bytes, len);
	t->n += len;
}

/* The agent chooses these bytes: it must not move the cursor of who reads them. */
static void put_escaped(struct text *t, const char *value)
{
	const unsigned char *s = (const unsigned char *)value;

	while (s && *s) {
		size_t n = *s == '\\' ? 0 : visible_len(s, strnlen((const char *)s, 4));
		char code[8];

		if (n)
			put(t, (const char *)s, n);
		else {
			int len = *s == '\\' ? snprintf(code, sizeof code, "\\\\")
			                     : snprintf(code, sizeof code, "\\x%02x", *s);

			put(t, code, (size_t)len);
		}
		s += n ? n : 1;
	}
}

static bool is_field(const char *name, size_t len, const char *field)
{
	return strlen(field) == len && !memcmp(field, name, len);
}

/* The value of {{.NAME}}; NULL if the name is not known. */
static const char *field_value(const struct rule *rule, const struct message_facts *f, const char *name,
                               size_t len, char port[16])
{
	const struct {
		const char *name, *value;
	} fields[] = { { "Path", f->path },     { "Args", f->args },         { "Command", f->command },
		       { "Domain", f->domain }, { "RemoteAddr", f->remote }, { "Operation", f->operation },
		       { "Rule", rule->name } };

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (is_field(name, len, fields[i].name))
			return fields[i].value ? fields[i].value : "";
	if (!is_field(name, len, "Port"))
		return NULL;
	snprintf(port, 16, "%d", f->port);
	return f->port < 0 ? "" : port;
}

/* "{{.Path}}", also "{{ .Path }}", at p. Its length if it was put, else 0. */
static size_t put_field(struct text *t, const struct rule *rule, const struct message_facts *f, const char *p)
{
	const char *end = strstr(p, "}}"), *name = p + 2, *last = end;
	const char *value;
	char port[16];

	if (!end)
		return 0;
	while (*name == ' ')
		name++;
	while (last > name && last[-1] == ' ')
		last--;
	if (*name++ != '.' || name >= last)
		return 0;
	value = field_value(rule, f, name, (size_t)(last - name), port);
	if (!value)
		return 0;
	put_escaped(t, value);
	return (size_t)(end + 2 - p);
}

size_t decide_message(const struct rule *rule, const struct message_facts *facts, char *out, size_t size)
{
	struct text t = { .out = out, .size = size };

	if (!size)
		return 0;
	for (const char *p = rule->message; *p && !t.full;) {
		size_t used = p[0] == '{' && p[1] == '{' ? put_field(&t, rule, facts, p) : 0;

		if (!used)
			put(&t, p, 1);
		p += used ? used : 1;
	}
	out[t.n] = 0;
	return t.n;
}

char *decide_message_args(const char *const *args, size_t n, char *out, size_t size)
{
	struct text t = { .out = out, .size = size };

	for (size_t i = 0; i < n; i++) {
		if (i)
			put(&t, " ", 1);
		for (const char *p = args[i]; *p && !t.full; p++)
			put(&t, p, 1);
	}
	out[t.n] = 0;
	return out;
}
