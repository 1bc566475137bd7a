#include "enforce/env/build.h"

#include "test/policy.h"
#include "test/t.h"

static char *joined(const char *const *list, char *out)
{
	out[0] = 0;
	for (; *list; list++)
		sprintf(out + strlen(out), "%s%s", *out ? " " : "", *list);
	return out;
}

T_CASE(made_from_scratch)
{
	AUTO_ARENA a = { 0 };
	struct policy *p = policy_of(
	        "version: 1\nname: t\nenv_policy:\n  allow: [PATH, A, B, X*, OVER]\n  block_iteration: true\n"
	        "env_inject:\n  BASH_ENV: /own\n  BOTH: policy\n");
	const char *const env[] = { "PATH=/bin",   "A=1",      "A=2",
		                    "noequals",    "=x",       "AWS_SECRET_ACCESS_KEY=s3cret",
		                    "B=",          "XTOKEN=t", "BASH_ENV=/evil",
		                    "OVER=caller", "A B=1",    "AGENTSH_IN_SESSION=0" };
	const struct policy_pair add[] = { { "AGENTSH_IN_SESSION", "1" },
		                           { "OVER", "server" },
		                           { "DENIED", "x" } };
	const struct policy_pair inject[] = { { "BOTH", "config" }, { "ONLY", "config" } };
	const struct env_spec spec = {
		.policy = p, .env = env, .n_env = 12, .add = add, .n_add = 3, .inject = inject, .n_inject = 2
	};
	struct env_built built;
	char text[1000];
	struct err e;

	ok(!env_build(&a, &spec, &built, &e));
	is_str(joined(built.envp, text),
	       "PATH=/bin A=1 B= AGENTSH_IN_SESSION=1 OVER=server AGENTSH_ENV_BLOCK_ITERATION=1 "
	       "BASH_ENV=/own BOTH=policy ONLY=config");
	is_int(built.n, 9);
	ok(built.from[0] == 0 && built.from[2] == 6 && built.from[3] == -1);
	is_str(joined(built.removed, text), "DENIED AWS_SECRET_ACCESS_KEY XTOKEN");
	policy_free(p);
}

T_CASE(limits)
{
	AUTO_ARENA a = { 0 };
	struct policy *p = policy_of("version: 1\nname: t\nenv_policy:\n  max_keys: 2\n  max_bytes: 20\n");
	const char *const env[] = { "A=1", "B=2", "C=3", "D=012345678901234567890" };
	struct env_spec spec = { .policy = p, .env = env, .n_env = 3 };
	struct env_built built;
	struct err e;

	ok(env_build(&a, &spec, &built, &e) < 0);
	is_str(e.text, "env exceeds max_keys (2)");
	spec.n_env = 2;
	ok(!env_build(&a, &spec, &built, &e));
	spec.env = env + 3;
	spec.n_env = 1;
	ok(env_build(&a, &spec, &built, &e) < 0);
	is_str(e.text, "env exceeds max_bytes (20)");
	policy_free(p);
}

T_CASE(many)
{
	enum { N = 10000 };
	AUTO_ARENA a = { 0 };
	struct policy *p = policy_of("version: 1\nname: t\n");
	static char names[N][24];
	static const char *env[N];
	struct env_spec spec = { .policy = p, .env = env, .n_env = N };
	struct env_built built;
	struct err e;
	size_t n = 0;

	for (int i = 0; i < N; i++) {
		snprintf(names[i], sizeof names[i], i % 2 ? "V%d=1" : "V%d_TOKEN=1", i);
		env[i] = names[i];
	}
	ok(!env_build(&a, &spec, &built, &e));
	is_int(built.n, N / 2);
	while (built.removed[n])
		n++;
	is_int(n, 65);
	is_str(built.removed[64], "\xe2\x80\xa6");
	policy_free(p);
}
