/* events - look into the audit log: query, follow
 *
config APPLET_EVENTS
        bool "events"
        default y
        select LIB_BEARSSL
        help
          Query the audit log by session, type, decision, time and text, and follow
          a session's events as they are written.
 */
#include "applet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/log.h"
#include "audit/query.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/fd.h"
#include "base/num.h"
#include "base/opt.h"
#include "enforce/exec/role.h"
#include "json/write.h"

static const char usage[] =
        "query [--session ID] [--command ID] [--type A,B] [--decision D] [--since T] [--until T]\n"
        "           [--path-like P] [--domain-like P] [--text-like P] [--limit N] [--offset N]\n"
        "           [--order desc|asc] [--log PATH]\n"
        "       agentsh events tail SESSION [--log PATH]\n"
        "T is a time as 2025-01-02T03:04:05Z or how long ago, as 10m; P has the wildcards % and _.";

struct options {
	const char *since, *until, *limit, *offset, *order, *log;
	bool direct; /* --direct-db: the file or nothing */
	struct api_client_options api;
	struct query q;
};

static int64_t number(const char *name, const char *text)
{
	int64_t n;

	if (!num_i64(text, INT_MIN, INT_MAX, &n))
		die(EXIT_FAILED, "agentsh-events: --%s takes a number, not '%s'", name, text);
	return n;
}

static int64_t moment(const char *name, const char *text)
{
	int64_t t;

	if (!query_time(text, clock_real_ns(), &t))
		die(EXIT_FAILED,
		    "agentsh-events: --%s: '%s' is neither a time as 2025-01-02T03:04:05Z nor a duration",
		    name, text);
	return t;
}

/* The file answers where we may read it; else the server, unless the file was asked for by name. */
static bool is_local(const struct options *o, const char *path)
{
	if (access(path, R_OK) == 0)
		return true;
	if (o->log || o->direct || !CONFIG_API_HTTP)
		die(EXIT_FAILED, "agentsh-events: %s: %m", path);
	return false;
}

static void ask_server(const struct options *o, struct api_client *client)
{
	struct err e;

	if (api_client_init(client, &o->api, &e) < 0)
		die(EXIT_FAILED, "agentsh-events: %s", e.text);
}

static int query(struct options *o, const char *path)
{
	struct api_client client;
	struct err e;

	if (o->since)
		o->q.since_ns = moment("since", o->since);
	if (o->until)
		o->q.until_ns = moment("until", o->until);
	if (o->limit)
		o->q.limit = number("limit", o->limit);
	if (o->offset)
		o->q.offset = number("offset", o->offset);
	if (o->order && !query_order(o->order, &o->q.ascending))
		die(EXIT_FAILED, "agentsh-events: --order takes asc or desc, not '%s'", o->order);
	if (!is_local(o, path)) {
		ask_server(o, &client);
		if (api_log_write(&client, &o->q, STDOUT_FILENO, &e) < 0)
			die(EXIT_FAILED, "agentsh-events: %s", e.text);
	} else if (query_write(path, &o->q, STDOUT_FILENO, &e) < 0) {
		die(EXIT_FAILED, "agentsh-events: %s", e.text);
	}
	return EXIT_DONE;
}

/* A log that is followed: what was read beyond the last newline waits in `part`. */
struct follow {
	const struct query *q;
	const char *path;
	int fd;
	struct buf part;
};

static bool print_event(void *arg, const char *line, size_t len)
{
	AUTO_BUF b = { 0 };

	(void)arg;
	json_for_terminal(&b, line, len);
	buf_chr(&b, '\n');
	return !b.failed && fd_write(STDOUT_FILENO, b.data, b.len) == 0;
}

static void print_line(const struct follow *f, const char *line, size_t len)
{
	if (query_match(f->q, line, len) && !print_event(NULL, line, len))
		exit(EXIT_FAILED); /* nobody listens any more */
}

static void print_new(struct follow *f)
{
	char *room, *nl;
	ssize_t n;

	while ((room = buf_room(&f->part, 65536)) && (n = read(f->fd, room, 65536)) > 0) {
		f->part.len += (size_t)n;
		while ((nl = memchr(f->part.data, '\n', f->part.len))) {
			size_t len = (size_t)(nl - f->part.data);

			print_line(f, f->part.data, len);
			buf_skip(&f->part, len + 1);
		}
		if (f->part.len > SCAN_LINE_MAX) /* nothing we wrote */
			buf_clear(&f->part);
	}
}

