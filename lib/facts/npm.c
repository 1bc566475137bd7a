/* npm and its relatives: npx, pnpm, yarn, bun, corepack; and node, which runs them by path. */
#include "facts/pkg.h"

static const struct option_row npm_rows[] = {
	{ "global", 'g', TAKES_NONE, FACT_PKG_GLOBAL, 0, 0 },
	{ "offline", 0, TAKES_NONE, FACT_PKG_OFFLINE, 0, 0 },
	{ "registry", 0, TAKES_VALUE, FACT_PKG_INDEX, 0, 0 },
	{ "reg", 0, TAKES_VALUE, FACT_PKG_INDEX, 0, 0 },
	{ "package", 0, TAKES_VALUE, 0, 0, FACT_PKG_PACKAGE },
	{ "location", 'L', TAKES_VALUE, 0, 0, 0 },
	/* npm asks the network first where it is not told otherwise */
	{ "prefer-online", 0, TAKES_NONE, 0, FACT_PKG_OFFLINE, 0 },
	{ .name = NULL },
};

static const struct grammar npm_grammar = {
	.rows = npm_rows,
	.letters = "adflpqsSBDEOPHhvyn?c:m:C:w:",
	.longs = " all audit bin-links commit-hooks description desc dev dry-run engine-strict force"
	         " foreground-scripts fund git-tag-version if-present ignore-scripts json legacy-bundling"
	         " legacy-peer-deps link long optional package-lock package-lock-only parseable porcelain"
	         " prefer-dedupe prefer-offline production progress provenance read-only readonly"
	         " rebuild-bundle save save-bundle save-dev save-exact save-optional save-peer save-prod"
	         " shrinkwrap sign-git-commit sign-git-tag strict-peer-deps strict-ssl timing unicode"
	         " update-notifier usage help version versions workspaces ws workspaces-update yes quiet"
	         " silent"
	         " verbose local color include-workspace-root iwr allow-same-version global-style"
	         " format-package-lock install-links _auth= access= also= audit-level= auth-type= before="
	         " enjoy-by= browser= ca= cache= cache-max= cache-min= cafile= call= cert= cidr= cpu= depth="
	         " diff= diff-dst-prefix= diff-src-prefix= diff-unified= editor= expect-result-count="
	         " expires= fetch-retries= fetch-retry-factor= fetch-retry-maxtimeout="
	         " fetch-retry-mintimeout= fetch-timeout= git= globalconfig= heading= https-proxy="
	         " http-proxy= include= init-author-email= init-author-name= init-author-url= init-license="
	         " init-module= init-type= init-version= init.author.email= init.author.name="
	         " init.author.url= init.license= init.module= init.version= install-strategy= key= libc="
	         " local-address= lockfile-version= loglevel= logs-dir= logs-max= maxsockets= message="
	         " min-release-age= name= node-gyp= node-options= noproxy= omit= only= otp= os="
	         " pack-destination= packages= prefix= preid= provenance-file= proxy= replace-registry-host="
	         " save-prefix= sbom-format= sbom-type= scope= script-shell= searchexclude= searchlimit="
	         " searchopts= searchstaleness= shell= tag= tag-version-prefix= umask= user-agent="
	         " userconfig= viewer= which= workspace= ",
	.flags = GRAMMAR_ABBREVIATES | GRAMMAR_NEGATES | GRAMMAR_BOOLEANS | GRAMMAR_LAX,
	.unknown = FACT_PKG_UNKNOWN,
};

/* The same options, until the name of what is to be run. */
static const struct option_row npx_rows[] = {
	{ "offline", 0, TAKES_NONE, FACT_PKG_OFFLINE, 0, 0 },
	{ "registry", 0, TAKES_VALUE, FACT_PKG_INDEX, 0, 0 },
	{ "package", 'p', TAKES_VALUE, 0, 0, FACT_PKG_PACKAGE },
	{ .name = NULL },
};

static const struct grammar npx_grammar = {
	.rows = npx_rows,
	.letters = "gqsyhvnc:w:C:",
	.longs = " yes no install ignore-existing quiet silent help version prefer-online prefer-offline"
	         " global"
	         " call= cache= userconfig= workspace= workspaces include-workspace-root prefix= shell="
	         " script-shell= npm= node-arg= node-options= loglevel= shell-auto-fallback= bun verbose ",
	.flags = GRAMMAR_STOPS | GRAMMAR_ABBREVIATES | GRAMMAR_NEGATES | GRAMMAR_BOOLEANS | GRAMMAR_LAX,
	.unknown = FACT_PKG_UNKNOWN,
};

