/* What is read from a file in a view is what was written to it, by whatever way: random reads, writes,
 * truncations, mappings, holes, copies and openings against a model of the content; the file below the view
 * has the same. FUSE_OPS chooses how many, FUSE_SEED which.
 *
 * Shared mappings and direct writes of several processes at once, each to blocks of its own. */
#include "base/num.h"
#include "enforce/fuse/mounting.h"
#include "enforce/fuse/view.h"
#include "test/t.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX = 1 << 18, OPS = 6000, WRITERS = 4, BLOCKS = 64, MANY = 100000 };

struct shown {
	char top[64], real[80], seen[80];
	pid_t pid;
};

static void needs_root(void)
{
	if (geteuid() != 0 || access("/dev/fuse", R_OK | W_OK) != 0)
		t_skip_all("not root, or no FUSE");
}

static int show(const char *real, const char *seen, bool no_passthrough)
{
	struct view_options o = { .path = seen, .keep_s = 86400, .no_passthrough = no_passthrough };
	struct view *v;
	struct err e;

	o.dir = open(real, O_PATH | O_DIRECTORY | O_CLOEXEC);
	o.device = mounting_attach(seen, true, 10000, &e);
	v = o.device < 0 ? NULL : view_new(&o, &e);
	return v && view_run(v, &e) == 0 ? 0 : 1;
}

static bool is_mounted(const struct shown *s)
{
	struct stat a, b;

	return stat(s->top, &a) == 0 && stat(s->seen, &b) == 0 && a.st_dev != b.st_dev;
}

static bool begin(struct shown *s, const char *where, bool no_passthrough)
{
	snprintf(s->top, sizeof s->top, "%s/content.XXXXXX", where);
	if (!mkdtemp(s->top))
		return false;
	snprintf(s->real, sizeof s->real, "%s/real", s->top);
	snprintf(s->seen, sizeof s->seen, "%s/seen", s->top);
	mkdir(s->real, 0755);
	mkdir(s->seen, 0755);
	s->pid = fork();
	if (s->pid == 0)
		_exit(show(s->real, s->seen, no_passthrough));
	for (int i = 0; i < 500 && !is_mounted(s); i++)
		usleep(10000);
	return is_mounted(s);
}

static void end(struct shown *s)
{
	char text[128];
	int status = -1;

	umount2(s->seen, MNT_DETACH);
	waitpid(s->pid, &status, 0);
	is_int(status, 0, "the view ends when it is unmounted");
	snprintf(text, sizeof text, "rm -rf '%s'", s->top);
	ok(system(text) == 0, "all of it is removed");
}

/* ---- one file against a model -------------------------------------------------------------------------- */

struct world {
	uint64_t rng;
	uint8_t model[MAX], got[MAX];
	size_t size;
	int fd[2], below;
	char path[128], other[128];
	uint8_t *map; /* of fd[0], all of MAX */
	char why[160];
};

static uint32_t pick(struct world *w, uint32_t n)
{
	w->rng ^= w->rng << 13;
	w->rng ^= w->rng >> 7;
	w->rng ^= w->rng << 17;
	return (uint32_t)(w->rng >> 20) % n;
}

static bool fails(struct world *w, const char *what, size_t at, size_t n)
{
	snprintf(w->why, sizeof w->why, "%s at %zu, %zu bytes: %s", what, at, n, strerror(errno));
	return false;
}

static bool same(struct world *w, const char *what, const uint8_t *data, size_t at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (data[i] != w->model[at + i]) {
			errno = 0;
			return fails(w, what, at + i, n);
		}
	return true;
}

static void resize(struct world *w, size_t size)
{
	if (size < w->size)
		memset(w->model + size, 0, w->size - size);
	w->size = size;
}

/* Bytes that are to be written. */
static void fill(struct world *w, size_t n)
{
	for (size_t i = 0; i < n; i++)
		w->got[i] = (uint8_t)pick(w, 256);
}

