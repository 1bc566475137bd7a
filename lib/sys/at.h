/* at - changes of files by descriptor, which C libraries lack or try to emulate. As the system calls: -1 with
 * errno, ENOSYS where the kernel is older.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

/* renameat2(2), Linux 3.15; with no flags as renameat(2). */
int at_rename(int from_dirfd, const char *from, int to_dirfd, const char *to, unsigned flags);

/* mknodat(2) with the device as the kernel takes it. */
int at_mknod(int dirfd, const char *name, unsigned mode, unsigned device);

/* The files of O_PATH descriptors. A descriptor of a symbolic link means the link. */
int at_chmod(int fd, mode_t mode);
int at_chown(int fd, uid_t uid, gid_t gid);
int at_touch(int fd, const struct timespec times[2]); /* NULL = now */
int at_truncate(int fd, int64_t size);                /* EWOULDBLOCK where it would wait for a lease */
int at_set_xattr(int fd, const char *name, const void *value, size_t size, int flags);
int at_remove_xattr(int fd, const char *name);

/* The same by calls that are not everywhere: fchmodat2 (6.6), setxattrat and removexattrat (6.13),
 * file_setattr (6.17). */
int at_chmod2(int fd, mode_t mode);
struct at_xattr_args {
	uint64_t value; /* address */
	uint32_t size, flags;
};
int at_set_xattrat(int fd, const char *name, const struct at_xattr_args *args);
int at_remove_xattrat(int fd, const char *name);
int at_set_file_attr(int fd, const void *attr, size_t size);

/* Open the file of `fd` anew, with O_CLOEXEC. */
int at_open(int fd, int flags);

/* Close what was another's descriptor (proc_getfd()): a socket that lingers is not waited for, should we be
 * the last to have it. -1 is harmless. */
void at_release(int *fd);
#define AUTO_TAKEN __attribute__((cleanup(at_release))) int

/* connect(2) of another's socket that was set not to wait: whoever else has it may have undone that. What
 * would wait all the same is EINPROGRESS, or EAGAIN of a local one, as if nobody had. */
int at_connect(int sock, const struct sockaddr *to, socklen_t len);

/* A thread's descriptor with O_PATH, what /proc tells of it (proc_text()), and where it leads (proc_link()):
 * the kernel holds it for a moment, and we may be the last to let it go. */
int at_descriptor(pid_t tid, int fd);
ssize_t at_descriptor_text(pid_t tid, int fd, char *text, size_t size);
ssize_t at_descriptor_link(pid_t tid, int fd, char *out, size_t size);

/* For other ways to look at them: between these two a call that waits is left, with EINTR, and what it has
 * let go of is not waited for. */
void at_look(void);
void at_looked(void);

/* Is it a socket whose end may be waited for, with its inode locked meanwhile? Not those of one machine. */
bool at_lingers(int fd);

/* Give the file of `fd` (O_PATH) another name. */
int at_link(int fd, int dirfd, const char *name);

/* All there is to know of a file at once: also when it was born (0: not told), and its mount (0: not told).
 */
struct at_facts {
	struct stat st;
	struct timespec born;
	uint64_t mount;
};
/* `flags`: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH. */
int at_facts(int dirfd, const char *name, int flags, struct at_facts *out);

/* The same files' status as stat(2) and statx(2) give it (AT_NO_AUTOMOUNT, AT_STATX_… of `flags`), and
 * whether who works here may use them so (R_OK, W_OK, X_OK), by the ids that it has with files. EINTR when it
 * takes long.
 */
struct statx;
int at_status(int fd, struct stat *out);
int at_statx(int fd, int flags, unsigned mask, struct statx *out);
int at_access(int fd, int mode);

/* Do the two descriptors belong to different mounts? What cannot be known is no. */
bool at_elsewhere(int a, int b);
