#include "enforce/landlock/floor.h"

#include "base/fd.h"
#include "base/path.h"
#include "enforce/landlock/rights.h"
#include "enforce/landlock/mounts.h"
#include "enforce/landlock/programs.h"
#include "sys/landlock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* For files that are no directories. */
#define OF_FILES (LANDLOCK_READ | LANDLOCK_WRITE)

enum { FLOOR_NODES = 256 };

struct closed {
	char *path; /* owned, links resolved */
	uint64_t rights;
};

/* A file or directory, whatever it is called: a rule is about the inode, and would hold under all its names.
 */
struct node {
	dev_t dev;
	ino_t ino;
	uint64_t closed, below; /* rights closed for it; for something in it */
};

struct work {
	struct floor *floor;
	const struct floor_options *options;
	struct closed closed[FLOOR_CLOSED];
	size_t n;
	uint64_t rights; /* of what the names are looked up for */
	struct node nodes[FLOOR_NODES];
	size_t n_nodes;
	struct rights *files; /* NULL: file rules are not enforced */
};

/* The programs and libraries that run outside of sessions, too. */
static const char *const programs[] = { "/bin",       "/boot",      "/lib",         "/lib32",
	                                "/lib64",     "/sbin",      "/usr/bin",     "/usr/lib",
	                                "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/sbin" };

static void note(struct floor *f, const char *path)
{
	size_t len = strlen(f->missing);

	snprintf(f->missing + len, sizeof f->missing - len, "landlock: %.99s can be written; ", path);
}

/* Is it the file system's permissions that keep this user from changing it, from the root down? Others' can
 * be changed by others only; a file of his own he can give himself any right to. */
static bool is_safe(const char *path, uid_t uid)
{
	char at[PATH_MAX];
	struct stat st;

	snprintf(at, sizeof at, "%s", path);
	for (char *slash = at + strlen(at);; slash = strrchr(at, '/')) {
		*slash = 0;
		if (lstat(*at ? at : "/", &st) < 0 || st.st_uid == uid || (st.st_mode & 022))
			return false;
		if (!*at)
			return true;
	}
}

static bool is_readable(const char *path, uid_t uid)
{
	struct stat st;

	return uid == 0 || lstat(path, &st) < 0 || st.st_uid == uid || (st.st_mode & 044);
}

/* Does it lie in a directory in which sessions make files? */
static bool is_open(const struct floor_options *o, const char *path)
{
	for (size_t i = 0; i < o->n_open; i++)
		if (o->open[i] && path_within(path, o->open[i]))
			return true;
	return false;
}

/* Which of `rights` are closed for this whole tree. */
static uint64_t closed_at(const struct work *w, const char *path, uint64_t rights)
{
	uint64_t found = 0;

	for (size_t i = 0; i < w->n; i++)
		if (path_within(path, w->closed[i].path))
			found |= w->closed[i].rights;
	return rights & found;
}

static void close_tree(struct work *w, const char *path, uint64_t rights)
{
	char *real = rights && path && *path == '/' ? realpath(path, NULL) : NULL;
	bool can = real && !is_open(w->options, real) && w->n < FLOOR_CLOSED && strcmp(real, "/") != 0;

	if (real && (rights & ~closed_at(w, real, rights))) {
		if (can) {
			w->closed[w->n++] = (struct closed){ real, rights };
			return;
		}
		note(w->floor, path);
	}
	free(real);
}

/* One more name of what is closed. When there are very many, all of the mount is closed. */
static void close_name(void *arg, const char *name, const struct mount *of)
{
	struct work *w = arg;

	close_tree(w, w->n < FLOOR_CLOSED * 3 / 4 ? name : of->where, w->rights);
}

/* What was closed so far, under its other names; and the kernel's file systems in unusual places. */
static void close_names(struct work *w, const struct mounts *m)
{
	size_t n = w->n;

	for (size_t i = 0; i < n; i++) {
		w->rights = w->closed[i].rights;
		mounts_names(m, w->closed[i].path, close_name, w);
	}
	for (size_t i = 0; i < m->n; i++)
		if (mounts_is_kernels(m->all + i) &&
		    (w->options->uid == 0 || strcmp(m->all[i].type, "proc") != 0))
			close_tree(w, m->all[i].where, LANDLOCK_CHANGE);
}