static bool op_write(struct world *w, int fd, size_t at, size_t n)
{
	fill(w, n);
	if (pwrite(fd, w->got, n, (off_t)at) != (ssize_t)n)
		return fails(w, "write", at, n);
	memcpy(w->model + at, w->got, n);
	if (at + n > w->size)
		w->size = at + n;
	return true;
}

static bool op_append(struct world *w, size_t n)
{
	int fd;

	if (w->size + n > MAX)
		return true;
	fd = open(w->path, O_WRONLY | O_APPEND | O_CLOEXEC);
	fill(w, n);
	if (fd < 0 || write(fd, w->got, n) != (ssize_t)n)
		return fails(w, "append", w->size, n);
	close(fd);
	memcpy(w->model + w->size, w->got, n);
	w->size += n;
	return true;
}

static bool op_read(struct world *w, int fd, size_t at, size_t n)
{
	ssize_t want = at >= w->size ? 0 : (ssize_t)(w->size - at < n ? w->size - at : n);

	if (pread(fd, w->got, n, (off_t)at) != want)
		return fails(w, "read", at, n);
	return same(w, "read", w->got, at, (size_t)want);
}

static bool op_cut(struct world *w, int fd, size_t size)
{
	if (pick(w, 2) ? ftruncate(fd, (off_t)size) : truncate(w->path, (off_t)size))
		return fails(w, "truncate", size, 0);
	resize(w, size);
	return true;
}

static bool op_map(struct world *w, size_t at, size_t n)
{
	if (at >= w->size)
		return true;
	if (at + n > w->size)
		n = w->size - at;
	if (pick(w, 2))
		return same(w, "mapping", w->map + at, at, n);
	fill(w, n);
	memcpy(w->map + at, w->got, n);
	memcpy(w->model + at, w->got, n);
	return !pick(w, 4) && msync(w->map, MAX, MS_SYNC) ? fails(w, "msync", at, n) : true;
}

static bool op_space(struct world *w, int fd, size_t at, size_t n)
{
	static const int modes[] = { 0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		                     FALLOC_FL_ZERO_RANGE };
	int mode = modes[pick(w, 4)];

	if (fallocate(fd, mode, (off_t)at, (off_t)n))
		return errno == EOPNOTSUPP ? true : fails(w, "fallocate", at, n);
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		memset(w->model + at, 0, n);
	if (!(mode & FALLOC_FL_KEEP_SIZE) && at + n > w->size)
		w->size = at + n;
	return true;
}

static bool op_copy(struct world *w, size_t from, size_t to, size_t n)
{
	loff_t in = (loff_t)from, out = (loff_t)to;
	ssize_t done;

	if (from + n > w->size || (from < to + n && to < from + n))
		return true;
	done = copy_file_range(w->fd[0], &in, w->fd[1], &out, n, 0);
	if (done <= 0)
		return fails(w, "copy_file_range", from, n);
	memcpy(w->model + to, w->model + from, (size_t)done);
	if (to + (size_t)done > w->size)
		w->size = to + (size_t)done;
	return true;
}

/* Holes hold nothing. */
static bool op_holes(struct world *w, int fd)
{
	for (off_t at = 0; at < (off_t)w->size;) {
		off_t hole = lseek(fd, at, SEEK_HOLE), data;

		if (hole < at)
			return fails(w, "SEEK_HOLE", (size_t)at, 0);
		data = lseek(fd, hole, SEEK_DATA);
		if (data < 0)
			data = (off_t)w->size;
		for (off_t i = hole; i < data && i < (off_t)w->size; i++)
			if (w->model[i])
				return fails(w, "a hole", (size_t)i, 0);
		at = data > at ? data : (off_t)w->size;
	}
	return true;
}

static bool map_it(struct world *w)
{
	if (w->map)
		munmap(w->map, MAX);
	w->map = mmap(NULL, MAX, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd[0], 0);
	return w->map != MAP_FAILED;
}

