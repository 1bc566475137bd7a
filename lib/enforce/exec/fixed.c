#include "enforce/exec/fixed.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_roots(const struct stat *st)
{
	return st->st_uid == 0 && (S_ISLNK(st->st_mode) || !(st->st_mode & 022));
}

/* "/bin" -> "usr/bin" */
static bool is_merged(const char *dir)
{
	char to[NAME_MAX];
	ssize_t n = readlink(dir, to, sizeof to - 1);

	if (n < 0 || strchr(dir + 1, '/'))
		return false;
	to[n] = 0;
	return !strncmp(to, "usr/", 4) && !strcmp(to + 4, dir + 1);
}

/* Every directory of the file `name`. */
static bool dirs_are_fixed(const char *name)
{
	char dir[PATH_MAX];
	struct stat st;

	if (strlen(name) >= sizeof dir || strstr(name, "/.") || strstr(name, "//"))
		return false;
	strcpy(dir, name);
	for (char *slash; (slash = strrchr(dir, '/'));) {
		slash[slash == dir] = 0;
		if (lstat(dir, &st) < 0 || !is_roots(&st) || (!S_ISDIR(st.st_mode) && !is_merged(dir)))
			return false;
		if (slash == dir)
			return true;
	}
	return false;
}

/* In one directory, also where one is named /bin and the other /usr/bin. */
static bool are_beside(const char *a, const char *b)
{
	size_t la = (size_t)(strrchr(a, '/') - a), lb = (size_t)(strrchr(b, '/') - b);

	if (lb == la + 4 && !strncmp(b, "/usr", 4))
		return !memcmp(a, b + 4, la);
	return la == lb && !memcmp(a, b, la);
}

bool fixed_path(const char *given, const char *path)
{
	struct stat st, link;

	if (given[0] != '/' || path[0] != '/' || !are_beside(given, path))
		return false;
	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || !is_roots(&st) || lstat(given, &link) < 0)
		return false;
	if (S_ISLNK(link.st_mode)) {
		char to[PATH_MAX];
		ssize_t n = readlink(given, to, sizeof to - 1);

		if (n < 0)
			return false;
		to[n] = 0;
		if (strcmp(to, strrchr(path, '/') + 1) != 0)
			return false;
	} else if (link.st_ino != st.st_ino || link.st_dev != st.st_dev) {
		return false;
	}
	return dirs_are_fixed(given) && dirs_are_fixed(path);
}
