/* burst - many commands at one moment: alive, starting, or executing something.
 *
 * usage: burst N ROUNDS <FILE            one crew a line, fields separated by tabs:
 *            GROUP LABEL PATH ARGV0 [ARG...]
 *        burst N alive COMMAND ARG... <FILE   run COMMAND while the crew of FILE's first line is alive
 *        burst worker PATH ARG...        one of a crew: runs PATH when it is told to
 *
 * A crew is N processes, each started as PATH and ended up as `burst worker`. In a round all of one crew run
 * their program at the same moment, then all of the next; every second round goes backwards. What counts of a
 * run is when it ended, from that moment on. The first label of a group is what the others are divided by.
 *
 * Prints GROUP LABEL and the medians over the rounds: runs per second, milliseconds until half of them and
 * until 99 of 100 had ended, the ratio of the whole time; and how many runs there were in all. One run that
 * fails, or is not answered within a minute, ends the whole.
 */
#include "test/bench/fields.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { MAX_CREWS = 8, MAX_ARGS = 16, MAX_ROUNDS = 99, MAX_WORKERS = 500, PATIENCE_MS = 60000 };
static const int64_t LEAD_NS = 50000000; /* time enough to tell all of a crew when to begin */

/* What a worker says: when its program ended, and how. Smaller than PIPE_BUF, so never split. */
struct report {
	int64_t end_ns; /* 0 = it stands ready */
	int status;
};

struct crew {
	char *group, *label, *path, *argv[MAX_ARGS + 1];
	int to[MAX_WORKERS]; /* standard inputs of its workers */
	pid_t pid[MAX_WORKERS];
	int from; /* where they all report */
	double rate[MAX_ROUNDS], half[MAX_ROUNDS], most[MAX_ROUNDS], whole[MAX_ROUNDS];
};

static struct crew crews[MAX_CREWS];
static int n_crews, n_workers, n_rounds;

