/* openat2 - openat2(2) as it is (Linux 5.6). */
#pragma once

#include <stdint.h>

struct openat2_how {
	uint64_t flags, mode, resolve; /* struct open_how */
};

/* O_CLOEXEC is added. Descriptor, or -errno. */
int openat2_open(int dirfd, const char *path, const struct openat2_how *how);

/* Would the kernel take these? 0, or the errno it has for flags that make no sense. Opens nothing. */
int openat2_check(const struct openat2_how *how);
