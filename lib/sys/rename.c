#include "sys/rename.h"

#include <linux/fs.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert((int)RENAME_NEW == RENAME_NOREPLACE && (int)RENAME_BOTH == RENAME_EXCHANGE, "rename flags");

int rename_new(int from_dirfd, const char *from, int to_dirfd, const char *to)
{
	return rename_how(from_dirfd, from, to_dirfd, to, RENAME_NEW);
}

int rename_how(int from_dirfd, const char *from, int to_dirfd, const char *to, unsigned flags)
{
	return (int)syscall(__NR_renameat2, from_dirfd, from, to_dirfd, to, flags);
}