/* Grant, and keep in mind what file rules gave. */
static void add(struct work *w, const char *path, uint64_t rights)
{
	struct floor *f = w->floor;
	struct floor_grant *more;

	rights &= ~LANDLOCK_DEVICES;
	if (landlock_grant(f->ruleset, path, rights) < 0 && CONFIG_FILES)
		f->incomplete |= errno == EMFILE || errno == ENFILE || errno == ENOMEM;
	if (!CONFIG_FILES || !w->files || !rights)
		return;
	if (f->n_grants % 64 == 0) {
		more = realloc(f->grants, (f->n_grants + 64) * sizeof *more);
		if (!more)
			return;
		f->grants = more;
	}
	f->grants[f->n_grants].rights = rights;
	f->grants[f->n_grants].path = strdup(path);
	f->n_grants += f->grants[f->n_grants].path != NULL;
}

static struct node *find_node(struct work *w, const struct stat *st)
{
	for (struct node *n = w->nodes; n < w->nodes + w->n_nodes; n++)
		if (n->ino == st->st_ino && n->dev == st->st_dev)
			return n;
	return NULL;
}

static struct node *node_of(struct work *w, const char *path)
{
	struct stat st;
	struct node *n;

	if (lstat(path, &st) < 0)
		return NULL;
	n = find_node(w, &st);
	if (n || w->n_nodes == FLOOR_NODES)
		return n;
	n = w->nodes + w->n_nodes++;
	*n = (struct node){ st.st_dev, st.st_ino, 0, 0 };
	return n;
}

/* What is closed, and the directories on the way to it. */
static void index_closed(struct work *w, const struct closed *c)
{
	char at[PATH_MAX];
	struct node *n = node_of(w, c->path);

	if (n)
		n->closed |= c->rights;
	snprintf(at, sizeof at, "%s", c->path);
	for (char *slash; n && (slash = strrchr(at, '/')) && at[1];) {
		slash[slash == at] = 0;
		n = node_of(w, at);
		if (n)
			n->below |= c->rights;
	}
	if (!n)
		note(w->floor, c->path);
}

static void grant_all(struct work *w, const char *path, uint64_t rights);

static void grant_tree(struct work *w, const char *path, const struct node *n, uint64_t rights)
{
	uint64_t below = n ? rights & n->below : 0;
	struct rights_split split;

	if (CONFIG_FILES && w->files) {
		rights_split(w->files, path, rights, &split);
		rights &= split.all | split.enter;
		below = (below & rights) | split.enter;
	}
	if (rights & ~below)
		add(w, path, rights & ~below);
	if (below)
		grant_all(w, path, below);
}

/* Grant one entry, or go on into it. */
static void grant(struct work *w, const char *path, uint64_t rights)
{
	const struct node *n;
	struct stat st;

	if (lstat(path, &st) < 0)
		return;
	n = find_node(w, &st);
	rights &= n ? ~n->closed : ~0ULL;
	if (rights && S_ISDIR(st.st_mode)) {
		grant_tree(w, path, n, rights);
	} else if (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) ||
	           (CONFIG_FILES && w->files && S_ISCHR(st.st_mode))) {
		/* No rule where permissions refuse anyway: every rule costs each command. */
		if (w->options->uid && st.st_uid != w->options->uid && !(st.st_mode & 022))
			rights &= LANDLOCK_READ;
		rights &= OF_FILES;
		if (CONFIG_FILES && w->files && rights)
			rights = rights_object(w->files, path, &st, rights);
		if (rights)
			add(w, path, rights);
	}
}

static bool remember(struct floor *f, const char *path)
{
	struct floor_way *way = f->ways + f->n_ways;
	struct stat st;

	for (size_t i = 0; CONFIG_FILES && i < f->n_ways; i++)
		if (!strcmp(f->ways[i].path, path))
			return true;
	if (f->n_ways == FLOOR_WAYS || lstat(path, &st) < 0)
		return false;
	*way = (struct floor_way){ st.st_dev, st.st_ino, st.st_ctim, strdup(path) };
	f->n_ways += way->path != NULL;
	return way->path != NULL;
}

