/* A directory of its own for each case of the journal's tests. */
#pragma once

#include "base/buf.h"
#include "base/fd.h"
#include "journal/tree.h"
#include "test/t.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char top[64];

/* A path in it. Eight are good at a time. */
static const char *at(const char *rest)
{
	static char paths[8][PATH_MAX];
	static int n;
	char *path = paths[n++ & 7];

	snprintf(path, sizeof *paths, "%s/%s", top, rest);
	return path;
}

static bool make_top(const char *where)
{
	snprintf(top, sizeof top, "%s/agentsh-test-XXXXXX", where);
	return ok(mkdtemp(top) != NULL);
}

static void remove_top(void)
{
	int dir = open("/", O_RDONLY | O_DIRECTORY);

	ok(tree_remove(dir, top + 1, NULL) == 0);
	fd_close(&dir);
}

__attribute__((unused)) static void put(const char *name, const char *text)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || fd_write(fd, text, strlen(text)) < 0)
		ok(false, "write %s", name);
	fd_close(&fd);
}

__attribute__((unused)) static bool holds(const char *path, const char *text)
{
	struct buf b = { 0 };
	bool same = fd_slurp_file(path, 65536, &b, NULL) == 0 && !strcmp(buf_text(&b), text);

	buf_release(&b);
	return same;
}
