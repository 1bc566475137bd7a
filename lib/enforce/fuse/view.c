#include "enforce/fuse/impl.h"

#include "base/clock.h"
#include "sys/caps.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAPPED_NS (2 * 1000000000LL)

struct view *view_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

bool view_hides(const struct view *v, const struct node *parent, const char *text)
{
	return parent == &v->root && v->o.hidden && !strcmp(text, v->o.hidden);
}

static const char *path_to(struct view *v, const struct node *n, const char *below)
{
	char *path = v->paths[v->next_path++ % (sizeof v->paths / sizeof *v->paths)];

	return node_path(v, n, below, path, sizeof *v->paths) ? path : NULL;
}

int view_judge(fuse_req_t req, enum view_kind kind, struct node *n)
{
	struct view *v = view_of(req);
	struct view_act act = { .kind = kind, .pid = fuse_req_ctx(req)->pid };
	/* Without a name there is nothing that a rule could be about: it is the caller's own. */
	if (!v->o.judge || n->gone)
		return 0;
	act.path = path_to(v, n, NULL);
	if (!act.path)
		return ENAMETOOLONG;
	return v->o.judge(v->o.arg, &act);
}

int view_begin(fuse_req_t req, struct change *c, enum view_kind kind, struct node *n, const char *text)
{
	struct view *v = view_of(req);
	const char *path;
	struct place p;
	int why;

	c->began = false;
	if (!v->o.judge || (n->gone && !text))
		return 0;
	path = path_to(v, n, text);
	if (!path)
		return ENAMETOOLONG;
	if (!text && node_place(v, n, &p) < 0)
		return errno;
	c->act = (struct view_act){ .kind = kind,
		                    .path = path,
		                    .dirfd = text ? node_dirfd(v, n) : p.dirfd,
		                    .name = text ? text : p.name,
		                    .pid = fuse_req_ctx(req)->pid };
	if (c->act.dirfd < 0)
		return errno;
	ids_as_self(v);
	why = v->o.judge(v->o.arg, &c->act);
	c->began = !why;
	return why;
}

int view_begin_move(fuse_req_t req, struct change *c, enum view_kind kind, const struct move *m)
{
	struct view *v = view_of(req);
	struct name *name = m->text ? name_find(v, m->from, m->text) : NULL;
	const char *path, *to_path;
	struct stat st;
	int why;

	c->began = false;
	if (!v->o.judge)
		return 0;
	path = path_to(v, m->from, m->text);
	to_path = path_to(v, m->to, m->to_text);
	if (!path || !to_path)
		return ENAMETOOLONG;
	c->act = (struct view_act){ .kind = kind,
		                    .path = path,
		                    .to_path = to_path,
		                    .to_dirfd = node_dirfd(v, m->to),
		                    .dirfd = m->text ? node_dirfd(v, m->from) : -1,
		                    .name = m->text,
		                    .to_name = m->to_text,
		                    .pid = fuse_req_ctx(req)->pid,
		                    .directory = name && name->node->type == S_IFDIR,
		                    .exchange = m->exchange };
	if (c->act.to_dirfd < 0 || (m->text && c->act.dirfd < 0))
		return errno;
	ids_as_self(v);
	c->act.exists = fstatat(c->act.to_dirfd, m->to_text, &st, AT_SYMLINK_NOFOLLOW) == 0;
	c->act.to_directory = c->act.exists && S_ISDIR(st.st_mode);
	why = v->o.judge(v->o.arg, &c->act);
	c->began = !why;
	return why;
}

void view_end(fuse_req_t req, struct change *c, bool happened)
{
	struct view *v = view_of(req);

	if (!c->began)
		return;
	c->began = false;
	if (!v->o.acted)
		return;
	ids_as_self(v);
	v->o.acted(v->o.arg, &c->act, happened);
}

/* A mapping may outlive the file it was made of, but not for long: programs that write so write at once. */
double view_keeps(const struct view *v, struct node *n)
{
	if (n->mappable)
		return 0;
	if (n->mappable_ns && clock_mono_ns() - n->mappable_ns < MAPPED_NS)
		return 0;
	n->mappable_ns = 0;
	return v->keep;
}

void view_entry(const struct view *v, struct node *n, const struct stat *st, struct fuse_entry_param *out)
{
	*out = (struct fuse_entry_param){ .ino = (fuse_ino_t)(uintptr_t)n,
		                          .attr = *st,
		                          .attr_timeout = view_keeps(v, n),
		                          .entry_timeout = v->keep };
}

void view_answer(fuse_req_t req, struct node *n, const struct stat *st)
{
	struct view *v = view_of(req);
	struct fuse_entry_param e;

	view_entry(v, n, st, &e);
	n->lookups++;
	if (fuse_reply_entry(req, &e) == -ENOENT)
		node_forget(v, n, 1);
}

