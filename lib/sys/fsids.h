/* fsids - the ids, groups and capabilities with which a task works on files, and taking on those of another
 * task for a while. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { FSIDS_GROUPS = 128 };

/* Capabilities that matter with files; of the others one's own are kept. */
#define FSIDS_CAPS                                                                                \
	(1ULL << 0 /* CHOWN */ | 1ULL << 1 /* DAC_OVERRIDE */ | 1ULL << 2 /* DAC_READ_SEARCH */ | \
	 1ULL << 3 /* FOWNER */ | 1ULL << 4 /* FSETID */ | 1ULL << 9 /* LINUX_IMMUTABLE */ |      \
	 1ULL << 27 /* MKNOD */ | 1ULL << 28 /* LEASE */ | 1ULL << 31 /* SETFCAP */)

struct fsids {
	uid_t uid;
	gid_t gid;
	uint64_t caps; /* in force */
	size_t n;      /* groups; FSIDS_GROUPS + 1: more than there is room for */
	gid_t groups[FSIDS_GROUPS];
	int umask;      /* -1: the kernel does not tell */
	uint64_t table; /* room for descriptors that it has without growing */
};

/* Those of a task. 0 or -1. */
int fsids_of(pid_t tid, struct fsids *out);

/* Do a task's ids and capabilities equal these, and make the groups no difference? `fd`: of the task, of
 * proc_task_fd(). False also when the kernel is too old to tell (Linux 6.13) or it is another task by now. */
bool fsids_holds(int fd, pid_t tid, const struct fsids *ids);

/* Would work with `b` give the same results as with `a`? */
bool fsids_same(const struct fsids *a, const struct fsids *b);

/* From `now`, which are ours, to `to`, for the calling thread. 0, or errno: then they are as before, as far
 * as that goes. `now.caps` and more are permitted to us. */
int fsids_take(const struct fsids *now, const struct fsids *to);