/* After a rotation the name stands for a new file: what is left of the old one was printed, go on with the
 * new. */
static void reopen_if_new(struct follow *f)
{
	struct stat ours, there;
	int fd;

	if (fstat(f->fd, &ours) == 0 && stat(f->path, &there) == 0 && ours.st_ino == there.st_ino &&
	    ours.st_dev == there.st_dev)
		return;
	fd = open(f->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return; /* not there yet: the folder will tell */
	fd_close(&f->fd);
	f->fd = fd;
	buf_clear(&f->part);
	print_new(f);
}

static int watch(const char *path)
{
	char dir[4096];
	const char *slash = strrchr(path, '/');
	int in = inotify_init1(IN_CLOEXEC);

	snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	if (in < 0 || inotify_add_watch(in, dir, IN_CREATE | IN_MOVED_TO | IN_MODIFY) < 0)
		die(EXIT_FAILED, "agentsh-events: watch %s: %m", dir);
	return in;
}

static int tail(const char *session, const char *path)
{
	struct query q = { .session = session };
	struct follow f = { .q = &q, .path = path, .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) };
	_Alignas(struct inotify_event) char changes[4096];
	int in;

	if (f.fd < 0)
		die(EXIT_FAILED, "agentsh-events: %s: %m", path);
	in = watch(path);
	lseek(f.fd, 0, SEEK_END);
	for (;;) {
		ssize_t n = read(in, changes, sizeof changes);

		if (n < 0 && errno != EINTR)
			die(EXIT_FAILED, "agentsh-events: watch: %m");
		print_new(&f);
		reopen_if_new(&f);
	}
}

static int tail_server(const struct options *o, const char *session)
{
	struct api_client client;
	struct err e;

	ask_server(o, &client);
	if (api_log_follow(&client, session, print_event, NULL, &e) < 0)
		die(EXIT_FAILED, "agentsh-events: %s", e.text);
	return EXIT_FAILED; /* nobody listens any more */
}

static int run(int argc, char **argv)
{
	struct options o = { 0 };
	const struct opt table[] = {
		API_CLIENT_OPTIONS(o.api),
		{ "session", 0, OPT_TEXT, &o.q.session, NULL },
		{ "command", 0, OPT_TEXT, &o.q.command, NULL },
		{ "type", 0, OPT_TEXT, &o.q.types, NULL },
		{ "decision", 0, OPT_TEXT, &o.q.decision, NULL },
		{ "path-like", 0, OPT_TEXT, &o.q.path_like, NULL },
		{ "domain-like", 0, OPT_TEXT, &o.q.domain_like, NULL },
		{ "text-like", 0, OPT_TEXT, &o.q.text_like, NULL },
		{ "since", 0, OPT_TEXT, &o.since, NULL },
		{ "until", 0, OPT_TEXT, &o.until, NULL },
		{ "limit", 0, OPT_TEXT, &o.limit, NULL },
		{ "offset", 0, OPT_TEXT, &o.offset, NULL },
		{ "order", 0, OPT_TEXT, &o.order, NULL },
		{ "log", 0, OPT_TEXT, &o.log, NULL },
		{ "db-path", 0, OPT_TEXT, &o.log, NULL },
		{ "direct-db", 0, OPT_FLAG, &o.direct, NULL },
		{ 0 },
	};
	char path[4096];
	struct opt_args args;
	struct err e;

	if (opt_parse(argc, argv, table, false, &args, &e) < 0)
		die(EXIT_FAILED, "agentsh-events: %s", e.text);
	query_log_path(o.log, path, sizeof path);
	if (args.n == 2 && !strcmp(args.items[0], "tail"))
		return is_local(&o, path) ? tail(args.items[1], path) : tail_server(&o, args.items[1]);
	if ((args.n == 1 && !strcmp(args.items[0], "query")) || (args.n == 0 && o.q.session))
		return query(&o, path);
	die(EXIT_FAILED, "usage: agentsh events %s", usage);
}

const struct applet applet_events = {
	.name = "events",
	.summary = "query the audit log, follow a session",
	.usage = usage,
	.run = run,
	.roles = ROLE_READ | ROLE_ASK,
};
