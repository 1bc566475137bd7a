#include "session/place.h"

#include "base/fd.h"
#include "sys/far.h"
#include "sys/tag.h"
#include "wire/conn.h"
#include "wire/start.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_NAME "gate.sock"
#define LOCK_NAME   "server.lock"

enum { START_MS = 1500, OTHERS_MS = 5000, LOOK_MS = 10 };

/* The server vouches for its socket by a lock on one byte of the lock file, far beyond its end, that stands
 * for the socket's inode: the kernel tells everybody whose lock it is, and takes it away with the process. */
#define vouch_file(inode) ((off_t)((inode)&INT64_MAX))

static bool candidate(unsigned i, uid_t uid, char *dir, size_t size)
{
	static const char *const fixed[] = { "/run/agentsh", "/var/lib/agentsh", "/tmp/agentsh-0" };
	int n;

	if (i > 3 || (i == 3 && uid == 0))
		return false;
	n = i < 3 ? snprintf(dir, size, "%s", fixed[i])
	          : snprintf(dir, size, "/tmp/agentsh-%u", (unsigned)uid);
	return n < (int)size;
}

/* A directory of root or `uid` that nobody else can write? */
static int check_trusted(const char *dir, const struct stat *st, uid_t uid, struct err *e)
{
	if (!S_ISDIR(st->st_mode))
		return err_set(e, "%s is no directory", dir);
	if (st->st_uid != 0 && st->st_uid != uid)
		return err_set(e, "%s belongs to uid %u", dir, (unsigned)st->st_uid);
	if (st->st_mode & 022)
		return err_set(e, "%s can be written by others (mode %04o)", dir, st->st_mode & 07777);
	return 0;
}

/* A descriptor (O_PATH) of such a directory, or -1. */
static int open_trusted(const char *dir, uid_t uid, struct err *e)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		err_sys(e, "%s", dir);
	else if (check_trusted(dir, &st, uid, e) == 0)
		return fd;
	fd_close(&fd);
	return -1;
}

/* Of whom is candidate `i`? -1 = of nobody who can be trusted. False after the last. */
static bool look_up(unsigned i, uid_t uid, char *socket, size_t size, long *owner)
{
	char dir[96];
	struct stat st;

	if (!candidate(i, uid, dir, sizeof dir) ||
	    snprintf(socket, size, "%s/" SOCKET_NAME, dir) >= (int)size)
		return false;
	*owner = lstat(dir, &st) == 0 && check_trusted(dir, &st, uid, NULL) == 0 ? (long)st.st_uid : -1;
	return true;
}

bool place_candidate(unsigned i, uid_t uid, char *socket, size_t size, bool *usable)
{
	long owner = -1;
	bool more = look_up(i, uid, socket, size, &owner);

	*usable = owner >= 0;
	return more;
}

static int vouch(int lock_fd, off_t at)
{
	struct flock byte = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };

	return fcntl(lock_fd, F_SETLK, &byte);
}

static int lock(int dirfd, const char *dir, struct err *e)
{
	char pid[32] = "";
	int fd = openat(dirfd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	int n;

	if (fd < 0)
		return err_sys(e, "%s/" LOCK_NAME, dir);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			err_sys(e, "lock %s/" LOCK_NAME, dir);
		else if ((n = (int)pread(fd, pid, sizeof pid - 1, 0)) > 0)
			err_set(e, "another server is running (pid %.*s, %s)", (int)strcspn(pid, "\n"), pid,
			        dir);
		else
			err_set(e, "another server is running (%s)", dir);
		if (e)
			e->code = EBUSY;
		fd_close(&fd);
		return -1;
	}
	n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)n, 0) != n) {
		err_sys(e, "%s/" LOCK_NAME, dir);
		fd_close(&fd);
	}
	return fd;
}

static int listen_at(int dirfd, const char *path, struct err *e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
	mode_t mode = geteuid() == 0
	                      ? 0666
	                      : 0600; /* root serves every user: peers are known by their credentials */

	snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path);
	/* We hold the lock: whatever has the name was left by a dead server. */
	if (unlinkat(dirfd, SOCKET_NAME, 0) < 0 && errno != ENOENT)
		err_sys(e, "remove %s", path);
	else if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0 ||
	         setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof one) < 0 ||
	         fchmodat(dirfd, SOCKET_NAME, mode, 0) < 0)
		err_sys(e, "listen on %s", path);
	else
		return fd;
	fd_close(&fd);
	return -1;
}

