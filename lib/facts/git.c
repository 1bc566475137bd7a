/* git: its own options, the sub-command, and what of it matters. An alias is started by git as a command of
 * its own, with the words it stands for, and is judged then. */
#include "facts/git.h"

static const char builtins[] =
        " add add--interactive am annotate apply archive backfill bisect bisect--helper blame branch"
        " bugreport"
        " bundle cat-file check-attr check-ignore check-mailmap check-ref-format checkout checkout--worker"
        " checkout-index cherry cherry-pick citool clean clone column commit commit-graph commit-tree config"
        " count-objects credential credential-cache credential-cache--daemon credential-store cvsexportcommit"
        " cvsimport cvsserver daemon describe diagnose diff diff-files diff-index diff-pairs diff-tree"
        " difftool"
        " difftool--helper env--helper fast-export fast-import fetch fetch-pack filter-branch fmt-merge-msg"
        " for-each-ref for-each-repo format-patch fsck fsck-objects fsmonitor--daemon gc get-tar-commit-id"
        " gitk grep gui gui--askpass hash-object help hook http-backend http-fetch http-push imap-send"
        " index-pack init init-db instaweb interpret-trailers last-modified log ls-files ls-remote ls-tree"
        " mailinfo mailsplit maintenance merge merge-base merge-file merge-index merge-octopus"
        " merge-one-file merge-ours merge-recursive merge-recursive-ours merge-recursive-theirs"
        " merge-resolve merge-subtree merge-tree mergetool mktag mktree multi-pack-index mv name-rev notes"
        " p4 pack-objects pack-redundant pack-refs patch-id pickaxe prune prune-packed pull push"
        " quiltimport range-diff read-tree rebase receive-pack reflog refs remote remote-ext remote-fd"
        " remote-ftp remote-ftps remote-http remote-https repack replace replay repo request-pull rerere"
        " reset"
        " restore rev-list rev-parse revert rm send-email send-pack sh-i18n--envsubst shell shortlog show"
        " show-branch show-index show-ref sparse-checkout stage stash status stripspace submodule"
        " submodule--helper subtree svn switch symbolic-ref tag unpack-file unpack-objects update-index"
        " update-ref update-server-info upload-archive upload-archive--writer upload-pack var"
        " verify-commit verify-pack verify-tag version web--browse whatchanged worktree write-tree ";

static const struct option_row global_rows[] = {
	{ NULL, 'C', TAKES_VALUE, 0, 0, FACT_GIT_DIR },
	{ NULL, 'c', TAKES_VALUE, FACT_GIT_CONFIG_SET, 0, 0 },
	{ "config-env", 0, TAKES_VALUE, FACT_GIT_CONFIG_SET, 0, 0 },
	{ "git-dir", 0, TAKES_VALUE, 0, 0, FACT_GIT_DIR },
	{ "work-tree", 0, TAKES_VALUE, 0, 0, FACT_GIT_DIR },
	{ "exec-path", 0, TAKES_MAYBE, FACT_GIT_EXEC, 0, 0 },
	{ .name = NULL },
};

/* Git does not bundle its own short options; where it refuses, it does not matter. */
static const struct grammar global = {
	.rows = global_rows,
	.letters = "pPhv",
	.longs = " paginate no-pager no-replace-objects bare namespace= super-prefix= attr-source= list-cmds="
	         " literal-pathspecs glob-pathspecs noglob-pathspecs icase-pathspecs no-optional-locks"
	         " no-lazy-fetch no-advice shallow-file= help version html-path man-path info-path ",
	.flags = GRAMMAR_STOPS,
	.unknown = FACT_GIT_UNKNOWN,
};

/* What an option of a sub-command means. */
struct git_option {
	const char *command; /* " a b " */
	const char *name;    /* long, matched from `min` characters on; NULL = none */
	uint8_t min;
	char letter;
	uint8_t set, also; /* 0 = none */
};

