/* swap - put the shim in place of a root's shells, and take it out again.
 *
 * For each NAME in ROOT/bin:
 *
 *	NAME            the shim: a copy of its bytes
 *	NAME.real       the shell that stood there: the same inode, or a copy when NAME was a link
 *	NAME.real.link  the link that NAME was, if it was one
 *
 * At every instant, also when the process is killed or the power fails, NAME is a working shell: the old one
 * until one rename makes it the new one. Everything can be repeated; what a killed run left is completed or
 * tidied by the next. A shim is recognised by its bytes, and never becomes a NAME.real.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

enum { SWAP_MAX_FILE = 64 << 20, SWAP_TEXT = 4096 };

/* One thing that is done, or would be. NULL where it does not apply. */
struct swap_step {
	const char *op; /* "rename" (from, to), "write", "remove", "skip", "note" (path, note) */
	const char *path, *from, *to, *note;
};

struct swap {
	bool dry_run;
	bool bash_too; /* take out: bash is restored in the same run */
	const struct buf *shim;
	void (*step)(void *arg, const struct swap_step *step);
	void *arg;
	unsigned n_shells; /* counted by swap_put: names that are there */
	/* set by swap_open */
	char root[SWAP_TEXT]; /* as text in front of "/bin"; "" for the root of the system */
	int root_fd, bin_fd;
	char bin[SWAP_TEXT]; /* where bin really is below the root */
};

/* Open ROOT/bin; unless dry_run, wait for other runs to end and keep them out. 0 or -1. */
int swap_open(struct swap *s, const char *root, struct err *e);
void swap_close(struct swap *s);

int swap_put(struct swap *s, const char *name, struct err *e);      /* the shim in */
int swap_take_out(struct swap *s, const char *name, struct err *e); /* the shell back */

/* Whether `name` is a link that leads to the file of `other`. */
bool swap_is_link_to(const struct swap *s, const char *name, const char *other);

/* Whether these are the bytes of a shim, of any version. */
bool swap_is_shim(const struct buf *bytes);

struct swap_status {
	/* "missing", "not_installed", "installed", "other_version", "partial_missing_real", "broken" */
	const char *state;
	mode_t mode, real_mode; /* 0: is not there */
	char link[SWAP_TEXT];   /* where the target leads, if it is a link */
	char real_link[SWAP_TEXT];
	bool matches; /* has the bytes of s->shim, if one is given */
};

/* -1 and "broken" where swap_put would refuse; the rest is filled in all the same. */
int swap_status(const struct swap *s, const char *name, struct swap_status *out, struct err *e);
