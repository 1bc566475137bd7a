/* resolve - what a caller's path leads to, as descriptors of ours.
 *
 * Walks as the kernel would for the caller: from its root, directory and descriptors, with its /proc/self,
 * the kernel's errors and its limits. What comes out does not change any more, whoever renames: a directory
 * (O_PATH) with a name in it, and what had that name. Acts go to these, never to the path again.
 *
 * Links into other processes (/proc/PID/fd/N, cwd, root, exe) are followed for processes of the caller's own
 * command only: we may look into many more than it may.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct deep;

/* Who calls. */
struct caller {
	pid_t tid, pid;   /* the thread, which may have a directory and descriptors of its own; its process */
	uid_t uid;        /* that it has with files */
	uint64_t tag;     /* of its session … */
	uint32_t command; /* … and the command there */
	int root;         /* its root directory (borrowed); -1: the same as ours */
	bool changes;     /* it can change links of root's */
	struct deep *deep; /* deep.h; or NULL */
};

enum {
	PLACE_FOLLOW = 1, /* a link at the end is followed, to whatever it leads */
	PLACE_NAME = 2,   /* the last name is to be made, removed or moved: never followed, and may miss */
	PLACE_MISS =
	        4, /* what is to be opened may miss: no error, and no object; but slashes after it are one */
	PLACE_EMPTY = 8, /* AT_EMPTY_PATH: the descriptor itself */
};

struct place_request {
	int dirfd;        /* the caller's, or AT_FDCWD */
	const char *path; /* as it spelled it */
	unsigned flags;
	uint64_t resolve; /* openat2's RESOLVE_… */
};

enum { PLACE_PATH = PATH_MAX + NAME_MAX + 16 };

struct place {
	int parent; /* directory of `name`; -1 where there is none: a descriptor, a link of /proc's */
	int object; /* -1: nothing has that name */
	/* The last name; with its slashes, for a system call on it, see `slash`. "." and ".." are names of
	 * the directory they stand in, "/" is that of the root. */
	char name[NAME_MAX + 2];
	bool slash;            /* slashes follow it: `name` ends in one when PLACE_NAME was asked for */
	bool nameless;         /* a pipe, a socket, a memory file, or deleted: `path` is what it was, or "" */
	bool own, foreign;     /* in /proc: of the calling process; of one that it may not look into */
	struct stat st;        /* of the object; st_mode 0: there is none */
	struct timespec born;  /* the same; 0: not asked for, or not told */
	char path[PLACE_PATH]; /* true and absolute: no links, no dots; "" where it is in `deep` */
	char *deep;            /* owned: a longer one than that; NULL = none */
	char alias[PLACE_PATH]; /* how it was spelled, when only root's links led elsewhere; or of the
	                           caller's own in /proc: /proc/self/…; "" = none */
};

/* 0, with descriptors that resolve_release() closes; or the errno that the caller gets. ENAMETOOLONG and
 * ENOENT (empty) included; that the path could be read is the caller's business. */
int resolve_place(const struct caller *c, const struct place_request *r, struct place *out);
void resolve_release(struct place *p);

static inline const char *place_path(const struct place *p)
{
	return p->deep ? p->deep : p->path;
}

/* Nothing is known of it, and no descriptor is its. Cheaper than to zero all of it. */
void resolve_clear(struct place *p);
