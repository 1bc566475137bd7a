/* undo - put back what a command did to files, do it again, or show it
 *
config APPLET_UNDO
        bool "undo, redo, diff"
        default y
        depends on FILES
        select LIB_BEARSSL
        help
          Undo the acts of one command: deleted, overwritten, written, renamed
          and made files, attributes. "redo" undoes that, "diff" shows it.
 */
#include "applets/applet.h"

#include "api/client.h"
#include "base/die.h"
#include "base/fd.h"
#include "base/opt.h"
#include "base/path.h"
#include "base/visible.h"
#include "enforce/exec/filter.h"
#include "journal/line.h"
#include "journal/record.h"
#include "journal/undo.h"
#include "json/write.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
        "[COMMAND_ID|last] [--dry-run] [--force] [PATH...]\n"
        "       agentsh redo [COMMAND_ID|last] [--dry-run] [--force] [PATH...]\n"
        "       agentsh diff [COMMAND_ID|last] [PATH...]\n"
        "       each with --trash-path DIR (default .agentsh_trash, in the current directory or the\n"
        "       nearest one above it that has one) and --session ID (only its commands)";

enum { PATHS_MAX = 64, TEXT_MAX = 4 << 20, CONTEXT = 3 };

static const char *name = "undo";

/* A path on one line, without anything that a terminal would act on. */
static const char *shown(const char *path)
{
	static char text[2][4 * PATH_MAX + 1];
	static int at;

	at = !at;
	visible_text(path, NULL, text[at], sizeof text[at]);
	return text[at];
}

static void report(void *arg, enum undo_outcome outcome, const char *verb, const char *path, const char *why)
{
	const bool *dry_run = arg;

	if (outcome == UNDO_DONE)
		printf("%s%s\t%s\n", *dry_run ? "would " : "", verb, shown(path));
	else
		complain("agentsh-%s: %s: %s%s", name, shown(path), why,
		         outcome == UNDO_CONFLICT ? " (left as it is; --force undoes it all the same)" : "");
}

static void print_end(const struct undo_request *r, const char *command, size_t n_done, size_t n_left)
{
	printf("%s %s: %zu change%s",
	       r->dry_run ? "nothing done yet for"
	       : r->redo  ? "redone"
	                  : "undone",
	       shown(command), n_done, n_done == 1 ? "" : "s");
	if (n_left)
		printf(", %zu left", n_left);
	putchar('\n');
}

static int undo(const struct journal *j, const struct undo_request *request)
{
	struct undo_result result;
	bool dry_run = request->dry_run;
	struct err e;

	if (journal_undo(j, request, report, &dry_run, &result, &e) < 0)
		die(EXIT_FAILED, "agentsh-%s: %s", name, e.text);
	print_end(request, result.command, result.n_done, result.n_conflicts + result.n_failed);
	return flushed() != EXIT_DONE || result.n_conflicts || result.n_failed ? EXIT_FAILED : EXIT_DONE;
}

/* ---- diff --------------------------------------------------------------------------------------------- */

/* Lines of a text, each with its end. */
struct text {
	struct buf bytes;
	const char **lines; /* owned; n + 1 of them, the last is the end */
	size_t n;
};

static bool split(struct text *t)
{
	const char *at = buf_text(&t->bytes), *end = at + t->bytes.len;
	size_t room = 1;

	for (const char *p = at; (p = memchr(p, '\n', (size_t)(end - p))); p++)
		room++;
	t->lines = calloc(room + 1, sizeof *t->lines);
	while (t->lines && at < end) {
		const char *next = memchr(at, '\n', (size_t)(end - at));

		t->lines[t->n++] = at;
		at = next ? next + 1 : end;
	}
	if (t->lines)
		t->lines[t->n] = end;
	return t->lines;
}

static size_t length(const struct text *t, size_t i)
{
	return (size_t)(t->lines[i + 1] - t->lines[i]);
}

static bool same(const struct text *a, size_t i, const struct text *b, size_t k)
{
	return length(a, i) == length(b, k) && !memcmp(a->lines[i], b->lines[k], length(a, i));
}