/* What lies there under our socket's name is our socket: somebody of our user could have put another there
 * since. */
static int vouch_socket(const struct place *p, int dirfd, struct err *e)
{
	struct stat st;
	uint32_t bound;

	if (fstatat(dirfd, SOCKET_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "%s", p->socket);
	if (far_bound_file(p->gate, &bound) && bound != (uint32_t)st.st_ino)
		return err_set(e, "%s was replaced as soon as it was made", p->socket);
	vouch(p->lock, vouch_file(st.st_ino)); /* no locks here: then clients find no server below /tmp */
	return 0;
}

static int take(struct place *p, const char *dir, struct err *e)
{
	AUTO_FD dirfd = -1;

	*p = (struct place){ .lock = -1, .gate = -1 };
	if (snprintf(p->dir, sizeof p->dir, "%s", dir) >= (int)sizeof p->dir)
		return err_set(e, "%s: too long for a socket", dir);
	snprintf(p->socket, sizeof p->socket, "%s/" SOCKET_NAME, p->dir);
	if (mkdir(dir, geteuid() == 0 ? 0755 : 0700) == 0)
		chmod(dir, geteuid() == 0 ? 0755 : 0700); /* whatever the umask */
	else if (errno != EEXIST)
		return err_sys(e, "create %s", dir);
	dirfd = open_trusted(dir, geteuid(), e);
	if (dirfd < 0)
		return -1;
	p->lock = lock(dirfd, dir, e);
	if (p->lock < 0)
		return -1;
	p->gate = listen_at(dirfd, p->socket, e);
	if (p->gate >= 0 && vouch_socket(p, dirfd, e) == 0)
		return 0;
	fd_close(&p->gate);
	fd_close(&p->lock);
	return -1;
}

int place_take(struct place *p, const char *configured, struct err *e)
{
	char dir[96];
	const char *slash = configured ? strrchr(configured, '/') : NULL;

	if (slash && slash > configured) {
		if (snprintf(dir, sizeof dir, "%.*s", (int)(slash - configured), configured) >=
		    (int)sizeof dir)
			return err_set(e, "%s: too long for a socket", configured);
		return take(p, dir, e);
	}
	for (unsigned i = 0; candidate(i, geteuid(), dir, sizeof dir); i++) {
		if (i == 2 && geteuid() != 0)
			continue; /* /tmp/agentsh-0 is root's */
		if (take(p, dir, e) == 0)
			return 0;
		if (e && e->code == EBUSY)
			return -1;
	}
	return err_in(e, "no directory for the server's socket");
}

void place_leave(struct place *p)
{
	if (p->gate >= 0)
		unlink(p->socket);
	fd_close(&p->gate);
	fd_close(&p->lock);
}

bool place_is_server(const struct ucred *sender, uid_t uid)
{
	/* Where the user owns the place, so may the agent: then it must not be one of its processes, nor left
	 * behind by one that is gone. */
	return (sender->uid == 0 || sender->uid == uid) && tag_is_free(sender->pid);
}

/* Does a server of `uid` vouch for this? Who has its lock file open for reading can ask the kernel. */
static bool is_vouched(const char *socket, off_t at, uid_t uid)
{
	struct flock byte = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };
	struct ucred holder = { .uid = uid };
	char name[128];
	AUTO_FD fd = -1;

	snprintf(name, sizeof name, "%.*s/" LOCK_NAME, (int)(strrchr(socket, '/') - socket), socket);
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fcntl(fd, F_GETLK, &byte) < 0 || byte.l_type == F_UNLCK)
		return false;
	holder.pid = byte.l_pid;
	return place_is_server(&holder, uid);
}

/* In a directory that the user can write (below /tmp where Landlock closes nothing) any process of the user
 * may have put its own socket in the place of the server's, to be sent the next shell's environment. So it is
 * this very file that must be vouched for. */
