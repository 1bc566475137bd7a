/* exec - run one command in a session
 *
config APPLET_EXEC
        bool "exec"
        default y
        help
          Run one command in a session of the server, starting the server
          when it does not run. Exits as the command did; 126 when denied.
 */
#include "applet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/client.h"
#include "base/die.h"
#include "base/fd.h"
#include "base/num.h"
#include "base/visible.h"
#include "config/config.h"
#include "json/write.h"
#include "session/inplace.h"
#include "session/place.h"
#include "wire/start.h"

struct exec_options {
	struct api_client_options client;
	const char *timeout, *json, *argv0, *output, *events, *root, *project_root, *session_file;
	bool stream, pty, no_detect_root;
};

struct job {
	struct exec_options o;
	struct api_client client;
	const char *session;
	char **argv; /* the command; NULL with --json */
	int argc;
	bool no_auto;
};

static const char usage[] =
        "[flags] [SESSION] -- COMMAND [ARG...]\n"
        "       agentsh exec [flags] SESSION COMMAND [ARG...]\n"
        "       agentsh exec [flags] SESSION --json '{\"command\":...}'\n\n"
        "  --timeout TIME         end the command after this time (30s, 5m)\n"
        "  --json TEXT            the whole request as JSON\n"
        "  --stream               show output while the command runs\n"
        "  --argv0 NAME           name the command gets as its own\n"
        "  --output shell|json    what to print (AGENTSH_OUTPUT)\n"
        "  --events all|summary|blocked|none (AGENTSH_EVENTS)\n"
        "  --root DIR             workspace of a session that must be made (AGENTSH_SESSION_ROOT)\n"
        "  --project-root DIR, --no-detect-root, --session-file FILE\n"
        "  --server URL, --api-key KEY, --client-timeout TIME";

/* ---- words
 * ------------------------------------------------------------------------------------------------------ */

static int parse_options(int argc, char **argv, struct exec_options *o, bool first, bool stop,
                         struct opt_args *args, struct err *e)
{
	struct opt table[] = {
		API_CLIENT_OPTIONS(o->client),
		{ "timeout", 0, OPT_TEXT, &o->timeout, NULL },
		{ "json", 0, OPT_TEXT, &o->json, NULL },
		{ "stream", 0, OPT_FLAG, &o->stream, NULL },
		{ "pty", 0, OPT_FLAG, &o->pty, NULL },
		{ "argv0", 0, OPT_TEXT, &o->argv0, NULL },
		{ "output", 0, OPT_TEXT, &o->output, "AGENTSH_OUTPUT" },
		{ "events", 0, OPT_TEXT, &o->events, "AGENTSH_EVENTS" },
		{ "root", 0, OPT_TEXT, &o->root, "AGENTSH_SESSION_ROOT" },
		{ "project-root", 0, OPT_TEXT, &o->project_root, NULL },
		{ "no-detect-root", 0, OPT_FLAG, &o->no_detect_root, NULL },
		{ "session-file", 0, OPT_TEXT, &o->session_file, NULL },
		{ NULL, 0, OPT_FLAG, NULL, NULL },
	};

	for (struct opt *row = table; row->name && !first; row++)
		row->env = NULL; /* what was given before the session must stay */
	return opt_parse(argc, argv, table, stop, args, e);
}

/* Words before the first "--" that are no options; -1 without "--". */
static int words_before_dashes(int argc, char **argv, struct exec_options *o)
{
	struct opt_args args;
	int at = 1;

	while (at < argc && strcmp(argv[at], "--"))
		at++;
	if (at == argc)
		return -1;
	/* On a copy: opt_parse permutes. */
	char **copy = calloc((size_t)at + 1, sizeof *copy);
	if (!copy)
		die(EXIT_FAILED, "agentsh: out of memory");
	memcpy(copy, argv, (size_t)at * sizeof *copy);
	struct exec_options scratch = *o;
	int n = parse_options(at, copy, &scratch, true, false, &args, NULL) < 0 ? -1 : args.n;
	free(copy);
	return n;
}

/* The first "--" ends the options: [SESSION] stands before it, the command after it, further "--" included.
 * Without it, or with more than a session before it, the first word that is neither option nor session begins
 * the command. */
