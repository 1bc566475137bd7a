/* A store of very many kept versions is listed in little time and memory: a million of them in less than two
 * seconds of processor time. JOURNAL_MANY says how many are made (100,000); the limits are in proportion.
 *
 * The lines are those of three writers whose times run into each other, as three sessions' do; some versions
 * were restored since, a few were kept by an implementation that writes no lines. Versions are links to one
 * file: only their names count here.
 */
#include "base/buf.h"
#include "base/fd.h"
#include "journal/line.h"
#include "journal/record.h"
#include "journal/store.h"
#include "journal/tree.h"
#include "test/t.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WRITERS = 3, LINKS = 60000, OTHERS = 50, FIRST = 1000000 };

static char top[64];
static struct journal j;
static long many, made, there;

/* A path in it. Two are good at a time. */
static const char *at(const char *rest)
{
	static char paths[2][128];
	static int n;
	char *path = paths[n++ & 1];

	snprintf(path, sizeof *paths, "%s/%s", top, rest);
	return path;
}

static void put(const char *name, const char *text)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

	ok(fd >= 0 && fd_write(fd, text, strlen(text)) == 0, "%s", name);
	fd_close(&fd);
}

static int64_t time_of(long i)
{
	return 1700000000000000000 + (FIRST + i) * 1000003LL;
}

static bool add_version(long i)
{
	char seed[32], name[32];

	snprintf(seed, sizeof seed, "seed%ld", made / LINKS);
	if (made % LINKS == 0)
		put(seed, "a");
	snprintf(name, sizeof name, "%lld", (long long)time_of(i));
	made++;
	return linkat(AT_FDCWD, at(seed), j.payload, name, 0) == 0;
}

/* Every hundredth has no version any more. */
static bool write_lines(int writer)
{
	struct buf out = { .max = SIZE_MAX / 2 };
	char path[200], command[40], name[40];
	struct journal_line l = { .kind = LINE_BEGIN, .at = 1, .path = "" };
	bool good = true;
	int fd;

	snprintf(name, sizeof name, "session-%d", writer);
	l.command = name;
	line_write(&l, &out);
	for (long i = writer; i < many; i += WRITERS) {
		snprintf(path, sizeof path, "/home/user/project/node_modules/package-%ld/lib/file-%ld.js",
		         i / 40, i);
		snprintf(command, sizeof command, "cmd-%d-%ld", writer, i / 5000);
		l = (struct journal_line){ .kind = LINE_ACTS[JOURNAL_DELETE],
			                   .at = time_of(i),
			                   .command = command,
			                   .path = path,
			                   .mode = S_IFREG | 0644,
			                   .ino = 100000 + (uint64_t)i,
			                   .size = (uint64_t)i,
			                   .mtime_ns = time_of(i),
			                   .atime_ns = time_of(i),
			                   .above_ns = time_of(i) };
		line_write(&l, &out);
		if (i % 100 != 99) {
			good = good && add_version(i);
			there++;
		}
	}
	snprintf(path, sizeof path, "store/%s/%s", JOURNAL_STORE_ACTS, name);
	fd = open(at(path), O_WRONLY | O_CREAT | O_EXCL, 0600);
	good = good && fd_write(fd, buf_text(&out), out.len) == 0;
	fd_close(&fd);
	buf_release(&out);
	return good;
}

static bool add_others(void)
{
	char name[40];

	for (int i = 0; i < OTHERS; i++) {
		struct journal_about about = { .path = "/home/user/other", .session = "other" };
		struct journal_entry en;
		int dir = open(top, O_RDONLY | O_DIRECTORY);
		bool good;

		snprintf(name, sizeof name, "other%d", i);
		put(name, "b");
		good = journal_keep(&j, dir, name, &about, &en, NULL) == 0;
		fd_close(&dir);
		if (!good)
			return false;
		there++;
	}
	return true;
}

/* Its output is in the file "out". */
static bool list(const char *session, struct rusage *used)
{
	const char *binary = getenv("AGENTSH");
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		int fd = open(at("out"), O_WRONLY | O_CREAT | O_TRUNC, 0600);

		dup2(fd, 1);
		execl(binary ? binary : "build/out/agentsh", "agentsh", "trash", "list", "--trash-path",
		      at("store"), session ? "--session" : NULL, session, (char *)NULL);
		_exit(127);
	}
	return pid > 0 && wait4(pid, &status, 0, used) == pid && status == 0;
}

/* How many lines; false: not oldest first. */
static bool read_list(long *n, uint64_t *sum)
{
	FILE *f = fopen(at("out"), "r");
	char line[512];
	long long last = 0, token, size;

	*n = 0;
	*sum = 0;
	while (f && fgets(line, sizeof line, f)) {
		const char *tab = strchr(line, '\t'), *next = tab ? strchr(tab + 1, '\t') : NULL;

		token = atoll(line);
		size = next ? atoll(next + 1) : -1;
		if (token <= last || size < 0)
			break;
		last = token;
		++*n;
		*sum += (uint64_t)size;
	}
	if (!f || !feof(f))
		*n = -1;
	if (f)
		fclose(f);
	return *n >= 0;
}

static double seconds(const struct rusage *u)
{
	return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) +
	       (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}

static uint64_t sum_of(int from, int step)
{
	uint64_t sum = 0;

	for (long i = from; i < many; i += step)
		sum += i % 100 != 99 ? (uint64_t)i : 0;
	return sum;
}

/* The better of two: somebody else may be at work. */
static void check_list(void)
{
	struct rusage used = { .ru_maxrss = 0 }, again = used;
	double limit = 0.05 + 2.0 * (double)many / 1000000;
	long n, rss = 16000 + 90 * many / 1000;
	uint64_t sum;

	ok(list(NULL, &used) && list(NULL, &again), "it is listed");
	if (seconds(&again) < seconds(&used))
		used = again;
	ok(read_list(&n, &sum), "oldest first");
	is_int(n, there, "each that is there, once");
	is_int((int64_t)sum, (int64_t)sum_of(0, 1) + OTHERS, "with its size");
	printf("# %ld entries: %.3f s, %.3f of it in the kernel, %ld KiB\n", there, seconds(&used),
	       (double)used.ru_stime.tv_sec + (double)used.ru_stime.tv_usec / 1e6, used.ru_maxrss);
	ok(seconds(&used) < limit, "%.3f s of processor time, at most %.2f", seconds(&used), limit);
	ok(used.ru_maxrss < rss, "%ld KiB of memory, at most %ld", used.ru_maxrss, rss);
	ok(list("session-1", &used) && read_list(&n, &sum), "one session's");
	is_int((int64_t)sum, (int64_t)sum_of(1, WRITERS), "and no others");
}

T_CASE(many_versions)
{
	const char *wanted = getenv("JOURNAL_MANY");
	struct err e;

	many = wanted ? atol(wanted) : 100000;
	snprintf(top, sizeof top, "%s/agentsh-test-XXXXXX",
	         access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!ok(mkdtemp(top) != NULL) || !ok(journal_open(&j, at("store"), true, &e) == 0))
		return;
	ok(mkdirat(j.dir, JOURNAL_STORE_ACTS, 0700) == 0 || errno == EEXIST);
	for (int w = 0; w < WRITERS; w++)
		ok(write_lines(w), "the lines of writer %d", w);
	ok(add_others(), "and others'");
	check_list();
	journal_close(&j);
	ok(tree_remove(AT_FDCWD, top, NULL) == 0);
}
