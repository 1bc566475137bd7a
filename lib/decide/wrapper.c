/* Programs that start the program named in their arguments.
 *
 * Most of them exec it, so that the kernel shows it again and a mistake here only moves the denial; the
 * dynamic loader and multicall programs do not (`opaque`): for them this is the only look.
 */
#include "decide/impl.h"

#include <string.h>

struct wrapper {
	const char *name;
	const char *flags;    /* short options without a value */
	const char *valued;   /* short options whose value follows, attached or as the next word */
	const char *attached; /* short options whose value, if any, is attached */
	const char
	        *longs; /* long options, " --name" or " --name=" if a value follows, each closed by a blank */
	int operands;   /* words in front of the command */
	bool numeric;   /* an operand that does not start with a digit is the command already */
	bool assigns;   /* NAME=VALUE words in front of the command */
	bool digits;    /* "-5" is an option */
	bool forks;
	bool exact; /* long options are not abbreviated */
};

static const struct wrapper wrappers[] = {
	{ .name = "env",
	  .flags = "i0v",
	  .valued = "uC",
	  .longs = " --ignore-environment --null --debug --unset= --chdir= --block-signal"
	           " --default-signal --ignore-signal --list-signal-handling --split-string= ",
	  .assigns = true },
	{ .name = "nice", .flags = "", .valued = "n", .longs = " --adjustment= ", .digits = true },
	{ .name = "timeout",
	  .flags = "fpv",
	  .valued = "ks",
	  .longs = " --foreground --preserve-status --verbose --kill-after= --signal= ",
	  .operands = 1,
	  .forks = true },
	{ .name = "nohup", .flags = "", .longs = " " },
	{ .name = "setsid", .flags = "cfw", .longs = " --ctty --fork --wait " },
	{ .name = "stdbuf", .flags = "", .valued = "ioe", .longs = " --input= --output= --error= " },
	{ .name = "ionice",
	  .flags = "t",
	  .valued = "cnpPu",
	  .longs = " --class= --classdata= --pid= --pgid= --uid= --ignore " },
	{ .name = "chrt",
	  .flags = "abdfimorvR",
	  .valued = "TPD",
	  .longs = " --batch --deadline --fifo --idle --other --rr --reset-on-fork --all-tasks --max"
	           " --verbose --sched-runtime= --sched-period= --sched-deadline= ",
	  .operands = 1,
	  .numeric = true },
	{ .name = "taskset", .flags = "ac", .longs = " --all-tasks --cpu-list ", .operands = 1 },
	{ .name = "time",
	  .flags = "apqv",
	  .valued = "fo",
	  .longs = " --format= --output= --append --portability --quiet --verbose ",
	  .forks = true },
	{ .name = "xargs",
	  .flags = "0oprtx",
	  .valued = "adEILnPs",
	  .attached = "eil",
	  .longs = " --null --open-tty --interactive --no-run-if-empty --verbose --exit"
	           " --show-limits --arg-file= --delimiter= --eof --replace --max-lines --max-args="
	           " --max-procs= --max-chars= --process-slot-var= ",
	  .forks = true },
	{ .name = "sudo",
	  .flags = "ABbEHiKklNnPSsVv",
	  .valued = "aCcDghpRrTtUu",
	  .longs = " --askpass --bell --background --preserve-env --set-home --login"
	           " --remove-timestamp --reset-timestamp --list --no-update --non-interactive"
	           " --preserve-groups --stdin --shell --version --validate --auth-type="
	           " --close-from= --login-class= --chdir= --group= --host= --prompt= --chroot="
	           " --role= --type= --command-timeout= --other-user= --user= ",
	  .assigns = true,
	  .forks = true },
	{ .name = "doas", .flags = "Lns", .valued = "aCu", .longs = " " },
};

/* ld.so, ld-linux-x86-64.so.2, ld-musl-x86_64.so.1, and musl's libc, which is its loader. */
static const struct wrapper loader = {
	.name = "ld.so",
	.flags = "",
	.longs = " --list --verify --inhibit-cache --help --version --list-tunables"
	         " --list-diagnostics --library-path= --inhibit-rpath= --audit= --preload="
	         " --argv0= --glibc-hwcaps-prepend= --glibc-hwcaps-mask= ",
	.exact = true,
};

static bool is_loader(const char *base)
{
	bool prefix = !strncmp(base, "ld-", 3) || !strncmp(base, "ld.", 3) || !strncmp(base, "ld64", 4) ||
	              !strcmp(base, "libc.so") || !strncmp(base, "libc.musl", 9);

	return prefix && strstr(base, ".so");
}

static bool is_multicall(const char *base)
{
	return !strncmp(base, "busybox", 7) || !strncmp(base, "toybox", 6) || !strcmp(base, "coreutils");
}

/* How long options work: the exact name, or the beginning of exactly one. 0 = flag, 1 = with value, -1 =
 * unknown. */
