#include "api/client.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"
#include "base/path.h"
#include "json/write.h"
#include "session/place.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_SERVER     "http://127.0.0.1:18080"
#define DEFAULT_TIMEOUT_NS (30 * 1000000000LL)

enum { HEALTH_POLL_MS = 20, START_MS = 5000, AFTER_EXIT_MS = 500, REPLY_MAX = 256 << 20 };

int api_client_init(struct api_client *c, const struct api_client_options *o, struct err *e)
{
	*c = (struct api_client){ .server = o->server ? o->server : DEFAULT_SERVER,
		                  .key = o->api_key,
		                  .timeout_ns = DEFAULT_TIMEOUT_NS };
	if (o->transport && strcmp(o->transport, "http"))
		return err_set(e, "transport '%s' is not built in this version; use http", o->transport);
	if (o->timeout) {
		if (!num_duration(o->timeout, &c->timeout_ns))
			return err_set(e, "client timeout '%s': not a duration like 30s", o->timeout);
		c->has_timeout = true;
	}
	return http_url_parse(c->server, &c->url, e);
}

int api_client_call(const struct api_client *c, const char *method, const char *target,
                    const struct buf *body, struct http_reply *reply, struct err *e)
{
	struct http_call call = { .url = &c->url,
		                  .method = method,
		                  .target = target,
		                  .key = c->key,
		                  .timeout_ns = c->timeout_ns,
		                  .max_reply = REPLY_MAX,
		                  .trust = place_check_server };

	if (body && body->failed)
		return err_set(e, "out of memory");
	if (body) {
		call.body = buf_text(body);
		call.body_len = body->len;
	}
	return http_call(&call, reply, e);
}

/* What the server says may hold anything: keep it one harmless line. */
static void one_line(const struct buf *body, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < body->len && n + 1 < size; i++) {
		unsigned char ch = (unsigned char)body->data[i];

		if (ch >= ' ' && ch != 0x7f)
			out[n++] = (char)ch;
	}
	out[n] = 0;
}

int api_client_failure(const struct http_reply *reply, struct err *e)
{
	AUTO_ARENA arena = { .max = 1 << 20 };
	const struct json_value *v = json_read(&arena, buf_text(&reply->body), reply->body.len, NULL);
	const char *text = json_get_string(v, "error");
	char line[400];
	struct buf said = { .data = (char *)text, .len = text ? strlen(text) : 0 };

	one_line(text ? &said : &reply->body, line, sizeof line);
	return err_set(e, "server said %d: %s", reply->status, line);
}

int api_client_expect(const struct api_client *c, const char *method, const char *target,
                      const struct buf *body, struct http_reply *reply, struct err *e)
{
	if (api_client_call(c, method, target, body, reply, e) < 0)
		return err_in(e, "server %s", c->server);
	return reply->status / 100 == 2 ? 0 : api_client_failure(reply, e);
}

bool api_client_id_ok(const char *id)
{
	return path_name_ok(id, 128);
}

bool api_client_is_on(const char *text)
{
	static const char *const words[] = { "1", "true", "t", "yes", "y", "on" };

	for (size_t i = 0; text && i < sizeof words / sizeof *words; i++)
		if (!strcasecmp(text, words[i]))
			return true;
	return false;
}

bool api_client_may_start(const struct api_client *c)
{
	return http_url_is_loopback(&c->url) && (!c->url.has_port || c->url.port == 18080);
}

static bool is_ended(pid_t pid)
{
	return pid > 0 && waitpid(pid, NULL, WNOHANG) == pid;
}

bool api_client_is_healthy(const struct api_client *c, int deadline_ms, pid_t pid)
{
	int64_t until = clock_mono_ns() + deadline_ms * 1000000LL;
	struct api_client quick = *c;

	while (clock_mono_ns() < until) {
		struct http_reply reply = { .status = 0 };
		bool healthy;

		quick.timeout_ns = until - clock_mono_ns() + 1000000;
		healthy = api_client_call(&quick, "GET", "/health", NULL, &reply, NULL) == 0 &&
		          reply.status == 200;
		buf_release(&reply.body);
		if (healthy)
			return true;
		if (is_ended(pid)) {
			/* It may have lost the port to one that another client started. */
			pid = 0;
			if (until > clock_mono_ns() + AFTER_EXIT_MS * 1000000LL)
				until = clock_mono_ns() + AFTER_EXIT_MS * 1000000LL;
		}
		poll(NULL, 0, HEALTH_POLL_MS);
	}
	return false;
}

/* The server must not hold the caller's pipes, terminal, directory or signal mask. */
static void become_server(const char *config)
{
	char *argv[] = { "agentsh", "server", "--config", (char *)config, NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int log = open("/var/log/agentsh/server.log", O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
	               0600);
	sigset_t none;

	setsid();
	if (null < 0 || dup2(null, 0) < 0 || dup2(log < 0 ? null : log, 1) < 0 ||
	    dup2(log < 0 ? null : log, 2) < 0)
		_exit(127);
	fd_close_from(3);
	if (chdir("/") < 0)
		_exit(127);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int signo = 1; signo < 32; signo++)
		signal(signo, SIG_DFL);
	execv("/proc/self/exe", argv);
	_exit(127);
}

int api_client_start(const struct api_client *c, const char *config, struct err *e)
{
	char absolute[4096];
	pid_t pid;

	if (*config != '/') {
		if (!realpath(config, absolute))
			return err_sys(e, "%s", config);
		config = absolute;
	}
	pid = fork();
	if (pid < 0)
		return err_sys(e, "fork");
	if (!pid)
		become_server(config);
	if (api_client_is_healthy(c, START_MS, pid))
		return 0;
	return err_set(e, "it did not become healthy; run 'agentsh server --config %s' to see why", config);
}

static void write_value(struct json *j, const struct json_value *v)
{
	switch (v->type) {
	case JSON_OBJECT:
		json_object(j);
		for (const struct json_value *m = v->first; m; m = m->next) {
			json_key(j, m->key);
			write_value(j, m); /* no deeper than JSON_READ_DEPTH */
		}
		json_end(j);
		break;
	case JSON_ARRAY:
		json_array(j);
		for (const struct json_value *m = v->first; m; m = m->next)
			write_value(j, m);
		json_end(j);
		break;
	case JSON_STRING:
		json_bytes(j, v->text, v->len);
		break;
	case JSON_NUMBER:
		json_raw(j, v->text, v->len);
		break;
	case JSON_BOOL:
		json_bool(j, v->boolean);
		break;
	case JSON_NULL:
		json_null(j);
		break;
	}
}

bool api_client_pretty(const struct buf *json, struct buf *out)
{
	AUTO_ARENA arena = { .blocks = NULL };
	const struct json_value *v = json_read(&arena, buf_text(json), json->len, NULL);
	AUTO_BUF text = { .data = NULL };
	struct json j = { .out = &text, .indent = true };

	if (!v)
		return false;
	write_value(&j, v);
	json_for_terminal(out, buf_text(&text), text.len);
	buf_chr(out, '\n');
	return !out->failed && !text.failed;
}

int api_client_own(const char *session, const char *server, const char *method, const char *rest,
                   const struct buf *body, struct http_reply *reply, struct err *e)
{
	const struct api_client_options o = { .server = server, .timeout = "150s" };
	struct api_client client;
	char target[512];

	if (!session || !api_client_id_ok(session))
		return err_set(e, "this session has no server to ask");
	snprintf(target, sizeof target, "/api/v1/sessions/%s/%s", session, rest);
	if (api_client_init(&client, &o, e) < 0)
		return -1;
	return api_client_expect(&client, method, target, body, reply, e);
}
