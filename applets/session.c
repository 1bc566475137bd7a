/* session - create, show, change and end sessions
 *
config APPLET_SESSION
        bool "session"
        default y
        depends on APPLET_SERVER && API_HTTP
        help
          Create, list, show, change and end the server's sessions.
 */
#include "applet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/client.h"
#include "base/die.h"
#include "base/fd.h"
#include "enforce/exec/role.h"
#include "json/write.h"

struct words {
	struct api_client_options client;
	const char *workspace, *policy, *cwd, *type, *project_root, *id;
	struct opt_list set_env, unset_env;
	bool json, no_detect_root;
	struct opt_args args;
};

static const char usage[] =
        "create [--workspace DIR] [--policy NAME] [--id ID] [--json]\n"
        "       agentsh session list\n"
        "       agentsh session info ID\n"
        "       agentsh session update ID [--cwd /workspace/DIR] [--set-env K=V]... [--unset-env K]...\n"
        "       agentsh session destroy ID\n"
        "       agentsh session logs ID [--type fs|net|exec]";

/* Ask, or die saying why not. */
static void ask(const struct words *w, const char *method, const char *target, const struct buf *body,
                struct http_reply *reply)
{
	struct api_client client;
	struct err e = { .code = 0 };

	if (api_client_init(&client, &w->client, &e) < 0 ||
	    api_client_expect(&client, method, target, body, reply, &e) < 0)
		die(EXIT_FAILED, "agentsh: %s", e.text);
}

static int print_reply(const struct http_reply *reply)
{
	AUTO_BUF out = { .data = NULL };

	if (!api_client_pretty(&reply->body, &out))
		die(EXIT_FAILED, "agentsh: the server's answer is not JSON");
	return fd_write(1, out.data, out.len) < 0 ? EXIT_FAILED : EXIT_DONE;
}

static const char *target_of(const struct words *w, const char *rest, char *out, size_t size)
{
	if (w->args.n != 2)
		die(EXIT_FAILED, "agentsh: session %s needs one session id", w->args.items[0]);
	if (!api_client_id_ok(w->args.items[1]))
		die(EXIT_FAILED, "agentsh: invalid session id");
	snprintf(out, size, "/api/v1/sessions/%s%s", w->args.items[1], rest);
	return out;
}

static int print_created(const struct http_reply *reply)
{
	AUTO_ARENA arena = { .blocks = NULL };
	const struct json_value *v = json_read(&arena, buf_text(&reply->body), reply->body.len, NULL);
	const char *id = json_get_string(v, "id"), *proxy = json_get_string(v, "proxy_url");

	if (!id || !api_client_id_ok(id))
		die(EXIT_FAILED, "agentsh: the server's answer has no session id");
	printf("Session %s started\n", id);
	if (proxy)
		printf("  Proxy: %s\n", proxy);
	return flushed();
}

/* The directory is made absolute here: the server's own is another one. */
static void write_path(struct json *j, const char *key, const char *path)
{
	char absolute[4096];

	if (!realpath(path, absolute))
		die(EXIT_FAILED, "agentsh: directory '%s' does not exist", path);
	json_key_text(j, key, absolute);
}

static int create(const struct words *w)
{
	struct http_reply reply = { .status = 0 };
	AUTO_BUF body = { .data = NULL };
	struct json j = { .out = &body };
	int status;

	json_object(&j);
	write_path(&j, "workspace", w->workspace ? w->workspace : ".");
	if (w->id)
		json_key_text(&j, "id", w->id);
	if (w->policy)
		json_key_text(&j, "policy", w->policy);
	if (w->project_root)
		write_path(&j, "project_root", w->project_root);
	if (w->no_detect_root)
		json_key_bool(&j, "detect_project_root", false);
	json_end(&j);
	ask(w, "POST", "/api/v1/sessions", &body, &reply);
	status = w->json ? print_reply(&reply) : print_created(&reply);
	buf_release(&reply.body);
	return status;
}

static int show(const struct words *w, const char *target)
{
	struct http_reply reply = { .status = 0 };
	int status;

	ask(w, "GET", target, NULL, &reply);
	status = print_reply(&reply);
	buf_release(&reply.body);
	return status;
}

static int list(const struct words *w)
{
	return show(w, "/api/v1/sessions");
}

static int info(const struct words *w)
{
	char target[256];

	return show(w, target_of(w, "", target, sizeof target));
}

static void write_env(struct json *j, const struct opt_list *list_of_pairs)
{
	json_key(j, "env");
	json_object(j);
	for (int i = 0; i < list_of_pairs->n; i++) {
		const char *pair = list_of_pairs->items[i], *equals = strchr(pair, '=');
		char name[256];

		if (!equals || equals == pair || (size_t)(equals - pair) >= sizeof name)
			die(EXIT_FAILED, "agentsh: invalid --set-env \"%s\" (expected KEY=VALUE)", pair);
		snprintf(name, sizeof name, "%.*s", (int)(equals - pair), pair);
		json_key_text(j, name, equals + 1);
	}
	json_end(j);
}