static void find_command(struct job *job, int argc, char **argv)
{
	const char *env = getenv("AGENTSH_SESSION_ID");
	struct opt_args args;
	struct err e = { .code = 0 };
	int before = words_before_dashes(argc, argv, &job->o);

	job->session = env && *env ? env : NULL;
	if (before == 0 || before == 1) {
		if (parse_options(argc, argv, &job->o, true, false, &args, &e) < 0)
			die(EXIT_FAILED, "agentsh: %s", e.text);
		if (!job->session && args.dashes == 1)
			job->session = args.items[0];
		job->argv = args.items + args.dashes;
		job->argc = args.n - args.dashes;
		return;
	}
	if (parse_options(argc, argv, &job->o, true, true, &args, &e) < 0)
		die(EXIT_FAILED, "agentsh: %s", e.text);
	if (args.n && (!job->session || !strcmp(args.items[0], job->session) || job->o.json)) {
		if (!job->session)
			job->session = args.items[0];
		/* More options may stand between the session and the command. */
		if (parse_options(args.n, args.items, &job->o, false, true, &args, &e) < 0)
			die(EXIT_FAILED, "agentsh: %s", e.text);
	}
	job->argv = args.items;
	job->argc = args.n;
}

static void check_words(struct job *job)
{
	struct exec_options *o = &job->o;
	int64_t ns;

	if (!o->output)
		o->output = "shell";
	if (strcmp(o->output, "shell") && strcmp(o->output, "json"))
		die(EXIT_FAILED, "agentsh: --output must be shell or json");
	if (!o->events)
		o->events = strcmp(o->output, "json") ? "none" : "summary";
	if (strcmp(o->events, "all") && strcmp(o->events, "summary") && strcmp(o->events, "blocked") &&
	    strcmp(o->events, "none"))
		die(EXIT_FAILED, "agentsh: --events must be all, summary, blocked or none");
	if (o->pty)
		die(EXIT_FAILED, "agentsh: --pty is not built in this version; leave it out");
	if (!job->session)
		die(EXIT_FAILED,
		    "agentsh: session id is required (provide as argument or set AGENTSH_SESSION_ID)");
	if (!api_client_id_ok(job->session))
		die(EXIT_FAILED, "agentsh: invalid session id");
	if (!job->argc && !o->json)
		die(EXIT_FAILED, "agentsh: command is required");
	if (o->json && job->argc)
		die(EXIT_FAILED, "agentsh: --json holds the whole request; no command may follow");
	if (o->timeout && !num_duration(o->timeout, &ns))
		die(EXIT_FAILED, "agentsh: --timeout '%s' is not a duration like 30s", o->timeout);
}

/* ---- the server
 * --------------------------------------------------------------------------------------------------- */

/* The server may be starting already; if not, start it. Dies when it does not come up. */
static void start_for(const struct job *job, const struct err *why)
{
	char path[4096];
	struct err e = { .code = 0 };

	if (api_client_is_healthy(&job->client, 150, 0))
		return;
	if (config_find(config_env, path, sizeof path) == CONFIG_NOWHERE)
		die(EXIT_FAILED,
		    "agentsh: server unreachable (%s), and none can be started without a configuration; "
		    "'agentsh run' needs neither",
		    why->text);
	complain("agentsh: auto-starting server (config %s)", path);
	if (api_client_start(&job->client, path, &e) < 0)
		die(EXIT_FAILED, "agentsh: server unreachable (%s); auto-start failed: %s", why->text,
		    e.text);
}

/* One exchange. A server that does not listen is started once; a request that may have arrived is never
 * repeated: the command could run twice. */
static void call(struct job *job, struct http_call *http, struct http_reply *reply)
{
	struct err e = { .code = 0 };

	if (http_call(http, reply, &e) == 0)
		return;
	if (reply->sent || e.code != ECONNREFUSED || job->no_auto || !api_client_may_start(&job->client))
		die(EXIT_FAILED, "agentsh: server unreachable (%s)", e.text);
	start_for(job, &e);
	buf_release(&reply->body);
	if (http_call(http, reply, &e) < 0)
		die(EXIT_FAILED, "agentsh: server unreachable (%s)", e.text);
}

