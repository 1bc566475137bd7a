/* view - a directory shown at another place by FUSE, every request of which can be judged.
 *
 * Files are known by their directory and name, not by a descriptor each: only
 * directories in use have one, and files that have lost their last name. A
 * file reached by several names is one file here, too, so that what the kernel
 * keeps of it is the same under each. The kernel keeps names, attributes and
 * listings for as long as `options.keep_s` says: all who change what is below
 * are to go through the view.
 *
 * Data goes directly to the file below (FOPEN_PASSTHROUGH) where the kernel
 * has that and we have CAP_SYS_ADMIN in the first namespace; else through us,
 * and the page cache. Locks are the kernel's own: all who lock are here.
 *
 * As root, what changes something is done with the ids of who asks; as a user,
 * with our own, and only that user can look in.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct view;

/* What has a longer path is not judged, and refused as ENAMETOOLONG: who works with names relative to a
 * directory reaches any depth, the kernel asks for one name at a time. The journal takes as much. */
enum { VIEW_PATH_MAX = 65000 };

enum view_kind {
	VIEW_READ,
	VIEW_LIST,
	VIEW_WRITE,
	VIEW_TRUNCATE,
	VIEW_CREATE,
	VIEW_MKDIR,
	VIEW_SYMLINK,
	VIEW_LINK,
	VIEW_NAME, /* a file without a name gets one */
	VIEW_DELETE,
	VIEW_RMDIR,
	VIEW_RENAME,
	VIEW_CHMOD,
	VIEW_CHOWN,
	VIEW_TOUCH,
	VIEW_KINDS
};

/* What somebody wants to do. The directories are O_PATH; an empty name is what `dirfd` itself is. */
struct view_act {
	enum view_kind kind;
	const char *path, *to_path; /* absolute; of a link, the new name is the latter */
	int dirfd, to_dirfd;        /* not set for reading, nor `dirfd` for links */
	const char *name, *to_name;
	pid_t pid;
	bool directory;    /* of a rename: what is moved is one */
	bool exists;       /* of a rename: and what it replaces is there */
	bool to_directory; /* ... and is one */
	bool exchange;     /* of a rename: both change places */
	bool decided;      /* for judge.h: it was judged by who asks, and is only kept what must be kept */
	bool done;         /* set by judge(): a removal has happened already */
	void *kept;        /* judge()'s own, for acted() */
};

struct view_options {
	int dir;             /* the directory that is shown; stays the caller's */
	int device;          /* of the mount; stays the caller's */
	const char *path;    /* under which it is judged: where it is seen */
	const char *hidden;  /* a name in it that nobody sees, or NULL */
	unsigned keep_s;     /* how long the kernel may keep what it was told */
	bool no_passthrough; /* for comparison */

	/* 0, or the errno to refuse with. NULL: all may happen. Where it was 0, acted() follows: it happened,
	 * or it failed. Changes only. */
	int (*judge)(void *arg, struct view_act *act);
	void (*acted)(void *arg, struct view_act *act, bool happened);
	/* A descriptor that is watched meanwhile, 0 = none: heard() is called between requests when it can be
	 * read, false ends the view; then idle(), as long as it returns true and nobody asks, for what is
	 * left to do: NULL if nothing is. SIGIO and SIGALRM are this process's way to learn of it. */
	int talk;
	bool (*heard)(void *arg);
	bool (*idle)(void *arg);
	/* Others watch whether we get on: 0 while we wait, else another number with each thing we do. NULL:
	 * nobody does. */
	volatile uint64_t *at_work;
	void *arg;
};

/* NULL on failure. `options` is copied, what it points to must stay. */
struct view *view_new(const struct view_options *options, struct err *e);
void view_free(struct view *v);

/* Serve until it is unmounted (0), or something is wrong with the device (-1). */
int view_run(struct view *v, struct err *e);

/* Somebody is about to change what is below (under.h), at the other end of this socket, which is taken. To be
 * called from heard(). False: there are too many already. */
bool view_attend(struct view *v, int talk);

/* How many files the kernel knows, and descriptors we hold: for tests. */
void view_count(const struct view *v, unsigned long *nodes, unsigned long *fds);
