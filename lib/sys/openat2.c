#include "sys/openat2.h"

#include "sys/uapi/compat.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

int openat2_open(int dirfd, const char *path, const struct openat2_how *how)
{
	struct openat2_how h = *how;
	long fd;

	h.flags |= O_CLOEXEC;
	fd = syscall(__NR_openat2, dirfd, path, &h, sizeof h);
	return fd < 0 ? -errno : (int)fd;
}

int openat2_check(const struct openat2_how *how)
{
	long fd = syscall(__NR_openat2, -1, "", how, sizeof *how);

	/* They are looked at before the path, which is none. */
	if (fd >= 0)
		close((int)fd);
	return fd >= 0 || errno == ENOENT ? 0 : errno;
}
