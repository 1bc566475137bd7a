/* What commands destroyed, and getting it back: the session's store, read and changed with the ids of the
 * session's user in a child. Processes of a session reach only what was kept for their own, and what they ask
 * for goes back to where it was, replaces nothing, and is not what the rules close by now. Nobody purges from
 * here. */
#include "api/impl.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/room.h"
#include "decide/access.h"
#include "enforce/fuse/under.h"
#include "journal/line.h"
#include "journal/record.h"
#include "journal/undo.h"
#include "session/granted.h"
#include "session/judged.h"
#include "session/kept.h"
#include "session/views.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { TRASH_SECONDS = 120, PATHS_MAX = 64, CHANGES_MAX = 20000 };

/* Who may change only what the rules leave open. */
struct confined {
	const struct session *session;
	const struct whole_policy *whole;
	char why[200];
};

struct asked {
	struct confined confined;
	char store[PATH_MAX];
	const char *view; /* where one lies over the workspace, or NULL */
	const char *session;
	const char *token, *dest; /* of a restore */
	struct undo_request undo;
	const char *paths[PATHS_MAX];
};

/* What undoing it is, beside writing and creating. */
static enum access_kind undoing(enum journal_kind done)
{
	switch (done) {
	case JOURNAL_CREATE:
	case JOURNAL_SYMLINK:
	case JOURNAL_LINK:
		return ACCESS_DELETE;
	case JOURNAL_MKDIR:
		return ACCESS_RMDIR;
	case JOURNAL_RENAME:
	case JOURNAL_EXCHANGE:
		return ACCESS_RENAME;
	default:
		return ACCESS_CREATE;
	}
}

/* Why this may not be undone there, or NULL. */
static const char *refuse(void *arg, const char *path, enum journal_kind done)
{
	const enum access_kind kinds[] = { ACCESS_WRITE, ACCESS_CREATE, undoing(done) };
	struct confined *c = arg;
	const struct session *s = c->session;
	AUTO_ARENA arena = { .blocks = NULL };
	ROOM char virtual[PATH_MAX];
	struct floor_rules trees = { .policy = NULL };
	struct access_more more = { .read = NULL };
	struct access_request r = { .path = path, .more = &more };
	int n = path_within(path, s->workspace)
	                ? snprintf(virtual, sizeof virtual, "/workspace%s", path + strlen(s->workspace))
	                : -1;

	granted_more(s, &arena, &trees);
	more.write = trees.write;
	more.n_write = trees.n_write;
	r.virtual = n > 0 && (size_t)n < sizeof virtual ? virtual : NULL;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct verdict v;

		r.kind = kinds[i];
		v = decide_access(c->whole->policy, c->whole->cache, &r);
		if (v.effective != EFFECT_ALLOW) {
			snprintf(c->why, sizeof c->why, "denied by rule '%.150s'", v.rule->name);
			return c->why;
		}
	}
	return NULL;
}

/* Processes of a session change nothing this way that their rules close by now. False: answered. */
static bool confine(struct call *c, const struct session *s, struct asked *q)
{
	if (!c->governed || !s->policy || !(judged_here(s) || q->view))
		return true;
	q->confined.session = s;
	q->confined.whole = policies_engine(c->api->core, s->policy, NULL);
	q->undo.refuse = refuse;
	q->undo.refuse_arg = &q->confined;
	if (!q->confined.whole)
		api_error(c, 500, "out of memory");
	return q->confined.whole;
}

/* A view is shown over what is changed; who only looks has it write down first what it did. */
struct beneath {
	struct under under;
	struct journal_under place;
};

static int beneath_begin(struct beneath *b, const struct asked *q, struct err *e)
{
	b->under.talk = -1;
	b->place = (struct journal_under){ q->view, API_WORK_KEPT, under_tell, &b->under };
	return CONFIG_LAYER_FUSE && q->view ? under_begin(&b->under, API_WORK_TALK, e) : 0;
}

static const struct journal_under *place_of(const struct beneath *b)
{
	return b->place.top ? &b->place : NULL;
}

