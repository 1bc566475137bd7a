#include "base/fd.h"

#include "base/find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

int fd_write(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* `at` < 0: where the file stands. */
static ssize_t read_all(int fd, char *data, size_t len, off_t at)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = at < 0 ? read(fd, data + got, len - got)
		                   : pread(fd, data + got, len - got, at + (off_t)got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (!n)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

ssize_t fd_read(int fd, void *data, size_t len)
{
	return read_all(fd, data, len, -1);
}

ssize_t fd_read_at(int fd, void *data, size_t len, uint64_t at)
{
	return read_all(fd, data, len, (off_t)at);
}

int fd_slurp(int fd, struct buf *out, struct err *e)
{
	for (;;) {
		size_t left = out->max - out->len, room = out->max && left < 16384 ? left : 16384;
		char *p;
		ssize_t n;

		if (!room) {
			char extra;

			n = read(fd, &extra, 1);
			if (n == 0)
				return 0;
			if (n > 0)
				return err_set(e, "larger than %zu bytes", out->max);
		} else {
			p = buf_room(out, room);
			if (!p)
				return err_set(e, "out of memory");
			n = read(fd, p, room);
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "read");
		if (!n)
			break;
		out->len += (size_t)n;
	}
	buf_add(out, "", 0);
	return 0;
}

int fd_slurp_file(const char *path, size_t max, struct buf *out, struct err *e)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return err_sys(e, "open %s", path);
	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat %s", path);
	if (S_ISDIR(st.st_mode))
		return err_set(e, "%s: is a directory", path);
	out->max = max;
	if (fd_slurp(fd, out, e) < 0)
		return err_in(e, "read %s", path);
	return 0;
}

int fd_replace_file(const char *path, const void *data, size_t len, mode_t mode, struct err *e)
{
	AUTO_FD fd = -1;
	char tmp[4096];

	if (snprintf(tmp, sizeof tmp, "%s.tmp-XXXXXX", path) >= (int)sizeof tmp)
		return err_set(e, "%s: name too long", path);
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "create beside %s", path);
	if (fd_write(fd, data, len) < 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(tmp, path) < 0) {
		err_sys(e, "write %s", path);
		unlink(tmp);
		return -1;
	}
	return 0;
}

int fd_sealed(const char *name, const void *data, size_t len, struct err *e)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return err_sys(e, "memfd_create");
	if (fd_write(fd, data, len) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0 ||
	    lseek(fd, 0, SEEK_SET) < 0) {
		err_sys(e, "memory file %s", name);
		fd_close(&fd);
		return -1;
	}
	return fd;
}

int fd_nonblock(int fd, int on)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 ? -1 : fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

int fd_cloexec(int fd, int on)
{
	return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0);
}

void fd_close_from(int lowest)
{
	struct dirent *d;
	DIR *dir;

#ifdef SYS_close_range
	if (syscall(SYS_close_range, lowest, ~0u, 0) == 0)
		return;
#endif
	dir = opendir("/proc/self/fd");
	if (!dir) {
		for (int fd = lowest; fd < 65536; fd++)
			close(fd);
		return;
	}
	while ((d = readdir(dir))) {
		const char *name = d->d_name;
		int fd = (int)find_number(&name);

		if (name != d->d_name && fd >= lowest && fd != dirfd(dir))
			close(fd);
	}
	closedir(dir);
}

void fd_raise_limit(unsigned most)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max < most ? limit.rlim_max : most;
	setrlimit(RLIMIT_NOFILE, &limit);
}

bool fd_has_room(int fd, int n)
{
	int got[8], i = 0;

	while (i < n && i < 8 && (got[i] = fcntl(fd, F_DUPFD_CLOEXEC, 3)) >= 0)
		i++;
	n -= i;
	while (i-- > 0)
		close(got[i]);
	return n <= 0;
}
