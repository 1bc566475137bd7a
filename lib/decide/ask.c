#include "decide/ask.h"

#include "base/num.h"
#include "base/path.h"
#include "match/host.h"
#include "policy/impl.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { ARGS_MAX = 4096, HOST_SIZE = 300 };

static enum ask_result ask_command(const struct ask *a, struct verdict *out)
{
	const char *argv[ARGS_MAX + 2] = { a->object };
	struct command_request r = { .path = a->object, .given = a->object, .argv = argv, .depth = a->depth };

	for (r.argc = 1; a->args && a->args[r.argc - 1]; r.argc++) {
		if (r.argc > ARGS_MAX)
			return ASK_BAD_OBJECT;
		argv[r.argc] = a->args[r.argc - 1];
	}
	*out = decide_command(a->policy, &r);
	return ASK_DONE;
}

/* "host", "host:port", "[v6]:port", "v6" into host (brackets stay) and port. */
static bool split_address(const char *object, char host[HOST_SIZE], uint16_t *port)
{
	char *colon;
	uint64_t number = 443;

	if (strlen(object) >= HOST_SIZE)
		return false;
	strcpy(host, object);
	colon = strrchr(host, ':');
	if (*host == '[') {
		char *end = strchr(host, ']');

		if (!end || (end[1] && end[1] != ':'))
			return false;
		colon = end[1] ? end + 1 : NULL;
	} else if (colon && strchr(host, ':') != colon) {
		colon = NULL; /* an IPv6 address without brackets */
	}
	if (colon) {
		*colon = 0;
		if (!num_u64(colon + 1, 1, 65535, &number))
			return false;
	}
	*port = (uint16_t)number;
	return true;
}

static bool is_listen(const char *op)
{
	return !strcasecmp(op, "net_listen") || !strcasecmp(op, "listen");
}

/* At :: one is taken to listen at 0.0.0.0, too: most do. */
static enum ask_result ask_listen(const struct ask *a, const char *host, uint16_t port, struct verdict *out)
{
	static const uint8_t everywhere[16] = { 0 };
	struct host h;
	struct listen_request r = { .port = port };

	if (!host_parse(host, &h) || h.kind != HOST_ADDRESS)
		return ASK_BAD_OBJECT;
	r.addr = h.address.addr;
	r.addr_len = h.address.len;
	r.both = r.addr_len == 16 && !memcmp(r.addr, everywhere, 16);
	*out = decide_listen(a->policy, &r);
	return ASK_DONE;
}

static enum ask_result ask_net(const struct ask *a, struct verdict *out)
{
	char host[HOST_SIZE];
	struct net_request r = { .host = host };

	if (!split_address(a->object, host, &r.port))
		return ASK_BAD_OBJECT;
	if (is_listen(a->operation))
		return ask_listen(a, host, r.port, out);
	*out = decide_net(a->policy, a->cache, &r);
	return ASK_DONE;
}

static int signal_number(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} names[] = { { "HUP", SIGHUP },   { "INT", SIGINT },   { "QUIT", SIGQUIT }, { "ABRT", SIGABRT },
		      { "KILL", SIGKILL }, { "USR1", SIGUSR1 }, { "USR2", SIGUSR2 }, { "PIPE", SIGPIPE },
		      { "ALRM", SIGALRM }, { "TERM", SIGTERM }, { "CHLD", SIGCHLD }, { "CONT", SIGCONT },
		      { "STOP", SIGSTOP }, { "TSTP", SIGTSTP } };
	uint64_t number;

	if (num_u64(name, 0, 64, &number))
		return (int)number;
	name += strncasecmp(name, "SIG", 3) == 0 ? 3 : 0;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcasecmp(name, names[i].name) == 0)
			return names[i].number;
	return -1;
}

static enum ask_result ask_signal(const struct ask *a, struct verdict *out)
{
	struct signal_request r = { .signal = signal_number(a->object) };

	if (r.signal < 0)
		return ASK_BAD_OBJECT;
	for (const char *const *arg = a->args; arg && *arg; arg++) {
		unsigned found = 0;

		for (int i = 0; i < POLICY_TARGETS; i++)
			if (strcasecmp(*arg, policy_signal_targets[i]) == 0)
				found = 1u << i;
		if (!found)
			return ASK_BAD_OBJECT;
		r.target |= found;
	}
	*out = decide_signal(a->policy, &r);
	return ASK_DONE;
}

/* The workspace has two names; the rule that matches either first wins. */
static enum ask_result ask_file(const struct ask *a, const char *name, struct verdict *out)
{
	char path[PATH_MAX], other[PATH_MAX];
	struct file_request r = { .path = path };

	if (!file_op_parse(name, &r.op))
		return ASK_BAD_OPERATION;
	if (!path_join(a->cwd ? a->cwd : "/", a->object, path, sizeof path))
		return ASK_BAD_OBJECT;
	if (a->workspace && path_within(path, "/workspace")) {
		if (!path_join(a->workspace, path[10] ? path + 11 : ".", other, sizeof other))
			return ASK_BAD_OBJECT;
		r.path = other;
		r.virtual = path;
	} else if (a->workspace && path_within(path, a->workspace)) {
		const char *rest = path + (a->workspace[1] ? strlen(a->workspace) : 0);

		if (snprintf(other, sizeof other, "/workspace%s", rest) >= (int)sizeof other)
			return ASK_BAD_OBJECT;
		r.virtual = other;
	}
	*out = decide_file(a->policy, a->cache, &r);
	return ASK_DONE;
}

static bool is_command(const char *op)
{
	return !strcasecmp(op, "exec") || !strcasecmp(op, "command");
}

static bool is_net(const char *op)
{
	return !strncasecmp(op, "net_", 4) || !strcasecmp(op, "connect") || !strcasecmp(op, "net") ||
	       is_listen(op);
}

enum ask_result decide_ask(const struct ask *a, struct verdict *out)
{
	const char *op = a->operation;

	*out = (struct verdict){ .decision = EFFECT_DENY };
	if (is_command(op))
		return ask_command(a, out);
	if (is_net(op))
		return ask_net(a, out);
	if (!strcasecmp(op, "signal"))
		return ask_signal(a, out);
	if (!strcasecmp(op, "env")) {
		*out = decide_env(a->policy, NULL, a->object, strlen(a->object));
		return ASK_DONE;
	}
	for (int i = 0; !strncasecmp(op, "unix_", 5) && i < UNIX_OPS; i++)
		if (!strcasecmp(op + 5, policy_unix_ops[i])) {
			*out = decide_unix(a->policy, (enum unix_op)i, a->object);
			return ASK_DONE;
		}
	return ask_file(a, strncasecmp(op, "file_", 5) ? op : op + 5, out);
}

void decide_ask_message(const struct ask *a, const struct verdict *v, char *out, size_t size)
{
	struct message_facts f = {
		.path = a->object, .command = a->object, .operation = a->operation, .port = -1
	};
	char host[HOST_SIZE], args[2048];
	uint16_t port;
	size_t n = 0;

	while (a->args && a->args[n])
		n++;
	if (is_command(a->operation)) {
		f.command = path_base(v->subject && *v->subject ? v->subject : a->object);
		f.args = decide_message_args(a->args, n, args, sizeof args);
	} else if (is_net(a->operation) && split_address(a->object, host, &port)) {
		f.remote = f.domain = host;
		f.port = port;
	}
	decide_message(v->rule, &f, out, size);
}