static int long_option(const struct wrapper *w, const char *word, size_t len)
{
	int found = -1;

	for (const char *p = w->longs; (p = strstr(p, " --")) != NULL; p++) {
		size_t name = strcspn(p + 1, "= ");
		bool valued = p[1 + name] == '=';

		if (name < len || strncmp(p + 1, word, len) != 0)
			continue;
		if (name == len)
			return valued;
		if (w->exact || (found >= 0 && found != valued))
			return -1;
		found = valued;
	}
	return found;
}

static bool has(const char *set, char c)
{
	return set && c && strchr(set, c);
}

/* The words a short cluster takes: 1, 2 with a value in the next word, 0 if not understood. */
static size_t short_options(const struct wrapper *w, const char *word)
{
	if (w->digits && word[1] >= '0' && word[1] <= '9')
		return 1;
	for (const char *p = word + 1; *p; p++) {
		if (has(w->valued, *p))
			return p[1] ? 1 : 2;
		if (has(w->attached, *p))
			return 1;
		if (!has(w->flags, *p))
			return 0;
	}
	return 1;
}

/* env -S TEXT, -STEXT, --split-string=TEXT, also after flags as in -vS. */
static bool split_string(const char *word, const char *next, struct wrapped *out, size_t *i)
{
	const char *p = word + 1;

	if (*p == '-') {
		const char *equals = strchr(word, '=');

		/* Any beginning of the name does; no other long option of env starts with an s. */
		if (p[1] != 's' || (!equals && !next))
			return false;
		out->split = equals ? equals + 1 : next;
		*i += equals ? 1 : 2;
		return true;
	}
	while (has("i0v", *p))
		p++;
	if (*p != 'S' || (!p[1] && !next))
		return false;
	out->split = p[1] ? p + 1 : next;
	*i += p[1] ? 1 : 2;
	return true;
}

static bool is_assignment(const char *word)
{
	const char *equals = strchr(word, '=');

	return equals && equals != word;
}

/* Index behind the options; out->unknown if one was not understood. */
static size_t skip_options(const struct wrapper *w, const char *const *argv, size_t argc, struct wrapped *out)
{
	bool env = !strcmp(w->name, "env");
	size_t i = 1, words;

	while (i < argc && argv[i][0] == '-' && !out->unknown) {
		const char *word = argv[i];

		if (!strcmp(word, "--"))
			return i + 1;
		if (env && split_string(word, i + 1 < argc ? argv[i + 1] : NULL, out, &i))
			return i;
		if (!word[1]) {
			out->unknown = !env;
			i++;
			continue;
		}
		if (word[1] == '-') {
			size_t len = strcspn(word, "=");
			int valued = long_option(w, word, len);

			words = valued < 0 ? 0 : valued && !word[len] ? 2 : 1;
		} else
			words = short_options(w, word);
		out->unknown = !words;
		i += words;
	}
	return i < argc ? i : argc;
}

static void see(const struct wrapper *w, const char *const *argv, size_t argc, struct wrapped *out)
{
	size_t i = skip_options(w, argc ? argv : NULL, argc, out);

	out->forks = w->forks;
	if (!out->unknown && !out->split) {
		while (w->assigns && i < argc && is_assignment(argv[i]))
			i++;
		for (int k = 0; k < w->operands && i < argc; k++)
			i += !w->numeric || (argv[i][0] >= '0' && argv[i][0] <= '9');
	}
	out->first = i < argc ? i : argc;
}

/* busybox APPLET …, or an applet by the name it was called with ("-sh" for a login shell). */
static void see_multicall(const char *const *argv, size_t argc, struct wrapped *out)
{
	const char *name = argc ? argv[0] : "", *slash = strrchr(name, '/');

	name = slash ? slash + 1 : name;
	name += *name == '-';
	out->first = argc;
	if (argc > 1 && !strncmp(argv[1], "--coreutils-prog=", 17)) {
		out->applet = argv[1] + 17;
		out->first = 2;
	} else if (is_multicall(name)) {
		for (out->first = 1; out->first < argc && argv[out->first][0] == '-';)
			out->first++;
	} else if (argc) {
		out->applet = *name ? name : NULL;
		out->first = 1;
	}
}

unsigned wrapper_kind(const char *base)
{
	if (is_multicall(base))
		return NAMED_OPAQUE | NAMED_MULTICALL;
	if (!strcmp(base, "agentsh")) /* whose copies are shells */
		return NAMED_MULTICALL;
	return is_loader(base) ? NAMED_OPAQUE : 0;
}

bool wrapper_see(const char *base, const char *const *argv, size_t argc, struct wrapped *out)
{
	*out = (struct wrapped){ .first = argc };
	if (!strchr("bcdeilnstx", *base)) /* most programs */
		return false;
	if (is_multicall(base)) {
		out->opaque = out->multicall = true;
		see_multicall(argv, argc, out);
		return true;
	}
	if (is_loader(base)) {
		out->opaque = true;
		see(&loader, argv, argc, out);
		return true;
	}
	for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
		if (*base == *wrappers[i].name && !strcmp(wrappers[i].name, base)) {
			see(&wrappers[i], argv, argc, out);
			return true;
		}
	return false;
}
