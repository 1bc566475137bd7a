#include "sys/rename.h"

#include <linux/fs.h>
#include <sys/syscall.h>
#include <unistd.h>

int rename_new(int from_dirfd, const char *from, int to_dirfd, const char *to)
{
	return (int)syscall(__NR_renameat2, from_dirfd, from, to_dirfd, to, RENAME_NOREPLACE);
}

int rename_exchange(int dirfd, const char *name, int other_dirfd, const char *other)
{
	return (int)syscall(__NR_renameat2, dirfd, name, other_dirfd, other, RENAME_EXCHANGE);
}