static int answer(int fd, int status, const struct buf *body)
{
	char head[16];

	snprintf(head, sizeof head, "%03d ", status);
	return body->failed || fd_write(fd, head, strlen(head)) < 0 || fd_write(fd, body->data, body->len) < 0
	               ? -1
	               : 0;
}

static int send_error(int fd, const struct err *e)
{
	bool missing = e->code == ENOENT;
	AUTO_BUF body = { .data = NULL };
	struct json j = { .out = &body };

	json_object(&j);
	json_key_text(&j, "error", e->text);
	json_end(&j);
	return answer(fd, missing ? 404 : 409, &body);
}

/* Without a store nothing was kept, and that is no failure for who only looks. */
static int open_store(const struct asked *q, struct journal *j, struct err *e)
{
	if (journal_open(j, q->store, false, e) == 0)
		return 0;
	if (e->code == ENOENT)
		err_set(e, "nothing was kept in this session");
	e->code = ENOENT;
	return -1;
}

static void write_entry(struct json *j, const struct journal_entry *en)
{
	char time[40];

	json_object(j);
	json_key_text(j, "token", en->token);
	api_bytes(j, "path", en->path, strlen(en->path));
	json_key_text(j, "original_path", en->path);
	json_key_int(j, "size", (int64_t)en->size);
	json_key_text(j, "deleted_at", clock_rfc3339(en->created_ns, time, sizeof time));
	json_key_text(j, "command_id", en->command);
	json_end(j);
}

static bool was_deleted(char kind)
{
	return !kind || kind == LINE_ACTS[JOURNAL_DELETE] || kind == LINE_ACTS[JOURNAL_RMDIR];
}

static int write_list(const void *arg, int fd)
{
	const struct asked *q = arg;
	struct journal_list l = { .n = 0 };
	struct journal_entry en;
	AUTO_BUF body = { .data = NULL };
	struct json j = { .out = &body };
	struct journal store;
	struct beneath b;
	struct err e;

	if (beneath_begin(&b, q, &e) < 0)
		return send_error(fd, &e);
	if (open_store(q, &store, &e) == 0 && journal_list(&store, q->session, &l, &e) < 0)
		return send_error(fd, &e);
	json_object(&j);
	json_key(&j, "items");
	json_array(&j);
	for (size_t i = 0; i < l.n; i++)
		if (was_deleted(l.items[i].kind) && journal_list_at(&l, i, &en))
			write_entry(&j, &en);
	json_end(&j);
	json_end(&j);
	return answer(fd, 200, &body);
}

static int write_restore(const void *arg, int fd)
{
	const struct asked *q = arg;
	struct journal_restore how = { .to = q->dest, .force = q->undo.force };
	AUTO_BUF body = { .data = NULL };
	AUTO_ARENA a = { .blocks = NULL };
	struct json j = { .out = &body };
	struct journal_entry en;
	struct journal store;
	ROOM char to[JOURNAL_PATH];
	const char *why;
	struct beneath b;
	struct err e;

	if (beneath_begin(&b, q, &e) < 0 || open_store(q, &store, &e) < 0 ||
	    journal_find(&store, &a, q->token, &en, &e) < 0)
		return send_error(fd, &e);
	if (strcmp(en.session, q->session) != 0) {
		err_set(&e, "unknown token: %.40s", q->token);
		e.code = ENOENT;
		return send_error(fd, &e);
	}
	how.under = place_of(&b);
	why = q->undo.refuse ? q->undo.refuse(q->undo.refuse_arg, en.path, JOURNAL_DELETE) : NULL;
	if (why) {
		err_set(&e, "%s", why);
		return send_error(fd, &e);
	}
	if (journal_put_back(&store, q->token, &how, to, &e) < 0 || under_end(&b.under, &e) < 0) {
		e.code = 0;
		return send_error(fd, &e);
	}
	json_object(&j);
	json_key_bool(&j, "ok", true);
	api_bytes(&j, "path", to, strlen(to));
	json_end(&j);
	return answer(fd, 200, &body);
}

struct telling {
	struct json json;
	size_t n;
};

