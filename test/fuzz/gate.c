/* gate - the ways into a session: what somebody says who wants in (read, judged, written down), what he is
 * answered, and what a session's supervisor says, which may be in the wrong hands. The first byte chooses. */
#include "session/gate.h"

#include "audit/event.h"
#include "decide/decide.h"
#include "enforce/denial.h"
#include "enforce/entry.h"
#include "enforce/env/build.h"
#include "policy/embedded.h"
#include "session/handover.h"
#include "session/hello.h"
#include "session/worker.h"
#include "shell/plain.h"
#include "test/fuzz/world.h"

#include <fcntl.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COMMANDS = 3 };

static struct policy *policy;

static struct verdict ask(const char *path, const char *const *argv, size_t argc)
{
	struct verdict v = decide_command(
	        policy, &(struct command_request){ .path = path, .given = path, .argv = argv, .argc = argc });

	if (!v.rule)
		abort();
	return v;
}

static void write_down(const struct hello *h, const struct verdict *v)
{
	struct buf event = { .max = EVENT_TEXT_MAX };
	char message[1024], text[3200];
	const char *subject = denial_message(v, h->program, h->argv, h->argc, message, sizeof message);
	struct event ev = { .id = "evt-1",
		            .type = "command_policy",
		            .depth = -1,
		            .verdict = v,
		            .message = message,
		            .argv = h->argv,
		            .filename = h->program,
		            .path = h->cwd };

	if (denial_text(subject, v, message, text, sizeof text) >= sizeof text)
		abort();
	event_format(&ev, &event);
	if (event.failed || memchr(event.data, '\n', event.len))
		abort();
	buf_release(&event);
}

/* Nothing is lost, nothing comes twice, and what is ours cannot be given by the caller. */
static void check_env(const struct env_built *env)
{
	size_t ours = 0;

	for (size_t i = 0; i < env->n; i++)
		ours += !strncmp(env->envp[i], "AGENTSH_IN_SESSION=", 19);
	if (ours != 1 || env->envp[env->n])
		abort();
}

static void hello(const uint8_t *data, size_t size)
{
	AUTO_ARENA arena = { .max = 16 * 1024 * 1024 };
	struct hello h = { .arena = &arena };
	struct policy_pair always[] = { { "AGENTSH_IN_SESSION", "1" } };
	struct env_built env;
	struct verdict v;
	struct plain plain;
	const char *text;
	struct err e;

	if (!hello_read(data, size, &h))
		return;
	if (h.argv[h.argc] || h.env[h.n_env])
		abort();
	v = ask(h.program, h.argv, h.argc);
	text = h.argc > 1 ? plain_text(h.argv + 1, h.argc - 1) : NULL;
	if (text && plain_parse(text, &plain))
		ask(plain.words[0], (const char *const *)plain.words, plain.n);
	write_down(&h, &v);
	if (env_build(&arena,
	              &(struct env_spec){ .policy = policy,
	                                  .rule = v.rule,
	                                  .env = h.env,
	                                  .n_env = h.n_env,
	                                  .add = always,
	                                  .n_add = 1 },
	              &env, &e) == 0)
		check_env(&env);
}

static void answer(const uint8_t *data, size_t size)
{
	static const char *const env[] = {
		"A=1", "B=2", "C=3", "D=4", "E=5", "F=6", "G=7", "H=8", "I=9", NULL
	};
	const struct entry_hello h = {
		.kind = ENTRY_EXEC, .program = "x", .argv = env + 8, .env = env, .cwd = "/"
	};
	struct entry t = { .inbox = -1, .plan.ruleset = -1, .text = "" };
	struct err e;

	buf_add(&t.in.data, data, size);
	t.in.n_fds = size & 1;
	t.in.fds[0] = t.in.n_fds ? open("/", O_PATH | O_CLOEXEC) : -1;
	if (entry_read(&h, &t, &e) == 0 && !t.refused) {
		size_t n = 0;

		while (t.env[n])
			n += strlen(t.env[n]) < size + 4;
		if (t.inbox < 0 || !t.plan.n_filter || strlen(t.id) + strlen(t.dir) > size)
			abort();
	}
	entry_release(&t);
}

/* As after an upgrade: a session whose supervisor is there already. */
static void take_over(struct session *s, int control, int inbox)
{
	static const char filter[8];
	char path[200];
	struct msg m = { 0 };
	struct msg_reader r;
	struct err e;

	snprintf(path, sizeof path, "%s/" SESSION_RING, s->dir);
	ring_close(ring_create(path, RING_MIN, &e));
	msg_u32(&m, 1);
	msg_u32(&m, 0); /* no process: nobody is killed or waited for */
	msg_u32(&m, (uint32_t)control);
	msg_u32(&m, (uint32_t)inbox);
	msg_u32(&m, (uint32_t)-1);
	if (CONFIG_FILES)
		msg_u32(&m, 0);
	if (CONFIG_LAYER_NET)
		msg_u32(&m, 0);
	msg_u32(&m, 0);
	msg_u32(&m, 0);
	msg_str(&m, "");
	msg_str(&m, "");
	msg_bytes(&m, filter, sizeof filter);
	r = (struct msg_reader){ .data = m.b.data, .len = m.b.len };
	if (worker_take_over(w.core, s, &r, false, &e) < 0)
		abort();
	msg_release(&m);
}

/* Lines of its ring; the last one goes over the socket. */
static void say(const struct session *s, int control, const uint8_t *data, size_t size)
{
	char path[200];
	struct ring *ring;
	const uint8_t *end;
	struct err e;
	bool wake;

	snprintf(path, sizeof path, "%s/" SESSION_RING, s->dir);
	ring = ring_open(path, &e);
	for (; ring && (end = memchr(data, '\n', size)); size -= (size_t)(end + 1 - data), data = end + 1)
		ring_put(ring, (const char *)data, (size_t)(end - data), 1 + *data % COMMANDS, *data >> 6,
		         &wake);
	ring_close(ring);
	send(control, data, size, MSG_NOSIGNAL);
}

static void supervisor(const uint8_t *data, size_t size)
{
	int control[2], inbox[2];
	struct session *s;
	struct err e;

	if (!w.core)
		world_begin();
	s = world_session();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, inbox) < 0)
		abort();
	take_over(s, control[0], inbox[0]);
	w.core->hooks.worker_stop = worker_stop;
	for (int i = 0; i < COMMANDS; i++)
		if (!command_begin(w.core, s, i ? COMMAND_SHIM : COMMAND_EXEC, "x", &e))
			abort();
	say(s, control[1], data, size);
	world_turn();
	close(control[1]);
	close(inbox[1]);
	world_turn();
	world_end_sessions();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!policy) {
		const struct policy_var vars[] = { { "PROJECT_ROOT", "/w" },
			                           { "HOME", "/h" },
			                           { NULL, NULL } };
		const struct policy_options options = { .vars = vars };
		struct policy_problems problems;
		size_t len;
		const char *text = policy_embedded(&len);

		policy = policy_load(text, len, POLICY_EMBEDDED_NAME, &options, &problems);
		policy_problems_release(&problems);
	}
	if (!policy)
		abort();
	if (!size)
		return 0;
	switch (data[0] % 3) {
	case 0:
		hello(data + 1, size - 1);
		break;
	case 1:
		answer(data + 1, size - 1);
		break;
	default:
		supervisor(data + 1, size - 1);
	}
	return 0;
}
