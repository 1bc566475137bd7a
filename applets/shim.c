/* shim - stand-in for /bin/bash and /bin/sh: ask the server, enter the session, exec the real shell
 *
config APPLET_SHIM
        bool "shim"
        default y
        help
          Stand-in for the shells of an image. Everything that is started
          through it, and all that this starts, is governed.
 */
#include "applets/applet.h"

#include "base/die.h"
#include "base/fd.h"
#include "base/path.h"
#include "enforce/entry.h"
#include "enforce/exec/filter.h"
#include "shell/plain.h"
#include "shell/search.h"
#include "session/place.h"
#include "sys/notify.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

struct shim {
	const char *name; /* "bash" or "sh" */
	char real[PATH_MAX];
	char cwd[PATH_MAX];
};

/* Which of the two are we? By the name we were called, else by our file's. */
static const char *shell_name(const char *argv0)
{
	static char exe[PATH_MAX];
	const char *name = path_base(argv0 ? argv0 : "");
	ssize_t n;

	name += *name == '-';
	if (!strcmp(name, "bash") || !strcmp(name, "sh"))
		return name;
	n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	if (n > 0) {
		exe[n] = 0;
		if (!strcmp(path_base(exe), "bash"))
			return "bash";
	}
	return "sh";
}

/* DIR/NAME.real, if it is there and not ourselves. */
static bool try_real(struct shim *s, const char *dir, size_t dir_len, const struct stat *self)
{
	struct stat st;
	int n = snprintf(s->real, sizeof s->real, "%.*s/%s.real", (int)dir_len, dir, s->name);

	return n > 0 && (size_t)n < sizeof s->real && stat(s->real, &st) == 0 && S_ISREG(st.st_mode) &&
	       !(st.st_dev == self->st_dev && st.st_ino == self->st_ino);
}

/* Called by one of its own names, as nearly always: that spares the detour by /proc. */
static bool try_usual(struct shim *s)
{
	static const char *const usual[] = { "/bin/bash", "/bin/sh", "/usr/bin/bash", "/usr/bin/sh" };
	const char *exe = (const char *)getauxval(AT_EXECFN);
	struct stat self;

	for (size_t i = 0; exe && i < sizeof usual / sizeof *usual; i++)
		if (!strcmp(exe, usual[i]) && stat(exe, &self) == 0)
			return try_real(s, exe, (size_t)(path_base(exe) - exe) - 1, &self);
	return false;
}

static bool find_real(struct shim *s, const char *argv0)
{
	char exe[PATH_MAX];
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
	struct stat self = { 0 };
	ssize_t n;

	if (try_usual(s))
		return true;
	n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	stat("/proc/self/exe", &self);
	if (n > 0) {
		exe[n] = 0;
		if (try_real(s, exe, (size_t)(path_base(exe) - exe) - 1, &self))
			return true;
	}
	return try_real(s, "/bin", 4, &self) || try_real(s, "/usr/bin", 8, &self) ||
	       (slash && try_real(s, argv0, (size_t)(slash - argv0), &self));
}

static void exec_real(const struct shim *s, char **argv, char **env, uint64_t pass)
{
	notify_exec(s->real, argv, env, pass);
	die(errno == EACCES || errno == ENOSYS ? EXIT_DENIED : EXIT_NOTFOUND, "agentsh: %s: %s", s->real,
	    errno == ENOSYS ? "no supervisor answers: denied" : strerror(errno));
}

