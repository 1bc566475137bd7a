#include "session/place.h"

#include "base/fd.h"
#include "sys/tag.h"
#include "wire/conn.h"
#include "wire/start.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

bool place_candidate(unsigned i, uid_t uid, char *socket, size_t size, bool *usable)
{
	char dir[96];
	struct stat st;

	if (!candidate(i, uid, dir, sizeof dir) ||
	    snprintf(socket, size, "%s/" SOCKET_NAME, dir) >= (int)size)
		return false;
	*usable = lstat(dir, &st) == 0 && check_trusted(dir, &st, uid, NULL) == 0;
	return true;
}

static int lock(int dirfd, const char *dir, struct err *e)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
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
	fcntl(fd, F_SETLK, &whole); /* tells clients who holds it, see holder_is_server() */
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
	if (p->gate >= 0)
		return 0;
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

/* In the directory below /tmp anything of the user may have made a socket, also what is governed, to be sent
 * the next shell's environment. The kernel says who holds the lock beside it. */
static bool holder_is_server(const char *socket, uid_t uid)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct ucred holder = { .uid = uid };
	char name[128];
	AUTO_FD fd = -1;

	snprintf(name, sizeof name, "%.*s/" LOCK_NAME, (int)(strrchr(socket, '/') - socket), socket);
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fcntl(fd, F_GETLK, &whole) < 0 || whole.l_type == F_UNLCK)
		return false;
	holder.pid = whole.l_pid;
	return place_is_server(&holder, uid);
}

int place_connect(uid_t uid)
{
	char path[108];
	bool usable;

	for (unsigned i = 0; place_candidate(i, uid, path, sizeof path, &usable); i++) {
		int fd = usable ? wire_connect(path) : -1;

		if (fd >= 0 && (strncmp(path, "/tmp/", 5) != 0 || holder_is_server(path, uid)))
			return fd;
		fd_close(&fd);
	}
	errno = ECONNREFUSED;
	return -1;
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
