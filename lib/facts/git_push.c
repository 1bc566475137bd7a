/* git push and its plumbing: options as git's own parser takes them, and what the refspecs say. */
#include "facts/git.h"

static const struct option_row rows[] = {
	{ "force", 'f', TAKES_NONE, FACT_GIT_PUSH_FORCE, 0, 0 },
	{ "force-with-lease", 0, TAKES_MAYBE, FACT_GIT_PUSH_FORCE, 0, 0 },
	{ "mirror", 0, TAKES_NONE, FACT_GIT_PUSH_FORCE, 0, 0 },
	{ "delete", 'd', TAKES_NONE, FACT_GIT_PUSH_DELETE, 0, 0 },
	{ "prune", 0, TAKES_NONE, FACT_GIT_PUSH_DELETE, 0, 0 },
	{ "all", 0, TAKES_NONE, FACT_GIT_PUSH_ALL, 0, 0 },
	{ "branches", 0, TAKES_NONE, FACT_GIT_PUSH_ALL, 0, 0 },
	{ "receive-pack", 0, TAKES_VALUE, FACT_GIT_EXEC, 0, 0 },
	{ "exec", 0, TAKES_VALUE, FACT_GIT_EXEC, 0, 0 },
	{ "no-verify", 0, TAKES_NONE, FACT_GIT_HOOKS_OFF, 0, 0 },
	{ "repo", 0, TAKES_VALUE, 0, 0, FACT_GIT_PUSH_REMOTE },
	{ .name = NULL },
};

static const struct grammar push = {
	.rows = rows,
	.letters = "vqnu46o:",
	.longs = " verbose quiet tags dry-run porcelain force-if-includes recurse-submodules= thin"
	         " set-upstream progress verify follow-tags signed? atomic push-option= ipv4 ipv6 ",
	.flags = GRAMMAR_ABBREVIATES | GRAMMAR_NEGATES,
	.unknown = FACT_GIT_UNKNOWN,
};

static const struct grammar plumbing_push = {
	.rows = rows,
	.letters = "vqnD",
	.longs = " verbose quiet dry-run stateless-rpc stdin helper-status thin progress signed? atomic"
	         " push-option= remote= force-if-includes ",
	.flags = GRAMMAR_ABBREVIATES | GRAMMAR_NEGATES,
	.unknown = FACT_GIT_UNKNOWN,
};

/* The branch that is written: "refs/heads/x" and "heads/x" are x. */
static void ref(struct facts *f, const char *text)
{
	if (starts(text, "refs/"))
		text += 5;
	if (starts(text, "heads/"))
		text += 6;
	if (strchr(text, '*'))
		facts_set(f, FACT_GIT_PUSH_ALL);
	/* What HEAD is, git knows. */
	if (!strcmp(text, "HEAD") || !strcmp(text, "@") || !*text || *text == '-')
		facts_set(f, FACT_GIT_PUSH_IMPLICIT);
	facts_text(f, FACT_GIT_PUSH_REF, text);
}

/* [+]SOURCE[:TARGET] */
static void refspec(struct facts *f, const char *text, struct facts *said)
{
	const char *colon;

	if (*text == '+') {
		facts_set(said, FACT_GIT_PUSH_FORCE);
		text++;
	}
	if (*text == '^')
		return;
	colon = strchr(text, ':');
	if (colon == text && colon[1])
		facts_set(said, FACT_GIT_PUSH_DELETE);
	/* ":" alone: all branches that both sides have */
	if (colon == text && !colon[1]) {
		facts_set(said, FACT_GIT_PUSH_ALL);
		return;
	}
	ref(f, colon && colon[1] ? colon + 1 : text);
}

/* --stdin: the refs are not in the arguments. Behind --stateless-rpc, which git's own helpers give, there is
 * no connection but the one they hold. */
static void from_elsewhere(struct facts *f, const struct scan *s)
{
	if (strncmp("stdin", s->name, s->name_len) != 0)
		return;
	for (size_t i = 0; i < s->argc; i++)
		if (!strcmp(s->argv[i], "--stateless-rpc"))
			return;
	facts_doubt(f, FACT_GIT_PUSH_FORCE);
	facts_doubt(f, FACT_GIT_PUSH_DELETE);
	facts_doubt(f, FACT_GIT_PUSH_REF);
}

void git_push(struct facts *f, const char *const *argv, size_t argc, bool plumbing)
{
	struct scan s = {
		.g = plumbing ? &plumbing_push : &push, .f = f, .argv = argv, .argc = argc, .at = 1
	};
	struct facts said = { .value = NULL }; /* by refspecs: no later option takes it back */
	size_t n = 0;
	bool tag = false;

	facts_set(f, FACT_GIT_PUSH);
	for (enum item i; (i = scan_next(&s)) != ITEM_END;) {
		if (i == ITEM_OPTION && s.row && s.row->name && !strcmp(s.row->name, "mirror") &&
		    !s.negated) {
			facts_set(&said, FACT_GIT_PUSH_DELETE);
			facts_set(&said, FACT_GIT_PUSH_ALL);
		}
		if (plumbing && i == ITEM_OPTION && s.name && s.name_len > 2)
			from_elsewhere(f, &s);
		if (i != ITEM_OPERAND)
			continue;
		if (!n++) {
			facts_text(f, FACT_GIT_PUSH_REMOTE, s.value);
			git_address(f, s.value);
		} else if (!tag && !strcmp(s.value, "tag")) {
			tag = true;
			n--;
		} else {
			refspec(f, s.value, &said);
		}
	}
	for (size_t i = 0; i < FACTS_WORDS; i++)
		f->yes[i] |= said.yes[i];
	if (n < 2 && !facts_has(f, FACT_GIT_PUSH_ALL))
		facts_set(f, FACT_GIT_PUSH_IMPLICIT);
}
