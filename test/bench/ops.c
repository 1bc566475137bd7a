/* ops - what single file operations cost in several directories, interleaved.
 *
 * usage: ops ROUNDS ALL NAME=DIR...	(the first is what the others are compared with)
 *
 * The first ALL take part in each round, the others in each third one. Prints "op NAME ratio least" per
 * line: the median of the rounds' ratios of time, and the ratio of the least times.
 */
#include "test/bench/fields.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_DIRS = 8, MAX_ROUNDS = 101, BIG = 64 << 20, BLOCK = 1 << 20, N_FILES = 1000 };

static char block[BLOCK];

static void must(bool good, const char *what)
{
	if (!good) {
		perror(what);
		exit(1);
	}
}

static char *numbered(const char *stem, int i)
{
	static char name[64];

	snprintf(name, sizeof name, "%s%d", stem, i);
	return name;
}

static void put(const char *name, size_t len)
{
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0644);

	must(fd >= 0, name);
	for (size_t n = 0; n < len; n += BLOCK)
		must(write(fd, block, len - n < BLOCK ? len - n : BLOCK) > 0, name);
	close(fd);
}

static void do_stat(int n)
{
	struct stat st;

	for (int i = 0; i < n; i++)
		must(stat("small", &st) == 0, "stat");
}

static void do_stat_missing(int n)
{
	struct stat st;

	for (int i = 0; i < n; i++)
		must(stat("missing", &st) < 0, "stat");
}

static void do_open(int n)
{
	for (int i = 0; i < n; i++)
		close(open("small", O_RDONLY));
}

static void do_open_read(int n)
{
	for (int i = 0; i < n; i++) {
		int fd = open("small", O_RDONLY);

		must(read(fd, block, 4096) == 4096, "read");
		close(fd);
	}
}

static void do_create(int n)
{
	for (int i = 0; i < n; i++)
		close(open(numbered("new", i), O_CREAT | O_EXCL | O_WRONLY, 0644));
}

static void do_rename(int n)
{
	for (int i = 0; i < n; i++) {
		char old[64];

		strcpy(old, numbered("new", i));
		must(rename(old, numbered("moved", i)) == 0, "rename");
	}
}

static void do_unlink(int n)
{
	for (int i = 0; i < n; i++)
		must(unlink(numbered("moved", i)) == 0, "unlink");
}

static void do_list(int n)
{
	for (int i = 0; i < n; i++) {
		DIR *d = opendir("many");
		int k = 0;

		while (readdir(d))
			k++;
		must(k == N_FILES + 2, "readdir");
		closedir(d);
	}
}

static void do_write(int n)
{
	for (int i = 0; i < n; i++)
		put("written", BIG);
}

static void do_read(int n)
{
	int fd = open("big", O_RDONLY);

	for (int i = 0; i < n; i++) {
		lseek(fd, 0, SEEK_SET);
		while (read(fd, block, 128 << 10) > 0)
			;
	}
	close(fd);
}

static void do_random(int n, bool write)
{
	int fd = open("big", write ? O_WRONLY : O_RDONLY);
	uint32_t at = 1;

	for (int i = 0; i < n; i++) {
		off_t where;

		at = at * 1664525 + 1013904223;
		where = (off_t)(at % (BIG / 4096)) * 4096;
		must((write ? pwrite(fd, block, 4096, where) : pread(fd, block, 4096, where)) == 4096, "4k");
	}
	close(fd);
}

static void do_random_read(int n)
{
	do_random(n, false);
}

static void do_random_write(int n)
{
	do_random(n, true);
}

static void do_map(int n)
{
	int fd = open("big", O_RDONLY);

	for (int k = 0; k < n; k++) {
		const char *data = mmap(NULL, BIG, PROT_READ, MAP_SHARED, fd, 0);
		volatile char sum = 0;

		must(data != MAP_FAILED, "mmap");
		for (size_t i = 0; i < BIG; i += 4096)
			sum = (char)(sum + data[i]);
		munmap((void *)data, BIG);
	}
	close(fd);
}

static const struct {
	const char *name;
	void (*run)(int n);
	int n;
} ops[] = {
	{ "stat", do_stat, 5000 },
	{ "stat, no such file", do_stat_missing, 5000 },
	{ "open, close", do_open, 2000 },
	{ "open, read 4 KiB, close", do_open_read, 2000 },
	{ "create, close", do_create, 500 },
	{ "rename", do_rename, 500 },
	{ "unlink", do_unlink, 500 },
	{ "list 1,000 names", do_list, 10 },
	{ "write 64 MiB", do_write, 1 },
	{ "read 64 MiB", do_read, 3 },
	{ "4 KiB random reads", do_random_read, 20000 },
	{ "4 KiB random writes", do_random_write, 2000 },
	{ "mmap, touch 64 MiB", do_map, 3 },
};
enum { N_OPS = sizeof ops / sizeof *ops };
static double ns[N_OPS][MAX_DIRS][MAX_ROUNDS];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void prepare(const char *dir)
{
	must(chdir(dir) == 0, dir);
	put("small", 4096);
	put("big", BIG);
	must(mkdir("many", 0755) == 0, "many");
	for (int i = 0; i < N_FILES; i++)
		put(numbered("many/file", i), 0);
	for (int op = 0; op < N_OPS; op++)
		ops[op].run(ops[op].n);
}

static double median(double *x, int n)
{
	qsort(x, (size_t)n, sizeof *x, by_size);
	return x[n / 2];
}

static void measure(int op, int i, int round, const char *dir)
{
	double start;

	must(chdir(dir) == 0, dir);
	start = now();
	ops[op].run(ops[op].n);
	ns[op][i][round] = (now() - start) / ops[op].n;
}

static double least(const double *x, int n)
{
	double best = 0;

	for (int i = 0; i < n; i++)
		if (x[i] && (!best || x[i] < best))
			best = x[i];
	return best;
}

static void print(int op, int i, const char *name, int rounds)
{
	double ratio[MAX_ROUNDS];
	int n = 0;

	for (int round = 0; round < rounds; round++)
		if (ns[op][i][round])
			ratio[n++] = ns[op][i][round] / ns[op][0][round];
	printf("%s\t%s\t%.2f\t%.2f\n", ops[op].name, name, median(ratio, n),
	       least(ns[op][i], rounds) / least(ns[op][0], rounds));
}

int main(int argc, char **argv)
{
	int rounds = argc > 3 ? atoi(argv[1]) : 0, n_all = argc > 3 ? atoi(argv[2]) : 0, n = argc - 3;
	char *dir[MAX_DIRS];

	if (rounds < 1 || rounds > MAX_ROUNDS || n > MAX_DIRS)
		return 2;
	for (int i = 0; i < n; i++) {
		dir[i] = strchr(argv[i + 3], '=');
		must(dir[i], "NAME=DIR");
		*dir[i]++ = '\0';
		prepare(dir[i]);
	}
	for (int round = 0; round < rounds; round++)
		for (int op = 0; op < N_OPS; op++)
			for (int k = 0; k < n; k++) {
				int i = round % 2 ? n - 1 - k : k; /* who comes last pays for nobody */

				if (i < n_all || round % 3 == 0)
					measure(op, i, round, dir[i]);
			}
	for (int op = 0; op < N_OPS; op++)
		for (int i = 0; i < n; i++)
			print(op, i, argv[i + 3], rounds);
	return 0;
}
