/* What the files of this folder share. */
#pragma once

#define FUSE_USE_VERSION 317

#include "base/list.h"
#include "enforce/fuse/view.h"
#include "sys/pin.h"

#include <fuse_lowlevel.h>
#include <limits.h>
#include <sys/stat.h>

struct fuse_in_header;
struct listing;

/* What a table holds begins with one. */
struct slot {
	struct slot *next;
	uint64_t hash;
};

struct table {
	struct slot **buckets;
	size_t n, cap; /* the latter a power of two */
};

/* A file the kernel knows, or one on the way to it. Its address is the kernel's number for it. */
struct node {
	struct slot slot;   /* view.nodes, by device and inode */
	struct list recent; /* view.dirs, while it is a directory with a descriptor of its own */
	struct name *names; /* by which it can be reached */
	uint64_t lookups;   /* how often the kernel was told of it, and has not forgotten it */
	dev_t dev;
	ino_t ino;
	unsigned held;   /* by names in it */
	int fd;          /* O_PATH, or -1 */
	int backing;     /* the kernel's number for its data, 0 = none */
	unsigned open;   /* files whose data goes through us: then all of it does */
	unsigned mapped; /* of them, those by which it can be mapped and then written */
	int open_fd;     /* a descriptor of our own meanwhile, where names may be closed to us; or -1 */
	mode_t type;     /* S_IFMT */
	bool gone;       /* its last name was removed: the descriptor is all there is */
	bool shut;       /* its directory was closed to us: likewise */
	int made_fd;     /* of who made it, until nobody has it open; or -1 */
	bool bare;       /* made here, and no extended attribute was set since */
	bool held_under; /* shut as long as somebody changes what is below (told.c) */
	unsigned users;  /* who have it open */
	/* Files through which it may be mapped and then written, of which nobody tells: their number, and
	 * when the last was closed. */
	unsigned mappable;
	int64_t mappable_ns;
	struct listing *listing;
};

struct name {
	struct slot slot;  /* view.names, by directory and text */
	struct name *next; /* of the same node */
	struct node *node, *parent;
	char text[];
};

/* Somebody who changes what is below (told.c). */
struct attended {
	int talk;  /* 0: nobody */
	int paths; /* -1: not yet */
	int over;  /* closed when it is over; or -1 */
};
enum { ATTENDED_MAX = 8 };

/* Where we run (near.c). */
struct near {
	struct pin pin;
	bool no_hold; /* we may not be first */
	pid_t last;   /* who asked */
	pid_t waits;  /* and is held when he is answered; or 0 */
	int since;    /* requests after a slow answer */
	int held;     /* so many more answers */
	int moves;    /* in a row */
	int skipped;  /* so many times we do not look where he is */
	int64_t answered_ns;
};

struct view {
	struct view_options o;
	struct fuse_session *session;
	struct near near;
	struct node root;
	struct table nodes, names;
	struct list dirs;     /* node.recent, least recently used first */
	struct list listings; /* likewise */
	unsigned n_fds, max_fds, n_held, n_listings, n_made;
	bool passthrough, as_root;
	double keep;
	struct {
		uid_t uid;
		gid_t gid;
		mode_t mask;
		bool groups;
	} ids;      /* that we have taken on */
	char *plus; /* for answers that list a directory */
	struct attended attended[ATTENDED_MAX];
	unsigned n_attended;
	/* Of what is judged, in turn: no request is about more. Not on the stack, where they would be zeroed.
	 */
	char paths[4][VIEW_PATH_MAX];
	unsigned next_path;
};

/* node.c: what is known of files. */

/* Where a file is: for the *at() family. An empty name is `dirfd` itself. */
struct place {
	int dirfd, flags; /* AT_SYMLINK_NOFOLLOW, or AT_EMPTY_PATH */
	const char *name;
};

int node_init(struct view *v, struct err *e);
void node_release_all(struct view *v);
struct node *node_from(struct view *v, fuse_ino_t number);
/* The node for what `st` tells of, or NULL. */
struct node *node_find(struct view *v, const struct stat *st);
/* The same, which has this name; made when there is none. NULL: no memory. */
struct node *node_seen(struct view *v, struct node *parent, const char *text, const struct stat *st);
/* The same for a file without a name; takes the descriptor. */
struct node *node_nameless(struct view *v, int fd, const struct stat *st);
void node_forget(struct view *v, struct node *n, uint64_t lookups);
/* A directory's O_PATH descriptor, good until the next call; -1 with errno. */
int node_dirfd(struct view *v, struct node *n);
int node_place(struct view *v, struct node *n, struct place *p);
/* A directory is about to be closed to us, who are no root: who is in one in it stays there. */
void node_hold_inside(struct view *v, const struct node *n);
/* A name of a directory is about to be removed, or taken by another file: keep hold of what has it, which may
 * have no other. */
void node_keep_hold(struct view *v, struct node *parent, const char *text);
/* It is no more. */
void node_unnamed(struct view *v, struct node *parent, const char *text);
/* A file that had no name any more, or yet, has one. */
void node_named_again(struct view *v, struct node *n);
/* The descriptor by which it was made serves what is asked of it next, which is its owner's, mode and times:
 * taken; and the end of that. */
void node_made(struct view *v, struct node *n, int fd);
void node_unmade(struct view *v, struct node *n);
/* What is there. 0 or -1 with errno: ESTALE when another file has taken its place. */
int node_stat(struct view *v, struct node *n, struct stat *st);
/* Open it: never another file than it, unless that took its place behind our back. */
int node_open(struct view *v, struct node *n, int flags);
int node_open_mode(struct view *v, struct node *n, int flags, mode_t mode);
/* Absolute path by its first name into `out`; false when it has none or it does not fit. */
bool node_path(const struct view *v, const struct node *n, const char *below, char *out, size_t size);

