#include "base/trusted.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

/* The group of the server's own user counts as the user. */
static int check(const struct stat *st, const char *path, struct err *e)
{
	bool by_all = st->st_mode & S_IWOTH,
	     by_group = st->st_mode & S_IWGRP && st->st_gid != 0 && st->st_gid != getegid();

	if (st->st_uid != 0 && st->st_uid != geteuid())
		return err_set(e, "%s belongs to uid %u, neither root nor the server's; use chown", path,
		               (unsigned)st->st_uid);
	if ((by_all || by_group) && !(S_ISDIR(st->st_mode) && st->st_mode & S_ISVTX))
		return err_set(e, "%s can be written by others (mode %04o); use chmod %s-w", path,
		               (unsigned)st->st_mode & 07777, by_all ? "o" : "g");
	return 0;
}

/* Each directory above the last component, from the top. */
static int check_above(const char *path, struct err *e)
{
	char dir[PATH_MAX];
	struct stat st;

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(dir, sizeof dir, "%.*s", slash == path ? 1 : (int)(slash - path), path);
		if (stat(dir, &st) < 0)
			return err_sys(e, "%s", dir);
		if (check(&st, dir, e) < 0)
			return -1;
	}
	return 0;
}

int trusted_open(const char *path, struct stat *st, struct err *e)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char real[PATH_MAX];
	int result;

	if (fd < 0 || fstat(fd, st) < 0)
		return err_sys(e, "%s", path);
	if (!S_ISREG(st->st_mode))
		return err_set(e, "%s: not a regular file", path);
	if (!realpath(path, real))
		return err_sys(e, "%s", path);
	if (check(st, path, e) < 0 || check_above(path, e) < 0 || check_above(real, e) < 0)
		return -1;
	result = fd;
	fd = -1;
	return result;
}
