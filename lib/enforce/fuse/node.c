#include "enforce/fuse/impl.h"

#include "base/fd.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { DIRS_MAX = 8192, HELD_MAX = 1024, MADE_MAX = 64, WAY_MAX = 256 };

int node_init(struct view *v, struct err *e)
{
	struct rlimit limit;
	struct stat st;
	struct node *root = &v->root;

	/* Files that were opened, or unlinked while they were open, need descriptors, too. */
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return err_sys(e, "limit of descriptors");
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	v->max_fds = limit.rlim_max / 2 < DIRS_MAX ? (unsigned)limit.rlim_max / 2 : DIRS_MAX;
	list_init(&v->dirs);
	list_init(&v->listings);
	list_init(&root->recent);
	root->open_fd = root->made_fd = -1;
	root->fd = fcntl(v->o.dir, F_DUPFD_CLOEXEC, 0);
	if (root->fd < 0 || fstat(root->fd, &st) < 0)
		return err_sys(e, "directory");
	if (!S_ISDIR(st.st_mode))
		return err_set(e, "no directory");
	root->dev = st.st_dev;
	root->ino = st.st_ino;
	root->type = S_IFDIR;
	root->lookups = 1;
	return 0;
}

struct node *node_from(struct view *v, fuse_ino_t number)
{
	return number == FUSE_ROOT_ID ? &v->root : (struct node *)(uintptr_t)number;
}

static uint64_t hash_of(const struct stat *st)
{
	return ((uint64_t)st->st_ino ^ (uint64_t)st->st_dev << 40) * 0x9e3779b97f4a7c15u >> 16;
}

struct node *node_find(struct view *v, const struct stat *st)
{
	if (st->st_ino == v->root.ino && st->st_dev == v->root.dev)
		return &v->root;
	for (struct slot *s = table_first(&v->nodes, hash_of(st)); s; s = table_next(s)) {
		struct node *n = (struct node *)s;

		if (n->ino == st->st_ino && n->dev == st->st_dev && n->type == (st->st_mode & S_IFMT))
			return n;
	}
	return NULL;
}

static struct node *make(struct view *v, const struct stat *st)
{
	struct node *n = calloc(1, sizeof *n);

	if (!n)
		return NULL;
	n->slot.hash = hash_of(st);
	n->dev = st->st_dev;
	n->ino = st->st_ino;
	n->type = st->st_mode & S_IFMT;
	n->fd = n->open_fd = n->made_fd = -1;
	list_init(&n->recent);
	if (table_add(&v->nodes, &n->slot))
		return n;
	free(n);
	return NULL;
}

struct node *node_seen(struct view *v, struct node *parent, const char *text, const struct stat *st)
{
	struct node *n = node_find(v, st);

	/* The directory itself below itself: mounted there. Nothing good can come of it. */
	if (n == &v->root)
		return NULL;
	if (!n)
		n = make(v, st);
	if (!n)
		return NULL;
	if (name_set(v, parent, text, n))
		return n;
	node_forget(v, n, 0);
	return NULL;
}

struct node *node_nameless(struct view *v, int fd, const struct stat *st)
{
	struct node *n = make(v, st);

	if (!n) {
		fd_close(&fd);
		return NULL;
	}
	n->fd = fd;
	n->gone = true;
	return n;
}

static void drop_fd(struct view *v, struct node *n)
{
	if (n->fd < 0)
		return;
	if (!list_empty(&n->recent)) {
		list_remove(&n->recent);
		v->n_fds--;
	}
	v->n_held -= n->shut;
	n->shut = false;
	fd_close(&n->fd);
}

void node_made(struct view *v, struct node *n, int fd)
{
	if (n->made_fd >= 0 || v->n_made >= MADE_MAX) {
		fd_close(&fd);
		return;
	}
	n->made_fd = fd;
	v->n_made++;
}

void node_unmade(struct view *v, struct node *n)
{
	if (n->made_fd < 0)
		return;
	v->n_made--;
	fd_close(&n->made_fd);
}

void node_forget(struct view *v, struct node *n, uint64_t lookups)
{
	n->lookups -= lookups < n->lookups ? lookups : n->lookups;
	if (n->lookups || n->held || n == &v->root)
		return;
	if (n->backing)
		ioctl(v->o.device, FUSE_DEV_IOC_BACKING_CLOSE, &n->backing);
	listing_drop(v, n);
	fd_close(&n->open_fd);
	node_unmade(v, n);
	drop_fd(v, n);
	table_remove(&v->nodes, &n->slot);
	n->held = 1; /* the end of its names does not come back to it */
	while (n->names)
		name_remove(v, n->names);
	free(n);
}