static const struct git_option options[] = {
	{ " reset ", "hard", 1, 0, FACT_GIT_RESET_HARD, FACT_GIT_DISCARD },
	{ " reset ", "merge", 2, 0, FACT_GIT_DISCARD, 0 },
	{ " clean ", "force", 1, 'f', FACT_GIT_CLEAN_FORCE, FACT_GIT_DISCARD },
	{ " clean ", "interactive", 1, 'i', FACT_GIT_DISCARD, 0 },
	{ " checkout switch ", "force", 1, 'f', FACT_GIT_DISCARD, 0 },
	{ " checkout ", NULL, 0, 'B', FACT_GIT_REWRITE, 0 },
	{ " switch ", "discard-changes", 2, 0, FACT_GIT_DISCARD, 0 },
	{ " switch ", "force-create", 7, 'C', FACT_GIT_REWRITE, 0 },
	{ " checkout ", "patch", 1, 'p', FACT_GIT_DISCARD, 0 },
	{ " checkout ", "ours", 3, '2', FACT_GIT_DISCARD, 0 },
	{ " checkout ", "theirs", 2, '3', FACT_GIT_DISCARD, 0 },
	{ " checkout ", "pathspec-from-file", 3, 0, FACT_GIT_DISCARD, 0 },
	{ " branch tag ", "delete", 1, 'd', FACT_GIT_DISCARD, 0 },
	{ " branch ", NULL, 0, 'D', FACT_GIT_DISCARD, 0 },
	{ " branch ", "force", 3, 'f', FACT_GIT_REWRITE, 0 },
	{ " branch ", NULL, 0, 'M', FACT_GIT_REWRITE, 0 },
	{ " branch ", NULL, 0, 'C', FACT_GIT_REWRITE, 0 },
	{ " tag ", "force", 3, 'f', FACT_GIT_REWRITE, 0 },
	{ " rm ", "force", 1, 'f', FACT_GIT_DISCARD, 0 },
	{ " read-tree ", "reset", 1, 0, FACT_GIT_DISCARD, 0 },
	{ " checkout-index ", "force", 1, 'f', FACT_GIT_DISCARD, 0 },
	{ " gc ", "prune", 1, 0, FACT_GIT_DISCARD, 0 },
	{ " commit ", "amend", 2, 0, FACT_GIT_REWRITE, 0 },
	{ " commit merge push am rebase pull ", "no-verify", 4, 0, FACT_GIT_HOOKS_OFF, 0 },
	{ " commit am ", NULL, 0, 'n', FACT_GIT_HOOKS_OFF, 0 },
	{ " rebase ", "exec", 2, 'x', FACT_GIT_EXEC, 0 },
	{ " clone fetch pull ls-remote fetch-pack ", "upload-pack", 3, 0, FACT_GIT_EXEC, 0 },
	{ " clone ", NULL, 0, 'u', FACT_GIT_EXEC, 0 },
	{ " clone init ", "template", 1, 0, FACT_GIT_EXEC, 0 },
	{ " ls-remote fetch-pack archive ", "exec", 1, 0, FACT_GIT_EXEC, 0 },
	{ " grep ", "open-files-in-pager", 2, 'O', FACT_GIT_EXEC, 0 },
	{ " difftool ", "extcmd", 2, 'x', FACT_GIT_EXEC, 0 },
	{ " send-email ", "smtp-server", 11, 0, FACT_GIT_EXEC, 0 },
	{ " send-email ", "sendmail-cmd", 3, 0, FACT_GIT_EXEC, 0 },
	{ " send-email ", "to-cmd", 3, 0, FACT_GIT_EXEC, 0 },
	{ " send-email ", "cc-cmd", 3, 0, FACT_GIT_EXEC, 0 },
	{ " submodule ", "force", 1, 'f', FACT_GIT_DISCARD, 0 },
	{ .command = NULL },
};