/* As bash does: the first executable file of that name; a word with a slash is the file. */
static bool find_program(const char *word, const char *path, char *out, size_t size)
{
	struct stat st;

	if (strchr(word, '/'))
		return (size_t)snprintf(out, size, "%s", word) < size && stat(out, &st) == 0 &&
		       S_ISREG(st.st_mode) && access(out, X_OK) == 0;
	while (path && *path) {
		size_t len = strcspn(path, ":");
		int n = snprintf(out, size, "%.*s%s%s", (int)len, path, len ? "/" : "./", word);

		if (n > 0 && (size_t)n < size && stat(out, &st) == 0 && S_ISREG(st.st_mode) &&
		    access(out, X_OK) == 0)
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

/* Set NAME=value in a vector that has room for it; `text` is where the entry is made. */
static void env_put(char **env, char *text, size_t size, const char *name, const char *value)
{
	size_t len = strlen(name);

	if ((size_t)snprintf(text, size, "%s=%s", name, value) >= size)
		return;
	for (; *env; env++)
		if (!strncmp(*env, name, len) && (*env)[len] == '=')
			break;
	*env = text;
}

static void env_drop(char **env, const char *name)
{
	size_t len = strlen(name);
	char **to = env;

	for (; *env; env++)
		if (strncmp(*env, name, len) != 0 || (*env)[len] != '=')
			*to++ = *env;
	*to = NULL;
}

static bool same_dir(const char *a, const char *b)
{
	struct stat x, y;

	return a && *a == '/' && stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

/* The few variables the shell itself would have set for the program. */
static char **shell_env(const struct shim *s, char **env, const char *program)
{
	static char pwd[PATH_MAX + 8], shlvl[16], last[PATH_MAX + 8];
	const char *old = search_env(env, "OLDPWD");
	struct stat st;
	size_t n = 0;
	char **copy;

	while (env[n])
		n++;
	copy = calloc(n + 4, sizeof *copy);
	if (!copy)
		return env;
	memcpy(copy, env, n * sizeof *copy);
	if (!same_dir(search_env(env, "PWD"), s->cwd))
		env_put(copy, pwd, sizeof pwd, "PWD", s->cwd);
	if (strcmp(s->name, "bash") != 0)
		return copy;
	if (!search_env(env, "SHLVL"))
		env_put(copy, shlvl, sizeof shlvl, "SHLVL", "0");
	if (old && (stat(old, &st) < 0 || !S_ISDIR(st.st_mode)))
		env_drop(copy, "OLDPWD");
	env_put(copy, last, sizeof last, "_", program);
	return copy;
}

/* A plain command that can be run without the shell? */
struct simple {
	char program[PATH_MAX];
	struct plain plain;
};

static bool find_simple(struct simple *c, char **argv, char **env)
{
	const char *text = argv[1] ? plain_text((const char *const *)argv + 1, argv[2] ? 2 : 1) : NULL;

	return text && plain_parse(text, &c->plain) &&
	       find_program(c->plain.words[0], search_env(env, "PATH"), c->program, sizeof c->program);
}

/* Run it. Returns only when the shell should do it after all. */
static void exec_simple(const struct shim *s, struct simple *c, char **argv, char **env)
{
	execve(c->program, c->plain.words, shell_env(s, env, c->program));
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what is left dies with the process, soon */
	if (errno != EACCES)
		return;
	complain("%s: line 1: %s: Permission denied", argv[0], c->program);
	exit(EXIT_DENIED);
}

static void enter(struct shim *s, char **argv)
{
	static struct entry_room room;
	static struct simple simple;
	const struct entry_first first = { s->real, (const char *const *)argv };
	struct entry_hello h = { .kind = ENTRY_SHELL,
		                 .program = s->real,
		                 .argv = (const char *const *)argv,
		                 .env = (const char *const *)environ,
		                 .cwd = s->cwd };
	struct entry t;
	struct err e;
	int fd;

	for (char **v = environ; *v; v++)
		if (!strncmp(*v, "AGENTSH_SESSION_ID=", 19))
			h.session = *v + 19;
	if (!getcwd(s->cwd, sizeof s->cwd))
		strcpy(s->cwd, "/");
	fd = place_reach(geteuid(), &e);
	if (fd < 0)
		die(EXIT_DENIED, "agentsh: denied: no server: %s", e.text);
	if (entry_ask(fd, &h, &room, &t, &e) < 0)
		die(EXIT_DENIED, "agentsh: denied: %s", e.text);
	if (!place_is_server(&t.in.from, geteuid()))
		die(EXIT_DENIED, "agentsh: denied: the answer does not come from the server");
	if (t.refused) {
		fputs(t.text, stderr);
		exit(t.exit_code);
	}
	/* Our directory may lie below the view of it by now. */
	if (CONFIG_LAYER_FUSE && *t.dir && chdir(t.dir) < 0)
		die(EXIT_DENIED, "agentsh: denied: %s: %s", t.dir, strerror(errno));
	t.plain = t.plain && find_simple(&simple, argv, t.env);
	if (entry_commit(&t, t.plain ? NULL : &first, &e) < 0)
		die(EXIT_DENIED, "agentsh: denied: %s", e.text);
	fd_close(&fd);
	if (t.plain)
		exec_simple(s, &simple, argv, t.env);
	exec_real(s, argv, t.env, t.pass);
}

static int run(int argc, char **argv)
{
	static struct shim s; /* of pages that are not touched nothing is paid */

	(void)argc;
	s.name = shell_name(argv[0]);
	if (!find_real(&s, argv[0]))
		die(EXIT_NOTFOUND, "agentsh: %s.real: the real shell is missing", s.name);
	if (filter_here())
		exec_real(&s, argv, environ, 0);
	enter(&s, argv);
	return EXIT_DENIED;
}

const struct applet applet_shim = {
	.name = "shim",
	.summary = "stand-in for the shells of an image",
	.usage = "called as bash or sh",
	.run = run,
	.flags = APPLET_SHELL | APPLET_HIDDEN,
};
