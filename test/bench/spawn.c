/* spawn - time commands against each other: start, run, wait; interleaved in rounds.
 *
 * usage: spawn ROUNDS <FILE     one command a line, fields separated by tabs:
 *            GROUP LABEL COUNT MODE[,NAME=VALUE] PATH ARGV0 [ARG...]
 *        spawn inside PATH      the worker of MODE "inside": runs PATH as often as it is told on standard
 * input
 *
 * MODE "run" starts PATH afresh COUNT times a round. MODE "inside" starts it
 * once; it must end up as `spawn inside`, which is then told how often to run
 * its program. The first label of a group is what the others are divided by,
 * round by round; every second round goes backwards, so that a machine that
 * gets slower favours nobody.
 *
 * Prints GROUP LABEL and median, least and greatest microseconds, then the
 * same of the ratios; a command that fails ends the whole.
 */
#include "test/bench/fields.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { MAX_COMMANDS = 64, MAX_ARGS = 32, MAX_ROUNDS = 99 };

struct command {
	char *group, *label, *path, *argv[MAX_ARGS + 1];
	char **env;
	int count;
	bool inside;
	int to, from; /* the worker's standard input and output */
	double us[MAX_ROUNDS];
};

static struct command commands[MAX_COMMANDS];
static int n_commands, n_rounds;

static _Noreturn void fail(const char *what, const char *name)
{
	fprintf(stderr, "spawn: %s: %s: %s\n", name, what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int run_once(const char *path, char **argv, char **env, const posix_spawn_file_actions_t *files)
{
	int status;
	pid_t pid;

	errno = posix_spawn(&pid, path, files, NULL, argv, env);
	if (errno)
		return -1;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

/* Nanoseconds of `count` runs. */
static int64_t run_many(const char *path, char **argv, char **env, int count,
                        const posix_spawn_file_actions_t *files)
{
	int64_t start = now_ns();

	for (int i = 0; i < count; i++) {
		int status = run_once(path, argv, env, files);

		if (status) {
			fprintf(stderr, "spawn: %s %s: status %#x\n", path, argv[1] ? argv[1] : "",
			        (unsigned)status);
			exit(1);
		}
	}
	return now_ns() - start;
}

static int worker(char *path)
{
	char line[32], *argv[] = { path, NULL };

	while (fgets(line, sizeof line, stdin)) {
		printf("%lld\n", (long long)run_many(path, argv, environ, atoi(line), NULL));
		fflush(stdout);
	}
	return 0;
}

static void start_worker(struct command *c)
{
	int in[2], out[2];
	pid_t pid;
	posix_spawn_file_actions_t files;

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		fail("pipe", c->label);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, in[0], 0);
	posix_spawn_file_actions_adddup2(&files, out[1], 1);
	errno = posix_spawn(&pid, c->path, &files, NULL, c->argv, c->env);
	if (errno)
		fail("start", c->label);
	posix_spawn_file_actions_destroy(&files);
	close(in[0]);
	close(out[1]);
	c->to = in[1];
	c->from = out[0];
}

static int64_t ask_worker(struct command *c, int count)
{
	char answer[32] = "";

	dprintf(c->to, "%d\n", count);
	for (size_t n = 0; n < sizeof answer - 1; n++) {
		if (read(c->from, answer + n, 1) != 1)
			fail("its worker ended", c->label);
		if (answer[n] == '\n')
			break;
	}
	return atoll(answer);
}

static double round_of(struct command *c, int count)
{
	static posix_spawn_file_actions_t files;
	static bool ready;

	if (!ready) {
		posix_spawn_file_actions_init(&files);
		posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
		posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
		ready = true;
	}
	int64_t ns = c->inside ? ask_worker(c, count) : run_many(c->path, c->argv, c->env, count, &files);
	return (double)ns / count / 1000;
}

/* Ours and one more variable, or ours. */
static char **environment(char *more)
{
	size_t n = 0;
	char **env;

	if (!more)
		return environ;
	while (environ[n])
		n++;
	env = calloc(n + 2, sizeof *env);
	if (!env)
		exit(1);
	memcpy(env, environ, n * sizeof *env);
	env[n] = more;
	return env;
}

static void read_commands(void)
{
	char *field[MAX_ARGS + 5];
	int n;

	while (n_commands < MAX_COMMANDS && (n = next_fields(field, MAX_ARGS + 4)) >= 0) {
		struct command *c = &commands[n_commands];

		if (n < 6)
			continue;
		c->group = field[0];
		c->label = field[1];
		c->count = atoi(field[2]);
		c->inside = strcmp(strsep(&field[3], ","), "inside") == 0;
		c->env = environment(field[3]);
		c->path = field[4];
		memcpy(c->argv, field + 5, (size_t)(n - 5) * sizeof *field);
		n_commands++;
	}
}

static void print_row(const struct command *c, const struct command *reference)
{
	double us[MAX_ROUNDS], ratio[MAX_ROUNDS];

	for (int r = 0; r < n_rounds; r++) {
		us[r] = c->us[r];
		ratio[r] = c->us[r] / reference->us[r];
	}
	qsort(us, (size_t)n_rounds, sizeof *us, by_size);
	qsort(ratio, (size_t)n_rounds, sizeof *ratio, by_size);
	printf("%s\t%s\t%.1f\t%.1f\t%.1f\t%.3f\t%.3f\t%.3f\n", c->group, c->label, us[n_rounds / 2], us[0],
	       us[n_rounds - 1], ratio[n_rounds / 2], ratio[0], ratio[n_rounds - 1]);
	fflush(stdout);
}

/* One group: commands first up to but not including end. */
static void measure(int first, int end)
{
	for (int i = first; i < end; i++) {
		if (commands[i].inside)
			start_worker(&commands[i]);
		round_of(&commands[i], 1); /* warm */
	}
	for (int r = 0; r < n_rounds; r++)
		for (int k = 0; k < end - first; k++) {
			struct command *c = &commands[r % 2 ? end - 1 - k : first + k];

			c->us[r] = round_of(c, c->count);
		}
	for (int i = first; i < end; i++) {
		print_row(&commands[i], &commands[first]);
		if (commands[i].inside) {
			close(commands[i].to);
			close(commands[i].from);
		}
	}
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "inside") == 0)
		return worker(argv[2]);
	n_rounds = argc > 1 ? atoi(argv[1]) : 0;
	if (n_rounds < 1 || n_rounds > MAX_ROUNDS) {
		fprintf(stderr, "usage: spawn ROUNDS <FILE\n");
		return 2;
	}
	read_commands();
	for (int first = 0, end; first < n_commands; first = end) {
		for (end = first + 1;
		     end < n_commands && strcmp(commands[end].group, commands[first].group) == 0;)
			end++;
		measure(first, end);
	}
	return 0;
}