void node_release_all(struct view *v)
{
	for (size_t i = 0; i < v->names.cap; i++) {
		while (v->names.buckets[i])
			name_remove(v, (struct name *)v->names.buckets[i]);
	}
	for (size_t i = 0; i < v->nodes.cap; i++) {
		while (v->nodes.buckets[i]) {
			struct node *n = (struct node *)v->nodes.buckets[i];

			node_forget(v, n, n->lookups);
		}
	}
	free(v->names.buckets);
	free(v->nodes.buckets);
	listing_drop(v, &v->root);
	fd_close(&v->root.fd);
}

/* The least recently used one goes. Who is on the way to another is among the latest. */
static void make_room(struct view *v)
{
	while (v->n_fds >= v->max_fds && !list_empty(&v->dirs))
		drop_fd(v, list_item(v->dirs.next, struct node, recent));
}

/* The way to a directory is opened from above: one that lies very deep, piece by piece, so that the stack
 * suffices. The pieces that are open already are the latest. */
static void open_way(struct view *v, const struct node *n)
{
	size_t closed = 0;

	for (const struct node *up = n; up->fd < 0 && up->names; up = up->names->parent)
		closed++;
	while (closed > WAY_MAX) {
		struct node *up = n->names->parent;

		closed -= WAY_MAX;
		for (size_t i = 1; i < closed && up->names; i++)
			up = up->names->parent;
		if (node_dirfd(v, up) < 0)
			return;
	}
}

