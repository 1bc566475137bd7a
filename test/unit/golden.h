/* golden - the verdicts that existing clients know, for the two policies they ship: file rules without and
 * with variables, commands, network, unix sockets, environment. A row with a note is one of our deliberate
 * differences; besides, `approve` with nobody to ask denies in every row.
 *
 * The policies are read from $AGENTSH_COMPAT, or ../shared/compat.
 */
#pragma once

#include "base/fd.h"
#include "decide/decide.h"

#include "test/t.h"

struct row {
	const char *input, *input_daytona; /* the same but for the home directory */
	struct {
		const char *decision, *rule;
	} e2b, daytona;
	const char *note;
};

enum { WORDS = 16 };

struct loaded {
	struct policy *policy;
	struct decide_cache *cache;
};

static const char *text_of(const char *name, struct buf *out)
{
	const char *dir = getenv("AGENTSH_COMPAT");
	char path[4096];

	snprintf(path, sizeof path, "%s/%s", dir ? dir : "../shared/compat", name);
	return fd_slurp_file(path, 1 << 20, out, NULL) < 0 ? NULL : buf_text(out);
}

__attribute__((unused)) static bool load(struct loaded *l, const char *file,
                                         const struct policy_options *options)
{
	AUTO_BUF text = { 0 };
	struct policy_problems problems;

	*l = (struct loaded){ 0 };
	if (!text_of(file, &text)) {
		t_skip("no %s; set AGENTSH_COMPAT", file);
		return false;
	}
	l->policy = policy_load(text.data, text.len, file, options, &problems);
	ok(l->policy != NULL, "%s loads", file);
	for (size_t i = 0; i < problems.n; i++)
		printf("# %s:%d:%d: %s\n", file, problems.items[i].line, problems.items[i].column,
		       problems.items[i].text);
	policy_problems_release(&problems);
	l->cache = l->policy ? decide_cache_new(l->policy) : NULL;
	return l->policy != NULL;
}

static void unload(struct loaded *l)
{
	decide_cache_free(l->cache);
	policy_free(l->policy);
}

static struct verdict decide_words(const struct loaded *l, const char **words, int n)
{
	struct command_request command = { .path = words[1], .argv = words + 1, .argc = (size_t)n - 1 };
	struct net_request net = { .host = words[1], .port = (uint16_t)(n > 2 ? atoi(words[2]) : 0) };
	struct file_request file = { .path = words[1] };

	if (!strcmp(words[0], "cmd"))
		return decide_command(l->policy, &command);
	if (!strcmp(words[0], "execve")) {
		command = (struct command_request){
			.path = words[2], .argv = words + 3, .argc = (size_t)n - 3, .depth = atoi(words[1])
		};
		return decide_command(l->policy, &command);
	}
	if (!strcmp(words[0], "net"))
		return decide_net(l->policy, l->cache, &net);
	if (!strcmp(words[0], "unix"))
		return decide_unix(l->policy, strcmp(words[1], "bind") ? UNIX_CONNECT : UNIX_BIND, words[2]);
	if (!strcmp(words[0], "env"))
		return decide_env(l->policy, NULL, words[1], strlen(words[1]));
	if (!file_op_parse(words[0], &file.op))
		file.op = FILE_OPS;
	return decide_file(l->policy, l->cache, &file);
}

static void check(const struct loaded *l, const char *input, const char *decision, const char *rule)
{
	char text[256];
	const char *words[WORDS + 1] = { NULL };
	int n = 0;
	struct verdict v;
	bool denies = !strcmp(decision, "deny") || !strcmp(decision, "approve");

	snprintf(text, sizeof text, "%s", input);
	for (char *w = strtok(text, " "); w && n < WORDS; w = strtok(NULL, " "))
		words[n++] = w;
	v = decide_words(l, words, n);
	ok(!strcmp(effect_name(v.decision), decision) && !strcmp(v.rule->name, rule) &&
	           (v.effective == EFFECT_DENY) == denies,
	   "%s: %s %s", input, decision, rule);
	if (strcmp(v.rule->name, rule) != 0)
		printf("# got %s %s (%s:%d)\n", effect_name(v.decision), v.rule->name, v.rule->file,
		       v.rule->line);
}

__attribute__((unused)) static void check_table(struct loaded *e2b, struct loaded *daytona,
                                                const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		check(e2b, rows[i].input, rows[i].e2b.decision, rows[i].e2b.rule);
		check(daytona, rows[i].input_daytona, rows[i].daytona.decision, rows[i].daytona.rule);
	}
}

#define CHECK_TABLE(e2b_policy, daytona_policy, rows) \
	check_table(e2b_policy, daytona_policy, rows, sizeof(rows) / sizeof *(rows))