/* Commands, and operations of commands, that are what they are whatever their options. */
static const struct {
	const char *command, *operation; /* operation NULL = any */
	uint8_t set;
} actions[] = {
	{ " clone fetch pull ls-remote fetch-pack http-fetch ", NULL, FACT_GIT_FETCH },
	{ " remote ", " update ", FACT_GIT_FETCH },
	{ " submodule ", " update add ", FACT_GIT_FETCH },
	{ " rebase filter-branch replace update-ref fast-import replay ", NULL, FACT_GIT_REWRITE },
	{ " symbolic-ref refs ", NULL, FACT_GIT_REWRITE },
	{ " restore prune ", NULL, FACT_GIT_DISCARD },
	{ " stash ", " drop clear ", FACT_GIT_DISCARD },
	{ " reflog ", " expire delete drop ", FACT_GIT_DISCARD },
	{ " worktree ", " remove prune ", FACT_GIT_DISCARD },
	{ " submodule ", " deinit ", FACT_GIT_DISCARD },
	{ " submodule ", " foreach ", FACT_GIT_EXEC },
	{ " bisect ", " run ", FACT_GIT_EXEC },
	{ " filter-branch for-each-repo difftool mergetool instaweb web--browse remote-ext remote-fd shell"
	  " upload-pack receive-pack daemon hook difftool--helper ",
	  NULL, FACT_GIT_EXEC },
	{ " notes ", " remove prune ", FACT_GIT_REWRITE },
	{ " refs ", " delete prune ", FACT_GIT_DISCARD },
};

/* Options whose value is the next word, or the rest of this one: it is not to be read as options. */
static const struct {
	const char *command, *letters, *longs;
} values[] = {
	{ " commit ", "mFCct",
	  " message file reuse-message reedit-message fixup squash author date template cleanup trailer"
	  " pathspec-from-file " },
	{ " checkout switch ", "bBcC", " conflict orphan pathspec-from-file " },
	{ " restore ", "s", " source conflict pathspec-from-file " },
	{ " clone ", "objuc",
	  " origin branch jobs upload-pack template reference reference-if-able depth shallow-since"
	  " shallow-exclude separate-git-dir config server-option filter bundle-uri " },
	{ " fetch pull ls-remote fetch-pack ", "josX",
	  " jobs upload-pack depth shallow-since shallow-exclude deepen refmap server-option"
	  " negotiation-tip filter strategy strategy-option exec sort cleanup " },
	{ " clean ", "e", " exclude " },
	{ " rebase merge am ", "xsXmFC", " exec strategy strategy-option onto message file cleanup empty " },
	{ " tag ", "mFu", " message file local-user sort format contains points-at cleanup trailer " },
	{ " branch ", "u", " set-upstream-to sort format contains points-at " },
	{ " difftool ", "xt", " extcmd tool " },
	{ " stash reset submodule ", "mb", " message pathspec-from-file branch name reference depth " },
	{ " archive ", "o", " output exec prefix format " },
};

/* How options of this command are read. */
struct reading {
	const char *command, *letters, *longs;
};

static struct reading reading_of(const char *command)
{
	struct reading r = { .command = command, .letters = "", .longs = " " };

	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		if (is_in(values[i].command, command)) {
			r.letters = values[i].letters;
			r.longs = values[i].longs;
		}
	return r;
}

/* Is it, or the beginning of, one of the words? */
static bool begins_one(const char *list, const char *word, size_t len)
{
	for (const char *p = list; (p = strchr(p, ' ')) && p[1]; p++)
		if (len > 1 && !strncmp(p + 1, word, len))
			return true;
	return false;
}

/* One option: the long one `name`, or the short one `letter`. */
static void apply(struct facts *f, const char *command, const char *name, size_t len, char letter)
{
	for (const struct git_option *o = options; o->command; o++) {
		bool hit = letter ? o->letter == letter
		                  : o->name && len >= o->min && !strncmp(o->name, name, len);

		if (!hit || !is_in(o->command, command))
			continue;
		facts_set(f, (enum fact)o->set);
		if (o->also)
			facts_set(f, (enum fact)o->also);
	}
}

