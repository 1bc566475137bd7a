/* cargo: "+toolchain", its own options, the sub-command. */
#include "facts/pkg.h"

static const struct option_row rows[] = {
	{ "offline", 0, TAKES_NONE, FACT_PKG_OFFLINE, 0, 0 },
	{ "frozen", 0, TAKES_NONE, FACT_PKG_OFFLINE, 0, 0 },
	{ "index", 0, TAKES_VALUE, FACT_PKG_INDEX, 0, 0 },
	{ "registry", 0, TAKES_VALUE, FACT_PKG_INDEX, 0, 0 },
	{ "git", 0, TAKES_VALUE, FACT_PKG_FROM_URL, 0, 0 },
	{ .name = NULL },
};

static const struct grammar grammar = {
	.rows = rows,
	.letters = "vqVhfnrwlsC:Z:F:j:p:",
	.longs =
	        " version list explain= verbose quiet color= locked config= help version= vers= branch="
	        " tag= rev="
	        " path= root= force dry-run no-track message-format= debug ignore-rust-version bin? bins"
	        " example?"
	        " examples features= all-features no-default-features jobs= keep-going profile= target?"
	        " target-dir="
	        " timings? package= manifest-path= lockfile-path= rename= exclude= workspace all lib"
	        " tests test?"
	        " bench? benches all-targets release no-fail-fast no-run doc open no-deps edition= vcs= name="
	        " dev build optional no-optional default-features no-default-features public base= recursive"
	        " aggressive precise= limit= token= undo add= remove= allow-dirty no-verify no-metadata fix"
	        " broken-code edition-idioms allow-no-vcs allow-staged format-version= filter-platform="
	        " depth="
	        " prefix= invert= prune= duplicates edges= charset= format= no-confirm versioned-dirs"
	        " respect-source-config"
	        " sync= crate-type= unit-graph future-incompat-report breaking ignore-rust-version check"
	        " all-files"
	        " print= asset= ",
	.flags = GRAMMAR_EQUALS,
	.unknown = FACT_PKG_UNKNOWN,
};

static const struct manager cargo = {
	.name = "cargo",
	.grammar = &grammar,
	.install = " install add binstall update upgrade generate install-update ",
	.fetch = " fetch vendor ",
	.remove = " remove rm uninstall ",
	.publish = " publish yank owner login logout release ",
	.others = " build b check c clean doc d fix run r test t bench metadata tree init new search info"
	          " locate-project"
	          " pkgid package report rustc rustdoc config help version verify-project read-manifest"
	          " git-checkout"
	          " generate-lockfile clippy fmt miri nextest audit deny expand outdated watch tarpaulin"
	          " llvm-cov bloat"
	          " udeps hack machete make script ",
};

void model_cargo(struct facts *f, const char *name, const char *const *argv, size_t argc)
{
	if (strchr(name, '-')) {
		facts_text(f, FACT_PKG_MANAGER, cargo.name);
		facts_set(f, FACT_PKG_INSTALL);
		return;
	}
	pkg_read(&cargo, f, argv, argc, argc > 1 && argv[1][0] == '+' ? 2 : 1);
}