static int update(const struct words *w)
{
	struct http_reply reply = { .status = 0 };
	AUTO_BUF body = { .data = NULL };
	struct json j = { .out = &body };
	char target[256];
	int status;

	json_object(&j);
	if (w->cwd)
		json_key_text(&j, "cwd", w->cwd);
	if (w->set_env.n)
		write_env(&j, &w->set_env);
	json_key(&j, "unset");
	json_array(&j);
	for (int i = 0; i < w->unset_env.n; i++)
		json_text(&j, w->unset_env.items[i]);
	json_end(&j);
	json_end(&j);
	ask(w, "PATCH", target_of(w, "", target, sizeof target), &body, &reply);
	status = print_reply(&reply);
	buf_release(&reply.body);
	return status;
}

static int destroy(const struct words *w)
{
	struct http_reply reply = { .status = 0 };
	char target[256];

	ask(w, "DELETE", target_of(w, "", target, sizeof target), NULL, &reply);
	buf_release(&reply.body);
	puts("ok");
	return flushed();
}

static int logs(const struct words *w)
{
	static const struct {
		const char *type, *query;
	} types[] = {
		{ "exec",
		  "command_policy,command_started,command_finished,command_killed,command_redirected,execve,"
		  "exec_intercept" },
		{ "fs",
		  "file_open,file_read,file_write,file_create,file_delete,file_rename,file_stat,file_chmod,"
		  "dir_list,dir_create,dir_delete,symlink_create,symlink_read,file_soft_deleted" },
		{ "net",
		  "dns_query,dns_redirect,net_connect,net_listen,net_close,net_http_request,connect_redirect,"
		  "unix_socket_op" },
	};
	const char *query = w->type ? NULL : "";
	char rest[600], target[800];

	if (w->type && !strcmp(w->type, "llm"))
		die(EXIT_FAILED, "agentsh: logs of LLM requests are not built in this version");
	for (size_t i = 0; w->type && i < sizeof types / sizeof *types; i++)
		if (!strcmp(w->type, types[i].type))
			query = types[i].query;
	if (!query)
		die(EXIT_FAILED, "agentsh: --type must be exec, fs or net");
	snprintf(rest, sizeof rest, "/history?limit=5000&order=asc%s%s", *query ? "&type=" : "", query);
	return show(w, target_of(w, rest, target, sizeof target));
}

static int run(int argc, char **argv)
{
	struct words w = { .workspace = NULL };
	const struct opt table[] = {
		API_CLIENT_OPTIONS(w.client),
		{ "workspace", 0, OPT_TEXT, &w.workspace, NULL },
		{ "policy", 0, OPT_TEXT, &w.policy, NULL },
		{ "id", 0, OPT_TEXT, &w.id, NULL },
		{ "project-root", 0, OPT_TEXT, &w.project_root, NULL },
		{ "no-detect-root", 0, OPT_FLAG, &w.no_detect_root, NULL },
		{ "json", 0, OPT_FLAG, &w.json, NULL },
		{ "cwd", 0, OPT_TEXT, &w.cwd, NULL },
		{ "set-env", 0, OPT_LIST, &w.set_env, NULL },
		{ "unset-env", 0, OPT_LIST, &w.unset_env, NULL },
		{ "type", 0, OPT_TEXT, &w.type, NULL },
		{ NULL, 0, OPT_FLAG, NULL, NULL },
	};
	static const struct {
		const char *name;
		int (*run)(const struct words *w);
		int n_args;
	} verbs[] = { { "create", create, 1 }, { "list", list, 1 },       { "info", info, 2 },
		      { "update", update, 2 }, { "destroy", destroy, 2 }, { "logs", logs, 2 } };
	struct err e = { .code = 0 };

	if (opt_parse(argc, argv, table, false, &w.args, &e) < 0)
		die(EXIT_FAILED, "agentsh: %s", e.text);
	for (size_t i = 0; w.args.n && i < sizeof verbs / sizeof *verbs; i++) {
		if (strcmp(verbs[i].name, w.args.items[0]))
			continue;
		if (w.args.n > verbs[i].n_args)
			die(EXIT_FAILED, "agentsh: session %s: too many arguments", verbs[i].name);
		return verbs[i].run(&w);
	}
	die(EXIT_FAILED, "usage: agentsh session %s", usage);
}

const struct applet applet_session = {
	.name = "session",
	.summary = "create, show, change and end sessions",
	.usage = usage,
	.run = run,
	.roles = ROLE_READ | ROLE_ASK,
};
