/* fsops - makes the operations, one after the other, by several actors, and writes the log.
 *
 * usage: fsops [--seed N] [--ops N] [--from N] [--no-watch] [--no-limits] [--view] DIR
 *
 * DIR is made and emptied. Two logs are comparable when their DIRs are equally long. --from starts at the
 * scene that holds operation N. A scene is 1,000 operations; between two all descriptors are closed, the tree
 * is listed in full and removed. --view leaves out what the kernel itself does otherwise with FUSE:
 * descriptors that append and are told not to (F_SETFL, and RWF_NOAPPEND, which this C library's pwrite
 * uses), where holes are, ranges that collapse, set-id bits of a file whose range is not made zero, times of
 * FIFOs, and watches, which see files without a name.
 */
#include "test/files/fsops.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SCENE = 1000 };
struct world world;
static const struct deed *const tables[] = { deeds_open, deeds_data, deeds_tree, deeds_attr };

/* ---- numbers and words ---- */

/* splitmix64 */
static uint64_t next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

uint32_t pick(struct op *o, uint32_t n)
{
	return (uint32_t)((next(&o->rng) >> 32) * n >> 32);
}

bool chance(struct op *o, uint32_t percent)
{
	return pick(o, 100) < percent;
}

uint64_t hash_of(const void *data, size_t n, uint64_t hash)
{
	const unsigned char *bytes = data;

	hash ^= 0xcbf29ce484222325;
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3;
	return hash;
}

void say(struct op *o, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(o->line + o->len, LINE - o->len, format, args);
	va_end(args);
	if (n > 0)
		o->len += (size_t)n < LINE - o->len ? (size_t)n : LINE - o->len - 1;
}

void say_bytes(struct op *o, const char *bytes, size_t n)
{
	size_t top = strlen(world.top);

	for (size_t i = 0; i < n; i++) {
		size_t run = 1;

		if (n - i >= top && !memcmp(bytes + i, world.top, top)) {
			say(o, "@");
			i += top - 1;
			continue;
		}
		while (i + run < n && bytes[i + run] == bytes[i])
			run++;
		if (run > 8) {
			say(o, "{%zu*%c}", run, bytes[i]);
			i += run - 1;
		} else {
			say(o, bytes[i] > ' ' && bytes[i] != '%' && bytes[i] < 127 ? "%c" : "%%%02x",
			    (unsigned char)bytes[i]);
		}
	}
}

void say_place(struct op *o, const char *path, size_t n)
{
	/* Files without a name are called "#inode", or "/". */
	if (path[0] != '/' || memchr(path, '#', n) || memmem(path, n, "//", 2) ||
	    (n >= 6 && !memcmp(path, "/proc/", 6)))
		return;
	say_bytes(o, path, n);
}

long got(struct op *o, long result)
{
	int failure = errno;

	if (result < 0)
		say(o, " = E%d", failure);
	else
		say(o, " = %ld", result);
	errno = failure;
	return result;
}

/* ---- actors ---- */

struct helper {
	pthread_t thread;
	sem_t start, done;
	struct op *op;
	const struct deed *deed;
	bool own_fs;
};
static struct helper helpers[2] = { { .own_fs = false }, { .own_fs = true } };

static void *help(void *arg)
{
	struct helper *h = arg;

	if (h->own_fs && unshare(CLONE_FS))
		abort();
	for (;;) {
		while (sem_wait(&h->start))
			;
		h->deed->run(h->op);
		sem_post(&h->done);
	}
	return NULL;
}

static void by_thread(struct helper *h, const struct deed *deed, struct op *o)
{
	h->op = o;
	h->deed = deed;
	sem_post(&h->start);
	while (sem_wait(&h->done))
		;
}

static void by_child(const struct deed *deed, struct op *o)
{
	int ends[2], status;
	pid_t pid;
	ssize_t n;

	if (pipe2(ends, O_CLOEXEC) || (pid = fork()) < 0)
		abort();
	if (pid == 0) {
		deed->run(o);
		_exit(write(ends[1], o->line, o->len) != (ssize_t)o->len);
	}
	close(ends[1]);
	o->len = 0;
	while ((n = read(ends[0], o->line + o->len, LINE - 1 - o->len)) > 0)
		o->len += (size_t)n;
	close(ends[0]);
	if (waitpid(pid, &status, 0) != pid || status)
		say(o, " child=%x", (unsigned)status);
}