/* name.c */
struct name *name_find(const struct view *v, const struct node *parent, const char *text);
/* False: no memory. A name that was another node's is this one's from now on. */
bool name_set(struct view *v, struct node *parent, const char *text, struct node *n);
void name_remove(struct view *v, struct name *name);

/* table.c */
struct slot *table_first(const struct table *t, uint64_t hash);
struct slot *table_next(const struct slot *s); /* the next with the same hash */
bool table_add(struct table *t, struct slot *s);
void table_remove(struct table *t, struct slot *s);

/* A file for calls that are made with the caller's ids: that he cannot reach it by its name any more, as its
 * directory was closed to him, is no reason to refuse what he may do to what he has. */
struct reach {
	struct place at;
	int fd; /* owned, or -1 */
};
#define AUTO_REACH __attribute__((cleanup(node_reached))) struct reach
int node_reach(struct view *v, fuse_req_t req, struct node *n, struct reach *out);
void node_reached(struct reach *r);

/* near.c */
void near_leave(struct near *w);
void near_asked(struct near *w, const struct fuse_in_header *request);
/* writev(2) of an answer, or of something told, to the device. */
ssize_t near_answer(struct near *w, int device, const struct iovec *iov, int count);
void near_answered(struct near *w);

/* told.c: what is below is being changed. Between requests. */
void told_hear(struct view *v);

/* ids.c */
void ids_as_caller(struct view *v, fuse_req_t req);
/* After a refusal: true once, with the caller's groups taken on. */
bool ids_again(struct view *v, fuse_req_t req);
void ids_as_self(struct view *v);

/* view.c */
struct view *view_of(fuse_req_t req);
/* Is it the name that nobody sees? */
bool view_hides(const struct view *v, const struct node *parent, const char *text);
/* May it be read, or listed? 0 or the errno to refuse with. */
int view_judge(fuse_req_t req, enum view_kind kind, struct node *n);

/* A change, between its judgement and its end. view_end() is to be called for each that began. */
struct change {
	struct view_act act;
	bool began;
};
/* Of a name in `n`, or of `n` itself (NULL). 0 or the errno to refuse with. */
int view_begin(fuse_req_t req, struct change *c, enum view_kind kind, struct node *n, const char *text);
/* Of two: `text` in `from` (NULL: `from` itself) and `to_text` in `to`. */
struct move {
	struct node *from, *to;
	const char *text, *to_text;
	bool exchange;
};
int view_begin_move(fuse_req_t req, struct change *c, enum view_kind kind, const struct move *m);
void view_end(fuse_req_t req, struct change *c, bool happened);
/* How long the kernel may keep the attributes of it. */
double view_keeps(const struct view *v, struct node *n);
/* Answer that this is what is there; it was looked at, and the kernel holds it from then on. */
void view_answer(fuse_req_t req, struct node *n, const struct stat *st);
void view_entry(const struct view *v, struct node *n, const struct stat *st, struct fuse_entry_param *out);
void view_errno(fuse_req_t req); /* answer with errno */

/* listing.c */
void listing_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void listing_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void listing_drop(struct view *v, struct node *n);
bool listing_room(struct view *v);

/* look.c */
void look_lookup(fuse_req_t req, fuse_ino_t parent, const char *text);
/* What a name leads to was made or changed: answer with it. */
void look_answer(fuse_req_t req, struct node *parent, const char *text);
void look_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void look_readlink(fuse_req_t req, fuse_ino_t ino);
void look_statfs(fuse_req_t req, fuse_ino_t ino);
void look_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups);
void look_forget_multi(fuse_req_t req, size_t n, struct fuse_forget_data *forgets);

/* change.c */
void change_mkdir(fuse_req_t req, fuse_ino_t parent, const char *text, mode_t mode);
void change_mknod(fuse_req_t req, fuse_ino_t parent, const char *text, mode_t mode, dev_t device);
void change_symlink(fuse_req_t req, const char *to, fuse_ino_t parent, const char *text);
void change_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *text);
void change_unlink(fuse_req_t req, fuse_ino_t parent, const char *text);
void change_rmdir(fuse_req_t req, fuse_ino_t parent, const char *text);
void change_rename(fuse_req_t req, fuse_ino_t from, const char *text, fuse_ino_t to, const char *to_text,
                   unsigned flags);
void change_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int what, struct fuse_file_info *fi);

/* xattr.c */
void xattr_get(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void xattr_list(fuse_req_t req, fuse_ino_t ino, size_t size);
void xattr_set(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags);
void xattr_remove(fuse_req_t req, fuse_ino_t ino, const char *name);

/* open.c */
void open_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void open_create(fuse_req_t req, fuse_ino_t parent, const char *text, mode_t mode, struct fuse_file_info *fi);
void open_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, struct fuse_file_info *fi);
void open_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

/* data.c */
/* The descriptor of an open file, or -1: its data does not come through us. */
int data_fd(const struct fuse_file_info *fi);
void data_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void data_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
                struct fuse_file_info *fi);
void data_fsync(fuse_req_t req, fuse_ino_t ino, int only_data, struct fuse_file_info *fi);
void data_fsyncdir(fuse_req_t req, fuse_ino_t ino, int only_data, struct fuse_file_info *fi);
void data_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
                    struct fuse_file_info *fi);
void data_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi);
void data_copy(fuse_req_t req, fuse_ino_t from, off_t from_off, struct fuse_file_info *from_fi, fuse_ino_t to,
               off_t to_off, struct fuse_file_info *to_fi, size_t len, int flags);
