/* A dynamic loader opens the program it is to run by itself, after it was judged: a link may lead elsewhere
 * by then. What a loader has mapped when it sets up its thread pointer, before the first instruction of the
 * program, cannot be changed any more: that is looked at. */
#include "enforce/exec/impl.h"

#include "base/fd.h"
#include "base/path.h"
#include "sys/proc.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAPS_MAX = 4 << 20 };

static const struct rule loader_program = { .name = "loader-program",
	                                    .file = "built-in",
	                                    .decision = EFFECT_DENY,
	                                    .message = "what a dynamic loader is to run could be another "
	                                               "file by now; run the program itself" };

/* One line: "START-END PERMS OFFSET DEV INODE   PATH". */
struct mapping {
	unsigned long long ino;
	bool executable;
	const char *path;
};

static bool read_line(char *line, struct mapping *m)
{
	char perms[8];
	int at = 0;

	m->ino = 0;
	/* NOLINTNEXTLINE(cert-err34-c): written by the kernel; an inode number fits */
	if (sscanf(line, "%*x-%*x %7s %*x %*x:%*x %llu %n", perms, &m->ino, &at) != 2)
		return false;
	m->executable = perms[2] == 'x';
	m->path = line + at;
	return true;
}

/* Folders and file in the hands of root alone, without a link. */
static bool is_fixed(const char *path, const struct image *image)
{
	char part[PATH_MAX];
	struct stat st;

	if (geteuid() == 0 || strcmp(path, image->path) != 0 || strlen(path) >= sizeof part)
		return false;
	strcpy(part, path);
	for (;;) {
		if (stat(part[0] ? part : "/", &st) < 0 || st.st_uid != 0 || st.st_mode & 022)
			return false;
		if (!part[0])
			return true;
		*strrchr(part, '/') = 0;
	}
}

/* A shared object from where only root can put one: no program in disguise. */
static bool is_library(const struct image *image)
{
	char dir[PATH_MAX];
	struct stat st;
	size_t len = (size_t)(path_base(image->path) - image->path);

	if (image->same.program || !strstr(path_base(image->path), ".so") || len >= sizeof dir)
		return false;
	memcpy(dir, image->path, len);
	dir[len] = 0;
	return stat(dir, &st) == 0 && st.st_uid == 0 && !(st.st_mode & 022);
}

/* Judge what is mapped as the command it would be. False: nothing to be judged. */
static bool ask_mapping(const struct call *k, struct attempt *a, const struct mapping *m,
                        const struct image *loader)
{
	if (!m->executable || !m->ino || (m->ino == loader->ino && !strcmp(m->path, loader->path)))
		return false;
	if (image_find(k->g->images, k->pid, AT_FDCWD, m->path, 0, &a->image) || a->image.ino != m->ino) {
		a->verdict = (struct verdict){ .rule = &loader_program };
		return true;
	}
	if (!is_library(&a->image))
		ask_file(k, a, m->path, &(struct args){ a->args.v + a->payload, a->args.n - a->payload });
	return true;
}

/* `--list` and a name that ends in ldd make musl's loader print and end. */
static bool only_lists(const struct args *args)
{
	const char *name = args->v[0];
	size_t len = strlen(name);

	if (len >= 3 && !strcmp(name + len - 3, "ldd"))
		return true;
	return args->n > 1 && !strcmp(args->v[1], "--list");
}

/* musl's sets up its thread pointer first and maps later: then nothing can be told, unless nobody here can
 * change what the name leads to. */
static void nothing_mapped(const struct call *k, struct attempt *a)
{
	const char *path = a->args.v[a->payload];
	struct image payload;

	if (only_lists(&a->args))
		return;
	if (image_find(k->g->images, k->pid, AT_FDCWD, path, 0, &payload) == 0 && is_fixed(path, &payload))
		return;
	a->verdict = (struct verdict){ .rule = &loader_program };
}

void loader_check(const struct call *k, struct attempt *a)
{
	const struct image loader = a->image;
	AUTO_BUF maps = { .max = MAPS_MAX };
	AUTO_FD fd = proc_open(k->pid, "maps", O_RDONLY);
	struct mapping m;
	char *line, *rest;
	bool any = false;

	if (fd < 0 || fd_slurp(fd, &maps, NULL) < 0 || !buf_text(&maps)) {
		a->verdict = (struct verdict){ .rule = &loader_program };
		return;
	}
	for (line = strtok_r(maps.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (read_line(line, &m) && a->verdict.effective == EFFECT_ALLOW)
			any |= ask_mapping(k, a, &m, &loader);
	if (a->verdict.effective != EFFECT_ALLOW)
		return;
	a->image = loader;
	if (!any)
		nothing_mapped(k, a);
}
