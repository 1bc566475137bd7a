/* policy: any bytes load or give problems; what loads answers in every scope. */
#include "decide/decide.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct policy *p)
{
	const char *const argv[] = { "env", "-S", "nice -n 5 rm -rf x", "y", NULL };
	struct decide_cache *c = decide_cache_new(p);
	const struct command_request command = {
		.path = "/usr/bin/env", .given = "env", .argv = argv, .argc = 4
	};
	const struct net_request net = { .host = "a.example.com", .port = 443 };
	const struct file_request file = { .op = FILE_READ,
		                           .path = "/home/u/\xc3\xa9/.env",
		                           .virtual = "/workspace/.env" };
	const struct signal_request sig = { .signal = 15, .target = TARGET_SESSION, .comm = "x", .pid = 7 };
	const struct verdict v = decide_command(p, &command);

	if (!c || !v.rule)
		__builtin_trap();
	decide_net(p, c, &net);
	decide_file(p, c, &file);
	decide_unix(p, UNIX_CONNECT, "/run/x.sock");
	decide_env(p, v.rule, "A_TOKEN", 7);
	decide_signal(p, &sig);
	decide_cache_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct policy_var vars[] = { { "PROJECT_ROOT", "/w" },
		                                  { "HOME", "/h*" },
		                                  { NULL, NULL } };
	const struct policy_options options = { .vars = vars, .expand = size & 1 };
	struct policy_problems problems;
	struct policy *p = policy_load((const char *)data, size, "fuzz.yaml", &options, &problems);

	if (!p == !problems.n)
		__builtin_trap();
	if (p)
		ask(p);
	policy_problems_release(&problems);
	policy_free(p);
	return 0;
}
