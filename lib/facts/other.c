/* go, gem, bundle, composer, deno. */
#include "facts/pkg.h"

static const struct option_row rows[] = {
	{ "local", 0, TAKES_NONE, FACT_PKG_OFFLINE, 0, 0 },
	{ "source", 0, TAKES_VALUE, FACT_PKG_INDEX, 0, 0 },
	{ "repository", 0, TAKES_VALUE, FACT_PKG_INDEX, 0, 0 },
	{ "global", 'g', TAKES_NONE, FACT_PKG_GLOBAL, 0, 0 },
	{ .name = NULL },
};

/* Too many options to tell: those that take a value are in front of the sub-command, or do no harm behind. */
static const struct grammar go_grammar = {
	.rows = rows,
	.letters = "C:p:n",
	.longs = " C= mod= modfile= overlay= tags= ldflags= gcflags= o= exec= ",
	.flags = GRAMMAR_SINGLE | GRAMMAR_LAX,
};

static const struct grammar other_grammar = {
	.rows = rows,
	.letters = "abcefhijklmoqstuwxyzABDEFGHIJKLMNOPQRSTUVWXYZn:v:r:C:d:p:",
	.longs = " working-dir= version= install-dir= bindir= path= jobs= retry= gemfile= platform="
	         " group= without="
	         " with= config= lock= reload= import-map= cert= ",
	.flags = GRAMMAR_LAX,
};

static const struct manager managers[] = {
	{ .name = "go",
	  .grammar = &go_grammar,
	  .install = " get install ",
	  .fetch = " download ",
	  .groups = " mod work ",
	  .scripts = true },
	{ .name = "gem",
	  .grammar = &other_grammar,
	  .install = " install i update ",
	  .fetch = " fetch ",
	  .exec = " exec ",
	  .remove = " uninstall cleanup ",
	  .publish = " push yank owner signin ",
	  .scripts = true },
	{ .name = "bundle",
	  .grammar = &other_grammar,
	  .install = " install i update add ",
	  .fetch = " lock package cache ",
	  .remove = " remove clean ",
	  .bare = "install",
	  .scripts = true },
	{ .name = "composer",
	  .grammar = &other_grammar,
	  .install = " install i update u upgrade require r req create-project self-update selfupdate"
	             " reinstall ",
	  .exec = " exec ",
	  .remove = " remove rm uninstall ",
	  .others =
	          " about archive audit browse bump check-platform-reqs clear-cache config depends diagnose"
	          " dump-autoload fund help init licenses list outdated prohibits run-script run search show"
	          " status suggests validate why why-not completion ",
	  .groups = " global ",
	  .abbreviates = true },
	{ .name = "deno",
	  .grammar = &other_grammar,
	  .install = " install i add upgrade update outdated ",
	  .fetch = " cache ",
	  .exec = " x ",
	  .remove = " uninstall remove rm ",
	  .publish = " publish ",
	  .scripts = true },
};

/* go run MODULE@VERSION fetches; go run . does not. */
static bool runs_remote(const char *const *argv, size_t argc)
{
	bool run = false;

	for (size_t i = 1; i < argc; i++) {
		if (run && argv[i][0] != '-')
			return strchr(argv[i], '@') != NULL;
		run |= !strcmp(argv[i], "run");
	}
	return false;
}

void model_other(struct facts *f, const char *name, const char *const *argv, size_t argc)
{
	if (!strcmp(name, "bundler"))
		name = "bundle";
	for (size_t i = 0; i < sizeof managers / sizeof *managers; i++)
		if (!strcmp(managers[i].name, name))
			pkg_read(&managers[i], f, argv, argc, 1);
	if (!strcmp(name, "go") && runs_remote(argv, argc))
		facts_set(f, FACT_PKG_EXEC);
}
