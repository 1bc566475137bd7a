#include "enforce/limits/mounts.h"

#include "base/fd.h"
#include "base/path.h"
#include "enforce/limits/limits.h"
#include "sys/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* v2 lets no group have both processes and controllers for its children: a server that stands alone in its
 * group makes room by moving down. */
#define SERVER_LEAF "agentsh-server"

enum { TEXT_MAX = 1 << 20 };

static bool has_word(const char *list, const char *word, char between)
{
	size_t len = strlen(word);

	for (const char *at = list; at; at = strchr(at, between), at += at != NULL)
		if (!strncmp(at, word, len) && (!at[len] || at[len] == between || at[len] == '\n'))
			return true;
	return false;
}

/* Our own group in the hierarchy with this controller (NULL: v2): "ID:CONTROLLERS:PATH". */
static bool own_group(const char *proc, const char *controller, char *out, size_t size)
{
	AUTO_BUF text = { 0 };
	char path[PATH_MAX], *all, *line;

	snprintf(path, sizeof path, "%s/cgroup", proc);
	if (fd_slurp_file(path, TEXT_MAX, &text, NULL) < 0)
		return false;
	buf_text(&text);
	all = text.data;
	while ((line = strsep(&all, "\n")) != NULL) {
		const char *id = strsep(&line, ":"), *controllers = strsep(&line, ":");

		if (line &&
		    (controller ? has_word(controllers, controller, ',') : !strcmp(id, "0") && !*controllers))
			return (size_t)snprintf(out, size, "%s", line) < size;
	}
	return false;
}

/* Where our group is below the mount point. False when it is not there. */
static bool own_dir(const struct limits_options *o, const struct mount *m, const char *controller, char *out,
                    size_t size)
{
	char group[PATH_MAX], *at = group, *leaf;
	size_t root = strcmp(m->root, "/") ? strlen(m->root) : 0;

	if (!own_group(o->proc, controller, group, sizeof group) || strstr(group, "/.."))
		return false;
	if (root && !strncmp(group, m->root, root) && (group[root] == '/' || !group[root]))
		at += root;
	leaf = strrchr(at, '/');
	if (leaf && !strcmp(leaf + 1, SERVER_LEAF))
		*leaf = 0;
	if (!strcmp(at, "/"))
		*at = 0;
	return (size_t)snprintf(out, size, "%s%s", m->where, at) < size;
}

/* Make the directories of `path` below `from`. */
static void make_dirs(char *path, size_t from)
{
	for (char *at = path + from; (at = strchr(at + 1, '/')) != NULL; *at = '/') {
		*at = 0;
		mkdir(path, 0755);
	}
	mkdir(path, 0755);
}

/* base_path: below our own group, or, absolute, below the mount point, with or without "/sys/fs/cgroup". */
static bool based_dir(const struct limits_options *o, const struct mount *m, const char *controller,
                      char *out, size_t size)
{
	static const char usual[] = "/sys/fs/cgroup";
	char own[PATH_MAX], base[PATH_MAX];
	const char *at = base;

	if (!o->base_path || !*o->base_path)
		return own_dir(o, m, controller, out, size);
	if (o->base_path[0] != '/') {
		if (!own_dir(o, m, controller, own, sizeof own) || strstr(o->base_path, ".."))
			return false;
		if ((size_t)snprintf(out, size, "%s/%s", own, o->base_path) >= size)
			return false;
		make_dirs(out, strlen(own));
		return true;
	}
	if (!path_clean(o->base_path, base, sizeof base))
		return false;
	if (path_within(base, m->where))
		at += strlen(m->where);
	else if (path_within(base, usual))
		at += sizeof usual - 1;
	if ((size_t)snprintf(out, size, "%s%s", m->where, at) >= size)
		return false;
	make_dirs(out, strlen(m->where));
	return true;
}

int mounts_write(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX];
	AUTO_FD fd = -1;

	if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, name) >= sizeof path)
		return errno = ENAMETOOLONG, -1;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -1 : fd_write(fd, text, strlen(text));
}

static bool file_has(const char *dir, const char *name, const char *word)
{
	char path[PATH_MAX];
	AUTO_BUF text = { 0 };

	return (size_t)snprintf(path, sizeof path, "%s/%s", dir, name) < sizeof path &&
	       fd_slurp_file(path, TEXT_MAX, &text, NULL) == 0 && has_word(buf_text(&text), word, ' ');
}

/* Let children of this v2 group have the controller. */
static bool hand_down(const char *dir, const char *controller)
{
	char leaf[PATH_MAX], word[32];

	if (file_has(dir, "cgroup.subtree_control", controller))
		return true;
	snprintf(word, sizeof word, "+%s", controller);
	if (mounts_write(dir, "cgroup.subtree_control", word) == 0)
		return true;
	if (errno != EBUSY || (size_t)snprintf(leaf, sizeof leaf, "%s/" SERVER_LEAF, dir) >= sizeof leaf)
		return false;
	if (mkdir(leaf, 0755) == 0 && mounts_write(leaf, "cgroup.procs", "0") == 0 &&
	    mounts_write(dir, "cgroup.subtree_control", word) == 0)
		return true;
	mounts_write(dir, "cgroup.procs", "0"); /* others are in it: as it was */
	rmdir(leaf);
	errno = EBUSY;
	return false;
}

static bool try_mount(const struct limits_options *o, const struct mount *m, const char *controller,
                      char *out, size_t size, bool *v2, const char **why)
{
	if (!strcmp(m->type, "cgroup")) {
		*v2 = false;
		if (!has_word(m->options, controller, ','))
			return false;
		if (based_dir(o, m, controller, out, size))
			return true;
		*why = "our own control group is not below its mount";
		return false;
	}
	*v2 = true;
	if (strcmp(m->type, "cgroup2") != 0 || !file_has(m->where, "cgroup.controllers", controller) ||
	    !based_dir(o, m, NULL, out, size))
		return false;
	if (!file_has(out, "cgroup.controllers", controller))
		*why = "the controller is not delegated";
	else if (hand_down(out, controller))
		return true;
	else
		*why = errno == EBUSY
		               ? "others are in the server's control group (set sandbox.cgroups.base_path)"
		               : strerror(errno);
	return false;
}

bool mounts_find(const struct limits_options *o, const char *controller, char *out, size_t size, bool *v2,
                 const char **why)
{
	struct mounts m;
	bool found = false;

	*why = "no control groups with this controller are mounted";
	if (mounts_read(&m, o->proc))
		for (size_t i = 0; i < m.n && !found; i++)
			found = try_mount(o, m.all + i, controller, out, size, v2, why);
	mounts_release(&m);
	return found;
}