static void tell(void *arg, enum undo_outcome outcome, const char *verb, const char *path, const char *why)
{
	static const char *const words[] = { "done", "conflict", "failed" };
	struct telling *t = arg;

	if (t->n++ >= CHANGES_MAX)
		return;
	json_object(&t->json);
	json_key_text(&t->json, "outcome", words[outcome]);
	json_key_text(&t->json, "action", verb);
	api_bytes(&t->json, "path", path, strlen(path));
	if (*why)
		json_key_text(&t->json, "reason", why);
	json_end(&t->json);
}

static int write_undo(const void *arg, int fd)
{
	const struct asked *q = arg;
	AUTO_BUF body = { .data = NULL }, list = { .data = NULL };
	struct telling t = { .json = { .out = &list } };
	struct json j = { .out = &body };
	struct undo_request request = q->undo;
	struct undo_result result;
	struct journal store;
	struct beneath b;
	struct err e;

	json_array(&t.json);
	if (beneath_begin(&b, q, &e) < 0)
		return send_error(fd, &e);
	request.under = place_of(&b);
	if (open_store(q, &store, &e) < 0 || journal_undo(&store, &request, tell, &t, &result, &e) < 0 ||
	    under_end(&b.under, &e) < 0)
		return send_error(fd, &e);
	json_end(&t.json);
	json_object(&j);
	json_key_bool(&j, "ok", !result.n_conflicts && !result.n_failed);
	json_key_text(&j, "command_id", result.command);
	json_key_bool(&j, "dry_run", q->undo.dry_run);
	json_key_int(&j, "done", (int64_t)result.n_done);
	json_key_int(&j, "conflicts", (int64_t)result.n_conflicts);
	json_key_int(&j, "failed", (int64_t)result.n_failed);
	json_key(&j, "changes");
	json_raw(&j, buf_text(&list), list.len);
	json_end(&j);
	body.failed |= list.failed;
	return answer(fd, 200, &body);
}

static int tell_change(void *arg, const struct undo_change *c, struct err *e)
{
	struct telling *t = arg;

	(void)e;
	if (t->n++ >= CHANGES_MAX)
		return 0;
	json_object(&t->json);
	json_key_text(&t->json, "action", undo_word(c->kind));
	api_bytes(&t->json, "path", c->path, strlen(c->path));
	if (*c->to)
		api_bytes(&t->json, "to", c->to, strlen(c->to));
	if (*c->version_of)
		json_key_text(&t->json, "reason", c->version_of);
	json_end(&t->json);
	return 0;
}

static int write_diff(const void *arg, int fd)
{
	const struct asked *q = arg;
	AUTO_BUF body = { .data = NULL };
	struct telling t = { .json = { .out = &body } };
	struct journal store;
	struct beneath b;
	struct err e;

	json_object(&t.json);
	json_key(&t.json, "changes");
	json_array(&t.json);
	if (beneath_begin(&b, q, &e) < 0 || open_store(q, &store, &e) < 0 ||
	    journal_changes(&store, &q->undo, tell_change, &t, &e) < 0)
		return send_error(fd, &e);
	json_end(&t.json);
	json_end(&t.json);
	return answer(fd, 200, &body);
}

static struct session *begin(struct call *c, struct asked *q)
{
	struct session *s = api_session(c);

	*q = (struct asked){ .session = s ? s->id : NULL };
	if (!s)
		return NULL;
	if (CONFIG_LAYER_FUSE ? !views_store(s, API_WORK_KEPT, q->store, sizeof q->store)
	                      : !path_join(s->workspace, kept_path(s), q->store, sizeof q->store)) {
		api_error(c, 500, "sandbox.fuse.audit.trash_path: too long");
		return NULL;
	}
	q->undo.session = s->id;
	q->view = CONFIG_LAYER_FUSE ? views_path(s) : NULL;
	return s;
}

static void start(struct call *c, const struct session *s, const struct asked *q,
                  int (*write)(const void *, int))
{
	int talk = CONFIG_LAYER_FUSE ? views_under(s) : -1;
	const struct api_work work = { .write = write,
		                       .arg = q,
		                       .as = s,
		                       .failed = "the store cannot be used",
		                       .late = "this took too long",
		                       .seconds = TRASH_SECONDS,
		                       .keep = CONFIG_LAYER_FUSE ? views_lower(s) : 0,
		                       .talk = talk };

	api_work_start(c, &work);
	fd_close(&talk);
}

