/* main - find the applet by the program's name or by the first words, and run it.
 *
 * agentsh [global flags] APPLET ...	the usual way
 * APPLET ...				through a link of that name
 * sh, bash, anything else		the shim stands where a shell stood
 */
#include "applet.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/die.h"
#include "enforce/exec/role.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { MAX_GLOBAL = 32 };

/* How many of `words` the name takes: 0 (no match), 1 or 2. */
static int name_match(const char *name, int n, char **words)
{
	size_t len = strcspn(name, " ");
	if (n < 1 || strlen(words[0]) != len || memcmp(name, words[0], len) != 0)
		return 0;
	if (!name[len])
		return 1;
	return n > 1 && strcmp(name + len + 1, words[1]) == 0 ? 2 : 0;
}

/* The applet that the words name, and how many words it takes. The longest name wins: "shim install-shell" is
 * not the shim. */
static const struct applet *applet_find(int n, char **words, int *taken)
{
	const struct applet *found = NULL;
	*taken = 0;
	for (int i = 0; applets[i]; i++) {
		const struct applet *a = applets[i];
		int best = name_match(a->name, n, words);
		for (size_t k = 0; k < COUNT(a->alias) && a->alias[k]; k++) {
			int len = name_match(a->alias[k], n, words);
			best = len > best ? len : best;
		}
		if (best > *taken) {
			*taken = best;
			found = a;
		}
	}
	return found;
}

static const struct applet *applet_for_shells(void)
{
	for (int i = 0; applets[i]; i++) {
		if (applets[i]->flags & APPLET_SHELL)
			return applets[i];
	}
	return NULL;
}

static void print_built_in(void)
{
	static const char *const libraries[] = {
		"musl 1.2.6",
		CONFIG_LIB_YAML ? "libyaml 0.2.5" : NULL,
		CONFIG_LIB_TRE ? "tre 0.9.0" : NULL,
		CONFIG_LIB_BEARSSL ? "bearssl 0.6" : NULL,
		CONFIG_LIB_FUSE3 ? "libfuse 3.18.3" : NULL,
	};
	for (size_t i = 0; i < COUNT(libraries); i++) {
		if (libraries[i])
			printf("library %s\n", libraries[i]);
	}
	for (int i = 0; applets[i]; i++)
		printf("applet %s\n", applets[i]->name);
}

static int print_version(bool verbose)
{
	puts("agentsh " AGENTSH_VERSION);
	if (verbose)
		print_built_in();
	return flushed();
}

static int print_help(void)
{
	puts("usage: agentsh [--server URL] [--api-key KEY] [--client-timeout TIME] COMMAND ...\n");
	for (int i = 0; applets[i]; i++) {
		if (!(applets[i]->flags & APPLET_HIDDEN))
			printf("  %-12s %s\n", applets[i]->name, applets[i]->summary);
	}
	puts("\n'agentsh COMMAND --help' tells more; 'agentsh --version --verbose' lists what is built in.");
	return flushed();
}

/* Words taken by a global flag: 0 (it is none), 1 ("--server=URL") or 2 ("--server URL"). */
static int global_flag_words(const char *arg)
{
	static const char *const flags[] = { "--server", "--transport", "--grpc-addr", "--api-key",
		                             "--client-timeout" };
	for (size_t i = 0; i < COUNT(flags); i++) {
		size_t len = strlen(flags[i]);
		if (strncmp(arg, flags[i], len) == 0 && (arg[len] == '\0' || arg[len] == '='))
			return arg[len] ? 1 : 2;
	}
	return 0;
}

/* Clients put global flags before the command; each applet parses them as its own. So rotate `n_flags` words
 * at argv[0] behind the `n_name` words of the command's name that follow them. */
static void move_behind(char **argv, int n_flags, int n_name)
{
	char *flags[MAX_GLOBAL];
	memcpy(flags, argv, n_flags * sizeof *argv);
	memmove(argv, argv + n_flags, n_name * sizeof *argv);
	memcpy(argv + n_name, flags, n_flags * sizeof *argv);
}

static int applet_run(const struct applet *a, int argc, char **argv)
{
	if (argc == 2 && a->usage && !(a->flags & APPLET_SHELL) && strcmp(argv[1], "--help") == 0) {
		printf("usage: agentsh %s %s\n", a->name, a->usage);
		return flushed();
	}
	/* Without one where the kernel has no such thing: these tools hold nothing that others do not. */
	if (CONFIG_CONFINE && a->roles)
		role_enter(a->roles, 0, NULL);
	return a->run(argc, argv);
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

/* `argv` holds the words after the program's name. */
static int run_command(int argc, char **argv)
{
	int n_flags = 0;
	while (n_flags < argc && global_flag_words(argv[n_flags]))
		n_flags += global_flag_words(argv[n_flags]);
	if (n_flags > argc)
		die(EXIT_FAILED, "agentsh: '%s' needs a value", argv[argc - 1]);
	if (n_flags > MAX_GLOBAL)
		die(EXIT_FAILED, "agentsh: too many flags before the command");
	char **words = argv + n_flags;
	int n = argc - n_flags;
	if (n == 0 || is_help(words[0]))
		return print_help();
	if (strcmp(words[0], "--version") == 0)
		return print_version(n > 1 && strcmp(words[1], "--verbose") == 0);
	int n_name;
	const struct applet *a = applet_find(n, words, &n_name);
	if (!a)
		die(EXIT_FAILED, "agentsh: unknown %s '%s'; 'agentsh --help' lists them",
		    words[0][0] == '-' ? "flag" : "command", words[0]);
	if (a->flags & APPLET_SHELL)
		die(EXIT_FAILED,
		    "agentsh: 'shim' takes install-shell, uninstall-shell or status; in place of a "
		    "shell it is called by the shell's name");
	move_behind(argv, n_flags, n_name);
	if (n_name == 2)
		argv[0] = (char *)a->name;
	return applet_run(a, argc, argv);
}

int main(int argc, char **argv)
{
	if (argc < 1 || !argv[0])
		die(EXIT_DENIED, "agentsh: called without a name");
	const char *slash = strrchr(argv[0], '/');
	char *name = slash ? argv[0] + (slash - argv[0]) + 1 : argv[0];
	if (strcmp(name, "agentsh") == 0)
		return run_command(argc - 1, argv + 1);
	int taken;
	const struct applet *a = applet_find(1, &name, &taken);
	if (!a)
		a = applet_for_shells();
	if (!a)
		die(EXIT_NOTFOUND, "agentsh: no applet for the name '%s'", name);
	return applet_run(a, argc, argv);
}
