#include "enforce/exec/fixed.h"

#include "base/path.h"

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

/* Every directory of the file `name`; the highest of them may be a link to the same in /usr, if `merged`. */
static bool dirs_are(const char *name, bool merged)
{
	char dir[PATH_MAX];
	struct stat st;

	if (strlen(name) >= sizeof dir || strstr(name, "/.") || strstr(name, "//"))
		return false;
	strcpy(dir, name);
	for (char *slash; (slash = strrchr(dir, '/'));) {
		slash[slash == dir] = 0;
		if (lstat(dir, &st) < 0 || !is_roots(&st) ||
		    (!S_ISDIR(st.st_mode) && !(merged && is_merged(dir))))
			return false;
		if (slash == dir)
			return true;
	}
	return false;
}

static bool dirs_are_fixed(const char *name)
{
	return dirs_are(name, true);
}

static bool dirs_are_plain(const char *name)
{
	return dirs_are(name, false);
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

bool fixed_link(const char *link, const char *path)
{
	char to[PATH_MAX], said[PATH_MAX], dir[PATH_MAX];
	const char *slash = strrchr(link, '/');
	struct stat st;
	ssize_t n;

	if (link[0] != '/' || path[0] != '/' || lstat(link, &st) < 0 || !S_ISLNK(st.st_mode) ||
	    st.st_uid != 0)
		return false;
	n = readlink(link, to, sizeof to - 1);
	if (n < 0 || (size_t)(slash - link) >= sizeof dir)
		return false;
	to[n] = 0;
	memcpy(dir, link, (size_t)(slash - link));
	strcpy(dir + (slash - link), slash == link ? "/" : "");
	return path_join(dir, to, said, sizeof said) && !strcmp(said, path) && lstat(path, &st) == 0 &&
	       S_ISREG(st.st_mode) && is_roots(&st) && dirs_are_plain(link) && dirs_are_plain(path);
}
