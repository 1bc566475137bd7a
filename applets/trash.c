/* trash - list, restore and purge kept versions of deleted files
 *
config APPLET_TRASH
        bool "trash"
        default y
        select LIB_BEARSSL
        help
          A store of deleted files: list them, put them back, remove them for
          good, or put something there instead of deleting it.
 */
#include "applets/applet.h"

#include "api/client.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/num.h"
#include "base/opt.h"
#include "base/path.h"
#include "base/visible.h"
#include "enforce/exec/filter.h"
#include "journal/line.h"
#include "journal/record.h"
#include "journal/store.h"
#include "json/write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
        "list [--session ID] [--all]\n"
        "       agentsh trash restore TOKEN [--dest PATH] [--force]\n"
        "       agentsh trash purge [--ttl AGE] [--quota SIZE] [--session ID]\n"
        "       agentsh trash show TOKEN\n"
        "       agentsh trash put PATH...\n"
        "       list --all: also what was overwritten and written to\n"
        "       each with --trash-path DIR (default .agentsh_trash, in the current directory)";

enum { HASH_UP_TO = 1000000 };

struct trash {
	const char *dir, *session, *dest, *ttl, *quota;
	bool force, all;
};

/* False when there is no store at all, which is as good as an empty one to readers. */
static bool open_store(const struct trash *t, bool create, struct journal *j)
{
	struct err e;

	if (journal_open(j, t->dir, create, &e) == 0)
		return true;
	if (e.code != ENOENT)
		die(EXIT_FAILED, "agentsh-trash: %s", e.text);
	return false;
}

/* A path on one line, without anything that a terminal would act on. */
static const char *shown(const char *path)
{
	static char text[4 * PATH_MAX + 1];
	const char *p = path;

	while (*p >= ' ' && *p <= '~')
		p++;
	if (!*p)
		return path;
	visible_text(path, NULL, text, sizeof text);
	return text;
}

static void print_entry(const char *token, const char *path, uint64_t size, int64_t created_ns)
{
	static int64_t now, last = -1;
	static char age[32];
	char digits[24], *p = digits + sizeof digits - 1;
	int64_t seconds;

	now = now ? now : clock_real_ns();
	seconds = now > created_ns ? (now - created_ns + 500000000) / 1000000000 : 0;
	if (seconds != last)
		num_go_seconds(seconds * 1000000000, age, sizeof age);
	last = seconds;
	fputs(token, stdout);
	fputc('\t', stdout);
	fputs(shown(path), stdout);
	*p = 0;
	do
		*--p = (char)('0' + size % 10);
	while (size /= 10);
	fputc('\t', stdout);
	fputs(p, stdout);
	fputs(" bytes\t", stdout);
	fputs(age, stdout);
	fputs(" ago\n", stdout);
}

/* A process of a session does not reach the store: the server does, for its session alone. */
static void ask(const char *method, const char *rest, const struct buf *body, struct http_reply *reply)
{
	struct err e;

	if (api_client_own(getenv("AGENTSH_SESSION_ID"), getenv("AGENTSH_SERVER"), method, rest, body, reply,
	                   &e) < 0)
		die(EXIT_FAILED, "agentsh-trash: %s", e.text);
}

static int ask_list(void)
{
	struct http_reply reply = { .body.data = NULL };
	AUTO_ARENA a = { .blocks = NULL };
	const struct json_value *items;
	size_t n = 0;

	ask("GET", "trash", NULL, &reply);
	items = json_get(json_read(&a, buf_text(&reply.body), reply.body.len, NULL), "items");
	for (const struct json_value *v = items ? items->first : NULL; v; v = v->next, n++) {
		const char *token = json_get_string(v, "token"), *path = json_get_string(v, "path");
		int64_t at = 0;

		if (token && path && num_i64(token, 0, INT64_MAX, &at))
			print_entry(token, path, (uint64_t)json_get_int64(v, "size", 0), at);
	}
	if (!n)
		puts("trash empty");
	buf_release(&reply.body);
	return flushed();
}

static int ask_restore(const struct trash *t, const char *token)
{
	struct http_reply reply = { .body.data = NULL };
	AUTO_BUF body = { .data = NULL };
	AUTO_ARENA a = { .blocks = NULL };
	struct json j = { .out = &body };
	char rest[80];
	const char *path;

	snprintf(rest, sizeof rest, "trash/%.40s/restore", token);
	json_object(&j);
	json_key_bool(&j, "force", t->force);
	if (t->dest)
		json_key_text(&j, "dest", t->dest);
	json_end(&j);
	if (!manifest_token_ok(token))
		die(EXIT_FAILED, "agentsh-trash: unknown token: %.40s", token);
	ask("POST", rest, &body, &reply);
	path = json_get_string(json_read(&a, buf_text(&reply.body), reply.body.len, NULL), "path");
	printf("restored to %s\n", path ? shown(path) : "");
	buf_release(&reply.body);
	return flushed();
}

