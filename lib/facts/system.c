/* The package managers of operating systems. */
#include "facts/pkg.h"

static const struct option_row apt_rows[] = {
	{ "download-only", 'd', TAKES_NONE, FACT_PKG_FETCH, 0, 0 },
	{ .name = NULL },
};

static const struct grammar apt_grammar = {
	.rows = apt_rows,
	.letters = "hvsfyuUbmVqEi?o:c:t:a:P:",
	.longs = " help version simulate just-print dry-run recon no-act yes assume-yes assume-no"
	         " show-upgraded"
	         " verbose-versions option= config-file= target-release= default-release= host-architecture="
	         " build-profiles= fix-broken fix-missing ignore-missing ignore-hold no-upgrade only-upgrade"
	         " allow-downgrades allow-remove-essential allow-change-held-packages force-yes"
	         " print-uris purge"
	         " reinstall list-cleanup trivial-only remove auto-remove autoremove only-source"
	         " diff-only dsc-only"
	         " tar-only arch-only indep-only allow-unauthenticated no-allow-insecure-repositories"
	         " allow-insecure-repositories allow-releaseinfo-change show-progress with-source="
	         " error-on= quiet?"
	         " compile build with-new-pkgs install-recommends install-suggests no-install-recommends"
	         " no-install-suggests no-remove no-download update all-versions installed upgradable"
	         " names-only"
	         " full manual-installed color snapshot= solver= planner= audit comment= without-recommends"
	         " with-recommends with-suggests disable-columns sort= add-user-tag= ",
	.flags = GRAMMAR_NEGATES | GRAMMAR_BOOLEANS | GRAMMAR_EQUALS,
	.unknown = FACT_PKG_UNKNOWN,
};

/* The others: options without a table; one that takes a value is in doubt. */
static const struct grammar other_grammar = {
	.letters = "abdefghijklmnopqstuvwxyzABDEFGHIJKLMNOPQSTUVWXYZ0123456789c:C:r:R:",
	.longs = " root= repository= repo= keys-dir= repositories-file= cache-dir= arch= enablerepo="
	         " disablerepo="
	         " releasever= installroot= setopt= exclude= config= reposdir= forcearch= enableplugin="
	         " disableplugin= advisory= color= comment= destdir= downloaddir= from= to= channel="
	         " name= virtual= ",
	.flags = GRAMMAR_LAX,
	.unknown = FACT_PKG_UNKNOWN,
};

static const struct manager managers[] = {
	{ .name = "apt",
	  .grammar = &apt_grammar,
	  .install = " install reinstall upgrade dist-upgrade full-upgrade safe-upgrade build-dep satisfy"
	             " dselect-upgrade ",
	  .fetch = " update download source changelog ",
	  .remove = " remove purge autoremove auto-remove autopurge ",
	  .others = " list search show showsrc showpkg depends rdepends policy madison edit-sources clean"
	            " autoclean"
	            " auto-clean distclean check indextargets help moo hold unhold markauto unmarkauto why"
	            " why-not"
	            " versions modernize-sources history-list history-info " },
	{ .name = "apk",
	  .grammar = &other_grammar,
	  .install = " add upgrade fix ",
	  .fetch = " update fetch ",
	  .remove = " del ",
	  .others = " info search list policy stats index audit verify cache dot manifest version ",
	  .scripts = true },
	{ .name = "dnf",
	  .grammar = &other_grammar,
	  .install = " install reinstall update upgrade upgrade-minimal update-minimal downgrade swap"
	             " groupinstall"
	             " localinstall localupdate distro-sync dsync builddep build-dep in up enable switch-to ",
	  .fetch = " download makecache ",
	  .remove = " remove erase autoremove groupremove ",
	  .groups = " module group groups ",
	  .scripts = true },
	{ .name = "zypper",
	  .grammar = &other_grammar,
	  .install = " install in update up dist-upgrade dup patch source-install si verify ve ",
	  .fetch = " refresh ref download ",
	  .remove = " remove rm ",
	  .scripts = true },
	{ .name = "brew",
	  .grammar = &other_grammar,
	  .install = " install upgrade reinstall tap link bundle ",
	  .fetch = " fetch update ",
	  .remove = " uninstall remove rm autoremove untap ",
	  .groups = " cask ",
	  .scripts = true },
	{ .name = "snap",
	  .grammar = &other_grammar,
	  .install = " install refresh update try revert enable remote-add make-current ",
	  .fetch = " download ",
	  .remove = " remove uninstall disable ",
	  .scripts = true },
};

/* Options that are commands: dpkg -i, rpm -Uvh, pacman -S. */
static void by_option(struct facts *f, const char *name, const char *const *argv, size_t argc)
{
	bool pacman = !strcmp(name, "pacman"), dpkg = !strcmp(name, "dpkg");
	const char *installs = pacman ? "SU"
	                       : dpkg ? "i"
	                              : "iUF",
	           *removes = pacman ? "R"
	                      : dpkg ? "rP"
	                             : "e";

	facts_text(f, FACT_PKG_MANAGER, name);
	for (size_t i = 1; i < argc; i++) {
		const char *word = argv[i];

		if (word[0] != '-') {
			facts_text(f, FACT_PKG_PACKAGE, word);
			continue;
		}
		if (is_in(" --install --upgrade --freshen --unpack --configure --sync --sysupgrade"
		          " --reinstall ",
		          word) ||
		    (word[1] != '-' && strpbrk(word + 1, installs) && !strpbrk(word + 1, pacman ? "" : "qV")))
			facts_set(f, FACT_PKG_INSTALL);
		if (is_in(" --remove --purge --erase ", word) ||
		    (word[1] != '-' && strpbrk(word + 1, removes)))
			facts_set(f, FACT_PKG_REMOVE);
	}
}

void model_system(struct facts *f, const char *name, const char *const *argv, size_t argc)
{
	if (is_in(" dpkg rpm pacman ", name)) {
		by_option(f, name, argv, argc);
		return;
	}
	if (is_in(" apt-get aptitude ", name))
		name = "apt";
	else if (is_in(" yum microdnf ", name))
		name = "dnf";
	else if (!strcmp(name, "flatpak"))
		name = "snap";
	for (size_t i = 0; i < sizeof managers / sizeof *managers; i++)
		if (!strcmp(managers[i].name, name))
			pkg_read(&managers[i], f, argv, argc, 1);
}