/* A word of options: "--hard", "-fd". True if the next word is its value. */
static bool option_word(struct facts *f, const struct reading *r, const char *word)
{
	if (word[1] == '-') {
		size_t len = strcspn(word + 2, "=");

		apply(f, r->command, word + 2, len, 0);
		return !word[2 + len] && begins_one(r->longs, word + 2, len);
	}
	for (const char *p = word + 1; *p; p++) {
		apply(f, r->command, "", 0, *p);
		if (strchr(r->letters, *p))
			return !p[1];
	}
	return false;
}

static void act(struct facts *f, const char *command, const char *operation)
{
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
		if (is_in(actions[i].command, command) &&
		    (!actions[i].operation || (operation && is_in(actions[i].operation, operation))))
			facts_set(f, (enum fact)actions[i].set);
}

/* git config: with a value, or asked to change. */
static void config_words(struct facts *f, const char *const *argv, size_t argc)
{
	static const char changes[] =
	        " --add --unset --unset-all --replace-all --remove-section"
	        " --rename-section -e --edit set unset remove-section rename-section edit ";
	static const char reads[] = " --get --get-all --get-regexp --get-urlmatch --get-color"
	                            " --get-colorbool -l --list list get get-all --show-origin ";
	static const char with_value[] = " -f --file --blob --type --default --comment --value --url ";
	const char *word[3] = { NULL };
	size_t n = 0;
	bool changing = false, reading = false;

	for (size_t i = 1; i < argc; i++) {
		changing |= is_in(changes, argv[i]) && (argv[i][0] == '-' || n == 0);
		reading |= is_in(reads, argv[i]) && (argv[i][0] == '-' || n == 0);
		if (is_in(with_value, argv[i]))
			i++;
		else if (argv[i][0] != '-' && n < 3 &&
		         !(n == 0 && is_in(" set unset edit get list ", argv[i])))
			word[n++] = argv[i];
	}
	if (n && (changing || n > 1) && !(reading && !changing))
		git_setting(f, word[0], n > 1 ? word[1] : NULL);
	if (changing)
		facts_set(f, FACT_GIT_CONFIG_SET);
}

/* -c KEY=VALUE, --config KEY=VALUE of clone. */
static void clone_setting(struct facts *f, const char *const *argv, size_t argc, size_t i)
{
	const char *word = argv[i];

	if (starts(word, "--c") && starts("--config", word) && i + 1 < argc)
		git_setting(f, argv[i + 1], NULL);
	else if (starts(word, "--config="))
		git_setting(f, word + 9, NULL);
	else if (starts(word, "-c"))
		git_setting(f, word[2] ? word + 2 : i + 1 < argc ? argv[i + 1] : "", NULL);
}

/* Sub-commands other than push and config. */
static void other_words(struct facts *f, const char *command, const char *const *argv, size_t argc)
{
	const struct reading r = reading_of(command);
	const char *operation = NULL;
	bool addresses = is_in(" clone fetch pull ls-remote fetch-pack remote submodule archive request-pull"
	                       " http-fetch ",
	                       command);
	bool ended = false;

	for (size_t i = 1; i < argc; i++) {
		const char *word = argv[i];

		if (!ended && word[0] == '-' && word[1]) {
			ended = !strcmp(word, "--");
			if (!strcmp(command, "clone"))
				clone_setting(f, argv, argc, i);
			if (starts(word, "--remote="))
				git_address(f, word + 9);
			i += option_word(f, &r, word);
			continue;
		}
		if (!operation && !ended)
			operation = word;
		if (addresses)
			git_address(f, word);
	}
	act(f, command, operation);
	/* checkout of files, in place of branches: "." or what stands behind "--" */
	if (!strcmp(command, "checkout") && (ended || (operation && !strcmp(operation, "."))))
		facts_set(f, FACT_GIT_DISCARD);
}

