#include "shell/swap.h"

#include "base/path.h"
#include "shell/root.h"
#include "shell/swap_impl.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool same_bytes(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (!a->len || memcmp(a->data, b->data, a->len) == 0);
}

/* ---- in --------------------------------------------------------------------------------------- */

/* The target leads to another name that is a shim already ("sh -> bash"): its shell is ours too. */
static int follow_to_real(const struct swap *s, struct entry *t, struct err *e)
{
	char path[SWAP_TEXT + 8];

	snprintf(path, sizeof path, "%s.real", t->leads_to);
	int fd = root_open(s->root_fd, path, O_RDONLY, NULL);
	if (fd < 0)
		return 0;
	fd_close(&t->fd);
	t->fd = fd;
	buf_clear(&t->bytes);
	if (swap_load(fd, &t->bytes, path, e) < 0)
		return -1;
	t->is_shim = swap_is_shim(&t->bytes);
	return 0;
}

/* Remember the link as a link of another name: one rename brings it back. */
static int keep_link(const struct swap *s, const struct entry *t, struct err *e)
{
	char text[SWAP_TEXT], note[SWAP_TEXT + 32], part[80];
	ssize_t n = readlinkat(s->bin_fd, t->name, text, sizeof text - 1);

	if (n < 0)
		return err_sys(e, "read link '%s'", t->target);
	text[n] = 0;
	snprintf(note, sizeof note, "remember the link to %s", text);
	swap_say(s, "write", t->memo, note);
	if (s->dry_run)
		return 0;
	snprintf(part, sizeof part, ".%s.agentsh", t->memo_name);
	if (swap_remove(s, part, e) < 0)
		return -1;
	if (symlinkat(text, s->bin_fd, part) < 0)
		return err_sys(e, "link '%s'", t->memo);
	return swap_rename(s, part, t->memo_name, e);
}

/* Give the shell's own inode the name NAME.real: owner, attributes and running programs stay as they are. */
static int keep_inode(const struct swap *s, const struct entry *t, struct err *e)
{
	char fd_path[40], part[80];

	snprintf(fd_path, sizeof fd_path, "/proc/self/fd/%d", t->fd);
	snprintf(part, sizeof part, ".%s.agentsh", t->real_name);
	if (swap_remove(s, part, e) < 0)
		return -1;
	if (linkat(AT_FDCWD, fd_path, s->bin_fd, part, AT_SYMLINK_FOLLOW) < 0)
		return swap_write(s, t->real_name, &t->bytes, &t->st, e);
	return swap_rename(s, part, t->real_name, e);
}

/* Make NAME.real from the shell that the target is. When both are there already, the package manager has put
 * a newer shell over the shim, or a run was interrupted: what the target is counts. */
static int keep_shell(const struct swap *s, struct entry *t, struct err *e)
{
	char note[SWAP_TEXT + 32];
	struct stat st;

	if (S_ISLNK(t->st.st_mode)) {
		if (keep_link(s, t, e) < 0)
			return -1;
		if (same_bytes(&t->bytes, &t->real_bytes))
			return 0;
		snprintf(note, sizeof note, "copy of %s", t->leads_to);
		swap_say(s, "write", t->real, note);
		if (fstat(t->fd, &st) < 0)
			return err_sys(e, "'%s'", t->target);
		return s->dry_run ? 0 : swap_write(s, t->real_name, &t->bytes, &st, e);
	}
	if (!s->dry_run && swap_remove(s, t->memo_name, e) < 0)
		return -1;
	if (t->st.st_ino == t->real_st.st_ino && t->st.st_dev == t->real_st.st_dev && t->real_st.st_mode)
		return 0;
	swap_say_rename(s, t->target, t->real);
	return s->dry_run ? 0 : keep_inode(s, t, e);
}

int swap_put(struct swap *s, const char *name, struct err *e)
{
	AUTO_ENTRY t;

	if (swap_look(s, name, &t, e) < 0 || swap_sweep(s, &t, e) < 0)
		return -1;
	bool has_real = t.real_st.st_mode;
	bool is_link = S_ISLNK(t.st.st_mode);
	bool same = !is_link && same_bytes(&t.bytes, s->shim);
	if (!t.st.st_mode && !has_real) {
		swap_say(s, "skip", t.target, "target missing");
		return 0;
	}
	s->n_shells++;
	if (is_link && t.is_shim && follow_to_real(s, &t, e) < 0)
		return -1;
	if (t.is_shim && !has_real) {
		if (!same_bytes(&t.bytes, s->shim))
			return err_set(e, "'%s' is another shim and there is no '%s': refusing", t.target,
			               t.real);
		swap_say(s, "note", t.target, "already shimmed but missing .real; leaving untouched");
		return 0;
	}
	if (t.st.st_mode && !t.is_shim && keep_shell(s, &t, e) < 0)
		return -1;
	if (same && (t.st.st_mode & 07777) == 0755) {
		swap_say(s, "note", t.target, "shim already installed");
		return 0;
	}
	swap_say(s, "write", t.target, "write shim bytes");
	return s->dry_run ? 0 : swap_write(s, name, s->shim, NULL, e);
}

