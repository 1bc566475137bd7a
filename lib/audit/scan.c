#include "audit/scan.h"

#include "base/fd.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WINDOW = 2 * SCAN_LINE_MAX };

struct scan {
	int fd;
	scan_fn *fn;
	void *arg;
	char *text; /* WINDOW bytes */
};

/* Hand out the whole lines of the window. Returns the bytes used up, or -1 when `fn` had enough. */
static ssize_t forward_lines(const struct scan *s, size_t len, bool *skip)
{
	size_t at = 0;
	char *nl;

	while ((nl = memchr(s->text + at, '\n', len - at))) {
		size_t n = (size_t)(nl - s->text) - at;

		if (!*skip && n <= SCAN_LINE_MAX && !s->fn(s->arg, s->text + at, n))
			return -1;
		*skip = false;
		at += n + 1;
	}
	if (!at && len == WINDOW) { /* longer than the window: the rest of it is skipped too */
		*skip = true;
		return (ssize_t)len;
	}
	return (ssize_t)at;
}

static int forward(const struct scan *s, struct err *e)
{
	bool skip = false;
	uint64_t at = 0;

	for (;;) {
		ssize_t n = fd_read_at(s->fd, s->text, WINDOW, at), used;

		if (n < 0)
			return err_sys(e, "read log");
		used = forward_lines(s, (size_t)n, &skip);
		if (used < 0)
			return 0;
		if (n < WINDOW)
			return 1;
		at += (uint64_t)used;
	}
}

/* Hand out the lines of text[0..len), which ends behind a newline, newest first. Returns how much is left at
 * the front: the end of the line that began before the window; -1 when `fn` had enough. */
static ssize_t backward_lines(const struct scan *s, size_t len, bool at_start)
{
	size_t end = len;

	while (end) {
		char *nl = end > 1 ? memrchr(s->text, '\n', end - 1) : NULL;
		size_t begin = nl ? (size_t)(nl - s->text) + 1 : 0;

		if (!nl && !at_start)
			break;
		if (end - 1 - begin <= SCAN_LINE_MAX && !s->fn(s->arg, s->text + begin, end - 1 - begin))
			return -1;
		end = begin;
	}
	return (ssize_t)end;
}

/* All from `end` on is done. A newline stands before it, unless we look for one in a line that is passed
 * over. */
static int backward(const struct scan *s, uint64_t end, struct err *e)
{
	bool skip = true; /* what follows the last newline */

	while (end) {
		size_t want = end < WINDOW ? (size_t)end : WINDOW;
		uint64_t start = end - want;
		ssize_t n = fd_read_at(s->fd, s->text, want, start), left;

		if (n < 0)
			return err_sys(e, "read log");
		if ((size_t)n < want)
			return 1; /* cut under our hands */
		if (skip) {
			const char *nl = memrchr(s->text, '\n', want);

			end = start + (nl ? (size_t)(nl - s->text) + 1 : 0);
			skip = !nl;
			continue;
		}
		left = backward_lines(s, want, start == 0);
		if (left < 0)
			return 0;
		skip = (size_t)left == want; /* longer than the window */
		end = start + (size_t)left - skip;
	}
	return 1;
}

static int scan(int fd, scan_fn *fn, void *arg, bool newest_first, struct err *e)
{
	struct scan s = { .fd = fd, .fn = fn, .arg = arg, .text = malloc(WINDOW) };
	struct stat st;
	int result;

	if (!s.text)
		return err_set(e, "out of memory");
	if (fstat(fd, &st) < 0)
		result = err_sys(e, "stat log");
	else
		result = newest_first ? backward(&s, (uint64_t)st.st_size, e) : forward(&s, e);
	free(s.text);
	return result;
}

int scan_forward(int fd, scan_fn *fn, void *arg, struct err *e)
{
	return scan(fd, fn, arg, false, e);
}

int scan_backward(int fd, scan_fn *fn, void *arg, struct err *e)
{
	return scan(fd, fn, arg, true, e);
}