static _Noreturn void fail(const char *what, const char *name)
{
	fprintf(stderr, "burst: %s: %s: %s\n", name, what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int run_once(char **argv, const posix_spawn_file_actions_t *files)
{
	int status;
	pid_t pid;

	errno = posix_spawn(&pid, argv[0], files, NULL, argv, environ);
	if (errno)
		return -1;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

static int worker(char **argv)
{
	struct report r = { 0 };
	posix_spawn_file_actions_t files;
	int64_t at;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	if (write(1, &r, sizeof r) != sizeof r)
		return 1;
	while (read(0, &at, sizeof at) == sizeof at) {
		struct timespec t = { .tv_sec = at / 1000000000, .tv_nsec = at % 1000000000 };

		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
			;
		r.status = run_once(argv, &files);
		r.end_ns = now_ns();
		if (write(1, &r, sizeof r) != sizeof r)
			return 1;
	}
	return 0;
}

static struct report hear(struct crew *c, int heard)
{
	struct pollfd p = { .fd = c->from, .events = POLLIN };
	struct report r;

	if (poll(&p, 1, PATIENCE_MS) != 1 || read(c->from, &r, sizeof r) != sizeof r) {
		fprintf(stderr, "burst: %s %s: only %d of %d were answered\n", c->group, c->label, heard,
		        n_workers);
		exit(1);
	}
	if (r.status) {
		fprintf(stderr, "burst: %s %s: status %#x\n", c->group, c->label, (unsigned)r.status);
		exit(1);
	}
	return r;
}

static void assemble(struct crew *c)
{
	int out[2];

	if (pipe2(out, O_CLOEXEC))
		fail("pipe", c->label);
	c->from = out[0];
	for (int i = 0; i < n_workers; i++) {
		posix_spawn_file_actions_t files;
		int in[2];

		if (pipe2(in, O_CLOEXEC))
			fail("pipe", c->label);
		posix_spawn_file_actions_init(&files);
		posix_spawn_file_actions_adddup2(&files, in[0], 0);
		posix_spawn_file_actions_adddup2(&files, out[1], 1);
		errno = posix_spawn(&c->pid[i], c->path, &files, NULL, c->argv, environ);
		if (errno)
			fail("start", c->label);
		posix_spawn_file_actions_destroy(&files);
		close(in[0]);
		c->to[i] = in[1];
	}
	close(out[1]);
	for (int i = 0; i < n_workers; i++)
		hear(c, i);
}

static void dismiss(struct crew *c)
{
	for (int i = 0; i < n_workers; i++)
		close(c->to[i]);
	for (int i = 0; i < n_workers; i++) {
		int status = 0;

		if (waitpid(c->pid[i], &status, 0) < 0 || status)
			fprintf(stderr, "burst: %s %s: a worker ended with %#x\n", c->group, c->label,
			        (unsigned)status);
	}
	close(c->from);
}

static void round_of(struct crew *c, int number)
{
	double ms[MAX_WORKERS];
	int64_t at = now_ns() + LEAD_NS;

	for (int i = 0; i < n_workers; i++)
		if (write(c->to[i], &at, sizeof at) != sizeof at)
			fail("a worker is gone", c->label);
	for (int i = 0; i < n_workers; i++)
		ms[i] = (double)(hear(c, i).end_ns - at) / 1e6;
	qsort(ms, (size_t)n_workers, sizeof *ms, by_size);
	c->half[number] = ms[n_workers / 2];
	c->most[number] = ms[n_workers * 99 / 100];
	c->whole[number] = ms[n_workers - 1];
	c->rate[number] = n_workers / ms[n_workers - 1] * 1000;
}

static void read_crews(void)
{
	char *field[MAX_ARGS + 3];
	int n;

	while (n_crews < MAX_CREWS && (n = next_fields(field, MAX_ARGS + 3)) >= 0) {
		struct crew *c = &crews[n_crews];

		if (n < 4)
			continue;
		c->group = field[0];
		c->label = field[1];
		c->path = field[2];
		memcpy(c->argv, field + 3, (size_t)(n - 3) * sizeof *field);
		n_crews++;
	}
}

static double median(double *v)
{
	qsort(v, (size_t)n_rounds, sizeof *v, by_size);
	return v[n_rounds / 2];
}

/* One group: crews first up to but not including end. */
static void measure(int first, int end)
{
	double ratio[MAX_CREWS][MAX_ROUNDS];

	for (int i = first; i < end; i++) {
		assemble(&crews[i]);
		round_of(&crews[i], 0); /* warm */
	}
	for (int r = 0; r < n_rounds; r++)
		for (int k = 0; k < end - first; k++)
			round_of(&crews[r % 2 ? end - 1 - k : first + k], r);
	for (int i = first; i < end; i++)
		for (int r = 0; r < n_rounds; r++)
			ratio[i][r] = crews[i].whole[r] / crews[first].whole[r];
	for (int i = first; i < end; i++) {
		struct crew *c = &crews[i];

		printf("%s\t%s\t%.0f\t%.1f\t%.1f\t%.3f\t%d\n", c->group, c->label, median(c->rate),
		       median(c->half), median(c->most), median(ratio[i]), n_workers * (n_rounds + 1));
		fflush(stdout);
		dismiss(c);
	}
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "worker") == 0)
		return worker(argv + 2);
	n_workers = argc > 2 ? atoi(argv[1]) : 0;
	n_rounds = argc == 3 ? atoi(argv[2]) : 1;
	if (n_workers < 1 || n_workers > MAX_WORKERS || n_rounds < 1 || n_rounds > MAX_ROUNDS ||
	    (argc > 3 && strcmp(argv[2], "alive") != 0)) {
		fprintf(stderr, "usage: burst N ROUNDS <FILE | burst N alive COMMAND ARG... <FILE\n");
		return 2;
	}
	read_crews();
	if (argc > 3 && n_crews) {
		int status;

		assemble(&crews[0]);
		status = run_once(argv + 3, NULL);
		dismiss(&crews[0]);
		return status != 0;
	}
	for (int first = 0, end; first < n_crews; first = end) {
		for (end = first + 1; end < n_crews && strcmp(crews[end].group, crews[first].group) == 0;)
			end++;
		measure(first, end);
	}
	return 0;
}