bool swap_is_link_to(const struct swap *s, const char *name, const char *other)
{
	char path[SWAP_TEXT + 80], a[SWAP_TEXT], b[SWAP_TEXT];
	struct stat st;

	if (fstatat(s->bin_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISLNK(st.st_mode))
		return false;
	snprintf(path, sizeof path, "%s/%s", s->bin, name);
	if (root_resolve(s->root_fd, path, a, sizeof a, NULL) < 0)
		return false;
	snprintf(path, sizeof path, "%s/%s", s->bin, other);
	return root_resolve(s->root_fd, path, b, sizeof b, NULL) == 0 && strcmp(a, b) == 0;
}

/* ---- out -------------------------------------------------------------------------------------- */

/* Whether the remembered link, put back, would be a shell again: the file it led to may have gone, or be a
 * shim itself that stays. */
static bool link_is_good(const struct swap *s, const struct entry *t)
{
	char path[SWAP_TEXT + 80], to[SWAP_TEXT], bash[SWAP_TEXT + 8];
	AUTO_BUF bytes = { 0 };
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", s->bin, t->memo_name);
	if (fstatat(s->bin_fd, t->memo_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISLNK(st.st_mode) ||
	    root_resolve(s->root_fd, path, to, sizeof to, NULL) < 0)
		return false;
	AUTO_FD fd = root_open(s->root_fd, to, O_RDONLY, NULL);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & 0111) ||
	    swap_load(fd, &bytes, to, NULL) < 0)
		return false;
	snprintf(bash, sizeof bash, "%s/bash", s->bin);
	return !swap_is_shim(&bytes) || (s->dry_run && s->bash_too && strcmp(to, bash) == 0);
}

static int restore_link(const struct swap *s, const struct entry *t, struct err *e)
{
	swap_say_rename(s, t->memo, t->target);
	swap_say(s, "remove", t->real, "the link is back");
	if (s->dry_run)
		return 0;
	if (swap_rename(s, t->memo_name, t->name, e) < 0)
		return -1;
	return swap_remove(s, t->real_name, e);
}

static int restore_file(const struct swap *s, const struct entry *t, struct err *e)
{
	if (t->st.st_mode)
		swap_say(s, "remove", t->target, "replaced by the real shell in one step");
	swap_say_rename(s, t->real, t->target);
	if (s->dry_run)
		return 0;
	if (swap_rename(s, t->real_name, t->name, e) < 0)
		return -1;
	return swap_remove(s, t->memo_name, e);
}

/* No shim stands there. If the shell is the very one that was kept, an interrupted run is finished. */
static int tidy(const struct swap *s, const struct entry *t, struct err *e)
{
	if (!same_bytes(&t->bytes, &t->real_bytes))
		return err_set(e, "'%s' is not a shim, and not the shell in '%s': leaving both alone",
		               t->target, t->real);
	swap_say(s, "remove", t->real, "the shell is back already");
	if (s->dry_run)
		return 0;
	if (swap_remove(s, t->real_name, e) < 0)
		return -1;
	return swap_remove(s, t->memo_name, e);
}

int swap_take_out(struct swap *s, const char *name, struct err *e)
{
	AUTO_ENTRY t;

	if (swap_look(s, name, &t, e) < 0 || swap_sweep(s, &t, e) < 0)
		return -1;
	if (!t.real_st.st_mode) {
		swap_say(s, "skip", t.real, ".real missing");
		return s->dry_run ? 0 : swap_remove(s, t.memo_name, e);
	}
	if (t.st.st_mode && !t.is_shim)
		return tidy(s, &t, e);
	return link_is_good(s, &t) ? restore_link(s, &t, e) : restore_file(s, &t, e);
}

/* ---- what is there ---------------------------------------------------------------------------- */

static void read_link(const struct swap *s, const char *name, mode_t mode, char *out)
{
	ssize_t n = S_ISLNK(mode) ? readlinkat(s->bin_fd, name, out, SWAP_TEXT - 1) : 0;

	out[n > 0 ? n : 0] = 0;
}

int swap_status(const struct swap *s, const char *name, struct swap_status *out, struct err *e)
{
	AUTO_ENTRY t;
	bool refused = swap_look(s, name, &t, e) < 0;
	*out = (struct swap_status){ .mode = t.st.st_mode, .real_mode = t.real_st.st_mode };
	read_link(s, name, t.st.st_mode, out->link);
	read_link(s, t.real_name, t.real_st.st_mode, out->real_link);
	out->matches = s->shim && S_ISREG(t.st.st_mode) && same_bytes(&t.bytes, s->shim);
	if (refused)
		out->state = "broken";
	else if (!t.st.st_mode)
		out->state = "missing";
	else if (!t.is_shim)
		out->state = "not_installed";
	else if (!t.real_st.st_mode)
		out->state = "partial_missing_real";
	else
		out->state = s->shim && !out->matches ? "other_version" : "installed";
	return refused ? -1 : 0;
}
