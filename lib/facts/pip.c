/* pip, pipx, uv, poetry, conda; and python, which runs them as modules or by path. */
#include "facts/pkg.h"

static const struct option_row pip_rows[] = {
	{ "no-index", 0, TAKES_NONE, FACT_PKG_OFFLINE, 0, 0 },
	{ "index-url", 'i', TAKES_VALUE, FACT_PKG_INDEX, 0, 0 },
	{ "pypi-url", 0, TAKES_VALUE, FACT_PKG_INDEX, 0, 0 },
	{ "extra-index-url", 0, TAKES_VALUE, FACT_PKG_INDEX, 0, 0 },
	{ "find-links", 'f', TAKES_VALUE, 0, 0, 0 },
	{ "requirement", 'r', TAKES_VALUE, FACT_PKG_FROM_FILE, 0, 0 },
	{ "constraint", 'c', TAKES_VALUE, FACT_PKG_FROM_FILE, 0, 0 },
	{ "build-constraint", 0, TAKES_VALUE, FACT_PKG_FROM_FILE, 0, 0 },
	{ "group", 0, TAKES_VALUE, FACT_PKG_FROM_FILE, 0, 0 },
	{ "editable", 'e', TAKES_VALUE, 0, 0, FACT_PKG_PACKAGE },
	{ .name = NULL },
};

static const struct grammar pip_grammar = {
	.rows = pip_rows,
	.letters = "hvVqUIyolut:C:d:w:b:p:",
	.longs =
	        " help debug isolated require-virtualenv require-venv python= verbose version quiet log="
	        " log-file="
	        " local-log= no-input keyring-provider= proxy= retries= timeout= default-timeout="
	        " exists-action= trusted-host= cert= client-cert= cache-dir= no-cache-dir"
	        " disable-pip-version-check no-color no-python-version-warning use-feature= use-deprecated="
	        " no-deps no-dependencies pre dry-run ignore-installed target= platform= python-version="
	        " implementation= abi= user root= prefix= src= source= source-dir= source-directory= upgrade"
	        " upgrade-strategy= force-reinstall ignore-requires-python no-build-isolation use-pep517"
	        " no-use-pep517 check-build-dependencies break-system-packages config-settings="
	        " config-setting= global-option= install-option= build-option= compile no-compile"
	        " no-warn-script-location no-warn-conflicts no-binary= only-binary= prefer-binary"
	        " require-hashes progress-bar= root-user-action= report= no-clean dest= destination-dir="
	        " destination-directory= wheel-dir= build= build-dir= build-directory= no-verify yes outdated"
	        " uptodate local path= format= not-required exclude-editable include-editable exclude= all"
	        " files algorithm= global site editor= uploaded-prior-to= output= json editables"
	        " process-dependency-links egg always-unzip no-use-wheel use-wheel download= mirrors"
	        " use-mirrors ",
	.flags = GRAMMAR_ABBREVIATES,
	.unknown = FACT_PKG_UNKNOWN,
};

static const struct option_row uv_rows[] = {
	{ "offline", 0, TAKES_NONE, FACT_PKG_OFFLINE, 0, 0 },
	{ "no-index", 0, TAKES_NONE, FACT_PKG_OFFLINE, 0, 0 },
	{ "index", 0, TAKES_VALUE, FACT_PKG_INDEX, 0, 0 },
	{ "default-index", 0, TAKES_VALUE, FACT_PKG_INDEX, 0, 0 },
	{ "index-url", 'i', TAKES_VALUE, FACT_PKG_INDEX, 0, 0 },
	{ "extra-index-url", 0, TAKES_VALUE, FACT_PKG_INDEX, 0, 0 },
	{ "find-links", 'f', TAKES_VALUE, 0, 0, 0 },
	{ "source", 0, TAKES_VALUE, FACT_PKG_INDEX, 0, 0 },
	{ "channel", 0, TAKES_VALUE, FACT_PKG_INDEX, 0, 0 },
	{ "requirements", 0, TAKES_VALUE, FACT_PKG_FROM_FILE, 0, 0 },
	{ "requirement", 'r', TAKES_VALUE, FACT_PKG_FROM_FILE, 0, 0 },
	{ "constraint", 'c', TAKES_VALUE, FACT_PKG_FROM_FILE, 0, 0 },
	{ "constraints", 0, TAKES_VALUE, FACT_PKG_FROM_FILE, 0, 0 },
	{ "file", 0, TAKES_VALUE, FACT_PKG_FROM_FILE, 0, 0 },
	{ "from", 0, TAKES_VALUE, 0, 0, FACT_PKG_PACKAGE },
	{ "spec", 0, TAKES_VALUE, 0, 0, FACT_PKG_PACKAGE },
	{ "with", 'w', TAKES_VALUE, FACT_PKG_EXEC, 0, FACT_PKG_PACKAGE },
	{ "with-editable", 0, TAKES_VALUE, FACT_PKG_EXEC, 0, FACT_PKG_PACKAGE },
	{ "with-requirements", 0, TAKES_VALUE, FACT_PKG_EXEC, 0, 0 },
	{ "editable", 'e', TAKES_VALUE, 0, 0, FACT_PKG_PACKAGE },
	{ "git", 0, TAKES_VALUE, FACT_PKG_FROM_URL, 0, 0 },
	{ .name = NULL },
};