static bool is_listed(const struct trash *t, char kind)
{
	return t->all || !kind || kind == LINE_ACTS[JOURNAL_DELETE] || kind == LINE_ACTS[JOURNAL_RMDIR];
}

static int list(const struct trash *t)
{
	struct journal_list l = { 0 };
	struct journal_entry en;
	struct journal j;
	static char out[1 << 16];
	struct err e;
	size_t n = 0;

	setvbuf(stdout, out, _IOFBF, sizeof out);
	if (open_store(t, false, &j)) {
		if (journal_list(&j, t->session, &l, &e) < 0)
			die(EXIT_FAILED, "agentsh-trash: %s", e.text);
		journal_close(&j);
	}
	for (size_t i = 0; i < l.n; i++) {
		if (!is_listed(t, l.items[i].kind))
			continue;
		if (!journal_list_at(&l, i, &en))
			die(EXIT_FAILED, "agentsh-trash: out of memory");
		print_entry(en.token, en.path, en.size, en.created_ns);
		n++;
	}
	if (!n)
		puts("trash empty");
	if (l.n_bad)
		complain("agentsh-trash: %zu entries cannot be read: %s", l.n_bad, l.first);
	journal_list_release(&l);
	return flushed();
}

/* `path` as an absolute one; the result may not overlap. */
static void absolute(const char *path, char *out)
{
	char cwd[PATH_MAX];

	if (!getcwd(cwd, sizeof cwd) || !path_join(cwd, path, out, PATH_MAX))
		die(EXIT_FAILED, "agentsh-trash: %s: no usable path", path);
}

static int restore(const struct trash *t, const char *token)
{
	static char to[JOURNAL_PATH];
	char dest[PATH_MAX];
	struct journal_restore how = { .force = t->force };
	struct journal j;
	struct err e;

	if (t->dest) {
		absolute(t->dest, dest);
		how.to = dest;
	}
	if (!open_store(t, false, &j))
		die(EXIT_FAILED, "agentsh-trash: unknown token: %.40s (no store in %s)", token, t->dir);
	if (journal_put_back(&j, token, &how, to, &e) < 0)
		die(EXIT_FAILED, "agentsh-trash: %s", e.text);
	journal_close(&j);
	printf("restored to %s\n", shown(to));
	return flushed();
}

static int purge(const struct trash *t)
{
	struct journal_limits limits = { .session = t->session, .ttl_ns = -1, .quota = -1 };
	struct journal j;
	struct err e;
	uint64_t quota;
	int n = 0;

	if (t->ttl && !num_duration(t->ttl, &limits.ttl_ns))
		die(EXIT_FAILED, "agentsh-trash: --ttl %s: no duration, such as 12h or 7d", t->ttl);
	if (t->quota && (!num_size(t->quota, &quota) || quota > INT64_MAX))
		die(EXIT_FAILED, "agentsh-trash: --quota %s: no size, such as 500MB or 5GiB", t->quota);
	if (t->quota)
		limits.quota = (int64_t)quota;
	if (open_store(t, false, &j)) {
		n = journal_purge(&j, &limits, &e);
		journal_close(&j);
	}
	if (n < 0)
		die(EXIT_FAILED, "agentsh-trash: %s", e.text);
	printf("removed %d %s\n", n, n == 1 ? "entry" : "entries");
	return flushed();
}

static int show(const struct trash *t, const char *token)
{
	struct buf text = { 0 }, line = { 0 };
	char payload[PATH_MAX + 32];
	struct journal_entry en;
	struct arena a = { 0 };
	struct journal j;
	struct err e;

	if (!open_store(t, false, &j))
		die(EXIT_FAILED, "agentsh-trash: unknown token: %.40s (no store in %s)", token, t->dir);
	if (journal_find(&j, &a, token, &en, &e) < 0)
		die(EXIT_FAILED, "agentsh-trash: %s", e.text);
	snprintf(payload, sizeof payload, "%s/payload/%s", en.store ? en.store : j.path, token);
	manifest_write(&en, payload, &text);
	json_for_terminal(&line, buf_text(&text), text.len);
	fputs(buf_text(&line), stdout);
	journal_close(&j);
	arena_release(&a);
	buf_release(&text);
	buf_release(&line);
	return flushed();
}