static void create_session(struct job *job)
{
	struct http_reply reply = { .status = 0 };
	struct err e = { .code = 0 };
	AUTO_BUF body = { .data = NULL };
	struct json j = { .out = &body };
	char root[4096], project[4096];

	if (!realpath(job->o.root ? job->o.root : ".", root))
		die(EXIT_FAILED, "agentsh: workspace '%s' does not exist", job->o.root ? job->o.root : ".");
	json_object(&j);
	json_key_text(&j, "id", job->session);
	json_key_text(&j, "workspace", root);
	if (job->o.no_detect_root)
		json_key_bool(&j, "detect_project_root", false);
	if (job->o.project_root && realpath(job->o.project_root, project))
		json_key_text(&j, "project_root", project);
	json_end(&j);
	/* 409: another client made it meanwhile. */
	if (api_client_expect(&job->client, "POST", "/api/v1/sessions", &body, &reply, &e) < 0 &&
	    reply.status != 409)
		die(EXIT_FAILED, "agentsh: %s", e.text);
	buf_release(&reply.body);
}

static void session_is_gone(struct job *job)
{
	if (!job->no_auto) {
		create_session(job);
		return;
	}
	if (!job->o.session_file)
		die(EXIT_FAILED, "agentsh: session \"%s\" not found", job->session);
	unlink(job->o.session_file);
	die(EXIT_FAILED, "agentsh: session \"%s\" no longer exists (cache invalidated); retry your command",
	    job->session);
}

/* ---- request
 * ------------------------------------------------------------------------------------------------------ */

/* The client's text is sent as it is; only what it leaves out is added. */
static void write_given(const struct job *job, struct buf *out)
{
	AUTO_ARENA arena = { .blocks = NULL };
	struct err e = { .code = 0 };
	const char *text = job->o.json;
	const struct json_value *v = json_read(&arena, text, strlen(text), &e);
	struct json j = { .out = out };

	if (!v || v->type != JSON_OBJECT)
		die(EXIT_FAILED, "agentsh: --json: %s", v ? "not an object" : e.text);
	json_object(&j);
	if (!json_get(v, "include_events"))
		json_key_text(&j, "include_events", job->o.events);
	if (job->o.timeout && !json_get(v, "timeout"))
		json_key_text(&j, "timeout", job->o.timeout);
	json_end(&j);
	text = strchr(text, '{') + 1;
	if (out->len > 2 && v->n) {
		out->len--;
		buf_chr(out, ',');
		buf_str(out, text);
	} else if (v->n) {
		buf_clear(out);
		buf_str(out, job->o.json);
	}
}

static void write_request(const struct job *job, struct buf *out)
{
	struct json j = { .out = out };

	if (job->o.json) {
		write_given(job, out);
		return;
	}
	json_object(&j);
	json_key_text(&j, "command", job->argv[0]);
	if (job->o.argv0)
		json_key_text(&j, "argv0", job->o.argv0);
	json_key(&j, "args");
	json_array(&j);
	for (int i = 1; i < job->argc; i++)
		json_text(&j, job->argv[i]);
	json_end(&j);
	if (job->o.timeout)
		json_key_text(&j, "timeout", job->o.timeout);
	json_key_text(&j, "include_events", job->o.events);
	json_end(&j);
}

/* ---- answer
 * ------------------------------------------------------------------------------------------------------- */

/* The bytes under `key`, exactly. */
static void copy_bytes(const struct json_value *object, const char *key, int fd)
{
	AUTO_BUF bytes = { .data = NULL };

	api_client_bytes(object, key, &bytes);
	if (bytes.len)
		fd_write(fd, bytes.data, bytes.len);
}

/* Text of the server on our terminal: nothing that moves the cursor. */
static const char *plain(const char *text, char *out, size_t size)
{
	visible_text(text ? text : "", NULL, out, size);
	return out;
}

/* What was denied, by which rule and where it stands, and what to do. */
static void tell_denial(const struct json_value *answer)
{
	const struct json_value *error = json_get(json_get(answer, "result"), "error");
	const char *rule = json_get_string(error, "policy_rule"), *file = json_get_string(error, "rule_file");
	int64_t line = json_get_int64(error, "rule_line", 0);
	static const char prefix[] = "command denied by policy: ";
	char command[256], message[1200], name[256], at[300] = "", path[256];
	const char *own;

	if (!rule)
		return;
	plain(json_get_string(json_get(answer, "request"), "command"), command, sizeof command);
	plain(json_get_string(error, "message"), message, sizeof message);
	if (file && line)
		snprintf(at, sizeof at, " (%s:%lld)", plain(file, path, sizeof path), (long long)line);
	own = !strncmp(message, prefix, sizeof prefix - 1) ? message + sizeof prefix - 1 : "";
	complain("agentsh: %s: denied by rule '%s'%s%s%s", command, plain(rule, name, sizeof name), at,
	         *own ? ": " : "", own); /* NOLINT(clang-analyzer-core.uninitialized.Branch): in its text */
	plain(json_get_string(error, "fix"), message, sizeof message);
	if (*message)
		complain("agentsh: %s", message);
}

