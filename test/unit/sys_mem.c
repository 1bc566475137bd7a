/* Reading another process's memory, up to its last byte and not one further. */
#include "sys/mem.h"

#include "test/t.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 64 };

static char *area; /* PAGES pages, then nothing */
static pid_t child;

/* A child with the same memory that only waits. What is written to `area` before is there as well. */
static void start(void)
{
	int ends[2];

	if (pipe(ends))
		exit(1);
	child = fork();
	if (child < 0)
		exit(1); /* kill(-1) would be everybody */
	if (child == 0) {
		char c;

		close(ends[1]);
		while (read(ends[0], &c, 1) > 0)
			;
		_exit(0);
	}
	close(ends[0]);
	/* The other end stays open until this program is over. */
}

static void stop(void)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void make_area(void)
{
	area = mmap(NULL, (PAGES + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(area + PAGES * PAGE, PAGE);
}

static uint64_t at(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

T_CASE(strings)
{
	char *end, *edge, *cross;
	struct buf b = { 0 };

	make_area();
	end = area + PAGES * PAGE;
	edge = end - 6;
	memcpy(edge, "hello", 6);
	cross = area + PAGE - 3;
	memset(cross, 'c', 5000);
	memset(area + 10 * PAGE, 'z', 54 * PAGE - 6); /* runs into "hello" */
	start();
	is_int(mem_string(child, at(edge), 100, &b), 5, "ends at the last byte of the last page");
	is_str(buf_text(&b), "hello");
	is_int(mem_string(child, at(end - 1), 100, &b), 0, "an empty one there");
	is_int(b.len, 7, "both with their zero");
	buf_clear(&b);
	is_int(mem_string(child, at(cross), 8000, &b), 5000, "over two pages");
	buf_clear(&b);
	is_int(mem_string(child, at(cross), 5000, &b), 5000, "exactly as long as may be");
	buf_clear(&b);
	ok(mem_string(child, at(cross), 4999, &b) == -1 && errno == E2BIG, "one too long");
	buf_clear(&b);
	is_int(mem_string(child, at(area + 10 * PAGE), 1 << 20, &b), 54 * PAGE - 1, "a long one");
	buf_clear(&b);
	ok(mem_string(child, 8, 100, &b) == -1 && errno == EFAULT, "no memory there");
	ok(mem_string(child, at(end), 100, &b) == -1 && errno == EFAULT, "behind the end");
	ok(mem_string(child, ~0ULL - 4, 100, &b) == -1 && errno == EFAULT, "at the end of all memory");
	stop();
	ok(mem_string(child, at(edge), 100, &b) == -1, "of a process that is gone");
	buf_release(&b);
}

T_CASE(unterminated)
{
	struct buf b = { 0 };

	make_area();
	memset(area, 'x', PAGES * PAGE);
	start();
	ok(mem_string(child, at(area + (PAGES - 1) * PAGE), 1 << 20, &b) == -1 && errno == EFAULT,
	   "runs out of its memory");
	stop();
	buf_release(&b);
}

T_CASE(partial)
{
	char to[3 * PAGE];

	make_area();
	memset(area, 'x', PAGES * PAGE);
	start();
	is_int(mem_read(child, at(area + (PAGES - 1) * PAGE - 10), to, sizeof to), PAGE + 10,
	       "stops at the first page that is not there");
	stop();
}

/* n words of `len` bytes; the last one ends where memory ends. */
static char **make_vector(size_t n, size_t len, char **store)
{
	char **v =
	        mmap(NULL, (n + 1) * sizeof *v, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*store = mmap(NULL, n * (len + 1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < n; i++) {
		v[i] = *store + i * (len + 1);
		memset(v[i], 'a' + (int)(i % 26), len);
	}
	return v;
}

static void check_vector(size_t n, size_t len)
{
	struct buf b = { 0 };
	char *store, **v = make_vector(n, len, &store);
	size_t count = 0;

	start();
	is_int(mem_vector(child, at(v), 32 << 20, n, &b, &count), (long long)(n * (len + 1)),
	       "%zu words of %zu", n, len);
	ok(count == n && b.len == n * (len + 1) && !memcmp(b.data, store, b.len), "all of them");
	buf_clear(&b);
	ok(n == 0 || (mem_vector(child, at(v), 32 << 20, n - 1, &b, &count) == -1 && errno == E2BIG),
	   "too many");
	buf_clear(&b);
	ok(n == 0 || (mem_vector(child, at(v), n * (len + 1) - 1, n, &b, &count) == -1 && errno == E2BIG),
	   "too many bytes");
	stop();
	munmap(v, (n + 1) * sizeof *v);
	if (n)
		munmap(store, n * (len + 1));
	buf_release(&b);
}

T_CASE(vectors)
{
	static const size_t sizes[][2] = { { 1, 1 },      { 1, 0 },      { 31, 5 },    { 32, 5 },
		                           { 33, 5 },     { 64, 127 },   { 64, 128 },  { 65, 129 },
		                           { 6000, 310 }, { 200000, 1 }, { 3, 131000 } };

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		check_vector(sizes[i][0], sizes[i][1]);
}

T_CASE(odd_vectors)
{
	struct buf b = { 0 };
	size_t count = 7;
	char **v;

	make_area();
	memcpy(area, "one", 4);
	v = (char **)(void *)(area + PAGES * PAGE) - 2;
	v[0] = area;
	v[1] = NULL;
	start();
	is_int(mem_vector(child, 0, 100, 10, &b, &count), 0, "none at all");
	is_int(count, 0);
	is_int(mem_vector(child, at(v), 100, 10, &b, &count), 4, "ends where memory ends");
	is_int(count, 1);
	ok(mem_vector(child, at(v + 2), 100, 10, &b, &count) == -1 && errno == EFAULT, "no memory there");
	ok(mem_vector(child, 8, 100, 10, &b, &count) == -1 && errno == EFAULT, "nor there");
	stop();
	v[1] = (char *)8;
	start();
	buf_clear(&b);
	ok(mem_vector(child, at(v), 100, 10, &b, &count) == -1 && errno == EFAULT,
	   "a word that is not there");
	stop();
	v[1] = area;
	start();
	buf_clear(&b);
	ok(mem_vector(child, at(v), 100, 10, &b, &count) == -1 && errno == EFAULT,
	   "no end before memory ends");
	stop();
	buf_release(&b);
}

T_CASE(own_contents_are_kept)
{
	struct buf b = { 0 };
	size_t count;
	char *store, **v = make_vector(2, 3, &store);

	buf_str(&b, "before");
	start();
	is_int(mem_vector(child, at(v), 8, 2, &b, &count), 8, "the limit is for what is read");
	is_int(b.len, 14);
	stop();
	buf_release(&b);
}

/* Both at once, wherever they lie to each other. */
static void check_exec(char *name, char **v, size_t n)
{
	static const struct mem_limits limits = { 4096, 6 << 20, 1 << 20 };
	struct buf p = { 0 }, a = { 0 }, want = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		buf_add(&want, v[i], strlen(v[i]) + 1);
	start();
	is_int(mem_exec(child, at(name), at(v), &limits, &p, &a, &count), 0, "%zu arguments", n);
	is_str(buf_text(&p), name);
	ok(count == n && a.len == want.len && (!a.len || !memcmp(a.data, want.data, a.len)), "all of them");
	stop();
	buf_release(&p);
	buf_release(&a);
	buf_release(&want);
}

T_CASE(execs)
{
	static const size_t sizes[][2] = { { 0, 0 },    { 1, 4 },    { 7, 20 },  { 8, 63 },
		                           { 15, 64 },  { 16, 65 },  { 17, 1 },  { 31, 40 },
		                           { 32, 127 }, { 33, 128 }, { 100, 3 }, { 5000, 100 } };
	static char name[4096];

	memset(name, 'n', 300);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char *store, **v = make_vector(sizes[i][0], sizes[i][1], &store);

		name[i * 25] = 0; /* "" to 275 bytes */
		check_exec(name, v, sizes[i][0]);
		name[i * 25] = 'n';
	}
}

T_CASE(execs_at_the_edge)
{
	static const struct mem_limits limits = { 10, 100, 4 };
	struct buf p = { 0 }, a = { 0 };
	size_t count = 9;
	char **v;

	make_area();
	memcpy(area + PAGES * PAGE - 6, "/path", 6);
	memcpy(area, "word", 5);
	v = (char **)(void *)(area + (PAGES - 1) * PAGE) - 5; /* the path is on another page */
	for (int i = 0; i < 4; i++)
		v[i] = area;
	v[4] = NULL;
	check_exec(area + PAGES * PAGE - 6, v, 4);
	v = (char **)(void *)(area + PAGES * PAGE - 16) -
	    1; /* the end of the vector is 16 bytes before the end */
	v[0] = area;
	v[1] = NULL;
	memcpy(area + PAGES * PAGE - 6, "/path", 6);
	check_exec(area + PAGES * PAGE - 6, v, 1);
	start();
	is_int(mem_exec(child, at(area), 0, &limits, &p, &a, &count), 0, "no vector");
	is_int(count, 0);
	buf_clear(&p);
	ok(mem_exec(child, at(area + PAGES * PAGE), at(v), &limits, &p, &a, &count) == -1, "no path");
	buf_clear(&p);
	buf_clear(&a);
	ok(mem_exec(child, at(area), 8, &limits, &p, &a, &count) == -1, "a vector that is not there");
	stop();
	memset(area, 'x', 20);
	start();
	buf_clear(&p);
	buf_clear(&a);
	ok(mem_exec(child, at(area), at(v), &limits, &p, &a, &count) == -1 && errno == E2BIG,
	   "too long a path");
	stop();
	buf_release(&p);
	buf_release(&a);
}
