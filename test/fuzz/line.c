/* line: what is read of a journal's line and written again reads the same. */
#include "journal/line.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *copy(const char *from, size_t size)
{
	char *to = malloc(size + 1);

	if (!to)
		abort();
	if (size)
		memcpy(to, from, size);
	to[size] = '\n';
	return to;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = { .max = 8 << 20 }, again = { .max = 16 << 20 };
	char *text = copy((const char *)data, size), *twice = NULL;
	struct journal_line l, m;
	struct buf out = { 0 };

	if (!memchr(data ? (const char *)data : "", '\n', size) && line_read(text, size, &a, &l)) {
		line_write(&l, &out);
		if (out.failed || out.data[out.len - 1] != '\n' || memchr(out.data, '\n', out.len - 1))
			__builtin_trap();
		twice = copy(out.data, out.len - 1);
		if (!line_read(twice, out.len - 1, &again, &m) || l.kind != m.kind || l.at != m.at ||
		    strcmp(l.path, m.path) != 0 || strcmp(l.to_path, m.to_path) != 0 ||
		    strcmp(l.command, m.command) != 0 || l.ino != m.ino || l.size != m.size ||
		    l.mode != m.mode || l.mtime_ns != m.mtime_ns || l.of != m.of || l.reborn != m.reborn ||
		    !l.xattrs != !m.xattrs)
			__builtin_trap();
	}
	free(text);
	free(twice);
	buf_release(&out);
	arena_release(&a);
	arena_release(&again);
	return 0;
}
