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

/* Of a value: what is longer than this is shown by its beginning and its end. */
enum { SHOWN_MAX = 400, SHOWN_HEAD = 240, SHOWN_TAIL = 120 };

static void put(struct text *t, const char *bytes, size_t len)
{
	if (t->full || len + 1 > t->size - t->n) {
		t->full = true;
		return;
	}
	memcpy(t->out + t->n, bytes, len);
	t->n += len;
}

/* The first character of `s` as it is shown: *len bytes in `code`. How many it takes of `s`. */
static size_t show_one(const unsigned char *s, char code[8], size_t *len)
{
	size_t n = *s == '\\' ? 0 : visible_len(s, strnlen((const char *)s, 4));

	if (n)
		memcpy(code, s, *len = n);
	else if (*s == '\\')
		memcpy(code, "\\\\", *len = 2);
	else
		*len = (size_t)snprintf(code, 8, "\\x%02x", *s);
	return n ? n : 1;
}

/* The agent chooses these bytes: they must not move the cursor of who reads them, nor push what matters out
 * of his sight. So of a long value the middle is left out, and that is said. */
static void put_escaped(struct text *t, const char *value)
{
	const unsigned char *s = (const unsigned char *)value;
	size_t total = 0, at = 0, len, left_out;
	char code[8], gap[48];

	if (!value)
		return;
	/* Most are shown as they are. */
	while (total <= SHOWN_MAX && s[total] > ' ' && s[total] < 0x7f && s[total] != '\\')
		total++;
	if (!s[total] && total <= SHOWN_MAX && total < t->size - t->n) {
		put(t, value, total);
		return;
	}
	total = 0;
	for (const unsigned char *p = s; *p; total += len)
		p += show_one(p, code, &len);
	left_out = total > SHOWN_MAX ? total - SHOWN_HEAD - SHOWN_TAIL : 0;
	while (*s) {
		s += show_one(s, code, &len);
		if (!left_out || at + len <= SHOWN_HEAD || at >= SHOWN_HEAD + left_out)
			put(t, code, len);
		else if (at <= SHOWN_HEAD)
			put(t, gap,
			    (size_t)snprintf(gap, sizeof gap, "[... %zu bytes left out ...]", left_out));
		at += len;
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
	size_t total = n, at = 0, head = size / 2, skip;

	for (size_t i = 0; i < n; i++)
		total += strlen(args[i]);
	skip = total > size ? total - size : 0;
	for (size_t i = 0; i < n; i++) {
		if (i && (at < head || at >= head + skip))
			put(&t, " ", 1);
		at += i != 0;
		for (const char *p = args[i]; *p; p++, at++)
			if (at < head || at >= head + skip)
				put(&t, p, 1);
	}
	out[t.n] = 0;
	return out;
}
