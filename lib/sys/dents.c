#include "sys/dents.h"

#include <sys/syscall.h>
#include <unistd.h>

ssize_t dents_read(int fd, void *out, size_t size)
{
	return (ssize_t)syscall(__NR_getdents64, fd, out, size);
}
