/* Variables in patterns. */
#include "policy/impl.h"

#include "base/buf.h"
#include "base/path.h"
#include "match/host.h"

#include <string.h>

enum { NAME_MAX_LEN = 64, VALUE_MAX = 4096 };

static size_t name_length(const char *p)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

	return *p >= '0' && *p <= '9' ? 0 : strspn(p, letters);
}

static const char *value_of(const struct policy_var *vars, const char *name, size_t len)
{
	for (; vars && vars->name; vars++)
		if (strlen(vars->name) == len && !memcmp(vars->name, name, len))
			return vars->value && *vars->value ? vars->value : NULL;
	return NULL;
}

/* In front of a path a value must be an absolute path in normal form, elsewhere a single component: a value
 * with ".." or a newline would move a rule to where its author did not put it. */
static int check_path(const char *value, bool in_front, struct err *e)
{
	char clean[VALUE_MAX];

	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(e, "its value has control characters");
	if (!in_front)
		return strchr(value, '/') || !strcmp(value, "..")
		               ? err_set(e, "its value must be one path component")
		               : 0;
	if (*value != '/')
		return err_set(e, "its value '%.200s' is not an absolute path", value);
	if (!path_clean(value, clean, sizeof clean) || strcmp(clean, value) != 0)
		return err_set(e, "its value '%.200s' is not in normal form (no '..', '//' or last '/')",
		               value);
	return 0;
}

static int put_value(struct buf *out, const char *value, bool path, const char *rest, struct err *e)
{
	char escaped[2 * VALUE_MAX];
	struct host h;

	if (path && check_path(value, !out->len, e) < 0)
		return -1;
	if (!path && !host_parse(value, &h))
		return err_set(e, "its value '%.200s' is not a host name", value);
	if (path && !strcmp(value, "/") && *rest == '/')
		return 0; /* "/" + "/x" is "/x" */
	if (!glob_escape(value, escaped, sizeof escaped))
		return err_set(e, "its value is too long");
	buf_str(out, escaped);
	return 0;
}

/* One "${NAME}" or "${NAME:-fallback}" at *p, which is moved behind it. */
static int put_variable(struct buf *out, const char **p, const struct policy_var *vars, bool path,
                        struct err *e)
{
	const char *name = *p + 2, *end = strchr(name, '}');
	size_t len = name_length(name);
	bool fallback = !strncmp(name + len, ":-", 2);
	const char *value;

	if (!end || !len || len > NAME_MAX_LEN || (name[len] != '}' && !fallback))
		return err_set(e, "not a variable; write ${NAME} or ${NAME:-fallback}, or \\$ for a dollar");
	value = value_of(vars, name, len);
	*p = end + 1;
	if (value)
		return put_value(out, value, path, *p, e) < 0 ? err_in(e, "variable %.*s", (int)len, name)
		                                              : 0;
	if (!fallback)
		return err_set(e, "variable %.*s is not set; write ${%.*s:-fallback} if that may be",
		               (int)len, name, (int)len, name);
	name += len + 2;
	if (name == end || (path && !out->len && *name != '/'))
		return err_set(
		        e, "the fallback of a variable must not be empty, and absolute in front of a path");
	buf_add(out, name, (size_t)(end - name));
	return 0;
}

const char *policy_expand(struct arena *a, const char *pattern, const struct policy_var *vars, bool path,
                          struct err *e)
{
	AUTO_BUF out = { .max = 1 << 16 };
	char *copy;

	while (*pattern) {
		if (pattern[0] == '$' && pattern[1] == '{') {
			if (put_variable(&out, &pattern, vars, path, e) < 0)
				return NULL;
			continue;
		}
		if (pattern[0] == '\\' && pattern[1])
			buf_chr(&out, *pattern++);
		buf_chr(&out, *pattern++);
	}
	copy = out.failed ? NULL : arena_copy(a, buf_text(&out), out.len);
	if (!copy)
		err_set(e, "out of memory");
	return copy;
}
