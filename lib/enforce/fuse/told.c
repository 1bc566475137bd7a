/* What is changed under us by who says so (under.h): what is in use meanwhile is held, and the kernel forgets
 * what it kept of it, and keeps nothing until that is over. */
#include "enforce/fuse/impl.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HOLD_MAX = 1024, LOOK_MS = 5 };

/* ---- what is open --------------------------------------------------------------------------------------
 */

/* A file that is open and may lose its name: as where it is deleted here, it can be reached all the same. */
static void hold(struct view *v, struct node *n)
{
	if (!n->users || n->fd >= 0 || n->open_fd >= 0 || n->type == S_IFDIR || v->n_held >= HOLD_MAX)
		return;
	n->fd = node_open(v, n, O_PATH);
	n->shut = n->held_under = n->fd >= 0;
	v->n_held += n->shut;
}

static bool leads_to(struct view *v, const struct name *name)
{
	int dirfd = node_dirfd(v, name->parent);
	struct stat st;

	return dirfd >= 0 && fstatat(dirfd, name->text, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_ino == name->node->ino && st.st_dev == name->node->dev;
}

/* It has the names that still lead to it; without any, it is gone. */
static void let_go(struct view *v, struct node *n)
{
	n->held++;
	for (struct name *name = n->names, *next; name; name = next) {
		next = name->next;
		if (!leads_to(v, name))
			name_remove(v, name);
	}
	n->held--;
	v->n_held -= n->shut;
	n->shut = n->held_under = false;
	if (n->names)
		fd_close(&n->fd);
	else
		n->gone = true;
	node_forget(v, n, 0);
}

static void each_node(struct view *v, bool begins)
{
	struct node *held[HOLD_MAX];
	size_t n_held = 0;

	ids_as_self(v);
	for (size_t i = 0; i < v->nodes.cap; i++) {
		for (struct slot *s = v->nodes.buckets[i]; s; s = s->next) {
			struct node *n = (struct node *)s;

			n->bare = false;
			if (begins)
				hold(v, n);
			else if (n->held_under && n_held < HOLD_MAX)
				held[n_held++] = n;
		}
	}
	/* Not before: names that go may take directories along. */
	for (size_t i = 0; i < n_held; i++)
		let_go(v, held[i]);
}

/* ---- what the kernel keeps -----------------------------------------------------------------------------
 */

static fuse_ino_t number(const struct view *v, const struct node *n)
{
	return n == &v->root ? FUSE_ROOT_ID : (fuse_ino_t)(uintptr_t)n;
}

static void stale(struct view *v, const struct node *n)
{
	fuse_lowlevel_notify_inval_inode(v->session, number(v, n), 0, 0);
}

/* A name that somebody changed. One that leads to the same file as before stays: who is in it stays there. */
static void stale_name(struct view *v, struct node *dir, const char *text)
{
	const struct name *name = name_find(v, dir, text);

	if (!name || !leads_to(v, name))
		fuse_lowlevel_notify_inval_entry(v->session, number(v, dir), text, strlen(text));
	if (name)
		stale(v, name->node);
	stale(v, dir);
}

/* By the names that the kernel was told of; up to the first that it was not. The last directory. */
static const struct node *stale_by_name(struct view *v, char *path)
{
	struct node *dir = &v->root;
	const struct name *name;

	for (char *next = strchr(path, '/'); next; path = next + 1, next = strchr(path, '/')) {
		*next = '\0';
		name = name_find(v, dir, path);
		if (!name || !leads_to(v, name))
			stale_name(v, dir, path);
		*next = '/';
		if (!name)
			return NULL;
		dir = name->node;
	}
	if (*path)
		stale_name(v, dir, path);
	else
		stale(v, dir);
	return dir;
}

/* By what is there: directories may have got other names. `done`: the one where that was seen to. */
static void stale_by_place(struct view *v, char *path, const struct node *done)
{
	AUTO_FD at = fcntl(v->root.fd, F_DUPFD_CLOEXEC, 0);
	struct node *dir = &v->root;
	struct stat st;

	for (char *next = strchr(path, '/'); next; path = next + 1, next = strchr(path, '/')) {
		int fd;

		*next = '\0';
		if (!strcmp(path, ".."))
			return;
		fd = openat(at, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		*next = '/';
		fd_close(&at);
		at = fd;
		dir = fd >= 0 && fstat(fd, &st) == 0 ? node_find(v, &st) : NULL;
		if (fd < 0)
			return;
	}
	if (dir && dir != done && *path)
		stale_name(v, dir, path);
	if (*path && fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && (dir = node_find(v, &st)))
		stale(v, dir);
}

/* In a child: the kernel waits for who is at work in a directory, and they for us. What it knows is what we
 * knew when it was made. From `*from` on, which is the last path then. */
static int tell_kernel(struct view *v, int paths, size_t *from)
{
	struct stat st;
	char *text, *end;

	if (fstat(paths, &st) < 0)
		return -1;
	if ((size_t)st.st_size <= *from)
		return 0;
	text = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, paths, 0);
	if (text == MAP_FAILED)
		return -1;
	end = text + st.st_size;
	ids_as_self(v);
	for (char *path = text + *from, *next; (next = memchr(path, '\0', (size_t)(end - path)));
	     path = next + 1) {
		*from = (size_t)(path - text);
		path += strspn(path, "/");
		stale_by_place(v, path, stale_by_name(v, path));
		if (next + 1 == end)
			break;
	}
	munmap(text, (size_t)st.st_size);
	return 0;
}

/* The same while they are being written down, of which the kernel tells nobody, until the other end of `over`
 * is closed. The last one is what is being changed: it is told of again and again. Names that are not known
 * here were learned since, when the kernel was to keep nothing. */
static void tell_meanwhile(struct view *v, int paths, int over)
{
	struct pollfd p = { .fd = over };
	size_t from = 0;

	while (tell_kernel(v, paths, &from) == 0 && poll(&p, 1, LOOK_MS) == 0)
		;
}

/* ---- who changes it ------------------------------------------------------------------------------------
 */

/* A copy of us, which holds nothing by whose end somebody notices ours, or that of what it does. */
static pid_t copy(struct view *v, const struct attended *keep)
{
	pid_t pid = fork();

	for (int i = 0; pid == 0 && i < ATTENDED_MAX; i++) {
		struct attended *a = &v->attended[i];

		if (a->talk <= 0)
			continue;
		fd_close(&a->over);
		if (a != keep)
			fd_close(&a->talk);
	}
	if (pid == 0)
		close(v->o.talk);
	return pid;
}

static void begin(struct view *v, struct attended *a)
{
	int over[2];

	each_node(v, true);
	if (pipe2(over, O_CLOEXEC) < 0)
		return;
	if (copy(v, NULL) == 0) {
		close(over[1]);
		tell_meanwhile(v, a->paths, over[0]);
		_exit(0);
	}
	close(over[0]);
	a->over = over[1];
}

static void finish(struct view *v, struct attended *a)
{
	pid_t pid = a->paths < 0 ? 0 : copy(v, a);
	size_t from = 0;
	char failed = 1;

	if (!pid && a->paths >= 0) {
		failed = tell_kernel(v, a->paths, &from) < 0;
		_exit(send(a->talk, &failed, 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1);
	}
	if (pid < 0)
		(void)!send(a->talk, &failed, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	fd_close(&a->over);
	fd_close(&a->paths);
	fd_close(&a->talk);
	if (--v->n_attended == 0) {
		each_node(v, false);
		v->keep = v->o.keep_s;
	}
}

/* The first message brings where the paths are written down. */
static int take_paths(const struct attended *a, ssize_t *n)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} control;
	char byte;
	struct iovec data = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
	};
	const struct cmsghdr *c;
	int fd = -1;

	*n = recvmsg(a->talk, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	c = *n == 1 ? CMSG_FIRSTHDR(&m) : NULL;
	if (c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof fd))
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
	return fd;
}

/* True while there is more. */
static bool hear_one(struct view *v, struct attended *a)
{
	ssize_t n;
	int fd = take_paths(a, &n);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (a->paths < 0 && fd >= 0) {
		a->paths = fd;
		begin(v, a);
		return send(a->talk, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
	}
	fd_close(&fd);
	finish(v, a);
	return false;
}

void told_hear(struct view *v)
{
	for (int i = 0; i < ATTENDED_MAX; i++)
		while (v->attended[i].talk > 0 && hear_one(v, &v->attended[i]))
			continue;
}

bool view_attend(struct view *v, int talk)
{
	for (int i = 0; i < ATTENDED_MAX; i++) {
		struct attended *a = &v->attended[i];

		if (a->talk > 0)
			continue;
		*a = (struct attended){ talk, -1, -1 };
		v->n_attended++;
		v->keep = 0;
		if (fcntl(talk, F_SETOWN, getpid()) == 0 && fcntl(talk, F_SETFL, O_RDWR | O_ASYNC) == 0)
			return true;
		finish(v, a);
		return false;
	}
	fd_close(&talk);
	return false;
}
