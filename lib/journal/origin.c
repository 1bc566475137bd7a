/* Where a kept version came from, as the lines tell: one line is looked for, and nothing else is read. */
#include "base/fd.h"
#include "journal/record_impl.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW = 32 << 10, LINE_MAX_LEN = 4 << 20 };

/* The line that begins at `at`, as far as it reaches. */
static bool take_line(int fd, off_t at, char *out, size_t size)
{
	AUTO_BUF text = { .max = LINE_MAX_LEN };
	struct arena a = { .max = LINE_MAX_LEN };
	struct journal_line line;
	char part[4096], *end = NULL;
	ssize_t n;
	bool good;

	while (!end && !text.failed && (n = pread(fd, part, sizeof part, at + (off_t)text.len)) > 0) {
		buf_add(&text, part, (size_t)n);
		end = text.failed ? NULL : memchr(text.data + text.len - n, '\n', (size_t)n);
	}
	good = end && line_read(text.data, (size_t)(end - text.data), &a, &line) && line_keeps(line.kind) &&
	       strlen(line.path) < size;
	if (good)
		strcpy(out, line.path);
	arena_release(&a);
	return good;
}

/* Lines begin with a letter, a tab and the token: nothing in a path looks like the end of a line. */
static bool look_in(int fd, const char *token, char *out, size_t size)
{
	const size_t len = strlen(token);
	char window[WINDOW];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, window, sizeof window, at)) > (ssize_t)len + 2) {
		const char *from = window;

		while ((from = memmem(from, (size_t)(window + n - from), token, len))) {
			size_t i = (size_t)(from++ - window);

			if (i >= 2 && window[i - 1] == '\t' &&
			    (i + at == 2 || (i > 2 && window[i - 3] == '\n')) && i + len < (size_t)n &&
			    window[i + len] == '\t' && take_line(fd, at + (off_t)i - 2, out, size))
				return true;
		}
		if ((size_t)n < sizeof window)
			return false;
		at += n - (ssize_t)len - 4;
	}
	return false;
}

bool journal_origin(const struct journal_log *log, const char *token, char *out, size_t size)
{
	int fd = openat(log->acts, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	bool found = false;

	if (fd >= 0 && !dir)
		close(fd);
	while (dir && !found && (e = readdir(dir))) {
		AUTO_FD file = e->d_name[0] == '.'
		                       ? -1
		                       : openat(log->acts, e->d_name,
		                                O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

		found = file >= 0 && look_in(file, token, out, size);
	}
	if (dir)
		closedir(dir);
	return found;
}