static int connect_vouched(const char *path, uid_t uid)
{
	AUTO_FD file = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char same[32];
	struct stat st;

	if (file < 0 || fstat(file, &st) < 0 || !is_vouched(path, vouch_file(st.st_ino), uid))
		return -1;
	snprintf(same, sizeof same, "/proc/self/fd/%d", file);
	return wire_connect(same);
}

int place_connect(uid_t uid)
{
	char path[108];
	long owner;

	for (unsigned i = 0; look_up(i, uid, path, sizeof path, &owner); i++) {
		/* In a directory of root's no process of another user has put anything. */
		int fd = owner < 0 ? -1 : !owner && uid ? wire_connect(path) : connect_vouched(path, uid);

		if (fd >= 0)
			return fd;
	}
	errno = ECONNREFUSED;
	return -1;
}

/* The server that listens on a port of loopback listens on this name, too: the kernel says who does. Whoever
 * took the port in its stead can take the name, but not its place in the kernel's answer. */
bool place_port_name(const struct sockaddr_storage *a, bool v6, struct sockaddr_un *name, socklen_t *len)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;
	const struct sockaddr_in *in = (const struct sockaddr_in *)a;
	bool all = a->ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
	int port = -1, n;

	if (all || (a->ss_family == AF_INET6 && v6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr)))
		port = ntohs(in6->sin6_port);
	if (a->ss_family == AF_INET && !v6 &&
	    (in->sin_addr.s_addr == htonl(INADDR_LOOPBACK) || in->sin_addr.s_addr == htonl(INADDR_ANY)))
		port = ntohs(in->sin_port);
	*name = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(name->sun_path + 1, sizeof name->sun_path - 1, "agentsh-http-%s-%d", v6 ? "6" : "4",
	             port);
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	return port > 0;
}

/* The process that called listen() for the socket that `fd` is connected with. */
static bool listener_is_free(int fd, struct ucred *listener)
{
	socklen_t len = sizeof *listener;
	uint64_t tag;

	*listener = (struct ucred){ .pid = 0 };
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, listener, &len) == 0 &&
	       tag_peer_is_free(fd, listener->pid, &tag);
}

static bool port_is_vouched(const struct sockaddr_storage *a)
{
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un name;
	struct ucred listener;
	socklen_t len;

	return place_port_name(a, a->ss_family == AF_INET6, &name, &len) &&
	       connect(fd, (struct sockaddr *)&name, len) == 0 && listener_is_free(fd, &listener) &&
	       (listener.uid == 0 || listener.uid == geteuid());
}

int place_check_server(int fd, struct err *e)
{
	struct sockaddr_storage a = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof a;
	struct ucred listener;
	struct far_end far;
	uint32_t command;
	pid_t holder = 0;
	uint64_t tag;

	if (tag_of(getpid(), &tag, &command))
		return 0;
	getpeername(fd, (struct sockaddr *)&a, &len);
	if (a.ss_family == AF_UNIX ? listener_is_free(fd, &listener) : port_is_vouched(&a))
		return 0;
	far_listener(fd, &far);
	if (a.ss_family != AF_UNIX && (far.kind == FAR_NONE || !far_is_governed(&far, &tag, &holder)))
		return 0;
	return err_set(e, "who listens there is a process of a session, or cannot be looked at%s",
	               a.ss_family == AF_UNIX ? ""
	                                      : "; ask over the server's unix socket (--server unix://PATH)");
}

int place_reach(uid_t uid, struct err *e)
{
	int fd = place_connect(uid), rc;

	if (fd >= 0)
		return fd;
	rc = start_server(NULL, START_MS, e);
	if (rc < 0 && e->code != EBUSY && e->code != ETIMEDOUT)
		return -1;
	/* Others may have started one at the same moment: then ours gave way, and theirs listens soon. */
	for (int waited = 0; (fd = place_connect(uid)) < 0 && waited < OTHERS_MS; waited += LOOK_MS)
		poll(NULL, 0, LOOK_MS);
	return fd >= 0 || rc < 0 ? fd : err_set(e, "the server was started but does not listen");
}