void view_errno(fuse_req_t req)
{
	fuse_reply_err(req, errno);
}

static void init(void *arg, struct fuse_conn_info *conn)
{
	struct view *v = arg;

	fuse_unset_feature_flag(conn, FUSE_CAP_SPLICE_READ);
	fuse_unset_feature_flag(conn, FUSE_CAP_SPLICE_WRITE);
	fuse_unset_feature_flag(conn, FUSE_CAP_SPLICE_MOVE);
	/* Nobody changes data behind the kernel's back. */
	fuse_unset_feature_flag(conn, FUSE_CAP_AUTO_INVAL_DATA);
	fuse_set_feature_flag(conn, FUSE_CAP_EXPLICIT_INVAL_DATA);
	fuse_set_feature_flag(conn, FUSE_CAP_PARALLEL_DIROPS);
	fuse_set_feature_flag(conn, FUSE_CAP_CACHE_SYMLINKS);
	fuse_set_feature_flag(conn, FUSE_CAP_DONT_MASK);
	fuse_set_feature_flag(conn, FUSE_CAP_POSIX_ACL);
	fuse_set_feature_flag(conn, FUSE_CAP_DIRECT_IO_ALLOW_MMAP);
	/* Else each write would ask first for the file's capabilities. */
	fuse_set_feature_flag(conn, FUSE_CAP_HANDLE_KILLPRIV_V2);
	if (v->o.no_passthrough || !v->as_root || !fuse_set_feature_flag(conn, FUSE_CAP_PASSTHROUGH))
		return;
	conn->max_backing_stack_depth = 1;
	v->passthrough = true;
}

static void no_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, ENOSYS);
}

static const struct fuse_lowlevel_ops ops = {
	.init = init,
	.lookup = look_lookup,
	.forget = look_forget,
	.forget_multi = look_forget_multi,
	.getattr = look_getattr,
	.setattr = change_setattr,
	.readlink = look_readlink,
	.mknod = change_mknod,
	.mkdir = change_mkdir,
	.unlink = change_unlink,
	.rmdir = change_rmdir,
	.symlink = change_symlink,
	.rename = change_rename,
	.link = change_link,
	.open = open_open,
	.create = open_create,
	.tmpfile = open_tmpfile,
	.release = open_release,
	.read = data_read,
	.write = data_write,
	.fsync = data_fsync,
	.fsyncdir = data_fsyncdir,
	.fallocate = data_fallocate,
	.lseek = data_lseek,
	.copy_file_range = data_copy,
	.opendir = no_opendir,
	.readdir = listing_readdir,
	.readdirplus = listing_readdirplus,
	.statfs = look_statfs,
	.setxattr = xattr_set,
	.getxattr = xattr_get,
	.listxattr = xattr_list,
	.removexattr = xattr_remove,
};

static ssize_t on_answer(int device, struct iovec *iov, int count, void *view)
{
	return near_answer(&((struct view *)view)->near, device, iov, count);
}

static ssize_t on_read(int device, void *request, size_t size, void *view)
{
	ssize_t n = read(device, request, size);

	(void)view;
	/* It was taken away while there was a request to read. */
	if (n < 0 && errno == ECONNABORTED)
		errno = ENODEV;
	return n;
}

static int start(struct view *v, struct err *e)
{
	static const struct fuse_custom_io io = { .writev = on_answer, .read = on_read };
	char *argv[] = { "agentsh", NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);

	if (node_init(v, e) < 0)
		return -1;
	if (!listing_room(v))
		return err_set(e, "out of memory");
	/* Whoever runs with our ids must not reach what is below the view through our descriptors. */
	caps_hide();
	v->as_root = geteuid() == 0;
	v->ids.mask = umask(0);
	umask(v->ids.mask);
	if (v->as_root)
		setgroups(0, NULL);
	v->keep = v->o.keep_s;
	v->session = fuse_session_new(&args, &ops, sizeof ops, v);
	if (!v->session)
		return err_set(e, "fuse session");
	if (fuse_session_custom_io(v->session, &io, sizeof io, v->o.device) < 0)
		return err_set(e, "fuse session: device");
	return 0;
}

struct view *view_new(const struct view_options *options, struct err *e)
{
	struct view *v = calloc(1, sizeof *v);

	if (!v) {
		err_set(e, "out of memory");
		return NULL;
	}
	v->o = *options;
	v->root.fd = -1;
	list_init(&v->dirs);
	list_init(&v->listings);
	if (start(v, e) == 0)
		return v;
	view_free(v);
	return NULL;
}

void view_free(struct view *v)
{
	if (!v)
		return;
	node_release_all(v);
	if (v->session)
		fuse_session_destroy(v->session);
	free(v->plus);
	free(v);
}

void view_count(const struct view *v, unsigned long *nodes, unsigned long *fds)
{
	*nodes = v->nodes.n;
	*fds = v->n_fds;
}
