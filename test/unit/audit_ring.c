/* audit/ring: order, wrap-around, full ring, batches, crash of either side, hostile files. */
#include "audit/ring.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/t.h"

static char path[64];

static struct ring *fresh(void)
{
	struct err e = { 0 };
	struct ring *r;

	snprintf(path, sizeof path, "/tmp/ring-test-%d", getpid());
	r = ring_create(path, 1, &e);
	ok(r != NULL, "%s", e.text);
	return r;
}

static void drop(struct ring *r)
{
	ring_close(r);
	unlink(path);
}

static bool put(struct ring *r, const char *text)
{
	bool wake;

	return ring_put(r, text, strlen(text), 7, RING_DENIED, &wake);
}

T_CASE(put_get_done)
{
	struct ring *r = fresh(), *c;
	struct ring_record a, b;
	struct stat st;
	struct err e;

	ok(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
	c = ring_open(path, &e);
	ok(!ring_get(c, &a), "empty");
	ok(put(r, "{\"a\":1}") && put(r, "{}"));
	ok(ring_get(c, &a) && a.len == 7 && !memcmp(a.text, "{\"a\":1}", 7) && a.command == 7 &&
	   a.flags == RING_DENIED);
	ok(ring_get(c, &b) && b.len == 2 && !memcmp(a.text, "{\"a\":1}", 7), "a batch stays readable");
	ok(!ring_get(c, &b));
	ring_done(c);
	ok(!ring_get(c, &b) && !ring_broken(c));
	ring_close(c);
	drop(r);
}

T_CASE(not_done_is_got_again)
{
	struct ring *r = fresh(), *c;
	struct ring_record a;
	struct err e;

	put(r, "one");
	put(r, "two");
	c = ring_open(path, &e);
	ok(ring_get(c, &a));
	ring_done(c);
	ok(ring_get(c, &a));
	ring_close(c); /* crash between writing and done */
	c = ring_open(path, &e);
	ok(ring_get(c, &a) && a.len == 3 && !memcmp(a.text, "two", 3), "at least once");
	ok(!ring_get(c, &a));
	ring_close(c);
	ring_close(r);
	r = ring_open(path, &e); /* and a new producer goes on */
	ok(put(r, "three"));
	ok(ring_get(r, &a) && ring_get(r, &a) && a.len == 5);
	drop(r);
}

T_CASE(full_and_wrap)
{
	struct ring *r = fresh(), *c;
	struct ring_record a;
	struct err e;
	char text[600];
	unsigned in = 0, out = 0;
	bool good = true, was_full = false;

	c = ring_open(path, &e);
	for (int round = 0; round < 40; round++) {
		for (;; in++) {
			int n = snprintf(text, sizeof text, "%u:%*u", in, (int)(in * 7 % 500), 1u);
			bool wake;

			if (!ring_put(r, text, (size_t)n, in, 0, &wake))
				break;
		}
		was_full = true;
		for (int i = 0; i < 100 + round && ring_get(c, &a); i++, out++) {
			int n = snprintf(text, sizeof text, "%u:%*u", out, (int)(out * 7 % 500), 1u);

			good &= a.command == out && a.len == (size_t)n && !memcmp(a.text, text, a.len);
			ring_done(c);
		}
	}
	while (ring_get(c, &a))
		out++;
	ok(good && was_full && in == out && in > 3000, "%u in, %u out", in, out);
	ring_close(c);
	drop(r);
}

/* AU-05: whoever fills the ring with what is allowed does not keep his denial out of it. */
T_CASE(denials_have_room_of_their_own)
{
	struct ring *r = fresh();
	static char text[400];
	struct ring_record a;
	unsigned allowed = 0, denied = 0, got = 0, before = 0;
	bool wake;

	ok(!ring_fills(r), "an empty one");
	while (ring_put(r, text, sizeof text, 1, 0, &wake)) {
		allowed++;
		before += !ring_fills(r);
	}
	ok(before > allowed / 3 && before < allowed * 2 / 3, "who is woken at %u of %u is in time", before,
	   allowed);
	while (ring_put(r, text, sizeof text, 2, RING_DENIED, &wake))
		denied++;
	ok(allowed > 100 && denied > allowed / 4, "%u allowed, then %u denied", allowed, denied);
	ok(!ring_put(r, text, 1, 0, 0, &wake) && !ring_broken(r), "full is full");
	while (ring_get(r, &a))
		got += a.command;
	is_int(got, allowed + 2 * denied);
	ok(ring_fills(r), "what is only read still takes room");
	ring_done(r);
	ok(!ring_fills(r) && ring_put(r, text, sizeof text, 1, 0, &wake), "room again");
	drop(r);
}

T_CASE(too_long_is_replaced)
{
	struct ring *r = fresh();
	struct ring_record a;
	static char big[RING_MIN];
	bool wake;

	ok(ring_put(r, big, RING_MIN / 2 + 1, 3, RING_DENIED, &wake));
	ok(ring_lost(r) == 1 && ring_get(r, &a) && a.flags == RING_DENIED && a.command == 3);
	ok(!strncmp(a.text, "{\"fields\":{\"bytes\":32769},\"type\":\"event_too_long\"}", a.len), "%.*s",
	   (int)a.len, a.text);
	ring_done(r);
	ok(ring_put(r, big, RING_MIN / 2, 0, 0, &wake) && ring_get(r, &a) && a.len == RING_MIN / 2 &&
	   ring_lost(r) == 1);
	drop(r);
}

T_CASE(sleeping)
{
	struct ring *r = fresh();
	struct ring_record a;
	bool wake = true;

	ok(ring_put(r, "x", 1, 0, 0, &wake) && !wake, "awake: no wake-up");
	ok(!ring_sleep(r), "not empty: stay");
	ok(ring_put(r, "x", 1, 0, 0, &wake) && !wake);
	while (ring_get(r, &a))
		ring_done(r);
	ok(ring_sleep(r));
	ok(ring_put(r, "x", 1, 0, 0, &wake) && wake, "wake once");
	ok(ring_put(r, "x", 1, 0, 0, &wake) && !wake);
	drop(r);
}

/* A producer for the next case: numbered records for ever; every byte of a record tells its number. */
static void produce(struct ring *r, uint32_t n)
{
	static char text[3000];

	for (;; n++) {
		size_t len = 8 + n * 131 % 2900;
		bool wake;

		memset(text, 'a' + n % 26, len);
		while (!ring_put(r, text, len, n, 0, &wake))
			;
	}
}

static bool drain(struct ring *c, uint32_t *next)
{
	struct ring_record a;
	bool good = true;

	while (ring_get(c, &a)) {
		good &= a.command == *next && a.len == 8 + *next * 131u % 2900;
		for (size_t i = 0; i < a.len; i++)
			good &= a.text[i] == (char)('a' + *next % 26);
		ring_done(c);
		++*next;
	}
	return good && !ring_broken(c);
}

T_CASE(producer_killed_anywhere)
{
	struct ring *c = fresh();
	uint32_t next = 0;
	bool good = true;
	struct err e;

	for (int round = 0; round < 60; round++) {
		pid_t pid = fork();

		if (!pid) {
			struct ring *r = ring_open(path, &e);

			if (!r)
				_exit(1);
			produce(r, next);
		}
		for (uint32_t stop = next + 1 + (uint32_t)round * 17; next < stop && good;)
			good &= drain(c, &next);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		good &= drain(c, &next);
	}
	ok(good, "%u records, all whole, in order, none lost or doubled", next);
	drop(c);
}

T_CASE(hostile_files)
{
	struct err e = { 0 };
	struct ring *r = fresh();
	int fd;

	ok(ring_fd(r) >= 0);
	fd = open(path, O_RDWR);
	ok(pwrite(fd, "X", 1, 0) == 1 && !ring_open(path, &e), "magic: %s", e.text);
	ok(pwrite(fd, "a", 1, 0) == 1 && pwrite(fd, "\3", 1, 64) == 1 && !ring_open(path, &e), "head: %s",
	   e.text);
	ok(pwrite(fd, "\0\0\0\0\0\0\0\1", 8, 64) == 8 && !ring_open(path, &e), "head: %s", e.text);
	ok(pwrite(fd, "\0\0\0\0\0\0\0\0", 8, 64) == 8 && pwrite(fd, "\10", 1, 128) == 1 &&
	           !ring_open(path, &e),
	   "tail: %s", e.text);
	ok(ftruncate(fd, 4096 + RING_MIN + 1) == 0 && !ring_open(path, &e), "size: %s", e.text);
	ok(ftruncate(fd, 4096) == 0 && !ring_open(path, &e), "size: %s", e.text);
	close(fd);
	ring_close(r);
	unlink(path);
	ok(symlink("/etc/passwd", path) == 0 && !ring_open(path, &e), "link: %s", e.text);
	r = ring_create(path, 1, &e);
	ok(r != NULL, "creating replaces the link, not what it points to");
	drop(r);
	ok(mkfifo(path, 0600) == 0 && !ring_open(path, &e), "fifo: %s", e.text);
	unlink(path);
	ok(!ring_open(path, &e) && e.code, "missing: %s", e.text);
}

/* The other side scribbles over everything while we read: no crash, no over-read (ASan watches the copy). */
T_CASE(hostile_memory)
{
	unsigned seed = 1;
	int survived = 0, stopped = 0;

	for (int round = 0; round < 400; round++) {
		struct ring *c = fresh();
		struct ring_record a;
		unsigned char *m =
		        mmap(NULL, 4096 + RING_MIN, PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd(c), 0);
		static char copy[RING_MIN];

		for (int i = 0; i < 20; i++)
			put(c, "{\"type\":\"t\"}");
		for (int i = 0; i < 1 + round % 8; i++) {
			seed = seed * 1103515245 + 12345;
			m[round & 1 ? 64 + (seed >> 16) % 72 : 4096 + (seed >> 16) % 600] =
			        (unsigned char)(seed >> 8);
		}
		for (int n = 0; n < 100000 && ring_get(c, &a); n++) {
			memcpy(copy, a.text, a.len);
			survived++;
			ring_done(c);
		}
		stopped += ring_broken(c);
		put(c, "x");
		munmap(m, 4096 + RING_MIN);
		drop(c);
	}
	ok(survived && stopped > 100, "%d records read, %d rings given up", survived, stopped);
}

/* Pages of files that this process has at hand. */
static long file_kib(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long kib = 0, n;

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "RssFile: %ld", &n) == 1 || sscanf(line, "RssShmem: %ld", &n) == 1)
			kib += n;
	if (f)
		fclose(f);
	return kib;
}

/* A server has a ring of each session: what went through them must not stay with it. */
T_CASE(neither_side_grows)
{
	struct ring_record rec;
	struct ring *r, *c;
	char text[1000];
	struct err e;
	long before;
	int n = 0;

	snprintf(path, sizeof path, "/tmp/ring-test-%d", getpid());
	r = ring_create(path, 4 << 20, &e);
	c = ring_open(path, &e);
	memset(text, ' ', sizeof text - 1);
	text[sizeof text - 1] = 0;
	before = file_kib();
	for (; n < 16000 && put(r, text) && ring_get(c, &rec); n++)
		if (n % 10 == 9)
			ring_done(c);
	is_int(n, 16000);
	ok(file_kib() - before < 1024, "%ld KiB more", file_kib() - before);
	ring_close(c);
	drop(r);
}
