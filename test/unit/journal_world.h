/* What a tree is like: everything that undoing must bring back, as text. */
#pragma once

#include "base/buf.h"
#include "base/fd.h"
#include "journal/record.h"
#include "test/unit/journal_top.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int not_ours(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
	       strcmp(entry->d_name, JOURNAL_STORE) != 0;
}

/* Names of one file have one number; how many links it has the store knows, too. */
static int number(ino_t ino, bool first)
{
	static ino_t seen[4096];
	static int n;
	int i = 0;

	n = first ? 0 : n;
	while (i < n && seen[i] != ino)
		i++;
	if (i == n && n < 4095)
		seen[n++] = ino;
	return i;
}

static void describe(const char *path, struct buf *out)
{
	struct dirent **names;
	char more[PATH_MAX], value[16];
	struct stat st;
	int n;

	if (lstat(at(path), &st) < 0)
		return;
	buf_fmt(out, "%s %o %u:%u %lld.%09ld #%d", path, st.st_mode, st.st_uid, st.st_gid,
	        (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, number(st.st_ino, !strcmp(path, ".")));
	if (S_ISREG(st.st_mode)) {
		int fd = open(at(path), O_RDONLY);

		buf_chr(out, ' ');
		fd_slurp(fd, out, NULL);
		fd_close(&fd);
		n = (int)getxattr(at(path), "user.test", value, sizeof value);
		if (n > 0)
			buf_add(out, value, (size_t)n);
	} else if (S_ISLNK(st.st_mode)) {
		n = (int)readlink(at(path), more, sizeof more);
		buf_add(out, more, n > 0 ? (size_t)n : 0);
	}
	buf_chr(out, '\n');
	n = S_ISDIR(st.st_mode) ? scandir(at(path), &names, not_ours, by_name) : 0;
	for (int i = 0; i < n; i++) {
		snprintf(more, sizeof more, "%s/%s", path, names[i]->d_name);
		describe(more, out);
		free(names[i]);
	}
	if (S_ISDIR(st.st_mode) && n >= 0)
		free(names);
}
