#include "session/impl.h"

#include "base/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool root_is_system(const char *dir)
{
	static const char *const trees[] = { "/bin",    "/boot", "/dev", "/etc",  "/lib", "/lib32", "/lib64",
		                             "/libx32", "/proc", "/run", "/sbin", "/sys", "/usr" };
	/* These are no workspaces themselves; what lies below may be one. */
	static const char *const tops[] = { "/",    "/home", "/media",   "/mnt",     "/opt",    "/srv",
		                            "/tmp", "/var",  "/var/lib", "/var/log", "/var/tmp" };

	for (size_t i = 0; i < sizeof trees / sizeof *trees; i++)
		if (path_within(dir, trees[i]))
			return true;
	for (size_t i = 0; i < sizeof tops / sizeof *tops; i++)
		if (!strcmp(dir, tops[i]))
			return true;
	return false;
}

/* May a marker in this directory decide? Not where somebody else could have put it. */
static bool is_trusted(const char *dir, uid_t uid)
{
	struct stat st;

	return !root_is_system(dir) && lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) &&
	       (st.st_uid == uid || st.st_uid == 0) && !(st.st_mode & S_IWOTH);
}

static bool has(const char *dir, const char *name)
{
	char path[4096];
	struct stat st;

	return snprintf(path, sizeof path, "%s/%s", dir, name) < (int)sizeof path && lstat(path, &st) == 0;
}

static bool has_marker(const char *dir, const char *const *markers)
{
	for (; markers && *markers; markers++)
		if (strcmp(*markers, ".git") && has(dir, *markers))
			return true;
	return false;
}

/* Cut the last component. False at the top, at `home`, or where the next directory is not to be trusted. */
static bool up(char *dir, uid_t uid, const char *home)
{
	char *slash = strrchr(dir, '/');

	if (!slash || slash == dir || (home && !strcmp(dir, home)))
		return false;
	*slash = 0;
	return is_trusted(dir, uid);
}

int root_find(const char *dir, const char *const *markers, uid_t uid, const char *home, struct roots *out)
{
	char at[4096];

	*out = (struct roots){ 0 };
	if (snprintf(at, sizeof at, "%s", dir) >= (int)sizeof at)
		return -1;
	do {
		if (!out->project && has_marker(at, markers))
			out->project = strdup(at);
		if (!out->git && has(at, ".git"))
			out->git = strdup(at);
	} while ((!out->project || !out->git) && up(at, uid, home));
	if (!out->project)
		out->project = strdup(out->git && markers ? out->git : dir);
	if (!out->git && out->project)
		out->git = strdup(out->project);
	if (out->project && out->git)
		return 0;
	free(out->project);
	free(out->git);
	return -1;
}

char *root_of_workspace(const char *dir, uid_t uid, const char *home)
{
	char at[4096];

	if (snprintf(at, sizeof at, "%s", dir) >= (int)sizeof at)
		return NULL;
	do {
		if (has(at, ".git"))
			return strdup(at);
	} while (up(at, uid, home));
	return strdup(dir);
}
