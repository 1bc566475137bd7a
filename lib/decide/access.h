/* access - what a program does to a file, as file_rules judge it.
 *
 * One call for everybody who enforces file rules: the Landlock floor, the
 * supervisor, the FUSE view, `policy explain`. Each kind of access stands for a
 * set of operations; the first rule that matches the file and names any of them
 * decides. What needs two answers asks twice:
 *
 *	open for reading and writing	READ and WRITE
 *	O_CREAT of a missing name	CREATE alone; of one that is there: as the other flags say
 *	O_TRUNC of what is there	WRITE and TRUNCATE
 *	O_TMPFILE in a directory	CREATE of any name in it
 *	link			LINK of the new name, READ and WRITE of the old one
 *	rename			RENAME of both names; a directory: decide_tree() of both, too
 *
 * Objects without a name (pipes, sockets, memory files) are the caller's own: nobody needs to ask.
 *
 * The system read baseline: where only the policy's last word, "deny all that no
 * rule names", speaks against it, programs may still read what every program
 * needs and every user may see: world-readable files of /usr /lib* /bin /sbin
 * /etc /opt, what shells and git read of the home directory, programs that are
 * installed there, listings of the directories on the way to what is allowed,
 * harmless devices, and all of /dev/shm. A rule that denies all of /proc or /sys
 * is a last word, too, for what programs read of the kernel (decide/process.h).
 * Whoever asks says whether it holds (it does not where the configuration has
 * the rules enforced as written).
 */
#pragma once

#include "decide/decide.h"

enum access_kind {
	ACCESS_READ,
	ACCESS_LIST, /* open a directory to see what is in it */
	ACCESS_WRITE,
	ACCESS_TRUNCATE,
	ACCESS_CREATE, /* a regular file, FIFO or socket */
	ACCESS_MKDIR,
	ACCESS_SYMLINK,
	ACCESS_LINK,
	ACCESS_DELETE,
	ACCESS_RMDIR,
	ACCESS_RENAME,
	ACCESS_CHMOD,
	ACCESS_CHOWN,
	ACCESS_TOUCH, /* times and extended attributes */
	ACCESS_STAT,
	ACCESS_READLINK,
	ACCESS_KINDS
};

/* The operation that stands for it in messages and events: "read", "list", "write", … */
const char *access_name(enum access_kind kind);
/* The type of event that tells of it: "file_open", "dir_list", … */
const char *access_event(enum access_kind kind);
/* Does it change anything? */
bool access_changes(enum access_kind kind);

/* Trees (real paths) that the configuration opens (landlock.allow_read, allow_write) where only the policy's
 * last word speaks against it. What may be written may be read, too. */
struct access_more {
	const char *const *read, *const *write;
	size_t n_read, n_write;
};

struct access_request {
	enum access_kind kind;
	const char *path;         /* absolute, clean, links resolved: the object itself */
	const char *const *alias; /* further names it was reached by: links that only root can change */
	size_t n_alias;
	/* Its /workspace/… spelling, or NULL: the earlier rule that matches either wins. But what a rule
	 * about the spelling has kept when it is deleted, no rule about all of ${PROJECT_ROOT} refuses to
	 * delete: policies that have both were written for views of /workspace, which showed only the one. */
	const char *virtual;
	bool baseline;                  /* the configuration leaves the system read baseline in force */
	bool world_readable;            /* a fact about the object: o+r, a directory o+rx */
	const struct access_more *more; /* or NULL */
};

/* A rule that restricts decides by whichever of the names it matches, unless it is the last word; one that
 * permits may know the object by an alias only. */
struct verdict decide_access(const struct policy *p, struct decide_cache *c, const struct access_request *r);

/* The kinds (1 << enum access_kind) that are plainly allowed whatever is meant: no rule denies, asks about,
 * tells of, keeps or diverts any of it. */
uint32_t decide_plain(const struct policy *p);

/* Is this verdict the baseline's? */
bool decide_is_baseline(const struct verdict *v);

/* One answer for all that is or may come to be below a directory (which is excluded): ALLOWED when every
 * verdict there is a plain allow (allow, audit), DENIED when none is (deny, approve, soft_delete, redirect).
 * MIXED is also what depends on more than names. */
enum tree_answer { TREE_DENIED, TREE_ALLOWED, TREE_MIXED };
enum tree_answer decide_tree(const struct policy *p, enum access_kind kind, const char *dir, bool baseline);

/* The same for many questions: patterns are compiled once. */
struct decide_trees;
struct decide_trees *decide_trees_new(const struct policy *p); /* NULL when out of memory */
void decide_trees_free(struct decide_trees *t);

struct tree_request {
	const char *dir;     /* absolute, clean */
	const char *virtual; /* or NULL */
	bool baseline;
	const struct access_more *more; /* or NULL */
};

struct tree_answers {
	enum tree_answer is[ACCESS_KINDS];
	/* The same without the rules whose patterns hold at any depth ("**" in the middle): while this is
	 * MIXED, looking at the directory's entries one by one tells more; otherwise it never does. */
	enum tree_answer rest[ACCESS_KINDS];
	/* The same without all rules whose patterns hold for a part only: what most files there get. */
	enum tree_answer most[ACCESS_KINDS];
};
void decide_trees_ask(struct decide_trees *t, const struct tree_request *r, struct tree_answers *out);

/* Is each of these kinds (a mask of 1 << enum access_kind) answered alike for x below the one directory and
 * below the other, whatever x is? False: perhaps not. */
bool decide_trees_alike(const struct decide_trees *t, const struct tree_request *a,
                        const struct tree_request *b, uint32_t kinds);

/* The names that stand in rules which permit: files, and the directories in front of a closing "**". */
void decide_permitted_names(const struct policy *p, void (*each)(void *arg, const char *name, bool tree),
                            void *arg);
