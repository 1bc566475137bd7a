/* decide - what one decision costs, by scope and by number of rules; and what it costs to load these.
 *
 * Rows for bench/run, separated by tabs: what, measured, limit. Requests are
 * spread over early rules, late rules and no rule at all; the median of the
 * rounds counts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "decide/decide.h"
#include "policy/policy.h"
#include "test/bench/fields.h"

enum { ROUNDS = 11, CALLS = 20000, REQUESTS = 64 };

struct subject {
	struct policy *policy;
	struct decide_cache *cache;
	char path[REQUESTS][80], command[REQUESTS][80], host[REQUESTS][80];
};

static void file_rules(struct buf *b, int n)
{
	buf_str(b, "file_rules:\n");
	for (int i = 0; i < n; i++) {
		static const char *const shapes[] = { "/srv/project%d/**", "**/*.kind%d",
			                              "/home/user/d%d/*.txt", "/opt/tool%d/bin/run" };

		buf_fmt(b, "  - name: file-%d\n    paths: [\"", i);
		buf_fmt(b, shapes[i % 4], i);
		buf_fmt(b, "\"]\n    operations: [read, write]\n    decision: %s\n",
		        i % 2 ? "deny" : "allow");
	}
}

static void network_rules(struct buf *b, int n)
{
	buf_str(b, "network_rules:\n");
	for (int i = 0; i < n; i++) {
		buf_fmt(b, "  - name: net-%d\n", i);
		if (i % 2)
			buf_fmt(b, "    cidrs: [\"10.%d.%d.0/24\"]\n", i / 250, i % 250);
		else
			buf_fmt(b, "    domains: [\"host%d.test\", \"*.zone%d.test\"]\n", i, i);
		buf_str(b, "    ports: [443]\n    decision: allow\n");
	}
}

static void command_rules(struct buf *b, int n)
{
	buf_str(b, "command_rules:\n");
	for (int i = 0; i < n; i++)
		buf_fmt(b, "  - name: command-%d\n    commands: [%s%d%s, other%d]\n    decision: %s\n", i,
		        "tool", i, i % 4 ? "" : "-*", i, i % 2 ? "deny" : "allow");
}

static struct subject subject_new(int n)
{
	struct buf b = { 0 };
	struct policy_problems problems = { 0 };
	struct policy_options options = { 0 };
	struct subject s = { 0 };

	buf_str(&b, "version: 1\nname: bench\n");
	file_rules(&b, n);
	network_rules(&b, n);
	command_rules(&b, n);
	s.policy = policy_load(b.data, b.len, "bench.yaml", &options, &problems);
	if (!s.policy) {
		fprintf(stderr, "decide: %s\n", problems.n ? problems.items[0].text : "cannot load");
		exit(1);
	}
	s.cache = decide_cache_new(s.policy);
	if (!s.cache)
		exit(1);
	for (int i = 0; i < REQUESTS; i++) {
		int rule = i * n / (REQUESTS - 8); /* the last ones match no rule */

		snprintf(s.path[i], sizeof s.path[i],
		         rule % 4 == 0   ? "/srv/project%d/src/module/file.c"
		         : rule % 4 == 1 ? "/usr/share/data/name.kind%d"
		         : rule % 4 == 2 ? "/home/user/d%d/notes.txt"
		                         : "/opt/tool%d/bin/run",
		         rule);
		snprintf(s.command[i], sizeof s.command[i], "/usr/bin/tool%d%s", rule,
		         rule % 4 ? "" : "-name");
		snprintf(s.host[i], sizeof s.host[i], i % 2 ? "www.zone%d.test" : "host%d.test", rule);
	}
	buf_release(&b);
	policy_problems_release(&problems);
	return s;
}

static void subject_free(struct subject *s)
{
	decide_cache_free(s->cache);
	policy_free(s->policy);
}

static unsigned sum; /* so that nothing is optimised away */

static void one_file(struct subject *s, int i)
{
	struct file_request r = { .op = FILE_READ, .path = s->path[i % REQUESTS] };

	sum += decide_file(s->policy, s->cache, &r).effective;
}

static void one_command(struct subject *s, int i)
{
	const char *argv[] = { s->command[i % REQUESTS], "--option", "argument", NULL };
	struct command_request r = { .path = argv[0], .given = argv[0], .argv = argv, .argc = 3 };

	sum += decide_command(s->policy, &r).effective;
}

static void one_net(struct subject *s, int i)
{
	struct net_request r = { .host = s->host[i % REQUESTS], .port = 443 };

	sum += decide_net(s->policy, s->cache, &r).effective;
}

/* Of this thread: what else runs on the machine is not the decision's cost. */
static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static double nanoseconds(struct subject *s, void (*one)(struct subject *, int))
{
	double ns[ROUNDS];

	for (int k = 0; k < ROUNDS; k++) {
		int64_t start = cpu_ns();

		for (int i = 0; i < CALLS; i++)
			one(s, i);
		ns[k] = (double)(cpu_ns() - start) / CALLS;
	}
	qsort(ns, ROUNDS, sizeof *ns, by_size);
	return ns[ROUNDS / 2];
}

int main(void)
{
	static const struct {
		const char *name;
		void (*one)(struct subject *, int);
	} scopes[] = { { "file", one_file }, { "command", one_command }, { "network", one_net } };
	struct subject few = subject_new(50), usual = subject_new(200), many = subject_new(10000);

	for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++) {
		double small = nanoseconds(&few, scopes[i].one), large = nanoseconds(&many, scopes[i].one);

		printf("decide: %s, 200 rules\t%.0f ns\t200 ns\n", scopes[i].name,
		       nanoseconds(&usual, scopes[i].one));
		printf("decide: %s, 10,000 rules against 50\t%.2f×\t1.50×\n", scopes[i].name, large / small);
	}
	subject_free(&few);
	subject_free(&usual);
	subject_free(&many);
	return sum == 1;
}