static bool op_open(struct world *w)
{
	bool cut = !pick(w, 4);
	int i = (int)pick(w, 2), fd = open(w->path, O_RDWR | O_CLOEXEC | (cut ? O_TRUNC : 0));

	if (fd < 0)
		return fails(w, "open", 0, 0);
	if (cut)
		resize(w, 0);
	close(w->fd[i]);
	w->fd[i] = fd;
	return i == 0 ? map_it(w) : true;
}

/* Another file takes its place, or it loses its name and gets it back; what is open goes on. */
static bool op_name(struct world *w)
{
	char self[40];

	if (pick(w, 2))
		return rename(w->path, w->other) || rename(w->other, w->path) ? fails(w, "rename", 0, 0)
		                                                              : true;
	snprintf(self, sizeof self, "/proc/self/fd/%d", w->fd[1]);
	if (link(w->path, w->other) || unlink(w->path) || link(w->other, w->path) || unlink(w->other))
		return fails(w, "link", 0, 0);
	return access(self, R_OK) ? fails(w, "its descriptor", 0, 0) : true;
}

static bool step(struct world *w)
{
	size_t at = pick(w, MAX), n = 1 + pick(w, pick(w, 4) ? 9000 : 70000), to = pick(w, MAX);
	int fd = w->fd[pick(w, 2)];

	if (at + n > MAX)
		n = MAX - at;
	if (to + n > MAX)
		to = MAX - n;
	switch (pick(w, 16)) {
	case 0:
	case 1:
	case 2:
		return op_write(w, fd, at, n);
	case 3:
	case 4:
	case 5:
		return op_read(w, fd, at, n);
	case 6:
		return op_cut(w, fd, at);
	case 7:
	case 8:
	case 9:
		return op_map(w, at, n);
	case 10:
		return op_space(w, fd, at, n);
	case 11:
		return op_copy(w, at, to, n);
	case 12:
		return op_holes(w, fd);
	case 13:
		return pick(w, 4) ? op_append(w, n) : op_open(w);
	case 14:
		return op_name(w);
	default:
		return fsync(fd) ? fails(w, "fsync", 0, 0) : true;
	}
}

/* By name, by descriptor, and below the view: mappings are written before. */
static bool whole(struct world *w)
{
	struct stat a, b;

	if (stat(w->path, &a) || fstat(w->fd[0], &b) || a.st_size != (off_t)w->size ||
	    b.st_size != a.st_size || a.st_ino != b.st_ino)
		return fails(w, "size", w->size, (size_t)a.st_size);
	if (!op_read(w, w->fd[1], 0, MAX) || msync(w->map, MAX, MS_SYNC))
		return false;
	if (pread(w->below, w->got, MAX, 0) != (ssize_t)w->size)
		return fails(w, "size below", w->size, 0);
	return same(w, "below", w->got, 0, w->size);
}

