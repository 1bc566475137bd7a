/* Calls on files, for a supervisor that judges them: enforce/files. */
#include "enforce/exec/filter_rows.h"
#include "sys/uapi/compat.h"

#ifndef FILTER_NR
#define FILTER_NR(name) __NR_##name
#define FILTER_X86_64   (NATIVE_AUDIT_ARCH == AUDIT_ARCH_X86_64)
#endif

#define CALL(name, group)                 \
	{                                 \
		FILTER_NR(name), group, 0 \
	}

static const struct {
	uint32_t nr;
	unsigned char group, block; /* no block: asked whatever its arguments are */
} calls[] = {
	{ FILTER_NR(openat), FILTER_WRITES, BLOCK_OPENAT },
	{ 437, FILTER_WRITES, 0 },                 /* openat2: its flags are in memory */
	CALL(umask, FILTER_WRITES | FILTER_NAMES), /* told of, not judged */
	CALL(unlinkat, FILTER_NAMES),
	CALL(renameat, FILTER_NAMES),
	CALL(renameat2, FILTER_NAMES),
	CALL(linkat, FILTER_NAMES),
	CALL(symlinkat, FILTER_NAMES),
	CALL(mkdirat, FILTER_NAMES),
	CALL(mknodat, FILTER_NAMES),
	CALL(bind, FILTER_NAMES), /* what family it is, the socket knows */
	CALL(fchmod, FILTER_ATTRIBUTES),
	CALL(fchmodat, FILTER_ATTRIBUTES),
	{ 452, FILTER_ATTRIBUTES, 0 }, /* fchmodat2 */
	CALL(fchown, FILTER_ATTRIBUTES),
	CALL(fchownat, FILTER_ATTRIBUTES),
	CALL(truncate, FILTER_ATTRIBUTES),
	CALL(utimensat, FILTER_ATTRIBUTES),
	CALL(setxattr, FILTER_ATTRIBUTES),
	CALL(lsetxattr, FILTER_ATTRIBUTES),
	CALL(fsetxattr, FILTER_ATTRIBUTES),
	CALL(removexattr, FILTER_ATTRIBUTES),
	CALL(lremovexattr, FILTER_ATTRIBUTES),
	CALL(fremovexattr, FILTER_ATTRIBUTES),
	{ 463, FILTER_ATTRIBUTES, 0 }, /* setxattrat */
	{ 466, FILTER_ATTRIBUTES, 0 }, /* removexattrat */
	{ 469, FILTER_ATTRIBUTES, 0 }, /* file_setattr */
	CALL(fstat, FILTER_METADATA),
	CALL(newfstatat, FILTER_METADATA),
	CALL(statx, FILTER_METADATA),
	CALL(faccessat, FILTER_METADATA),
	{ 439, FILTER_METADATA, 0 }, /* faccessat2 */
	CALL(readlinkat, FILTER_METADATA),
#if FILTER_X86_64
	CALL(stat, FILTER_METADATA),
	CALL(lstat, FILTER_METADATA),
	CALL(access, FILTER_METADATA),
	CALL(readlink, FILTER_METADATA),
	{ FILTER_NR(open), FILTER_WRITES, BLOCK_OPEN },
	CALL(creat, FILTER_WRITES),
	CALL(unlink, FILTER_NAMES),
	CALL(rmdir, FILTER_NAMES),
	CALL(rename, FILTER_NAMES),
	CALL(link, FILTER_NAMES),
	CALL(symlink, FILTER_NAMES),
	CALL(mkdir, FILTER_NAMES),
	CALL(mknod, FILTER_NAMES),
	CALL(chmod, FILTER_ATTRIBUTES),
	CALL(chown, FILTER_ATTRIBUTES),
	CALL(lchown, FILTER_ATTRIBUTES),
	CALL(utime, FILTER_ATTRIBUTES),
	CALL(utimes, FILTER_ATTRIBUTES),
	CALL(futimesat, FILTER_ATTRIBUTES),
#endif
};

size_t filter_files(struct filter_row *rows, size_t n, unsigned groups)
{
	size_t had = n;

	_Static_assert(sizeof calls / sizeof *calls <= FILTER_FILES, "FILTER_FILES");
	if (groups & FILTER_READS)
		groups |= FILTER_WRITES;
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		size_t k = 0;

		/* What the configuration refuses stays refused. */
		while (k < had && !(rows[k].first <= calls[i].nr && calls[i].nr <= rows[k].last))
			k++;
		if (k == had && groups & calls[i].group)
			rows[n++] = (struct filter_row){ calls[i].nr, calls[i].nr, NOTIFY, calls[i].block };
	}
	return n;
}