static void grant_all(struct work *w, const char *path, uint64_t rights)
{
	bool kept = remember(w->floor, path); /* before it is read: a change meanwhile shows later */
	DIR *dir = kept ? opendir(path) : NULL;
	const struct dirent *entry;
	char name[PATH_MAX];

	if (!dir) {
		if (CONFIG_FILES && w->files) { /* nothing is granted there */
			w->floor->incomplete |= kept && (errno == EMFILE || errno == ENFILE);
			return;
		}
		note(w->floor, path);
		add(w, path, rights);
		return;
	}
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    entry->d_type != DT_LNK && entry->d_type != DT_SOCK &&
		    (size_t)snprintf(name, sizeof name, "%s/%s", path[1] ? path : "", entry->d_name) <
		            sizeof name)
			grant(w, name, rights);
	closedir(dir);
}

static void grant_device(struct work *w, const char *path, uint64_t rights)
{
	struct rights_split split;
	struct stat st;

	if (CONFIG_FILES && w->files) {
		if (lstat(path, &st) < 0)
			return;
		if (S_ISDIR(st.st_mode)) {
			rights_split(w->files, path, rights, &split);
			rights = split.all;
		} else {
			rights = rights_object(w->files, path, &st, rights);
		}
	}
	if (rights)
		add(w, path, rights);
}

static void grant_devices(struct work *w, uint64_t rights)
{
	static const char harmless[] =
	        " console dri full kfd mqueue null ptmx pts random shm tty urandom zero ";
	char path[280], name[280];
	DIR *dir = opendir("/dev");
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof path, "/dev/%s", entry->d_name);
		snprintf(name, sizeof name, " %s ", entry->d_name);
		if (entry->d_type != DT_LNK && (strstr(harmless, name) || !strncmp(name, " nvidia", 7)))
			grant_device(w, path, rights & (entry->d_type == DT_DIR ? ~0ULL : OF_FILES));
	}
	if (dir)
		closedir(dir);
}

static void collect(struct work *w)
{
	const struct floor_options *o = w->options;
	bool root = o->uid == 0;

	close_tree(w, "/sys", LANDLOCK_CHANGE);
	close_tree(w, "/dev", LANDLOCK_CHANGE | (root ? LANDLOCK_READ : 0));
	close_tree(w, "/proc", root ? LANDLOCK_CHANGE : 0);
	for (size_t i = 0; root && i < sizeof programs / sizeof *programs; i++)
		close_tree(w, programs[i], LANDLOCK_CHANGE);
	for (size_t i = 0; i < o->n; i++) {
		const struct floor_item *item = o->items + i;
		bool secret = item->path && item->secret && is_readable(item->path, o->uid);

		close_tree(
		        w, item->path,
		        (secret ? LANDLOCK_READ : 0) |
		                (root || !item->path || !is_safe(item->path, o->uid) ? LANDLOCK_CHANGE : 0));
	}
}

/* What the policy allows by the name of a link. */
static void grant_link(void *arg, const char *real, uint64_t rights)
{
	struct work *w = arg;
	const struct node *n;
	struct stat st;

	if (!rights) {
		remember(w->floor, real);
		return;
	}
	if (lstat(real, &st) < 0 || closed_at(w, real, ~0ULL) || floor_grants(w->floor, real, rights))
		return;
	n = find_node(w, &st);
	if (!n || !(n->below & rights))
		add(w, real, rights);
}

/* Nothing that moves or truncates could be told apart: nothing is closed, but for device nodes. */
static int make_open(struct floor *f, const struct floor_options *o, int abi, struct err *e)
{
	uint64_t rights = LANDLOCK_DEVICES | (abi > 1 ? LANDLOCK_MOVE : 0);

	note(f, "every file");
	f->ruleset = landlock_new(rights, o->signals, e);
	landlock_grant(f->ruleset, "/", rights & LANDLOCK_MOVE);
	return f->ruleset < 0 ? -1 : 0;
}

/* Rights lie on directories, not on names: another of that name has none. */
static void watch(struct floor *f, const char *path)
{
	struct floor_way *way = f->ways + f->n_ways;
	struct stat st = { .st_ino = 0 };

	if (f->n_ways == FLOOR_WAYS)
		return;
	stat(path, &st);
	*way = (struct floor_way){ st.st_dev, st.st_ino, { 0, 0 }, strdup(path) };
	f->n_ways += way->path != NULL;
}

static void watch_trees(struct floor *f, const struct floor_rules *r)
{
	if (r->workspace)
		watch(f, r->workspace);
	for (size_t i = 0; i < r->n_execute; i++)
		watch(f, r->execute[i]);
}

