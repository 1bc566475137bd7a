#include "sys/at.h"

#include "sys/proc.h"
#include "sys/uapi/compat.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>

int at_rename(int from_dirfd, const char *from, int to_dirfd, const char *to, unsigned flags)
{
	return (int)syscall(__NR_renameat2, from_dirfd, from, to_dirfd, to, flags);
}

int at_mknod(int dirfd, const char *name, unsigned mode, unsigned device)
{
	return (int)syscall(__NR_mknodat, dirfd, name, mode, device);
}

/* A magic link leads to the very file, whatever its name is by now; where it ends nothing more is followed.
 */
struct magic {
	char path[32];
};

static struct magic magic(int fd)
{
	struct magic m;

	snprintf(m.path, sizeof m.path, "/proc/self/fd/%d", fd);
	return m;
}

int at_chmod(int fd, mode_t mode)
{
	return (int)syscall(__NR_fchmodat, AT_FDCWD, magic(fd).path, mode);
}

int at_chown(int fd, uid_t uid, gid_t gid)
{
	return (int)syscall(__NR_fchownat, fd, "", uid, gid, AT_EMPTY_PATH);
}

int at_touch(int fd, const struct timespec times[2])
{
	return utimensat(AT_FDCWD, magic(fd).path, times, 0);
}

/* Calls that may wait for others are left when SIGALRM comes. The timer runs on between them: to set it for
 * each costs more than the call. A tick outside of them is held back, and with it the timer, which the kernel
 * sets anew when the signal is taken: who is idle is not woken. */
enum { TICK_US = 5000, LEASE_US = 50000 };

static void on_alarm(int signo)
{
	(void)signo;
}

static void tick_every(long us)
{
	const struct itimerval every = { { 0, us }, { 0, us } };

	setitimer(ITIMER_REAL, &every, NULL);
}

static void let_in(int how)
{
	sigset_t alarm;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(how, &alarm, NULL);
}

/* Timers are not inherited: who was forked has none either. */
void at_look(void)
{
	struct sigaction quiet = { .sa_handler = on_alarm };
	struct itimerval every;

	if (getitimer(ITIMER_REAL, &every) == 0 && !every.it_interval.tv_usec) {
		sigemptyset(&quiet.sa_mask);
		sigaction(SIGALRM, &quiet, NULL);
		tick_every(TICK_US);
	}
	let_in(SIG_UNBLOCK);
}

void at_looked(void)
{
	let_in(SIG_BLOCK);
}

/* Who holds a lease on the file is told, and waited for: not by us. */
int at_truncate(int fd, int64_t size)
{
	int rc, error;

	at_look();
	tick_every(LEASE_US);
	rc = truncate(magic(fd).path, size);
	error = errno;
	tick_every(TICK_US);
	at_looked();
	errno = error == EINTR ? EWOULDBLOCK : error;
	return rc;
}

bool at_lingers(int fd)
{
	char name[32] = "";

	return getxattr(magic(fd).path, "system.sockprotoname", name, sizeof name - 1) > 0 &&
	       strncmp(name, "UNIX", 4) != 0;
}

