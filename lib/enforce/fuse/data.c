/* Data that goes through us, and what the kernel asks of open files besides. */
#include "enforce/fuse/impl.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int data_fd(const struct fuse_file_info *fi)
{
	return (int)fi->fh - 1;
}

/* A descriptor for one request: that of the open file, or one of our own, which goes to `own`. That the
 * caller may do this was seen to when he opened the file. */
static int fd_for(struct view *v, fuse_ino_t ino, const struct fuse_file_info *fi, int flags, int *own)
{
	if (fi && data_fd(fi) >= 0)
		return data_fd(fi);
	ids_as_self(v);
	return *own = node_open(v, node_from(v, ino), flags);
}

void data_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct fuse_bufvec data = FUSE_BUFVEC_INIT(size);

	(void)ino;
	data.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	data.buf[0].fd = data_fd(fi);
	data.buf[0].pos = off;
	fuse_reply_data(req, &data, 0);
}

void data_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
                struct fuse_file_info *fi)
{
	ssize_t n;

	(void)ino;
	ids_as_caller(view_of(req), req);
	n = pwrite(data_fd(fi), data, size, off);
	if (n < 0)
		view_errno(req);
	else
		fuse_reply_write(req, (size_t)n);
}

void data_fsync(fuse_req_t req, fuse_ino_t ino, int only_data, struct fuse_file_info *fi)
{
	AUTO_FD own = -1;
	int fd = fd_for(view_of(req), ino, fi, O_RDONLY, &own);

	fuse_reply_err(req, fd < 0 || (only_data ? fdatasync(fd) : fsync(fd)) < 0 ? errno : 0);
}

/* What was opened as a directory may be closed to us by now: then all of the file system is written. */
void data_fsyncdir(fuse_req_t req, fuse_ino_t ino, int only_data, struct fuse_file_info *fi)
{
	AUTO_FD own = -1;
	struct view *v = view_of(req);
	int fd = fd_for(v, ino, NULL, O_RDONLY | O_DIRECTORY, &own);

	(void)only_data;
	(void)fi;
	if (fd < 0 && errno == EACCES) {
		own = node_open(v, &v->root, O_RDONLY | O_DIRECTORY);
		fuse_reply_err(req, own < 0 || syncfs(own) < 0 ? errno : 0);
		return;
	}
	fuse_reply_err(req, fd < 0 || fsync(fd) < 0 ? errno : 0);
}

void data_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len, struct fuse_file_info *fi)
{
	AUTO_FD own = -1;
	struct view *v = view_of(req);
	int rc, fd = fd_for(v, ino, fi, O_WRONLY, &own);

	ids_as_caller(v, req); /* whose writing takes set-id bits away */
	rc = fd;
	while (fd >= 0 && (rc = fallocate(fd, mode, off, len)) < 0 && errno == EINTR)
		; /* signals are ours, not the caller's */
	fuse_reply_err(req, rc < 0 ? errno : 0);
}

/* What was written to a mapping and has not come here yet would be taken for a hole: then it is all data. */
static off_t find_in_mapped(int fd, off_t off, int whence)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	if (off < st.st_size)
		return whence == SEEK_DATA ? off : st.st_size;
	errno = ENXIO;
	return -1;
}

void data_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
	AUTO_FD own = -1;
	struct view *v = view_of(req);
	int fd = fd_for(v, ino, fi, O_RDONLY, &own);
	off_t at = -1;

	if (fd >= 0 && node_from(v, ino)->mapped)
		at = find_in_mapped(fd, off, whence);
	else if (fd >= 0)
		at = lseek(fd, off, whence);
	if (at < 0)
		view_errno(req);
	else
		fuse_reply_lseek(req, at);
}

void data_copy(fuse_req_t req, fuse_ino_t from, off_t from_off, struct fuse_file_info *from_fi, fuse_ino_t to,
               off_t to_off, struct fuse_file_info *to_fi, size_t len, int flags)
{
	AUTO_FD own_from = -1;
	AUTO_FD own_to = -1;
	struct view *v = view_of(req);
	int in = fd_for(v, from, from_fi, O_RDONLY, &own_from);
	int out = in < 0 ? -1 : fd_for(v, to, to_fi, O_WRONLY, &own_to);
	ssize_t n;

	ids_as_caller(v, req);
	n = out;
	while (out >= 0 && (n = copy_file_range(in, &from_off, out, &to_off, len, (unsigned)flags)) < 0 &&
	       errno == EINTR)
		;
	if (n < 0)
		view_errno(req);
	else
		fuse_reply_write(req, (size_t)n);
}
