#include "audit/tail.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/event.h"
#include "base/clock.h"

enum { WINDOW = 4 * EVENT_LINE_MAX, LOOK_BACK = 4 << 20 };

/* A window of the file that ends at `end`. */
static ssize_t read_window(int fd, uint64_t end, char *out, uint64_t *start)
{
	size_t len = end < WINDOW ? (size_t)end : WINDOW;

	*start = end - len;
	return pread(fd, out, len, (off_t)*start);
}

static bool is_entry(const struct chain_key *key, const char *line, size_t len, struct chain_link *link)
{
	char computed[CHAIN_HEX + 1];
	size_t event_len;

	return chain_split(line, len, &event_len, link) && chain_check(key, line, event_len, link, computed);
}

/* Look for the last good entry in whole lines of text[0..len), newest first; len ends behind a newline.
 * Returns where the first line begins that is complete in the window. */
static size_t search(const struct chain_key *key, const char *text, size_t len, bool at_start,
                     struct tail *out, bool *newest)
{
	size_t end = len;

	while (end && !out->last.sequence) {
		const char *nl = end > 1 ? memrchr(text, '\n', end - 1) : NULL;
		size_t begin = nl ? (size_t)(nl - text) + 1 : 0;
		struct chain_link link;

		if (!nl && !at_start)
			break;
		if (is_entry(key, text + begin, end - 1 - begin, &link))
			out->last = link;
		else if (*newest)
			out->foreign = true;
		*newest = false;
		end = begin;
	}
	return end;
}

/* From the end of the last whole line back to the last good entry. */
static int find_entry(int fd, const struct chain_key *key, struct tail *out, struct err *e)
{
	uint64_t end = out->size, start;
	bool newest = true;

	while (end && !out->last.sequence && out->size - end < LOOK_BACK) {
		char text[WINDOW];
		ssize_t n = read_window(fd, end, text, &start);
		size_t left;

		if (n < 0)
			return err_sys(e, "read log");
		if ((uint64_t)n != end - start)
			return err_set(e, "log: shrinks while it is read");
		left = search(key, text, (size_t)n, start == 0, out, &newest);
		if (left == (size_t)n) {
			/* A line longer than the window is nobody's entry: step over it. */
			out->foreign |= newest;
			newest = false;
			left = 1;
		}
		end = start + left;
		if (!start && left <= 1)
			break;
	}
	return 0;
}

/* Where the last newline ends, and what comes after it. */
static int cut_torn(int fd, uint64_t size, struct tail *out, struct buf *torn, struct err *e)
{
	uint64_t end = size, start;

	while (end) {
		char text[WINDOW], *nl;
		ssize_t n = read_window(fd, end, text, &start);

		if (n < 0)
			return err_sys(e, "read log");
		nl = memrchr(text, '\n', (size_t)n);
		if (nl) {
			out->size = start + (size_t)(nl - text) + 1;
			break;
		}
		end = start;
	}
	if (out->size < size) {
		size_t want = size - out->size < WINDOW ? (size_t)(size - out->size) : WINDOW;
		char *room = buf_room(torn, want);
		ssize_t n = room ? pread(fd, room, want, (off_t)out->size) : -1;

		if (n < 0)
			return err_sys(e, "read log");
		torn->len += (size_t)n;
	}
	return 0;
}

/* The time in the first line; the file's own if there is none to be found. */
static int64_t begin_of(int fd, const struct stat *st)
{
	static const char key[] = "\"timestamp\":\"";
	char text[EVENT_LINE_MAX], *nl, *at;
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	int64_t ns;

	if (n <= 0)
		return clock_real_ns();
	text[n] = 0;
	nl = memchr(text, '\n', (size_t)n);
	if (nl)
		*nl = 0;
	/* In a string its quotes would be escaped. */
	at = strstr(text, key);
	if (at && event_time_parse(at + sizeof key - 1, &ns))
		return ns;
	return (int64_t)st->st_mtim.tv_sec * 1000000000;
}

int tail_find(int fd, const struct chain_key *key, struct tail *out, struct buf *torn, struct err *e)
{
	struct stat st;

	*out = (struct tail){ 0 };
	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat log");
	out->begun_ns = begin_of(fd, &st);
	if (cut_torn(fd, (uint64_t)st.st_size, out, torn, e) < 0)
		return -1;
	return find_entry(fd, key, out, e);
}

bool tail_first(int fd, struct chain_link *out)
{
	char text[EVENT_LINE_MAX];
	ssize_t n = pread(fd, text, sizeof text, 0);
	const char *nl = n > 0 ? memchr(text, '\n', (size_t)n) : NULL;
	size_t event_len;

	return nl && chain_split(text, (size_t)(nl - text), &event_len, out);
}