/* Everything closed is known: make the ruleset and grant the rest. */
static int fill(struct work *w, uint64_t rights, int abi, struct err *e)
{
	struct landlock_handled h = { .files = rights, .inside = w->options->signals ? LANDLOCK_SIGNALS : 0 };
	struct floor *f = w->floor;

	if (CONFIG_FILES && w->options->rules) {
		h.files = rights |= LANDLOCK_CHANGE | LANDLOCK_READ;
		programs_handle(w->options->rules, abi, &h);
		w->files = rights_new(w->options->rules, w->options->uid, e);
		if (!w->files)
			return -1;
	}
	if (CONFIG_LAYER_NET && w->options->ports && abi >= FLOOR_PORTS)
		h.ports |= LANDLOCK_CONNECT;
	f->ruleset = landlock_make(&h, e);
	for (size_t i = 0; CONFIG_LAYER_NET && f->ruleset >= 0 && i < w->options->n_connect_ports; i++)
		landlock_grant_port(f->ruleset, LANDLOCK_CONNECT, w->options->connect_ports[i]);
	if (f->ruleset >= 0) {
		grant_all(w, "/", rights);
		grant_devices(w, rights);
	}
	if (CONFIG_FILES && w->files) {
		rights_links(w->files, grant_link, w);
		programs_grant(w->options->rules, f->ruleset, &h);
		watch_trees(f, w->options->rules);
		f->held = FLOOR_READ | FLOOR_WRITE | FLOOR_REMOVE;
		f->inexact = rights_inexact(w->files);
		rights_free(w->files);
	}
	return f->ruleset < 0 ? -1 : 0;
}

int floor_make(struct floor *f, const struct floor_options *o, struct err *e)
{
	struct work w = { .floor = f, .options = o };
	struct mounts m;
	uint64_t rights = LANDLOCK_CHANGE;
	int abi = landlock_abi(), rc;

	*f = (struct floor){ .ruleset = -1, .mounts = -1 };
	if (!CONFIG_CLOSED_FILES || abi < LANDLOCK_ENOUGH)
		return make_open(f, o, abi, e);
	f->mounts = open("/proc/self/mounts", O_RDONLY | O_CLOEXEC); /* before it is read */
	collect(&w);
	if (mounts_read(&m, "/proc/self"))
		close_names(&w, &m);
	else
		note(f, "what other mounts show");
	mounts_release(&m);
	for (size_t i = 0; i < w.n; i++) {
		rights |= w.closed[i].rights;
		index_closed(&w, w.closed + i);
	}
	rc = fill(&w, rights, abi, e);
	for (size_t i = 0; i < w.n; i++)
		free(w.closed[i].path);
	return rc;
}

bool floor_grants(const struct floor *f, const char *path, uint64_t rights)
{
	for (const struct floor_grant *g = f->grants; g < f->grants + f->n_grants && rights; g++)
		if (path_within(path, g->path))
			rights &= ~g->rights;
	return !rights;
}

bool floor_is_replaced(const struct floor *f)
{
	for (const struct floor_way *way = f->ways; way < f->ways + f->n_ways; way++) {
		struct stat st = { .st_ino = 0 };

		if (way->changed.tv_sec)
			continue;
		stat(way->path, &st);
		if (st.st_dev != way->dev || st.st_ino != way->ino)
			return true;
	}
	return false;
}

bool floor_is_stale(const struct floor *f)
{
	struct pollfd mounts = { .fd = f->mounts, .events = POLLPRI };
	struct stat st;

	if (poll(&mounts, 1, 0) > 0 || (CONFIG_FILES && f->incomplete))
		return true;
	for (const struct floor_way *way = f->ways; way < f->ways + f->n_ways; way++)
		if (way->changed.tv_sec &&
		    (lstat(way->path, &st) < 0 || st.st_dev != way->dev || st.st_ino != way->ino ||
		     st.st_ctim.tv_sec != way->changed.tv_sec || st.st_ctim.tv_nsec != way->changed.tv_nsec))
			return true;
	return CONFIG_FILES && floor_is_replaced(f);
}

void floor_release(struct floor *f)
{
	fd_close(&f->ruleset);
	fd_close(&f->mounts);
	for (size_t i = 0; i < f->n_ways; i++)
		free(f->ways[i].path);
	f->n_ways = 0;
	for (size_t i = 0; CONFIG_FILES && i < f->n_grants; i++)
		free(f->grants[i].path);
	if (CONFIG_FILES) {
		free(f->grants);
		f->grants = NULL;
		f->n_grants = 0;
	}
}
