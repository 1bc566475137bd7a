/* Directories are read without being opened: the kernel keeps what they hold, and asks again, from any place
 * on, when something changed. */
#include "enforce/fuse/impl.h"

#include "base/fd.h"
#include "sys/dents.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LISTINGS_MAX = 32, DENTS_SIZE = 32768, PLUS_SIZE = 131072 };

/* A directory that is being read. */
struct listing {
	struct list recent; /* view.listings */
	struct node *node;
	int fd;
	off_t at;         /* where the next record begins */
	size_t done, len; /* of what `dents` holds */
	char dents[DENTS_SIZE] __attribute__((aligned(8)));
};

void listing_drop(struct view *v, struct node *n)
{
	struct listing *l = n->listing;

	if (!l)
		return;
	list_remove(&l->recent);
	v->n_listings--;
	fd_close(&l->fd);
	free(l);
	n->listing = NULL;
}

static struct listing *begin(struct view *v, struct node *n)
{
	struct listing *l;

	if (v->n_listings >= LISTINGS_MAX)
		listing_drop(v, list_item(v->listings.next, struct listing, recent)->node);
	l = malloc(sizeof *l);
	if (!l)
		return NULL;
	l->fd = node_open(v, n, O_RDONLY | O_DIRECTORY);
	if (l->fd < 0) {
		free(l);
		return NULL;
	}
	l->node = n;
	l->at = 0;
	l->done = l->len = 0;
	list_init(&l->recent);
	v->n_listings++;
	n->listing = l;
	return l;
}

/* The listing, at `off`. */
static struct listing *listing_at(struct view *v, struct node *n, off_t off)
{
	struct listing *l = n->listing ? n->listing : begin(v, n);

	if (!l)
		return NULL;
	list_remove(&l->recent);
	list_append(&v->listings, &l->recent);
	/* From the beginning, what was read may be old. */
	if (off == l->at && off)
		return l;
	if (lseek(l->fd, off, SEEK_SET) < 0)
		return NULL;
	l->at = off;
	l->done = l->len = 0;
	return l;
}

/* The next record; NULL at the end, with *rc, or on failure, with -1 there. */
static const struct dent *peek(struct listing *l, ssize_t *rc)
{
	if (l->done == l->len) {
		*rc = dents_read(l->fd, l->dents, sizeof l->dents);
		if (*rc <= 0)
			return NULL;
		l->done = 0;
		l->len = (size_t)*rc;
	}
	return (const struct dent *)(l->dents + l->done);
}

static bool is_dot(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* An entry with all that a lookup tells; counts as one. */
static size_t add_plus(fuse_req_t req, struct node *dir, const struct dent *d, char *out, size_t room)
{
	struct view *v = view_of(req);
	struct fuse_entry_param e = { .attr = { .st_ino = d->ino, .st_mode = (mode_t)d->type << 12 } };
	struct node *n = NULL;
	int dirfd = node_dirfd(v, dir);
	struct stat st;
	size_t need;

	/* Before it is looked at: what does not fit is not known to the kernel. */
	need = fuse_add_direntry_plus(req, NULL, 0, d->name, NULL, 0);
	if (need > room)
		return need;
	if (!is_dot(d->name) && dirfd >= 0 && fstatat(dirfd, d->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		n = node_seen(v, dir, d->name, &st);
	if (n) {
		view_entry(v, n, &st, &e);
		n->lookups++;
	}
	return fuse_add_direntry_plus(req, out, room, d->name, &e, d->next);
}

static size_t add(fuse_req_t req, const struct dent *d, char *out, size_t room)
{
	struct stat st = { .st_ino = d->ino, .st_mode = (mode_t)d->type << 12 };

	return fuse_add_direntry(req, out, room, d->name, &st, d->next);
}

static void read_some(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
	struct view *v = view_of(req);
	struct node *n = node_from(v, ino);
	int why = off ? 0 : view_judge(req, VIEW_LIST, n);
	struct listing *l = why ? NULL : listing_at(v, n, off);
	const struct dent *d;
	size_t len = 0, need;
	ssize_t rc = 0;

	if (!l) {
		fuse_reply_err(req, why ? why : errno);
		return;
	}
	if (size > PLUS_SIZE)
		size = PLUS_SIZE;
	while ((d = peek(l, &rc))) {
		need = view_hides(v, n, d->name) ? 0
		       : plus                    ? add_plus(req, n, d, v->plus + len, size - len)
		                                 : add(req, d, v->plus + len, size - len);
		if (need > size - len)
			break;
		len += need;
		l->done += d->len;
		l->at = d->next;
	}
	if (rc < 0 && !len)
		view_errno(req);
	else
		fuse_reply_buf(req, v->plus, len);
}

void listing_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	read_some(req, ino, size, off, false);
}

void listing_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	read_some(req, ino, size, off, true);
}

bool listing_room(struct view *v)
{
	v->plus = malloc(PLUS_SIZE);
	return v->plus;
}