/* A sub-command that git has. */
static void builtin(struct facts *f, const char *const *argv, size_t argc)
{
	const char *command = argv[0];

	if (is_in(" push send-pack http-push ", command))
		git_push(f, argv, argc, *command != 'p');
	else if (!strcmp(command, "config"))
		config_words(f, argv, argc);
	else
		other_words(f, command, argv, argc);
}

/* Words that some other sub-command may get. */
struct guess {
	struct facts *f;
	const char *words[GIT_WORDS + 1];
	size_t n;
};

static void suppose(void *to, const char *command)
{
	struct guess *g = to;
	struct facts other = { .value = NULL };

	g->words[0] = command;
	builtin(&other, g->words, g->n);
	for (size_t i = 0; i < FACTS_WORDS; i++)
		g->f->doubt[i] |= other.yes[i] | other.doubt[i];
}

/* No sub-command of git's: another program, an alias in a file (git starts what they stand for as a command
 * of its own), or a slip of the fingers that git may put right by itself. */
static void unknown_words(struct facts *f, const char *const *argv, size_t argc)
{
	struct guess g = { .f = f, .n = argc };

	if (argc > GIT_WORDS) {
		facts_doubt_family(f, "git.");
		return;
	}
	for (size_t i = 0; i < argc; i++)
		g.words[i] = argv[i];
	g.words[argc] = NULL;
	git_meant(argv[0], builtins, suppose, &g);
}

static void subcommand(struct facts *f, const char *const *argv, size_t argc, const char *const *before,
                       size_t n_before)
{
	struct git_words words;
	int named;

	facts_text(f, FACT_GIT_COMMAND, argv[0]);
	if (is_in(builtins, argv[0])) {
		builtin(f, argv, argc);
		return;
	}
	facts_set(f, FACT_GIT_ALIAS);
	named = git_alias(before, n_before, argv, argc, &words);
	if (named < 0) {
		facts_set(f, FACT_GIT_UNKNOWN);
		facts_doubt_family(f, "git.");
	} else if (!named) {
		unknown_words(f, argv, argc);
	} else if (words.argc && is_in(builtins, words.argv[0])) {
		builtin(f, words.argv, words.argc);
	}
}

/* "git-push" is git push. */
static void dashed(struct facts *f, const char *name, const char *const *argv, size_t argc)
{
	const char *words[GIT_WORDS + 1];
	size_t n = argc < GIT_WORDS ? argc : GIT_WORDS;

	/* More words than these are rare; then all is in doubt, which restricts. */
	if (argc > n)
		facts_doubt_family(f, "git.");
	for (size_t i = 0; i < n; i++)
		words[i] = argv[i];
	words[0] = name + 4;
	words[n ? n : 1] = NULL;
	builtin(f, words, n ? n : 1);
	facts_text(f, FACT_GIT_COMMAND, words[0]);
}

void model_git(struct facts *f, const char *name, const char *const *argv, size_t argc)
{
	struct scan s = { .g = &global, .f = f, .argv = argv, .argc = argc, .at = 1 };

	if (starts(name, "git-")) {
		dashed(f, name, argv, argc);
		return;
	}
	for (enum item i; (i = scan_next(&s)) != ITEM_END;) {
		if (i == ITEM_OPERAND) {
			subcommand(f, argv + s.at - 1, argc - s.at + 1, argv + 1, s.at - 2);
			return;
		}
		/* The name of a variable that holds the value: no value is no excuse. */
		if (i == ITEM_OPTION && s.row && s.row->set == FACT_GIT_CONFIG_SET)
			git_setting(f, s.value, s.letter ? NULL : "!");
		/* Without a value it only prints. */
		if (i == ITEM_OPTION && s.row && s.row->set == FACT_GIT_EXEC && !s.value)
			facts_clear(f, FACT_GIT_EXEC);
		if (i == ITEM_UNKNOWN)
			facts_doubt_family(f, "git.");
	}
}