static void print_lines(char sign, const struct text *t, size_t from, size_t to)
{
	for (; from < to; from++) {
		size_t len = length(t, from);
		bool ended = len && t->lines[from][len - 1] == '\n';
		char line[4096], safe[4 * sizeof line];

		len -= ended;
		snprintf(line, sizeof line, "%.*s", (int)(len < sizeof line ? len : sizeof line - 1),
		         t->lines[from]);
		visible_text(line, "\t", safe, sizeof safe);
		printf("%c%s\n%s", sign, safe, ended ? "" : "\\ No newline at end of file\n");
	}
}

static void print_range(char sign, size_t from, size_t n)
{
	printf(" %c%zu,%zu", sign, n ? from + 1 : from, n);
}

/* One hunk: what lies between the lines that both begin and end with. */
static void print_hunk(const struct text *a, const struct text *b)
{
	size_t head = 0, tail = 0, before, after;

	while (head < a->n && head < b->n && same(a, head, b, head))
		head++;
	while (tail < a->n - head && tail < b->n - head && same(a, a->n - 1 - tail, b, b->n - 1 - tail))
		tail++;
	before = head < CONTEXT ? head : CONTEXT;
	after = tail < CONTEXT ? tail : CONTEXT;
	printf("@@");
	print_range('-', head - before, a->n - head - tail + before + after);
	print_range('+', head - before, b->n - head - tail + before + after);
	printf(" @@\n");
	print_lines(' ', a, head - before, head);
	print_lines('-', a, head, a->n - tail);
	print_lines('+', b, head, b->n - tail);
	print_lines(' ', a, a->n - tail, a->n - tail + after);
}

static bool is_text(const struct text *t)
{
	return !t->bytes.len || !memchr(t->bytes.data, 0, t->bytes.len);
}

