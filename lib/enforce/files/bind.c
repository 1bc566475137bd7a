/* bind(2) of a path: a name is made as mknod(2) would, and judged as that.
 *
 * What asks for another kind of name goes on as it is: should the socket or its address be another by then,
 * the domain of the session grants sockets no name anywhere (floor_rules.sockets).
 */
#include "enforce/files/names.h"

#include "base/fd.h"
#include "sys/at.h"
#include "sys/bind.h"
#include "sys/mem.h"
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATH_AT = offsetof(struct sockaddr_un, sun_path) };

static const struct rule moved = { .name = "bind-moved",
	                           .file = "built-in",
	                           .decision = EFFECT_DENY,
	                           .message = "the path led elsewhere while the socket was bound" };

/* Derived from by what make() gets. */
struct binding {
	struct making making;
	struct sockaddr_un addr;
	char path[sizeof((struct sockaddr_un){ 0 }).sun_path + 1]; /* in it; "" = none */
	socklen_t len;
	int sock, from;
};

/* The very socket that the calling thread means: it may have a table of its own. -1 with errno. */
static int take_socket(const struct act *a, int fd)
{
	char link[64] = "", want[64];
	struct stat st;
	int sock = act_take(a, fd);

	if (sock < 0)
		return -1;
	if (fstat(sock, &st) == 0 && S_ISSOCK(st.st_mode)) {
		snprintf(want, sizeof want, "socket:[%llu]", (unsigned long long)st.st_ino);
		if (at_descriptor_link(a->caller.tid, fd, link, sizeof link) > 0 && !strcmp(link, want) &&
		    call_valid(a->k))
			return sock;
	}
	at_release(&sock);
	errno = ENOTSOCK;
	return -1;
}

static int make_socket(const struct place *p, const struct making *m)
{
	const struct binding *b = (const struct binding *)m;
	struct bind_at at = { .sock = b->sock,
		              .dir = p->parent,
		              .name = p->name,
		              .given = &b->addr,
		              .len = b->len,
		              .from = b->from };
	struct stat st;
	int error;

	if (!names_plain(p)) /* as all that would make one there */
		return at_mknod(p->parent, p->name, S_IFSOCK | 0600, 0) < 0 ? errno : EEXIST;
	error = bind_at(&at);
	if (!error && (fstatat(p->parent, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISSOCK(st.st_mode)))
		return EXDEV;
	return error == EEXIST ? EADDRINUSE : error;
}

static int bind_path(struct act *a, struct binding *b)
{
	AUTO_PLACE p;
	const struct verdict v = { .rule = &moved };
	const struct place_request r = { .dirfd = AT_FDCWD, .path = b->path, .flags = PLACE_NAME };
	AUTO_FD from = -1;
	int error;

	resolve_clear(&p);
	error = act_find(a, &r, &p);
	if (error)
		return error;
	/* With a root of its own the path means something else to us. */
	if (a->caller.root < 0)
		from = proc_open(a->caller.tid, "cwd", O_PATH | O_DIRECTORY);
	b->from = from;
	error = names_make(a, &p, &b->making);
	if (error == EXDEV) {
		act_refuse(a, &(struct act_report){ .kind = ACCESS_CREATE, .place = &p, .verdict = &v });
		return 0;
	}
	return error == EEXIST ? EADDRINUSE : error;
}

/* 0 with a path in `b`, or without one: another kind of name; or errno. A path ends at its first NUL, or
 * where the address does. */
static int read_address(const struct act *a, struct binding *b)
{
	char text[sizeof b->addr + 1] = "";
	const int len = (int)a->args[2];

	if (len < PATH_AT || len > (int)sizeof b->addr)
		return EINVAL;
	if (mem_read(a->caller.tid, a->args[1], text, (size_t)len) != len)
		return EFAULT;
	memcpy(&b->addr, text, sizeof b->addr);
	memcpy(b->path, text + PATH_AT, sizeof b->path);
	b->len = (socklen_t)len;
	if (b->addr.sun_family != AF_UNIX)
		return EINVAL;
	return call_valid(a->k) ? 0 : ENOENT;
}

static bool is_unix(int sock)
{
	int domain = 0;
	socklen_t size = sizeof domain;

	return getsockopt(sock, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

int bind_judge(struct act *a)
{
	struct binding b = { .making = { .kind = ACCESS_CREATE,
		                         .as = JOURNAL_CREATE,
		                         .mode = S_IFSOCK,
		                         .make = make_socket } };
	AUTO_TAKEN sock = take_socket(a, (int)a->args[0]);
	int error;

	if (sock < 0)
		return errno == EBADF || errno == ENOTSOCK ? errno : EACCES;
	error = is_unix(sock) ? read_address(a, &b) : 0;
	if (error)
		return error;
	if (!b.path[0]) {
		act_continue(a);
		return 0;
	}
	b.sock = sock;
	error = bind_path(a, &b);
	if (!error && !a->answered)
		act_return(a, 0);
	return error;
}