/* In the log before it happens: who asked for what. */
static void log_wish(struct call *c, struct session *s, const char *type, const char *name, const char *what)
{
	struct event_field fields[] = { { .name = name, .text = what ? what : "last" } };
	struct event ev = { .type = type, .depth = -1, .fields = fields, .n_fields = 1 };

	core_event(c->api->core, s, NULL, &ev, 0);
}

void api_trash_list(struct call *c)
{
	struct asked q;
	struct session *s = begin(c, &q);

	if (s)
		start(c, s, &q, write_list);
}

/* Of the body: where to, and by force. Not for processes of a session, whose policy may forbid both. */
static bool read_liberties(struct call *c, const struct json_value *body, struct asked *q)
{
	q->dest = json_get_string(body, "dest");
	q->undo.force = json_get_boolean(body, "force", false);
	if (c->governed && (q->dest || q->undo.force)) {
		api_refuse_governed(
		        c, "processes of a session restore files to where they were, and replace none");
		return false;
	}
	if (!q->dest || *q->dest == '/')
		return true;
	api_error(c, 400, "dest must be an absolute path");
	return false;
}

void api_trash_restore(struct call *c)
{
	AUTO_ARENA arena = { .blocks = NULL };
	struct asked q;
	struct session *s = begin(c, &q);
	const struct json_value *body = s ? api_body(c, &arena) : NULL;

	if (!body || !read_liberties(c, body, &q) || !confine(c, s, &q))
		return;
	q.token = c->args[1];
	if (!manifest_token_ok(q.token)) {
		api_error(c, 404, "unknown token: %.40s", q.token);
		return;
	}
	log_wish(c, s, "trash_restore", "trash_token", q.token);
	start(c, s, &q, write_restore);
}

static bool read_paths(struct call *c, const struct json_value *body, struct asked *q)
{
	const struct json_value *list = json_get(body, "paths");

	for (const struct json_value *v = list && list->type == JSON_ARRAY ? list->first : NULL; v;
	     v = v->next) {
		const char *path = json_string(v);
		char clean[PATH_MAX];

		if (!path || !path_clean(path, clean, sizeof clean) || strcmp(clean, path) != 0 ||
		    q->undo.n_paths == PATHS_MAX) {
			api_error(c, 400, "paths must be up to %d absolute paths", PATHS_MAX);
			return false;
		}
		q->paths[q->undo.n_paths++] = path;
	}
	q->undo.paths = q->paths;
	return true;
}

static bool read_command(struct call *c, const char *command, struct asked *q)
{
	if (!command || !*command || !strcmp(command, "last"))
		return true;
	q->undo.command = command;
	if (api_id_ok(command))
		return true;
	api_error(c, 400, "invalid command id");
	return false;
}

static void undo(struct call *c, bool redo)
{
	AUTO_ARENA arena = { .blocks = NULL };
	struct asked q;
	struct session *s = begin(c, &q);
	const struct json_value *body = s ? api_body(c, &arena) : NULL;

	if (!body || !read_liberties(c, body, &q) || !read_paths(c, body, &q) ||
	    !read_command(c, json_get_string(body, "command_id"), &q) || !confine(c, s, &q))
		return;
	q.undo.dry_run = json_get_boolean(body, "dry_run", false);
	q.undo.redo = redo;
	if (!q.undo.dry_run)
		log_wish(c, s, redo ? "files_redo" : "files_undo", "of_command", q.undo.command);
	start(c, s, &q, write_undo);
}

void api_undo(struct call *c)
{
	undo(c, false);
}

void api_redo(struct call *c)
{
	undo(c, true);
}

void api_diff(struct call *c)
{
	char command[130];
	struct asked q;
	struct session *s = begin(c, &q);
	int got = s ? http_query(c->request->query, "command_id", command, sizeof command) : -1;

	if (s && got < 0)
		api_error(c, 400, "invalid command_id");
	else if (s && read_command(c, got ? command : NULL, &q))
		start(c, s, &q, write_diff);
}