static void tell_list(const struct json_value *list, bool is_substitution)
{
	char text[1100];

	for (const struct json_value *v = list ? list->first : NULL; v; v = v->next) {
		const char *command = json_get_string(v, "command"), *reason = json_get_string(v, "reason");

		if (command && *command)
			complain("agentsh: try: %s", plain(command, text, sizeof text));
		else if (!is_substitution && reason && *reason)
			complain("agentsh: hint: %s", plain(reason, text, sizeof text));
	}
}

static void tell_guidance(const struct json_value *answer, int64_t exit_code)
{
	const struct json_value *guidance = json_get(answer, "guidance");
	const char *reason = json_get_string(guidance, "reason"),
	           *rule = json_get_string(guidance, "policy_rule");
	char text[700], name[256];

	if (!reason || !*reason || (!json_get_boolean(guidance, "blocked", false) && !exit_code))
		return;
	plain(reason, text, sizeof text);
	if (rule && *rule)
		complain("agentsh: %s (rule=%s)", text, plain(rule, name, sizeof name));
	else
		complain("agentsh: %s", text);
	tell_list(json_get(guidance, "substitutions"), true);
	tell_list(json_get(guidance, "suggestions"), false);
}

static int exit_status(const struct json_value *result)
{
	int64_t code = json_get_int64(result, "exit_code", EXIT_FAILED);
	int64_t signal = json_get_int64(result, "signal", 0);

	if (code < 0 && signal > 0 && signal < 128)
		return (int)(128 + signal);
	return (int)(code & 255);
}

static int print_json(const struct buf *body)
{
	AUTO_BUF out = { .data = NULL };

	if (api_client_pretty(body, &out))
		return fd_write(1, out.data, out.len);
	return fd_write(1, buf_text(body), body->len);
}

/* An answer of the exec route; anything else is told as a failure. */
static int show_answer(const struct job *job, const struct http_reply *reply)
{
	AUTO_ARENA arena = { .blocks = NULL };
	const struct json_value *answer = json_read(&arena, buf_text(&reply->body), reply->body.len, NULL);
	const struct json_value *result = json_get(answer, "result");
	struct err e = { .code = 0 };

	if (!result || (reply->status != 200 && reply->status != 403)) {
		api_client_failure(reply, &e);
		die(EXIT_FAILED, "agentsh: %s", e.text);
	}
	if (!strcmp(job->o.output, "json"))
		return print_json(&reply->body) < 0 ? EXIT_FAILED : exit_status(result);
	copy_bytes(result, "stdout", 1);
	copy_bytes(result, "stderr", 2);
	if (reply->status == 403)
		tell_denial(answer);
	tell_guidance(answer, json_get_int64(result, "exit_code", 1));
	return exit_status(result);
}

/* ---- stream
 * ------------------------------------------------------------------------------------------------------- */

struct stream {
	const struct job *job;
	struct buf text; /* received, not yet a whole event */
	bool is_done;
	int status;
};

static void show_event(struct stream *s, const char *name, const char *data)
{
	bool is_json = !strcmp(s->job->o.output, "json");
	AUTO_ARENA arena = { .blocks = NULL };
	const struct json_value *v = json_read(&arena, data, strlen(data), NULL);

	if (!strcmp(name, "done")) {
		s->is_done = true;
		s->status = exit_status(v);
		if (is_json && s->status)
			complain("exit_code=%lld duration_ms=%lld",
			         (long long)json_get_int64(v, "exit_code", 0),
			         (long long)json_get_int64(v, "duration_ms", 0));
	} else if (!strcmp(name, "stdout") || !strcmp(name, "stderr")) {
		int fd = *(name + 3) == 'o' ? 1 : 2;

		if (is_json)
			fd_write(fd, fd == 1 ? "[stdout] " : "[stderr] ", 9);
		copy_bytes(v, "data", fd);
	}
}

/* One event: lines "event: NAME" and "data: TEXT". */
static void take_event(struct stream *s, char *text)
{
	const char *name = "", *data = "";
	char *rest;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (!strncmp(line, "event: ", 7))
			name = line + 7;
		else if (!strncmp(line, "data: ", 6))
			data = line + 6;
	}
	show_event(s, name, data);
}