int node_dirfd(struct view *v, struct node *n)
{
	struct stat st;
	struct place p;
	int fd;

	if (n->fd >= 0) {
		if (!list_empty(&n->recent)) {
			list_remove(&n->recent);
			list_append(&v->dirs, &n->recent);
		}
		return n->fd;
	}
	open_way(v, n);
	if (node_place(v, n, &p) < 0)
		return -1;
	make_room(v);
	fd = openat(p.dirfd, p.name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && v->as_root) {
		ids_as_self(v);
		fd = openat(p.dirfd, p.name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || st.st_ino != n->ino || st.st_dev != n->dev) {
		fd_close(&fd);
		errno = ESTALE;
		return -1;
	}
	n->fd = fd;
	list_append(&v->dirs, &n->recent);
	v->n_fds++;
	return fd;
}

static void hold(struct view *v, const struct name *name)
{
	struct node *n = name->node;
	struct place p;

	if (n->type == S_IFDIR) {
		node_dirfd(v, n);
	} else if (n->fd < 0 && v->n_held < HELD_MAX && node_place(v, n, &p) == 0) {
		n->fd = openat(p.dirfd, p.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		n->shut = n->fd >= 0;
		v->n_held += n->shut;
	}
}

void node_hold_inside(struct view *v, const struct node *n)
{
	for (size_t i = 0; i < v->names.cap; i++) {
		for (struct slot *s = v->names.buckets[i]; s; s = s->next) {
			const struct name *name = (const struct name *)s;

			if (name->parent == n)
				hold(v, name);
		}
	}
}

/* The first name becomes the last. */
static void next_name(struct node *n)
{
	struct name *first = n->names, *last = first;

	while (last->next)
		last = last->next;
	n->names = first->next;
	first->next = NULL;
	last->next = first;
}

/* A user cannot search every directory of his in which a name of a file of his lies; he came by another. */
static bool is_shut(const struct view *v, const struct node *n, const struct place *p)
{
	struct stat st;

	if (p->dirfd < 0)
		return true;
	return n->names->next && !v->as_root && fstatat(p->dirfd, p->name, &st, p->flags) < 0 &&
	       errno == EACCES;
}

int node_place(struct view *v, struct node *n, struct place *p)
{
	if (n->fd >= 0 && (n->gone || n->shut || n == &v->root || !list_empty(&n->recent))) {
		*p = (struct place){ node_dirfd(v, n), AT_EMPTY_PATH, "" };
		return 0;
	}
	if (!n->names) {
		errno = ESTALE;
		return -1;
	}
	for (const struct name *first = n->names;;) {
		*p = (struct place){ node_dirfd(v, n->names->parent), AT_SYMLINK_NOFOLLOW, n->names->text };
		if (!is_shut(v, n, p))
			return 0;
		if (n->names->next)
			next_name(n);
		if (n->names == first)
			return p->dirfd < 0 ? -1 : 0;
	}
}

int node_stat(struct view *v, struct node *n, struct stat *st)
{
	struct place p;

	if (n->open_fd >= 0)
		return fstat(n->open_fd, st);
	for (;;) {
		if (node_place(v, n, &p) < 0)
			return -1;
		if (fstatat(p.dirfd, p.name, st, p.flags) == 0) {
			if (st->st_ino == n->ino && st->st_dev == n->dev)
				return 0;
			errno = ESTALE;
		} else if (errno == EACCES && v->as_root && (v->ids.uid || v->ids.gid)) {
			ids_as_self(v);
			continue;
		}
		/* Another name may do. */
		if ((errno != ESTALE && errno != ENOENT) || !*p.name || !n->names->next)
			return -1;
		name_remove(v, n->names);
	}
}

int node_open_mode(struct view *v, struct node *n, int flags, mode_t mode)
{
	char path[40];
	struct place p;

	if (node_place(v, n, &p) < 0)
		return -1;
	flags |= O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	if (*p.name)
		return openat(p.dirfd, p.name, flags | O_NOFOLLOW, mode);
	snprintf(path, sizeof path, "/proc/self/fd/%d", p.dirfd);
	return open(path, flags & ~O_NOFOLLOW, mode);
}

static int open_again(int fd, int flags)
{
	char path[40];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return open(path, (flags & ~O_NOFOLLOW) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

int node_open(struct view *v, struct node *n, int flags)
{
	int fd = node_open_mode(v, n, flags, 0);

	if (fd >= 0 || errno != EACCES)
		return fd;
	/* Its name is closed to us: what the file itself allows is another question. */
	if (n->open_fd >= 0)
		return open_again(n->open_fd, flags);
	if (v->as_root && (v->ids.uid || v->ids.gid)) {
		ids_as_self(v);
		fd = node_open_mode(v, n, flags, 0);
	}
	return fd;
}

int node_reach(struct view *v, fuse_req_t req, struct node *n, struct reach *out)
{
	out->fd = -1;
	if (n->made_fd >= 0) {
		out->at = (struct place){ n->made_fd, AT_EMPTY_PATH, "" };
		return 0;
	}
	if (!v->as_root && n->open_fd >= 0) {
		out->at = (struct place){ n->open_fd, AT_EMPTY_PATH, "" };
		return 0;
	}
	if (!v->as_root || !fuse_req_ctx(req)->uid)
		return node_place(v, n, &out->at);
	out->fd = node_open(v, n, O_PATH);
	out->at = (struct place){ out->fd, AT_EMPTY_PATH, "" };
	return out->fd < 0 ? -1 : 0;
}

void node_reached(struct reach *r)
{
	fd_close(&r->fd);
}

void node_keep_hold(struct view *v, struct node *parent, const char *text)
{
	struct name *name = name_find(v, parent, text);
	struct node *n = name ? name->node : NULL;
	int dirfd;

	/* With another name it may be reached by that; unless it is not there any more, which shows later. */
	if (!n || n->fd >= 0 || !n->lookups || n->names->next)
		return;
	dirfd = node_dirfd(v, parent);
	if (dirfd >= 0)
		n->fd = openat(dirfd, text, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

void node_unnamed(struct view *v, struct node *parent, const char *text)
{
	struct name *name = name_find(v, parent, text);
	struct node *n = name ? name->node : NULL;

	if (!n)
		return;
	n->held++;
	name_remove(v, name);
	n->held--;
	if (!n->names) {
		n->gone = true;
		if (!list_empty(&n->recent)) {
			list_remove(&n->recent);
			v->n_fds--;
		}
	}
	node_forget(v, n, 0);
}

void node_named_again(struct view *v, struct node *n)
{
	n->gone = false;
	if (n->fd < 0)
		return;
	if (n->type != S_IFDIR) {
		drop_fd(v, n);
		return;
	}
	list_append(&v->dirs, &n->recent);
	v->n_fds++;
}

bool node_path(const struct view *v, const struct node *n, const char *below, char *out, size_t size)
{
	size_t at = size, len = strlen(v->o.path), part = below ? strlen(below) : 0;

	if (below) {
		if (part + 2 > at)
			return false;
		at -= part + 1;
		memcpy(out + at, below, part + 1);
		out[--at] = '/';
	} else {
		out[--at] = '\0';
	}
	for (; n != &v->root; n = n->names->parent) {
		if (!n->names)
			return false;
		part = strlen(n->names->text);
		if (part + 1 > at)
			return false;
		at -= part;
		memcpy(out + at, n->names->text, part);
		out[--at] = '/';
	}
	if (len > at)
		return false;
	at -= len;
	memcpy(out + at, v->o.path, len);
	memmove(out, out + at, size - at);
	return true;
}