/* Where a name that may be a link itself really is: its directory without links. */
static int open_place(const char *path, const char **name, char *real, struct err *e)
{
	char dir[PATH_MAX], full[PATH_MAX], link[40];
	ssize_t n;
	int fd;

	absolute(path, full);
	*name = path_base(path);
	snprintf(dir, sizeof dir, "%.*s", (int)(path_base(full) - full), full);
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = fd >= 0 ? readlink(link, dir, sizeof dir - 1) : -1;
	if (n < 0)
		return err_sys(e, "%s", path);
	dir[n] = 0;
	if (!path_join(dir, path_base(full), real, PATH_MAX))
		return err_set(e, "%s: name too long", path);
	return fd;
}

static int put_one(struct journal *j, const char *path, const char *session)
{
	struct journal_about about = { .session = session, .hash_up_to = HASH_UP_TO };
	char real[PATH_MAX];
	struct journal_entry en;
	const char *name;
	struct err e;
	int dir = open_place(path, &name, real, &e), rc = -1;

	about.path = real;
	if (dir >= 0 && (!*name || !strcmp(name, ".") || !strcmp(name, "..")))
		err_set(&e, "%s: no path to a file", path);
	else if (dir >= 0 && path_within(j->path, real))
		err_set(&e, "%s: holds the store itself", path);
	else if (dir >= 0)
		rc = journal_keep(j, dir, name, &about, &en, &e);
	if (dir >= 0)
		close(dir);
	if (rc < 0)
		complain("agentsh-trash: %s", e.text);
	else
		puts(en.token);
	return rc;
}

static int put(const struct trash *t, char **paths, int n)
{
	struct journal j;
	int rc = 0;

	if (!open_store(t, true, &j))
		die(EXIT_FAILED, "agentsh-trash: %s: cannot be made", t->dir);
	for (int i = 0; i < n; i++)
		rc |= put_one(&j, paths[i], t->session ? t->session : "");
	journal_close(&j);
	return flushed() != EXIT_DONE || rc < 0 ? EXIT_FAILED : EXIT_DONE;
}

/* The session's own store, wherever that is, which it does not reach; another that is named, or lies here, is
 * the caller's to use. */
static bool is_ours(const struct trash *t)
{
	if (strcmp(t->dir, JOURNAL_STORE) != 0)
		return false;
	if (access(JOURNAL_STORE, F_OK) == 0)
		return access(JOURNAL_STORE "/" JOURNAL_STORE_ACTS, F_OK) == 0;
	return getenv("AGENTSH_SESSION_ID") != NULL;
}

static int run(int argc, char **argv)
{
	struct trash t = { .dir = ".agentsh_trash" };
	const struct opt table[] = {
		{ "trash-path", 0, OPT_TEXT, &t.dir, NULL }, { "session", 0, OPT_TEXT, &t.session, NULL },
		{ "dest", 0, OPT_TEXT, &t.dest, NULL },      { "ttl", 0, OPT_TEXT, &t.ttl, NULL },
		{ "quota", 0, OPT_TEXT, &t.quota, NULL },    { "force", 0, OPT_FLAG, &t.force, NULL },
		{ "all", 0, OPT_FLAG, &t.all, NULL },        { 0 },
	};
	struct opt_args args;
	const char *what;
	struct err e;

	if (opt_parse(argc, argv, table, false, &args, &e) < 0)
		die(EXIT_FAILED, "agentsh-trash: %s", e.text);
	what = args.n ? args.items[0] : "";
	if (CONFIG_API_HTTP && CONFIG_FILES && filter_here() && is_ours(&t)) {
		if (t.session)
			die(EXIT_FAILED, "agentsh-trash: --session is not for processes of a session");
		if (!strcmp(what, "list") && args.n == 1)
			return ask_list();
		if (!strcmp(what, "restore") && args.n == 2)
			return ask_restore(&t, args.items[1]);
		if (!strcmp(what, "purge"))
			die(EXIT_FAILED, "agentsh-trash: purge is not for processes of a session");
	}
	if (!strcmp(what, "list") && args.n == 1)
		return list(&t);
	if (!strcmp(what, "restore") && args.n == 2)
		return restore(&t, args.items[1]);
	if (!strcmp(what, "purge") && args.n == 1)
		return purge(&t);
	if (!strcmp(what, "show") && args.n == 2)
		return show(&t, args.items[1]);
	if (!strcmp(what, "put") && args.n > 1)
		return put(&t, args.items + 1, args.n - 1);
	die(EXIT_FAILED, "usage: agentsh trash %s", usage);
}

const struct applet applet_trash = {
	.name = "trash",
	.summary = "list, restore and purge kept versions of deleted files",
	.usage = usage,
	.run = run,
};