static const struct grammar uv_grammar = {
	.rows = uv_rows,
	.letters = "qvVhnUyGDlxbp:C:P:d:m:o:t:s:a:E:",
	.longs = " quiet verbose version help no-cache no-config no-progress native-tls system-certs"
	         " upgrade force all"
	         " user system dev no-dev no-sync no-install-project frozen locked isolated yes json dry-run"
	         " module script no-python-downloads managed-python no-managed-python allow-existing"
	         " no-build-isolation no-deps pre no-interaction no-ansi ansi no-plugins dry lock compile"
	         " sync no-root only-root override-channels strict-channel-priority include-deps"
	         " break-system-packages"
	         " all-groups no-default-groups all-extras active exact no-editable inexact show-settings"
	         " directory= project= config-file= cache-dir= color= allow-insecure-host= python="
	         " python-preference= python-fetch= upgrade-package= reinstall-package= refresh-package="
	         " extra="
	         " group= only-group= no-group= optional= tag= branch= rev= package= keyring-provider="
	         " resolution= prerelease= fork-strategy= index-strategy= config-setting= link-mode="
	         " exclude-newer= no-binary-package= no-build-package= output-file= python-version="
	         " python-platform= target= prefix= build-constraint= override= name= root= suffix= pip-args="
	         " backend= without= only= extras= platform= markers= environment= solver= subdir= mirror="
	         " preinstall= index= ",
	.flags = GRAMMAR_NEGATES | GRAMMAR_EQUALS,
	.unknown = FACT_PKG_UNKNOWN,
};

/* conda's -n and -p take a value. */
static const struct grammar conda_grammar = {
	.rows = uv_rows,
	.letters = "hqvVyCdkm"
	           "n:p:",
	.longs = " name= prefix= help version yes quiet json verbose dry-run offline override-channels"
	         " use-local repodata-fn= experimental= no-lock strict-channel-priority no-channel-priority"
	         " no-deps only-deps no-pin copy no-shortcuts clone= download-only show-channel-urls"
	         " update-all all"
	         " force-reinstall freeze-installed no-update-deps revision= dev solver= subdir= platform="
	         " insecure live-stream no-capture-output cwd= update-deps update-specs rc-file= root-prefix="
	         " relocate-prefix= log-level= console debug-wrapper-scripts no-default-packages prune ",
	.flags = GRAMMAR_ABBREVIATES | GRAMMAR_EQUALS,
	.unknown = FACT_PKG_UNKNOWN,
};

static const struct manager managers[] = {
	{ .name = "pip",
	  .grammar = &pip_grammar,
	  .install = " install ",
	  .fetch = " download wheel lock bundle ",
	  .remove = " uninstall ",
	  .others = " list show freeze check config search cache index inspect hash completion debug help"
	            " unzip zip " },
	{ .name = "pipx",
	  .grammar = &uv_grammar,
	  .install = " install install-all inject upgrade upgrade-all upgrade-shared reinstall"
	             " reinstall-all runpip"
	             " standalone ",
	  .exec = " run ",
	  .remove = " uninstall uninstall-all uninject ",
	  .others = " list ensurepath environment completions pin unpin help ",
	  .groups = " interpreter " },
	{ .name = "uv",
	  .grammar = &uv_grammar,
	  .install = " add sync install upgrade update compile-bytecode ",
	  .fetch = " lock compile download ",
	  .exec = " run ",
	  .remove = " remove uninstall prune clean ",
	  .publish = " publish login logout ",
	  .others =
	          " init venv build version tree export list show freeze check dir find pin which cache help"
	          " generate-shell-completion format auth ",
	  .groups = " pip tool python self " },
	{ .name = "poetry",
	  .grammar = &uv_grammar,
	  .install = " add install update sync ",
	  .fetch = " lock ",
	  .remove = " remove ",
	  .publish = " publish ",
	  .others = " run shell show build check config init new list search version about help export use"
	            " info env"
	            " cache clear ",
	  .groups = " self python ",
	  .abbreviates = true },
	{ .name = "pipenv",
	  .grammar = &uv_grammar,
	  .install = " install update sync upgrade ",
	  .fetch = " lock ",
	  .remove = " uninstall clean ",
	  .others = " run shell graph check open scripts requirements verify activate audit " },
	{ .name = "conda",
	  .grammar = &conda_grammar,
	  .install = " install create update upgrade init ",
	  .remove = " remove uninstall clean ",
	  .others = " list search info config activate deactivate run export compare doctor notices"
	            " package help shell"
	            " repoquery ",
	  .groups = " env self " },
};

