/* Look through the folders of programs for those that are worth being known by their files. */
#include "decide/decide.h"
#include "enforce/exec/identity_impl.h"

#include "base/path.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where /bin is a link to /usr/bin it is seen once, under its own name. */
static const char *const places[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
	                              "/usr/bin",        "/sbin",          "/bin",
	                              "/usr/games",      "/lib64",         "/lib" };

enum { PROGRAMS_MAX = 4096, NAMES_MAX = 16384 };

/* Room for one more, and number 0 stays free. */
static bool grow(void **items, size_t n, size_t *cap, size_t size)
{
	size_t want = *cap ? *cap * 2 : 32;
	void *more;

	if (n + 1 < *cap)
		return true;
	more = realloc(*items, want * size);
	if (!more)
		return false;
	*items = more;
	*cap = want;
	return true;
}

static struct program *add_program(struct identity *t, const struct stat *st, const char *place)
{
	unsigned ino = identity_bucket(st->st_ino), size = identity_bucket((uint64_t)st->st_size);
	const char *text = arena_str(&t->text, place);
	void *items = t->programs;
	struct program *p;

	if (!text || !grow(&items, t->n_programs, &t->cap_programs, sizeof *p))
		return NULL;
	t->programs = items;
	p = &t->programs[++t->n_programs];
	*p = (struct program){ .dev = st->st_dev,
		               .ino = st->st_ino,
		               .size = st->st_size,
		               .ctime = st->st_ctim,
		               .place = text,
		               .by_ino = t->by_ino[ino],
		               .by_size = t->by_size[size] };
	t->by_ino[ino] = t->by_size[size] = (uint16_t)t->n_programs;
	return p;
}

/* The program that has been taken in as this very file. When it has changed, what was known of its content is
 * forgotten. */
static struct program *find_program(struct identity *t, const struct stat *st)
{
	for (unsigned i = t->by_ino[identity_bucket(st->st_ino)]; i; i = t->programs[i].by_ino) {
		struct program *p = &t->programs[i];

		if (p->ino != st->st_ino || p->dev != st->st_dev || p->size != st->st_size)
			continue;
		if (p->ctime.tv_sec != st->st_ctim.tv_sec || p->ctime.tv_nsec != st->st_ctim.tv_nsec) {
			free(p->sha256);
			p->sha256 = NULL;
			p->has_head = false;
			p->ctime = st->st_ctim;
			t->changed = true;
		}
		return p;
	}
	return NULL;
}

/* nc leads to nc.openbsd, python3 to python3.11: the file is what the link says. modprobe leads to kmod,
 * reboot to systemctl: it is that only when it is called so. */
static bool is_own(const char *path, const char *place)
{
	struct stat st;

	return (lstat(path, &st) == 0 && !S_ISLNK(st.st_mode)) ||
	       strstr(path_base(place), path_base(path)) != NULL;
}

static bool add_name(struct identity *t, struct program *p, const char *path, unsigned named)
{
	void *items = t->names;
	struct program_name *n;
	bool own = is_own(path, p->place);
	const char *text;
	size_t others = 0;

	for (unsigned i = p->first_name; i; i = t->names[i].next) {
		if (!strcmp(t->names[i].path, path))
			return true;
		others += t->names[i].own;
	}
	/* The first ones stay: whoever can put in more has no use for it. */
	if (t->n_names == NAMES_MAX || (own && others == IDENTITY_NAMES - 1))
		return true;
	text = arena_str(&t->text, path);
	if (!text || !grow(&items, t->n_names, &t->cap_names, sizeof *n))
		return false;
	t->names = items;
	n = &t->names[++t->n_names];
	*n = (struct program_name){
		.path = text, .next = p->first_name, .own = own, .opaque = named & NAMED_OPAQUE
	};
	p->first_name = (uint16_t)t->n_names;
	p->multicall |= (named & NAMED_MULTICALL) != 0;
	return true;
}

static void take_file(struct identity *t, const char *path, unsigned named)
{
	char place[PATH_MAX];
	struct program *p;
	struct stat st;

	if (t->failed || stat(path, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & 0111) || !st.st_size)
		return;
	p = find_program(t, &st);
	if (!p && t->n_programs < PROGRAMS_MAX && realpath(path, place)) {
		p = add_program(t, &st, place);
		t->failed |= !p;
	}
	if (p)
		t->failed |=
		        !add_name(t, p, path, named | (decide_named(t->policy, p->place) & NAMED_MULTICALL));
}

static void take_path(void *arg, const char *path)
{
	take_file(arg, path, NAMED_BY_RULE);
}

/* Is it new, or has something been put in or taken out? */
static bool has_changed(struct identity *t, int fd)
{
	struct folder *f = t->folders;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	while (f < t->folders + t->n_folders && (f->ino != st.st_ino || f->dev != st.st_dev))
		f++;
	if (f == t->folders + IDENTITY_FOLDERS)
		t->n_folders = 0, f = t->folders; /* somebody puts ever new ones in their places */
	if (f == t->folders + t->n_folders)
		t->n_folders++;
	else if (f->mtime.tv_sec == st.st_mtim.tv_sec && f->mtime.tv_nsec == st.st_mtim.tv_nsec)
		return false;
	*f = (struct folder){ st.st_dev, st.st_ino, st.st_mtim };
	return true;
}

static void take_folder(struct identity *t, const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool look = fd >= 0 && has_changed(t, fd);
	DIR *dir = look ? fdopendir(fd) : NULL;
	char path[PATH_MAX];
	struct dirent *e;
	unsigned named;

	t->failed |= look && !dir;
	while (dir && (e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.' || (e->d_type != DT_REG && e->d_type != DT_LNK && e->d_type))
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
		named = decide_named(t->policy, path);
		if (named)
			take_file(t, path, named);
	}
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
}

bool census_take(struct identity *t)
{
	_Static_assert(sizeof places / sizeof *places <= IDENTITY_FOLDERS, "room for all folders");

	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		take_folder(t, places[i]);
	decide_named_paths(t->policy, take_path, t);
	return !t->failed && !t->text.failed;
}