static bool take_piece(void *arg, const char *data, size_t len)
{
	struct stream *s = arg;
	char *end;

	buf_add(&s->text, data, len);
	if (s->text.failed)
		return false;
	while (s->text.len && (end = strstr(s->text.data, "\n\n"))) {
		*end = 0;
		take_event(s, s->text.data);
		buf_skip(&s->text, (size_t)(end - s->text.data) + 2);
	}
	return !s->is_done;
}

/* ---- */

/* Never returns to try again once the request may have arrived. */
static int exec_over_http(struct job *job)
{
	AUTO_BUF body = { .data = NULL };
	struct http_reply reply = { .status = 0 };
	struct stream stream = { .job = job };
	char target[256];
	struct http_call http = { .url = &job->client.url,
		                  .method = "POST",
		                  .target = target,
		                  .key = job->client.key,
		                  .timeout_ns = job->client.has_timeout ? job->client.timeout_ns : 0,
		                  .piece = job->o.stream ? take_piece : NULL,
		                  .trust = place_check_server,
		                  .arg = &stream };
	int64_t limit;
	int status;

	write_request(job, &body);
	if (body.failed)
		die(EXIT_FAILED, "agentsh: out of memory");
	http.body = body.data;
	http.body_len = body.len;
	if (!job->client.has_timeout && job->o.timeout && num_duration(job->o.timeout, &limit))
		http.timeout_ns = limit + job->client.timeout_ns;
	snprintf(target, sizeof target, "/api/v1/sessions/%s/exec%s", job->session,
	         job->o.stream ? "/stream" : "");
	call(job, &http, &reply);
	if (reply.status == 404 && strstr(buf_text(&reply.body), "session not found")) {
		buf_release(&reply.body);
		session_is_gone(job);
		call(job, &http, &reply);
	}
	if (!job->o.stream || reply.status != 200)
		status = show_answer(job, &reply);
	else if (stream.is_done)
		status = stream.status;
	else
		die(EXIT_FAILED, "agentsh: the server hung up before the command ended");
	buf_release(&stream.text);
	buf_release(&reply.body);
	return status;
}

/* Nothing asks for the API's bookkeeping, and the server is the one of this machine: then the command can be
 * ours, with our own terminal, descriptors and directory. */
static bool is_local(const struct job *job)
{
	const struct exec_options *o = &job->o;

	return job->argv && !o->json && !o->stream && !o->pty && !o->timeout && !o->root &&
	       !o->project_root && !o->no_detect_root && !strcmp(o->output, "shell") &&
	       !strcmp(o->events, "none") &&
	       (!o->client.server || !strcmp(o->client.server, "http://127.0.0.1:18080")) && !job->client.key;
}

/* The one way of a build without the API. */
static int exec_here(struct job *job)
{
	struct err e = { .code = 0 };
	int rc;

	if (!is_local(job))
		die(EXIT_FAILED, "agentsh: this build has no HTTP API; give a session and a command only");
	job->argv[job->argc] = NULL;
	rc = inplace_exec(&(struct inplace){ .session = job->session,
	                                     .argv = job->argv,
	                                     .argv0 = job->o.argv0,
	                                     .start = !api_client_is_on(getenv("AGENTSH_NO_AUTO")) },
	                  &e);
	if (rc < 0)
		die(EXIT_FAILED, "agentsh: server unreachable (%s)", e.text);
	return rc;
}

static int run(int argc, char **argv)
{
	struct job job = { .argc = 0 };
	struct err e = { .code = 0 };

	find_command(&job, argc, argv);
	check_words(&job);
	if (!CONFIG_API_HTTP)
		return exec_here(&job);
	if (api_client_init(&job.client, &job.o.client, &e) < 0)
		die(EXIT_FAILED, "agentsh: %s", e.text);
	job.no_auto = api_client_is_on(getenv("AGENTSH_NO_AUTO"));
	if (is_local(&job)) {
		job.argv[job.argc] = NULL; /* parsing left other words behind it */
		int rc = inplace_exec(
		        &(struct inplace){ .session = job.session, .argv = job.argv, .argv0 = job.o.argv0 },
		        &e);

		if (rc >= 0)
			return rc;
	}
	return exec_over_http(&job);
}

const struct applet applet_exec = {
	.name = "exec",
	.summary = "run one command in a session",
	.usage = usage,
	.run = run,
};