static const struct option_row yarn_rows[] = {
	{ "global", 'g', TAKES_NONE, FACT_PKG_GLOBAL, 0, 0 },
	{ "offline", 0, TAKES_NONE, FACT_PKG_OFFLINE, 0, 0 },
	{ "registry", 0, TAKES_VALUE, FACT_PKG_INDEX, 0, 0 },
	{ "package", 'p', TAKES_VALUE, 0, 0, FACT_PKG_PACKAGE },
	{ .name = NULL },
};

static const struct grammar yarn_grammar = {
	.rows = yarn_rows,
	.letters = "abcdefhijklmnoqrstuvwxyADEHILNOPRSTW?C:F:",
	.longs =
	        " cwd= dir= filter= filter-prod= modules-folder= cache-folder= mutex= use-yarnrc="
	        " preferred-cache-folder="
	        " global-folder= link-folder= network-timeout= network-concurrency= otp= proxy= https-proxy="
	        " emoji= loglevel= reporter= store-dir= virtual-store-dir= workspace-concurrency= pattern="
	        " from= include= exclude= config= config-file= backend= cache-dir= omit= cpu= os= linker="
	        " prefix= tag= access= depth= mode= jobs= since= changed-files-ignore-pattern="
	        " test-pattern= use-node-version= script-shell= allow-build= save-catalog-name= latest"
	        " silent verbose json production frozen-lockfile ignore-scripts recursive workspace-root help"
	        " version save-dev save-exact dev exact peer optional force parallel stream ",
	.flags = GRAMMAR_NEGATES | GRAMMAR_BOOLEANS | GRAMMAR_LAX,
	.unknown = FACT_PKG_UNKNOWN,
};

static const struct manager managers[] = {
	{ .name = "npm",
	  .grammar = &npm_grammar,
	  .install = " install add i in ins inst insta instal isnt isnta isntal isntall isntl ci"
	             " clean-install ic"
	             " install-clean isntall-clean install-test it install-ci-test cit clean-install-test sit"
	             " update up upgrade udpate u link ln dedupe ddp find-dupes rebuild rb fix ",
	  .exec = " exec x ",
	  .remove = " uninstall unlink remove rm r un prune ",
	  .publish =
	          " publish unpublish deprecate undeprecate dist-tag dist-tags owner author access team token"
	          " adduser add-user login logout org ogr profile hook star stars unstar stage trust ",
	  .others =
	          " init innit create bugs issues completion config c diff docs home doctor edit explain why"
	          " explore fund get set help hlep help-search info view show v ll la ls list outdated"
	          " pack ping"
	          " pkg prefix query repo restart root run run-script rum urn sbom search s se find"
	          " shrinkwrap"
	          " start stop test t tst version verison whoami approve-scripts deny-scripts install-scripts"
	          " bin ",
	  .groups = " audit cache ",
	  .abbreviates = true,
	  .own_groups = true,
	  .repositories = true },
	{ .name = "pnpm",
	  .grammar = &yarn_grammar,
	  .install =
	          " install i add update up upgrade link ln import rebuild rb install-test it dedupe deploy"
	          " self-update setup use ci patch-commit approve-builds ",
	  .fetch = " fetch ",
	  .exec = " dlx create ",
	  .remove = " remove rm uninstall un prune ",
	  .publish = " publish login logout ",
	  .groups = " env ",
	  .scripts = true,
	  .repositories = true },
	{ .name = "yarn",
	  .grammar = &yarn_grammar,
	  .install =
	          " install add upgrade upgrade-interactive up import link dedupe rebuild unplug policies ",
	  .exec = " dlx create ",
	  .remove = " remove prune autoclean ",
	  .publish = " publish login logout owner tag team ",
	  .groups = " global workspaces foreach npm plugin set ",
	  .carries = " workspace ",
	  .bare = "install",
	  .scripts = true,
	  .repositories = true },
	{ .name = "bun",
	  .grammar = &yarn_grammar,
	  .install = " install i add a update up link upgrade patch ",
	  .exec = " x create c ",
	  .remove = " remove rm uninstall ",
	  .publish = " publish ",
	  .scripts = true,
	  .repositories = true },
	{ .name = "corepack",
	  .grammar = &yarn_grammar,
	  .install = " use install up prepare hydrate enable pack ",
	  .others = " disable cache ",
	  .scripts = true },
};

/* What runs one program out of a package. */
static const struct manager runner = { .name = "npx", .grammar = &npx_grammar, .repositories = true };

