#include "audit/query.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/event.h"
#include "audit/writer.h"
#include "base/fd.h"
#include "base/num.h"
#include "json/read.h"
#include "json/write.h"

enum { MAX_FILES = 1000, MAX_PATTERN = 1024 };

bool query_time(const char *text, int64_t now_ns, int64_t *out)
{
	int64_t ago;

	if (event_time_parse(text, out))
		return true;
	if (!num_duration(text, &ago) || ago > now_ns)
		return false;
	*out = now_ns - ago;
	return true;
}

bool query_order(const char *text, bool *ascending)
{
	*ascending = !strcmp(text, "asc");
	return *ascending || !strcmp(text, "desc");
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Bytes of the character at text[at]; bad UTF-8 counts byte by byte. */
static size_t char_len(const char *text, size_t at, size_t len)
{
	unsigned char c = (unsigned char)text[at];
	size_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	return at + n <= len ? n : 1;
}

bool query_like(const char *pattern, const char *text, size_t len)
{
	const char *p = pattern, *star = NULL;
	size_t at = 0, star_at = 0;

	if (strlen(pattern) > MAX_PATTERN) /* time grows with its length times the text's */
		return false;
	while (at < len) {
		if (*p == '%') {
			star = ++p;
			star_at = at;
		} else if (*p == '_') {
			p++;
			at += char_len(text, at, len);
		} else if (*p && lower(*p) == lower(text[at])) {
			p++;
			at++;
		} else if (star) { /* only the last % ever needs to take more */
			p = star;
			at = ++star_at;
		} else {
			return false;
		}
	}
	while (*p == '%')
		p++;
	return !*p;
}

static bool is_equal(const char *want, const char *got)
{
	return got && !strcmp(want, got);
}

static bool in_list(const char *list, const char *name)
{
	size_t n = name ? strlen(name) : 0;

	if (!n)
		return false;
	for (const char *at = list; *at;) {
		size_t len = strcspn(at, ",");

		if (len == n && !memcmp(at, name, n))
			return true;
		at += len + (at[len] == ',');
	}
	return false;
}

static bool is_like(const char *pattern, const struct json_value *v)
{
	return v && v->type == JSON_STRING && query_like(pattern, v->text, v->len);
}

static bool has_decision(const struct json_value *event, const char *decision)
{
	const struct json_value *policy = json_get(event, "policy");

	return is_equal(decision, json_get_string(policy, "decision")) ||
	       is_equal(decision, json_get_string(policy, "effective_decision"));
}

static bool in_time(const struct query *q, const struct json_value *event)
{
	const char *text;
	int64_t at;

	if (!q->since_ns && !q->until_ns)
		return true;
	text = json_get_string(event, "timestamp");
	return text && event_time_parse(text, &at) && at >= q->since_ns &&
	       (!q->until_ns || at <= q->until_ns);
}

static bool match_parsed(const struct query *q, const struct json_value *event)
{
	if (q->session && !is_equal(q->session, json_get_string(event, "session_id")))
		return false;
	if (q->command && !is_equal(q->command, json_get_string(event, "command_id")))
		return false;
	if (q->types && !in_list(q->types, json_get_string(event, "type")))
		return false;
	if (q->decision && !has_decision(event, q->decision))
		return false;
	if (q->path_like && !is_like(q->path_like, json_get(event, "path")) &&
	    !is_like(q->path_like, json_get(event, "filename")))
		return false;
	if (q->domain_like && !is_like(q->domain_like, json_get(event, "domain")))
		return false;
	return in_time(q, event);
}

/* Cheap: can the line hold this value? Our ids need no escapes; a text that would is not looked for this way.
 */
static bool may_hold(const char *line, size_t len, const char *value)
{
	return !value || strpbrk(value, "\"\\<>&\177") || memmem(line, len, value, strlen(value));
}

bool query_match(const struct query *q, const char *line, size_t len)
{
	AUTO_ARENA a = { .max = 8 << 20 };
	const struct json_value *event;
	struct err e;

	if (!may_hold(line, len, q->session) || !may_hold(line, len, q->command) ||
	    (q->text_like && !query_like(q->text_like, line, len)))
		return false;
	event = json_read(&a, line, len, &e);
	return event && event->type == JSON_OBJECT && match_parsed(q, event);
}

struct run {
	const struct query *q;
	int64_t skip, left;
	scan_fn *fn;
	void *arg;
};

static bool take_line(void *arg, const char *line, size_t len)
{
	struct run *r = arg;

	if (!query_match(r->q, line, len))
		return true;
	if (r->skip) {
		r->skip--;
		return true;
	}
	r->left--;
	return r->fn(r->arg, line, len) && r->left > 0;
}

/* 1 go on, 0 enough, -1 failed. */
static int run_file(struct run *r, const char *path, struct err *e)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int result;

	if (fd < 0)
		return errno == ENOENT ? 1 : err_sys(e, "open %s", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(e, "%s: not a file", path);
	/* Nothing in a file can be later than its last change. */
	if (r->q->since_ns && ((int64_t)st.st_mtim.tv_sec + 2) * 1000000000 < r->q->since_ns)
		return 1;
	result = r->q->ascending ? scan_forward(fd, take_line, r, e) : scan_backward(fd, take_line, r, e);
	return result < 0 ? err_in(e, "%s", path) : result;
}

int query_run(const char *log_path, const struct query *q, scan_fn *fn, void *arg, struct err *e)
{
	struct run r = {
		.q = q, .fn = fn, .arg = arg, .skip = q->offset > 0 ? q->offset : 0, .left = q->limit
	};
	char name[4096 + 16];
	unsigned files = 1;
	int more = 1;

	if (strlen(log_path) >= 4096)
		return err_set(e, "name too long");
	if (r.left < 1 || r.left > QUERY_LIMIT_MAX)
		r.left = QUERY_LIMIT;
	while (files < MAX_FILES && access(writer_file_name(log_path, files, name, sizeof name), F_OK) == 0)
		files++;
	for (unsigned i = 0; i < files && more > 0; i++)
		more = run_file(
		        &r, writer_file_name(log_path, q->ascending ? files - 1 - i : i, name, sizeof name),
		        e);
	return more < 0 ? -1 : 0;
}

struct array {
	struct buf b;
	int fd;
	bool started, failed;
};

static bool write_array(void *arg, const char *line, size_t len)
{
	struct array *a = arg;

	buf_clear(&a->b);
	buf_str(&a->b, a->started ? ",\n" : "[");
	json_for_terminal(&a->b, line, len);
	a->started = true;
	a->failed = a->b.failed || fd_write(a->fd, a->b.data, a->b.len) < 0;
	return !a->failed;
}

int query_write(const char *log_path, const struct query *q, int fd, struct err *e)
{
	struct array a = { .fd = fd };
	int result = query_run(log_path, q, write_array, &a, e);
	const char *end = a.started ? "]\n" : "[]\n";

	buf_release(&a.b);
	if (result == 0 && (a.failed || fd_write(fd, end, strlen(end)) < 0))
		return err_sys(e, "write");
	return result;
}