static void play(const char *where, bool no_passthrough, const char *what)
{
	const char *seed = getenv("FUSE_SEED"), *ops = getenv("FUSE_OPS");
	static struct world w;
	uint64_t n = OPS, i = 0;
	struct shown s;
	char below[128];

	w = (struct world){ .rng = 0x9e3779b97f4a7c15 };
	if ((seed && !num_u64(seed, 0, UINT32_MAX, &i)) || (ops && !num_u64(ops, 1, UINT32_MAX, &n)))
		ok(false, "FUSE_SEED and FUSE_OPS are numbers");
	w.rng += i * 0x2545f4914f6cdd1d;
	if (!ok(begin(&s, where, no_passthrough), "%s: a view", what))
		return;
	snprintf(w.path, sizeof w.path, "%s/file", s.seen);
	snprintf(w.other, sizeof w.other, "%s/other", s.seen);
	snprintf(below, sizeof below, "%s/file", s.real);
	w.fd[0] = open(w.path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	w.fd[1] = open(w.path, O_RDWR | O_CLOEXEC);
	w.below = open(below, O_RDONLY | O_CLOEXEC);
	ok(w.fd[0] >= 0 && w.fd[1] >= 0 && w.below >= 0 && map_it(&w), "%s: a file", what);
	for (i = 0; i < n && step(&w) && (i % 200 || whole(&w)); i++)
		;
	ok(i == n && whole(&w), "%s: %u operations, stopped after %u: %s", what, (unsigned)n, (unsigned)i,
	   w.why);
	munmap(w.map, MAX);
	close(w.fd[0]);
	close(w.fd[1]);
	close(w.below);
	end(&s);
}

T_CASE(content)
{
	needs_root();
	play("/dev/shm", false, "data passes by, tmpfs");
	play("/dev/shm", true, "data through the view, tmpfs");
	play("/var/tmp", false, "data passes by, disk");
	play("/var/tmp", true, "data through the view, disk");
}

/* ---- several at once ------------------------------------------------------------------------------------
 */

/* Its blocks are those whose number is its own modulo WRITERS: half of them by a mapping, half directly. */
static int write_blocks(const char *path, int me)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), direct = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	uint8_t *map = mmap(NULL, BLOCKS * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	uint8_t *block = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fd < 0 || map == MAP_FAILED || block == MAP_FAILED)
		return 1;
	if (direct < 0)
		direct = fd; /* a file system that knows no such thing */
	for (int round = 0; round < 20; round++) {
		for (int b = me; b < BLOCKS; b += WRITERS) {
			memset(block, b + round, 4096);
			if (b / WRITERS % 2)
				memcpy(map + (size_t)b * 4096, block, 4096);
			else if (pwrite(direct, block, 4096, (off_t)b * 4096) != 4096)
				return 2;
		}
	}
	return msync(map, BLOCKS * 4096, MS_SYNC) ? 3 : 0;
}

static void write_together(bool no_passthrough, const char *what)
{
	static uint8_t got[BLOCKS * 4096];
	int fd, status, good = 0, wrong = 0;
	char path[128];
	struct shown s;

	if (!ok(begin(&s, "/var/tmp", no_passthrough), "%s: a view", what))
		return;
	snprintf(path, sizeof path, "%s/file", s.seen);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	ok(ftruncate(fd, BLOCKS * 4096) == 0);
	for (int i = 0; i < WRITERS; i++)
		if (fork() == 0)
			_exit(write_blocks(path, i));
	for (int i = 0; i < WRITERS; i++)
		good += wait(&status) > 0 && status == 0;
	is_int(good, WRITERS, "%s: all write", what);
	ok(pread(fd, got, sizeof got, 0) == sizeof got);
	for (size_t i = 0; i < sizeof got; i++)
		wrong += got[i] != (uint8_t)(i / 4096 + 19);
	is_int(wrong, 0, "%s: each block is its writer's last", what);
	close(fd);
	end(&s);
}

T_CASE(several_writers)
{
	needs_root();
	write_together(false, "data passes by");
	write_together(true, "data through the view");
}

/* ---- a large directory ----------------------------------------------------------------------------------
 */

static int count(const char *path, ino_t *sum)
{
	DIR *d = opendir(path);
	const struct dirent *de;
	int n = 0;

	for (*sum = 0; d && (de = readdir(d));)
		if (*de->d_name != '.') {
			*sum += de->d_ino;
			n++;
		}
	if (d)
		closedir(d);
	return n;
}

T_CASE(large_directory)
{
	char path[128];
	ino_t below, first, again;
	struct shown s;
	int dir;

	needs_root();
	if (!ok(begin(&s, "/dev/shm", false), "a view"))
		return;
	dir = open(s.real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < MANY; i++) {
		snprintf(path, sizeof path, "file%d", i);
		mknodat(dir, path, S_IFREG | 0644, 0);
	}
	close(dir);
	is_int(count(s.real, &below), MANY);
	is_int(count(s.seen, &first), MANY, "it is listed whole");
	is_int(count(s.seen, &again), MANY, "and again");
	ok(first == below && again == below, "under the same numbers");
	end(&s);
}