static const struct deed *some_deed(struct op *o)
{
	uint32_t all = 0, n;

	for (size_t t = 0; t < 4; t++)
		for (const struct deed *d = tables[t]; d->weight; d++)
			all += d->weight;
	n = pick(o, all);
	for (size_t t = 0; t < 4; t++) {
		for (const struct deed *d = tables[t]; d->weight; d++) {
			if (n < d->weight)
				return d;
			n -= d->weight;
		}
	}
	abort();
}

static void operation(uint64_t seed, long number)
{
	static struct op o;
	uint32_t who;

	o.rng = seed * 0x2545f4914f6cdd1d + (uint64_t)number;
	o.len = 0;
	o.dir = o.moves = false;
	next(&o.rng);
	const struct deed *deed = some_deed(&o);
	who = pick(&o, 100);
	if (who < 10)
		by_thread(&helpers[0], deed, &o);
	else if (who < 25)
		by_thread(&helpers[1], deed, &o);
	else if (who < 28 && !deed->shared)
		by_child(deed, &o);
	else
		deed->run(&o);
	printf("%ld.%s %.*s\n", number,
	       who < 10   ? "t"
	       : who < 25 ? "f"
	       : who < 28 ? "c"
	                  : "m",
	       (int)o.len, o.line);
}

/* ---- scenes ---- */

static void go_back(struct op *o)
{
	(void)o;
	if (chdir(world.base))
		abort();
	umask(022);
}

static void everybody_back(void)
{
	static const struct deed back = { go_back, 1, false };

	go_back(NULL);
	by_thread(&helpers[0], &back, NULL);
	by_thread(&helpers[1], &back, NULL);
}

static void make_scene(void)
{
	static const char *const first[] = { "d0", "d1", "d2", "d0/d0", "d0/d1", "d1/d2", "d2/d0", "d2/d1" };
	char text[700];
	size_t n = (size_t)snprintf(world.base, sizeof world.base, "%s/p/q/r/s/t/u/v/w", world.top);

	for (size_t i = strlen(world.top); i <= n; i++) {
		if (world.base[i] == '/' || i == n) {
			snprintf(text, sizeof text, "%.*s", (int)i, world.base);
			mkdir(text, 0755);
		}
	}
	for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
		snprintf(text, sizeof text, "%s/%s", world.base, first[i]);
		mkdir(text, 0755);
	}
	snprintf(text, sizeof text, "%s/mapped", world.top);
	int fd = open(text, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 8192))
		abort();
	world.mapped = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	world.watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	for (int i = 0; i < SLOTS; i++)
		world.slot[i] = -1;
	everybody_back();
}

static void end_scene(void)
{
	static struct op o;

	for (int i = 0; i < SLOTS; i++) {
		if (world.slot[i] >= 0)
			close(world.slot[i]);
	}
	close(world.watch);
	umask(022);
	if (chdir("/"))
		abort();
	memset(world.mapped, 0, 8192);
	munmap(world.mapped, 8192);
	o.len = 0;
	dump_tree(&o);
	wipe_tree();
}

static void set_up(void)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(pages + 4096, 4096, PROT_NONE);
	world.edge = pages + 4096;
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGIO, SIG_IGN);
	umask(022);
	for (int i = 0; i < 2; i++) {
		sem_init(&helpers[i].start, 0, 0);
		sem_init(&helpers[i].done, 0, 0);
		if (pthread_create(&helpers[i].thread, NULL, help, &helpers[i]))
			abort();
	}
}

int main(int argc, char **argv)
{
	uint64_t seed = 1;
	long ops = 100000, from = 0;
	const char *dir = NULL;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--seed") && i + 1 < argc)
			seed = strtoull(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--ops") && i + 1 < argc)
			ops = strtol(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--from") && i + 1 < argc)
			from = strtol(argv[++i], NULL, 0) / SCENE * SCENE;
		else if (!strcmp(argv[i], "--view"))
			world.view = world.no_watch = true;
		else if (!strcmp(argv[i], "--no-watch"))
			world.no_watch = true;
		else if (!strcmp(argv[i], "--no-limits"))
			world.no_limits = true;
		else
			dir = argv[i];
	}
	if (!dir || (mkdir(dir, 0755) && errno != EEXIST) || !realpath(dir, world.top))
		return 2;
	set_up();
	wipe_tree();
	for (long n = from; n < ops; n++) {
		if (n % SCENE == 0)
			make_scene();
		operation(seed, n);
		if (n % SCENE == SCENE - 1 || n == ops - 1)
			end_scene();
	}
	return fflush(stdout) ? 1 : 0;
}
