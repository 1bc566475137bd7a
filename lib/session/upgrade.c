#include "session/upgrade.h"

#include "base/clock.h"
#include "base/fd.h"
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { CHECK_MS = 5000, WORDS = 600 };

/* Whoever can write the program rules the server: only root and ourselves may. */
static int open_program(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		err_sys(e, "%s", path);
	else if (!S_ISREG(st.st_mode) || (st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & 022)
		err_set(e, "%s: others may write it, or it is no file", path);
	else
		return fd;
	fd_close(&fd);
	return -1;
}

static void keep_open(const struct handover *h, int state, bool keep)
{
	for (size_t i = 0; i < h->n_fds; i++)
		fd_cloexec(h->fds[i], !keep);
	fd_cloexec(state, !keep);
}

static char **make_env(const char *key)
{
	size_t n = 0;
	char **env;

	while (environ[n])
		n++;
	env = calloc(n + 2, sizeof *env);
	if (!env)
		return NULL;
	memcpy(env, environ, n * sizeof *env);
	env[n] = (char *)key;
	return env;
}

/* What the new program is run with. */
struct start {
	int program, state;
	const char *config;
	char **env;
};

static void become(const struct start *s, bool check)
{
	char number[16], *argv[8] = { "agentsh", "server", "--adopt", number };
	int n = 4;

	if (check)
		argv[n++] = "--check";
	if (s->config) {
		argv[n++] = "--config";
		argv[n++] = (char *)s->config;
	}
	snprintf(number, sizeof number, "%d", s->state);
	fexecve(s->program, argv, s->env);
}

/* What the child said in one line, or that it did not end in time. */
static int hear(int words, pid_t child, struct err *e)
{
	int64_t until = clock_mono_ns() + CHECK_MS * 1000000LL;
	char text[WORDS] = "";
	size_t len = 0;
	int status = -1;
	ssize_t n = 1;

	while (n > 0 && len < sizeof text - 1 && clock_mono_ns() < until) {
		struct pollfd p = { .fd = words, .events = POLLIN };

		if (poll(&p, 1, 100) <= 0)
			continue;
		n = read(words, text + len, sizeof text - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (n > 0)
		kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	text[strcspn(text, "\n")] = 0;
	return err_set(e, "the new program refuses: %s", *text ? text : "it ends without a word");
}

static int check(const struct start *s, struct err *e)
{
	int words[2], rc;
	sigset_t none;
	pid_t child;

	if (pipe2(words, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	child = fork();
	if (child == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		if (dup2(words[1], STDERR_FILENO) >= 0)
			become(s, true);
		dprintf(STDERR_FILENO, "%s\n", strerror(errno));
		_exit(127);
	}
	close(words[1]);
	rc = child < 0 ? err_sys(e, "fork") : hear(words[0], child, e);
	close(words[0]);
	return rc;
}

int upgrade_exec(const struct upgrade *u, struct handover *h, struct err *e)
{
	AUTO_FD program = open_program(u->program, e), state = -1;
	struct start s = { .program = program, .config = u->config, .env = make_env(u->key) };

	if (program >= 0 && !s.env)
		err_set(e, "out of memory");
	else if (program >= 0)
		state = fd_sealed("agentsh-handover", h->m.b.data, h->m.b.len, e);
	if (state >= 0) {
		s.state = state;
		keep_open(h, state, true);
		if (check(&s, e) == 0) {
			become(&s, false);
			err_sys(e, "%s", u->program);
		}
		keep_open(h, state, false);
	}
	free(s.env);
	return -1;
}