void at_release(int *fd)
{
	struct stat st;
	int error = errno;

	if (*fd < 0)
		return;
	if (fstat(*fd, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		close(*fd);
	} else {
		at_look();
		close(*fd);
		at_looked();
	}
	*fd = -1;
	errno = error;
}

int at_connect(int sock, const struct sockaddr *to, socklen_t len)
{
	int rc, error;

	at_look();
	rc = connect(sock, to, len);
	error = errno;
	at_looked();
	if (error == EINTR)
		error = to->sa_family == AF_UNIX ? EAGAIN : EINPROGRESS;
	errno = error;
	return rc;
}

struct entry {
	char name[24];
};

/* What a descriptor is called in /proc/TID. */
static struct entry entry(const char *folder, int fd)
{
	struct entry e;

	snprintf(e.name, sizeof e.name, "%s/%d", folder, fd);
	return e;
}

int at_descriptor(pid_t tid, int fd)
{
	const struct entry e = entry("fd", fd);
	int error;

	at_look();
	fd = proc_open(tid, e.name, O_PATH);
	error = errno;
	at_looked();
	errno = error;
	return fd;
}

ssize_t at_descriptor_text(pid_t tid, int fd, char *text, size_t size)
{
	const struct entry e = entry("fdinfo", fd);
	ssize_t n;

	at_look();
	n = proc_text(tid, e.name, text, size);
	at_looked();
	return n;
}

ssize_t at_descriptor_link(pid_t tid, int fd, char *out, size_t size)
{
	const struct entry e = entry("fd", fd);
	ssize_t n;

	at_look();
	n = proc_link(tid, e.name, out, size);
	at_looked();
	return n;
}

int at_set_xattr(int fd, const char *name, const void *value, size_t size, int flags)
{
	return setxattr(magic(fd).path, name, value, size, flags);
}

int at_remove_xattr(int fd, const char *name)
{
	return removexattr(magic(fd).path, name);
}

int at_chmod2(int fd, mode_t mode)
{
	return (int)syscall(__NR_fchmodat2, AT_FDCWD, magic(fd).path, mode, 0);
}

int at_set_xattrat(int fd, const char *name, const struct at_xattr_args *args)
{
	return (int)syscall(__NR_setxattrat, AT_FDCWD, magic(fd).path, 0, name, args, sizeof *args);
}

int at_remove_xattrat(int fd, const char *name)
{
	return (int)syscall(__NR_removexattrat, AT_FDCWD, magic(fd).path, 0, name);
}

int at_set_file_attr(int fd, const void *attr, size_t size)
{
	return (int)syscall(__NR_file_setattr, AT_FDCWD, magic(fd).path, attr, size, 0);
}

int at_open(int fd, int flags)
{
	return open(magic(fd).path, flags | O_CLOEXEC);
}

int at_link(int fd, int dirfd, const char *name)
{
	return linkat(AT_FDCWD, magic(fd).path, dirfd, name, AT_SYMLINK_FOLLOW);
}

static struct timespec time_of(struct statx_timestamp t)
{
	return (struct timespec){ .tv_sec = (time_t)t.tv_sec, .tv_nsec = (long)t.tv_nsec };
}

int at_facts(int dirfd, const char *name, int flags, struct at_facts *out)
{
	struct statx x;

	if (syscall(__NR_statx, dirfd, name, flags, STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, &x) < 0)
		return -1;
	out->st = (struct stat){ .st_dev = makedev(x.stx_dev_major, x.stx_dev_minor),
		                 .st_rdev = makedev(x.stx_rdev_major, x.stx_rdev_minor),
		                 .st_ino = x.stx_ino,
		                 .st_mode = x.stx_mode,
		                 .st_nlink = x.stx_nlink,
		                 .st_uid = x.stx_uid,
		                 .st_gid = x.stx_gid,
		                 .st_size = (off_t)x.stx_size,
		                 .st_blksize = (blksize_t)x.stx_blksize,
		                 .st_blocks = (blkcnt_t)x.stx_blocks,
		                 .st_atim = time_of(x.stx_atime),
		                 .st_mtim = time_of(x.stx_mtime),
		                 .st_ctim = time_of(x.stx_ctime) };
	out->born = x.stx_mask & STATX_BTIME ? time_of(x.stx_btime) : (struct timespec){ 0 };
	out->mount = x.stx_mask & STATX_MNT_ID ? x.stx_mnt_id : 0;
	return 0;
}

int at_status(int fd, struct stat *out)
{
	int rc;

	_Static_assert(sizeof *out == (NATIVE_AUDIT_ARCH == AUDIT_ARCH_X86_64 ? 144 : 128),
	               "the kernel's own");
	at_look();
	rc = (int)syscall(__NR_newfstatat, fd, "", out, AT_EMPTY_PATH);
	at_looked();
	return rc;
}

int at_statx(int fd, int flags, unsigned mask, struct statx *out)
{
	int rc;

	at_look();
	rc = (int)syscall(__NR_statx, fd, "", flags | AT_EMPTY_PATH, mask, out);
	at_looked();
	return rc;
}

int at_access(int fd, int mode)
{
	int rc;

	at_look();
	rc = (int)syscall(__NR_faccessat2, fd, "", mode, AT_EMPTY_PATH | AT_EACCESS);
	at_looked();
	return rc;
}

static bool mount_of(int fd, uint64_t *out)
{
	struct statx x;

	if (syscall(__NR_statx, fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &x) < 0 || !(x.stx_mask & STATX_MNT_ID))
		return false;
	*out = x.stx_mnt_id;
	return true;
}

bool at_elsewhere(int a, int b)
{
	uint64_t x, y;

	return mount_of(a, &x) && mount_of(b, &y) && x != y;
}
