#include "enforce/landlock/mounts.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/path.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Is it the mount that shows `path` now? Others may lie over it. */
static const struct mount *mount_of(const struct mounts *m, const char *path)
{
	AUTO_FD fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	AUTO_BUF text = { 0 };
	char name[64];
	const char *id;
	size_t len;

	snprintf(name, sizeof name, "/proc/self/fdinfo/%d", fd);
	if (fd < 0 || fd_slurp_file(name, 4096, &text, NULL) < 0 ||
	    !(id = strstr(buf_text(&text), "mnt_id:")))
		return NULL;
	id += 7 + strspn(id + 7, " \t");
	len = strspn(id, "0123456789");
	for (size_t i = 0; i < m->n; i++)
		if (!strncmp(m->all[i].id, id, len) && !m->all[i].id[len])
			return m->all + i;
	return NULL;
}

/* dir and what of `path` is below `base`, which it is within. False if too long. */
static bool moved(const char *path, const char *base, const char *dir, char out[PATH_MAX])
{
	const char *rest = path + (base[1] ? strlen(base) : 0);
	int n = snprintf(out, PATH_MAX, "%s%s", dir[1] || !*rest ? dir : "",
	                 rest[0] == '/' && !rest[1] ? "" : rest);

	return n > 0 && n < PATH_MAX;
}

/* The directories that an overlay was made of, as whoever mounted it named them. */
static void layers(const struct mount *own, const char *inside, mounts_fn *each, void *arg)
{
	static const char *const keys[] = { "upperdir=", "lowerdir=", "lowerdir+=", "datadir+=" };
	char layer[PATH_MAX], name[PATH_MAX];

	for (const char *o = own->options, *end; *o; o = end + (*end != 0)) {
		end = o + strcspn(o, ",");
		for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
			const char *at = o + strlen(keys[i]);

			if (strncmp(o, keys[i], strlen(keys[i])) != 0)
				continue;
			for (size_t len; at < end; at += len + 1) {
				len = strcspn(at, ":,");
				snprintf(layer, sizeof layer, "%.*s", (int)len, at);
				if (layer[0] == '/' && moved(inside, "/", layer, name))
					each(arg, name, own);
			}
		}
	}
}

void mounts_names(const struct mounts *m, const char *path, mounts_fn *each, void *arg)
{
	const struct mount *own = mount_of(m, path);
	char inside[PATH_MAX], name[PATH_MAX];

	if (!own || !path_within(path, own->where) || !moved(path, own->where, own->root, inside))
		return;
	if (!strcmp(own->type, "overlay"))
		layers(own, inside, each, arg);
	for (size_t i = 0; i < m->n; i++) {
		const struct mount *other = m->all + i;
		bool part = path_within(other->root, inside);

		if (other == own || strcmp(other->device, own->device) != 0 ||
		    (!part && !path_within(inside, other->root)))
			continue;
		if (moved(part ? other->root : inside, other->root, other->where, name) &&
		    mount_of(m, name) == other)
			each(arg, name, other);
	}
}

bool mounts_is_kernels(const struct mount *one)
{
	static const char types[] =
	        " proc sysfs cgroup cgroup2 debugfs tracefs securityfs configfs bpf pstore"
	        " efivarfs binfmt_misc fusectl devtmpfs selinuxfs ";
	char type[32];

	snprintf(type, sizeof type, " %.28s ", one->type);
	return strstr(types, type) != NULL;
}
