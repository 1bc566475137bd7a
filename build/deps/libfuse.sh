# libfuse 3.18.3 (LGPL-2.1): the low-level library and what it stands on; no threads, modules, CUSE or
# io_uring, which would need two more libraries.
# shellcheck shell=sh disable=SC2154
file=fuse3_3.18.3.orig.tar.gz
fetch $file bcd19582c5e30f7fe45dd86a5540e998590aa01903afc7ebcbeea6c8ac5421ee f/fuse3
unpack $file src
cat >fuse_config.h <<'END_OF_CONFIG'
#define PACKAGE_VERSION "3.18.3"
#define HAVE_FORK
#define HAVE_FSTATAT
#define HAVE_OPENAT
#define HAVE_READLINKAT
#define HAVE_PIPE2
#define HAVE_SPLICE
#define HAVE_VMSPLICE
#define HAVE_POSIX_FALLOCATE
#define HAVE_FDATASYNC
#define HAVE_UTIMENSAT
#define HAVE_COPY_FILE_RANGE
#define HAVE_FALLOCATE
#define HAVE_SETXATTR
#define HAVE_SYS_XATTR_H
#define HAVE_LINUX_LIMITS_H
#define HAVE_STRUCT_STAT_ST_ATIM
#define HAVE_CUSTOM_IO
END_OF_CONFIG
cat >libfuse_config.h <<'END_OF_CONFIG'
#define FUSE_MAJOR_VERSION 3
#define FUSE_MINOR_VERSION 18
#define FUSE_HOTFIX_VERSION 3
#define FUSE_RC_VERSION ""
END_OF_CONFIG
# The one operation of CUSE has a number so large that it makes two tables of 64 KiB each; without it the
# tables end with themselves.
sed -i -e '/^	\[CUSE_INIT\]/d' \
	-e 's|^#define FUSE_MAXOP .*|#define FUSE_MAXOP (sizeof(fuse_ll_ops) / sizeof(fuse_ll_ops[0]))|' \
	src/lib/fuse_lowlevel.c
[ "$(grep -c 'CUSE_INIT\]\|CUSE_INIT + 1' src/lib/fuse_lowlevel.c)" -eq 0 ]
# We mount by ourselves and hand over the device: neither fusermount3 nor /bin/mount is started from here, and
# the variables that mount.c obeys are not looked at.
cat >no-mount.c <<'END_OF_FILE'
#include "fuse_config.h"
#include "fuse_lowlevel.h"
#include "fuse_misc.h"
#include "fuse_opt.h"
#include "fuse_i.h"
#include <stdlib.h>
struct mount_opts *parse_mount_opts(struct fuse_args *args) { (void)args; return calloc(1, 1); }
void destroy_mount_opts(struct mount_opts *mo) { free(mo); }
void fuse_mount_version(void) {}
unsigned get_max_read(struct mount_opts *mo) { (void)mo; return 0; }
void fuse_kern_unmount(const char *mountpoint, int fd) { (void)mountpoint, (void)fd; }
int fuse_kern_mount(const char *where, struct mount_opts *mo) { (void)where, (void)mo; return -1; }
/* Of the loop with threads, which there is not. */
struct fuse_chan *fuse_chan_get(struct fuse_chan *ch) { return ch; }
void fuse_chan_put(struct fuse_chan *ch) { (void)ch; }
END_OF_FILE
(cd src/lib && cp buffer.c fuse_log.c fuse_lowlevel.c fuse_opt.c mount_util.c util.c ../..)
flags="$flags -w -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DIGNORE_MTAB -DFUSE_USE_VERSION=317"
compile "-Os -I. -Isrc/include -Isrc/lib" buffer.c fuse_log.c fuse_lowlevel.c fuse_opt.c mount_util.c util.c \
	no-mount.c
mkdir -p "$dest/include"
cp src/include/fuse_common.h src/include/fuse_log.h src/include/fuse_lowlevel.h src/include/fuse_opt.h \
	libfuse_config.h "$dest/include/"