static void print_diff(const struct undo_change *c)
{
	struct text old = { .bytes.max = TEXT_MAX }, new = { .bytes.max = TEXT_MAX };
	AUTO_FD now = open(c->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	bool good = (c->version < 0 || fd_slurp(c->version, &old.bytes, NULL) == 0) &&
	            (now < 0 || fd_slurp(now, &new.bytes, NULL) == 0);

	if (!good || !is_text(&old) || !is_text(&new)) {
		puts("binary or too large");
	} else if (old.bytes.len != new.bytes.len ||
	           memcmp(buf_text(&old.bytes), buf_text(&new.bytes), old.bytes.len)) {
		printf("--- %s\n+++ %s\n", c->version < 0 ? "/dev/null" : shown(c->path),
		       now < 0 ? "/dev/null" : shown(c->path));
		if (split(&old) && split(&new))
			print_hunk(&old, &new);
	}
	free(old.lines);
	free(new.lines);
	buf_release(&old.bytes);
	buf_release(&new.bytes);
}

static int show_change(void *arg, const struct undo_change *c, struct err *e)
{
	(void)arg;
	(void)e;
	printf("%s\t%s%s%s\n", undo_word(c->kind), shown(c->path), *c->to ? "\t" : "",
	       *c->to ? shown(c->to) : "");
	if (*c->version_of)
		printf("(%s)\n", c->version_of);
	else if (c->version >= 0 || c->kind == LINE_ACTS[JOURNAL_CREATE])
		print_diff(c);
	return 0;
}

static int diff(const struct journal *j, const struct undo_request *request)
{
	struct err e;

	if (journal_changes(j, request, show_change, NULL, &e) < 0)
		die(EXIT_FAILED, "agentsh-diff: %s", e.text);
	return flushed();
}

/* ---- from within a session, or in a view: the server does it ----------------------------------------------
 */

/* A session that it is asked of. */
struct of {
	const char *id;
	struct api_client_options server;
};

static void write_wish(const struct undo_request *r, struct buf *body)
{
	struct json j = { .out = body };

	json_object(&j);
	if (r->command)
		json_key_text(&j, "command_id", r->command);
	json_key_bool(&j, "dry_run", r->dry_run);
	json_key_bool(&j, "force", r->force);
	json_key(&j, "paths");
	json_array(&j);
	for (size_t i = 0; i < r->n_paths; i++)
		json_text(&j, r->paths[i]);
	json_end(&j);
	json_end(&j);
}

/* The server leaves out of its answer what nobody asked for, but of a mere list of changes. */
static bool is_wanted(const struct undo_request *r, const char *path, const char *to)
{
	for (size_t i = 0; i < r->n_paths; i++)
		if (path_within(path, r->paths[i]) || (to && path_within(to, r->paths[i])))
			return true;
	return !r->n_paths;
}

/* One line for each change; how many were not made. */
static size_t print_changes(const struct json_value *answer, const struct undo_request *r)
{
	const struct json_value *list = json_get(answer, "changes");
	size_t n_left = 0;

	for (const struct json_value *v = list ? list->first : NULL; v; v = v->next) {
		const char *outcome = json_get_string(v, "outcome"), *path = json_get_string(v, "path");
		const char *action = json_get_string(v, "action"), *why = json_get_string(v, "reason");
		bool is_done = !outcome || !strcmp(outcome, "done");

		path = path ? path : "";
		if (!outcome && !is_wanted(r, path, json_get_string(v, "to")))
			continue;
		n_left += !is_done;
		if (is_done)
			printf("%s%s\t%s\n", r->dry_run ? "would " : "", action ? action : "", shown(path));
		else
			complain("agentsh-%s: %s: %s", name, shown(path), why ? shown(why) : "");
	}
	return n_left;
}

/* 0; or -1, with e->code ENOENT where the session does not know such a command. */
static int call(const struct of *s, const struct undo_request *r, struct http_reply *reply, struct err *e)
{
	bool look = !strcmp(name, "diff");
	AUTO_BUF body = { .data = NULL };
	struct api_client client;
	char target[400];

	if (!s->id || !api_client_id_ok(s->id))
		return err_set(e, "this session has no server to ask");
	if (api_client_init(&client, &s->server, e) < 0)
		return -1;
	write_wish(r, &body);
	snprintf(target, sizeof target, "/api/v1/sessions/%s/%s%s%.128s", s->id, name,
	         look && r->command ? "?command_id=" : "", look && r->command ? r->command : "");
	if (api_client_expect(&client, look ? "GET" : "POST", target, look ? NULL : &body, reply, e) == 0)
		return 0;
	if (reply->status == 404)
		e->code = ENOENT;
	return -1;
}

static int ask(const struct of *s, const struct undo_request *r, struct err *e)
{
	struct http_reply reply = { .body.data = NULL };
	AUTO_ARENA a = { .blocks = NULL };
	const struct json_value *answer;
	const char *command;
	size_t n_left;

	if (r->command && !api_client_id_ok(r->command))
		die(EXIT_MISUSE, "agentsh-%s: no command id", name);
	if (call(s, r, &reply, e) < 0) {
		buf_release(&reply.body);
		return -1;
	}
	answer = json_read(&a, buf_text(&reply.body), reply.body.len, NULL);
	n_left = print_changes(answer, r);
	command = json_get_string(answer, "command_id");
	if (strcmp(name, "diff") != 0 && command)
		print_end(r, command, (size_t)json_get_int64(answer, "done", 0), n_left);
	buf_release(&reply.body);
	return flushed() != EXIT_DONE || n_left ? EXIT_FAILED : EXIT_DONE;
}

/* The operator, where there is no store: a view hides that of its sessions. Those whose workspace this is in,
 * or all if a command is named, until one knows of it. -1: none does. */
static int ask_sessions(struct of *s, const struct undo_request *r, const char *store, struct err *e)
{
	struct http_reply reply = { .body.data = NULL };
	AUTO_ARENA a = { .blocks = NULL };
	const struct json_value *list = NULL;
	struct api_client client;
	char here[PATH_MAX];
	int rc = -1;

	if (!getcwd(here, sizeof here) || api_client_init(&client, &s->server, e) < 0)
		return -1;
	if (api_client_expect(&client, "GET", "/api/v1/sessions", NULL, &reply, NULL) == 0)
		list = json_read(&a, buf_text(&reply.body), reply.body.len, NULL);
	err_set(e, "nothing is kept here: no %s", store);
	for (const struct json_value *v = list && list->type == JSON_ARRAY ? list->first : NULL; v && rc < 0;
	     v = v->next) {
		const char *at = json_get_string(v, "workspace");

		s->id = json_get_string(v, "id");
		if (!at || !s->id || (!r->command && !path_within(here, at)) ||
		    (r->session && strcmp(r->session, s->id) != 0))
			continue;
		rc = ask(s, r, e);
		if (rc < 0 && e->code != ENOENT)
			break;
	}
	buf_release(&reply.body);
	return rc;
}

/* ---- where, and of what ------------------------------------------------------------------------------- */

/* The store of the directory, or of the nearest above that has one. False: there is none. */
static bool open_store(const char *path, struct journal *j)
{
	char at[PATH_MAX], full[PATH_MAX + sizeof JOURNAL_STORE + 1];
	struct err e = { .code = ENOENT };

	if (path && journal_open(j, path, false, &e) == 0)
		return true;
	if (!path && !getcwd(at, sizeof at))
		die(EXIT_FAILED, "agentsh-%s: no current directory", name);
	while (!path && e.code == ENOENT && *at) {
		snprintf(full, sizeof full, "%s/" JOURNAL_STORE, at);
		if (journal_open(j, full, false, &e) == 0)
			return true;
		*strrchr(at, '/') = 0;
	}
	if (e.code == ENOENT)
		return false;
	die(EXIT_FAILED, "agentsh-%s: %s", name, e.text);
}

static const char *absolute(const char *path)
{
	char cwd[PATH_MAX], *out = malloc(PATH_MAX);

	if (!out || !getcwd(cwd, sizeof cwd) || !path_join(cwd, path, out, PATH_MAX))
		die(EXIT_FAILED, "agentsh-%s: %s: no usable path", name, path);
	return out;
}

static int run(int argc, char **argv)
{
	struct undo_request request = { 0 };
	const char *store = NULL, *paths[PATHS_MAX] = { NULL };
	struct of of = { .server.timeout = "150s" };
	const struct opt table[] = {
		{ "trash-path", 0, OPT_TEXT, &store, NULL },
		{ "session", 0, OPT_TEXT, &request.session, NULL },
		{ "dry-run", 0, OPT_FLAG, &request.dry_run, NULL },
		{ "force", 0, OPT_FLAG, &request.force, NULL },
		{ "server", 0, OPT_TEXT, &of.server.server, "AGENTSH_SERVER" },
		{ "api-key", 0, OPT_TEXT, &of.server.api_key, "AGENTSH_API_KEY" },
		{ 0 },
	};
	struct opt_args args;
	struct journal j;
	struct err e;
	int rc;

	name = argv[0];
	if (opt_parse(argc, argv, table, false, &args, &e) < 0)
		die(EXIT_MISUSE, "agentsh-%s: %s", name, e.text);
	if (args.n && strcmp(args.items[0], "last") != 0)
		request.command = args.items[0];
	if (args.n > PATHS_MAX)
		die(EXIT_MISUSE, "agentsh-%s: more than %d paths", name, PATHS_MAX - 1);
	for (int i = 1; i < args.n; i++)
		paths[request.n_paths++] = absolute(args.items[i]);
	request.paths = paths;
	request.redo = !strcmp(name, "redo");
	if (CONFIG_API_HTTP && !store && filter_here()) {
		of.id = getenv("AGENTSH_SESSION_ID");
		rc = ask(&of, &request, &e);
		if (rc < 0)
			die(EXIT_FAILED, "agentsh-%s: %s", name, e.text);
		return rc;
	}
	err_set(&e, "nothing is kept here: no %s", store ? store : JOURNAL_STORE);
	if (!open_store(store, &j)) {
		rc = CONFIG_API_HTTP ? ask_sessions(&of, &request, store ? store : JOURNAL_STORE, &e) : -1;
		if (rc < 0)
			die(EXIT_FAILED, "agentsh-%s: %s", name, e.text);
		return rc;
	}
	rc = !strcmp(name, "diff") ? diff(&j, &request) : undo(&j, &request);
	journal_close(&j);
	for (size_t i = 0; i < request.n_paths; i++)
		free((char *)paths[i]);
	return rc;
}

const struct applet applet_undo = {
	.name = "undo",
	.alias = { "redo", "diff" },
	.summary = "put back what a command did to files; redo it, show it",
	.usage = usage,
	.run = run,
};
