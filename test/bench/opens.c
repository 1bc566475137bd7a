/* opens - what one call that opens or changes a file costs: the least of several rounds, which a machine that
 * is busy with other things leaves as it is.
 *
 * usage: opens DIR ROUNDS [WORD]	(WORD: only what has it in its name)
 *
 * Prints "NAME<tab>microseconds" per line. DIR is the caller's own, and is left empty.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TIMES = 500 };

static int dirfd;
static char dir[512];

static void must(bool good, const char *what)
{
	if (!good) {
		perror(what);
		exit(1);
	}
}

static const char *numbered(const char *stem, int i)
{
	static _Thread_local char name[64];

	snprintf(name, sizeof name, "%s%d", stem, i);
	return name;
}

static void open_at(int base, const char *name, int flags)
{
	int fd = openat(base, name, flags, 0644);

	must(fd >= 0, name);
	close(fd);
}

static void do_read(int n)
{
	for (int i = 0; i < n; i++)
		open_at(AT_FDCWD, "small", O_RDONLY | O_CLOEXEC);
}

static void do_absolute(int n)
{
	char name[600];

	snprintf(name, sizeof name, "%s/small", dir);
	for (int i = 0; i < n; i++)
		open_at(AT_FDCWD, name, O_RDONLY | O_CLOEXEC);
}

static void do_dirfd(int n)
{
	for (int i = 0; i < n; i++)
		open_at(dirfd, "small", O_RDONLY | O_CLOEXEC);
}

static void do_many(int n)
{
	for (int i = 0; i < n; i++)
		open_at(AT_FDCWD, numbered("many", i), O_RDONLY | O_CLOEXEC);
}

static void do_library(int n)
{
	for (int i = 0; i < n; i++)
		open_at(AT_FDCWD, "/lib/x86_64-linux-gnu/libc.so.6", O_RDONLY | O_CLOEXEC);
}

static void do_null(int n)
{
	for (int i = 0; i < n; i++)
		open_at(AT_FDCWD, "/dev/null", O_WRONLY | O_CLOEXEC);
}

static void do_self(int n)
{
	for (int i = 0; i < n; i++)
		open_at(AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC);
}

static void do_missing(int n)
{
	for (int i = 0; i < n; i++)
		must(open("/usr/lib/none.so", O_RDONLY | O_CLOEXEC) < 0 && errno == ENOENT, "missing");
}

static void do_missing_linked(int n)
{
	for (int i = 0; i < n; i++)
		must(open("/lib/none.so", O_RDONLY | O_CLOEXEC) < 0 && errno == ENOENT, "missing");
}

static void do_missing_here(int n)
{
	for (int i = 0; i < n; i++)
		must(open("none", O_RDONLY | O_CLOEXEC) < 0 && errno == ENOENT, "missing");
}

static void do_list(int n)
{
	for (int i = 0; i < n; i++)
		open_at(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void do_write(int n)
{
	for (int i = 0; i < n; i++)
		open_at(AT_FDCWD, "small", O_WRONLY | O_CLOEXEC);
}

static void do_again(int n)
{
	for (int i = 0; i < n; i++)
		open_at(AT_FDCWD, "small", O_WRONLY | O_CREAT | O_CLOEXEC);
}

static void do_create(int n)
{
	for (int i = 0; i < n; i++)
		open_at(AT_FDCWD, numbered("new", i), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC);
}

static void do_truncate(int n)
{
	for (int i = 0; i < n; i++)
		open_at(AT_FDCWD, numbered("new", i), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
}

static void do_unlink(int n)
{
	for (int i = 0; i < n; i++)
		must(unlink(numbered("new", i)) == 0, "unlink");
}

static void *half(void *n)
{
	do_read(*(int *)n);
	return NULL;
}

static void do_threads(int n)
{
	pthread_t t[2];

	n /= 2;
	for (int i = 0; i < 2; i++)
		must(!pthread_create(&t[i], NULL, half, &n), "thread");
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

static const struct {
	const char *name;
	void (*run)(int n);
} ops[] = {
	{ "read", do_read },
	{ "read, absolute", do_absolute },
	{ "read, by descriptor", do_dirfd },
	{ "read, many", do_many },
	{ "read, below a link of root's", do_library },
	{ "read, two threads", do_threads },
	{ "missing", do_missing },
	{ "missing, below a link of root's", do_missing_linked },
	{ "missing, here", do_missing_here },
	{ "directory", do_list },
	{ "/dev/null", do_null },
	{ "/proc/self/maps", do_self },
	{ "write", do_write },
	{ "write or create", do_again },
	{ "create", do_create },
	{ "truncate", do_truncate },
	{ "unlink", do_unlink },
};
enum { N_OPS = sizeof ops / sizeof *ops };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void prepare(void)
{
	must(chdir(dir) == 0, dir);
	dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	open_at(AT_FDCWD, "small", O_CREAT | O_WRONLY);
	for (int i = 0; i < TIMES; i++)
		open_at(AT_FDCWD, numbered("many", i), O_CREAT | O_WRONLY);
}

static void tidy(void)
{
	unlink("small");
	for (int i = 0; i < TIMES; i++)
		unlink(numbered("many", i));
}

/* Of these, each needs what the one before it left. */
static bool is_chosen(int op, const char *word)
{
	return !word || strstr(ops[op].name, word) || (ops[op].run == do_create && !strcmp(word, "unlink")) ||
	       (ops[op].run == do_unlink && !strcmp(word, "create"));
}

int main(int argc, char **argv)
{
	const char *word = argc > 3 ? argv[3] : NULL;
	double best[N_OPS] = { 0 };
	int rounds;

	must(argc >= 3 && realpath(argv[1], dir), "usage: opens DIR ROUNDS [WORD]");
	rounds = atoi(argv[2]);
	prepare();
	for (int round = 0; round < rounds; round++) {
		for (int op = 0; op < N_OPS; op++) {
			double start, us;

			if (!is_chosen(op, word))
				continue;
			start = now();
			ops[op].run(TIMES);
			us = (now() - start) / TIMES;
			if (!best[op] || us < best[op])
				best[op] = us;
		}
	}
	for (int op = 0; op < N_OPS; op++)
		if (is_chosen(op, word))
			printf("%s\t%.2f\n", ops[op].name, best[op]);
	tidy();
	return 0;
}