const struct manager *npm_manager(const char *name, size_t len)
{
	if (scan_word(" npx pnpx bunx npx-cli.js ", name, len))
		return &runner;
	if (scan_word(" yarnpkg yarn.js yarn.cjs yarn.mjs ", name, len))
		return &managers[2];
	if (scan_word(" npm-cli.js ", name, len))
		return &managers[0];
	if (scan_word(" pnpm.cjs pnpm.js pnpm.mjs ", name, len))
		return &managers[1];
	if (scan_word(" corepack.js ", name, len))
		return &managers[4];
	for (size_t i = 0; i < sizeof managers / sizeof *managers; i++)
		if (strlen(managers[i].name) == len && !strncmp(managers[i].name, name, len))
			return &managers[i];
	return NULL;
}

/* npx [OPTIONS] PACKAGE [ARGUMENTS OF ITS OWN] */
static void run_one(struct facts *f, const char *const *argv, size_t argc, size_t at)
{
	struct scan s = { .g = &npx_grammar, .f = f, .argv = argv, .argc = argc, .at = at };

	facts_text(f, FACT_PKG_MANAGER, runner.name);
	for (enum item i; (i = scan_next(&s)) != ITEM_END && i != ITEM_OPERAND;) {
		if (i == ITEM_OPTION && s.value)
			facts_set(f, FACT_PKG_EXEC);
		if (i == ITEM_OPTION && s.row && s.row->value && s.value)
			pkg_source(&runner, f, s.value);
	}
	if (!s.ended || s.at > argc || !s.value)
		return;
	facts_set(f, FACT_PKG_EXEC);
	facts_text(f, FACT_PKG_PACKAGE, s.value);
	pkg_source(&runner, f, s.value);
}

struct extra {
	facts_value_fn *value;
	void *to;
	bool init, pack; /* the sub-command seen */
	size_t packages;
};

/* init and create fetch a package if they name one; pack does, too. */
static void second_look(void *to, enum fact fact, const char *text, size_t len)
{
	struct extra *x = to;

	if (fact == FACT_PKG_COMMAND) {
		x->init = (len > 2 && (!strncmp("init", text, len) || !strncmp("innit", text, len))) ||
		          (len > 1 && !strncmp("create", text, len));
		x->pack = len > 1 && !strncmp("pack", text, len);
	}
	x->packages += fact == FACT_PKG_PACKAGE;
	if (x->value)
		x->value(x->to, fact, text, len);
}

void npm_read(const struct manager *m, struct facts *f, const char *const *argv, size_t argc, size_t at)
{
	struct extra x = { .value = f->value, .to = f->to };

	if (m == &runner) {
		run_one(f, argv, argc, at);
		return;
	}
	/* "corepack yarn@1 add" is yarn */
	if (m == &managers[4] && at < argc) {
		const struct manager *inner = npm_manager(argv[at], strcspn(argv[at], "@"));

		if (inner && inner != m) {
			npm_read(inner, f, argv, argc, at + 1);
			return;
		}
	}
	f->value = second_look;
	f->to = &x;
	pkg_read(m, f, argv, argc, at);
	f->value = x.value;
	f->to = x.to;
	if (x.init && x.packages && m == &managers[0])
		facts_set(f, FACT_PKG_EXEC);
	if (x.pack && x.packages && m == &managers[0])
		facts_set(f, FACT_PKG_FETCH);
	for (size_t i = at; i < argc; i++)
		if (!strcmp(argv[i], "global") && m == &managers[2])
			facts_set(f, FACT_PKG_GLOBAL);
}

void model_npm(struct facts *f, const char *name, const char *const *argv, size_t argc)
{
	const struct manager *m = npm_manager(name, strlen(name));

	if (m)
		npm_read(m, f, argv, argc, 1);
}

/* node SCRIPT ...: the manager's own script. */
void model_node(struct facts *f, const char *name, const char *const *argv, size_t argc)
{
	static const char valued[] =
	        " -r --require --import --loader --experimental-loader -C --conditions --title"
	        " --input-type --env-file --icu-data-dir --openssl-config --diagnostic-dir"
	        " --redirect-warnings --trace-event-categories --watch-path --inspect-port ";
	size_t i = 1;

	(void)name;
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (is_in(" -e --eval -p --print -pe -c --check - ", argv[i]))
			return;
		if (!strcmp(argv[i], "--")) {
			i++;
			break;
		}
		i += is_in(valued, argv[i]);
	}
	if (i < argc) {
		const char *base = base_name(argv[i]);
		const struct manager *m = npm_manager(base, strlen(base));

		if (m)
			npm_read(m, f, argv, argc, i + 1);
	}
}