static const struct manager runner = { .name = "uvx", .grammar = &uv_grammar };

const struct manager *pip_manager(const char *name, size_t len)
{
	while (len > 1 && ((name[len - 1] >= '0' && name[len - 1] <= '9') || strchr(".-", name[len - 1])))
		len--;
	if (scan_word(" uvx ", name, len))
		return &runner;
	if (scan_word(" mamba micromamba ", name, len))
		return &managers[5];
	if (scan_word(" pip.pyz pip_wrapper pip._internal ", name, len))
		return &managers[0];
	for (size_t i = 0; i < sizeof managers / sizeof *managers; i++)
		if (strlen(managers[i].name) == len && !strncmp(managers[i].name, name, len))
			return &managers[i];
	return NULL;
}

/* uvx [OPTIONS] PACKAGE [ARGUMENTS OF ITS OWN] */
static void run_one(struct facts *f, const char *const *argv, size_t argc, size_t at)
{
	struct grammar g = uv_grammar;
	struct scan s = { .g = &g, .f = f, .argv = argv, .argc = argc, .at = at };

	g.flags |= GRAMMAR_STOPS;
	facts_text(f, FACT_PKG_MANAGER, runner.name);
	for (enum item i; (i = scan_next(&s)) != ITEM_END;) {
		if (i == ITEM_OPTION && s.row && s.value && s.row->value)
			pkg_source(&runner, f, s.value);
		if (i == ITEM_UNKNOWN)
			facts_doubt_family(f, "pkg.");
		if (i != ITEM_OPERAND)
			continue;
		facts_set(f, FACT_PKG_EXEC);
		facts_text(f, FACT_PKG_PACKAGE, s.value);
		pkg_source(&runner, f, s.value);
		return;
	}
}

static void read_manager(const struct manager *m, struct facts *f, const char *const *argv, size_t argc,
                         size_t at)
{
	if (m == &runner)
		run_one(f, argv, argc, at);
	else
		pkg_read(m, f, argv, argc, at);
}

void model_pip(struct facts *f, const char *name, const char *const *argv, size_t argc)
{
	const struct manager *m = pip_manager(name, strlen(name));

	if (m)
		read_manager(m, f, argv, argc, 1);
	else
		facts_set(f, FACT_PKG_INSTALL); /* easy_install */
}

/* A module or script that is a package manager. `at` is the index behind it. */
static void python_runs(struct facts *f, const char *name, size_t len, const char *const *argv, size_t argc,
                        size_t at)
{
	const struct manager *m = pip_manager(name, len);

	if (m)
		read_manager(m, f, argv, argc, at);
	else if (scan_word(" easy_install get-pip.py ez_setup.py ", name, len))
		facts_set(f, FACT_PKG_INSTALL);
}

/* site-packages/pip, pip/__main__.py, /usr/bin/pip3 */
static void script(struct facts *f, const char *const *argv, size_t argc, size_t at)
{
	const char *path = argv[at], *base = base_name(path), *end = path + strlen(path);

	if (!strcmp(base, "__main__.py") && base > path) {
		end = base - 1;
		for (base = end; base > path && base[-1] != '/'; base--)
			;
	} else if (!*base && end > path) {
		for (end--, base = end; base > path && base[-1] != '/'; base--)
			;
	}
	python_runs(f, base, (size_t)(end - base), argv, argc, at + 1);
}

void model_python(struct facts *f, const char *name, const char *const *argv, size_t argc)
{
	static const struct grammar grammar = { .letters = "bBdEhiIOPqRsStuvVxJ?c:m:W:X:Q:",
		                                .longs = " help help-all help-env help-xoptions version"
		                                         " check-hash-based-pycs= ",
		                                .flags = GRAMMAR_STOPS,
		                                .unknown = FACT_PKG_UNKNOWN };
	struct scan s = { .g = &grammar, .f = f, .argv = argv, .argc = argc, .at = 1 };

	(void)name;
	for (enum item i; (i = scan_next(&s)) != ITEM_END;) {
		if (i == ITEM_OPTION && s.letter == 'c')
			return;
		if (i == ITEM_OPTION && s.letter == 'm' && s.value) {
			const char *module = s.value + strspn(s.value, " ");

			python_runs(f, module, strcspn(module, ". "), argv, argc, s.at);
			return;
		}
		if (i == ITEM_OPERAND) {
			script(f, argv, argc, s.at - 1);
			return;
		}
	}
}
