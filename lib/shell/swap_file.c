#include "shell/swap_impl.h"

#include "base/find.h"

#include "shell/root.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* Every version's program holds these bytes, by being the one that looks for them; so does the shim of the
 * implementation whose clients we serve. */
static const char marker[] = "agentsh-shell-shim";

enum { LOCK_SECONDS = 10, WORLD_WRITABLE = S_IWOTH };

bool swap_is_shim(const struct buf *bytes)
{
	return bytes->len && find_text(bytes->data, bytes->len, marker) != NULL;
}

void swap_say(const struct swap *s, const char *op, const char *path, const char *note)
{
	if (s->step)
		s->step(s->arg, &(struct swap_step){ .op = op, .path = path, .note = note });
}

void swap_say_rename(const struct swap *s, const char *from, const char *to)
{
	if (s->step)
		s->step(s->arg, &(struct swap_step){ .op = "rename", .from = from, .to = to });
}

/* ---- the folder ------------------------------------------------------------------------------- */

static void on_alarm(int signal_number)
{
	(void)signal_number;
}

/* Two runs at once would take each other's half-written files. Anybody who can read the folder can hold the
 * lock too, hence the limit. */
static int lock(int fd, const char *root, struct err *e)
{
	struct sigaction wake = { .sa_handler = on_alarm }, before;

	sigaction(SIGALRM, &wake, &before);
	alarm(LOCK_SECONDS);
	int failed = flock(fd, LOCK_EX);
	int why = errno;
	alarm(0);
	sigaction(SIGALRM, &before, NULL);
	errno = why;
	if (failed && errno == EINTR)
		return err_set(e, "'%s/bin' is locked by another program", root);
	return failed ? err_sys(e, "lock '%s/bin'", root) : 0;
}

int swap_open(struct swap *s, const char *root, struct err *e)
{
	struct stat st;

	s->bin_fd = -1;
	s->root_fd = open(*root ? root : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->root_fd < 0)
		return err_sys(e, "open '%s'", root);
	size_t len = strlen(root);
	while (len && root[len - 1] == '/')
		len--;
	if ((size_t)snprintf(s->root, sizeof s->root, "%.*s", (int)len, root) >= sizeof s->root)
		return err_set(e, "the name of the root is too long");
	if (root_resolve(s->root_fd, "/bin", s->bin, sizeof s->bin, e) < 0)
		return err_in(e, "in '%s'", *root ? root : "/");
	s->bin_fd = root_open(s->root_fd, s->bin, O_RDONLY | O_DIRECTORY, e);
	if (s->bin_fd < 0)
		return -1;
	if (fstat(s->bin_fd, &st) == 0 && (st.st_mode & WORLD_WRITABLE))
		return err_set(e, "'%s/bin' can be written by everyone: refusing", s->root);
	return s->dry_run ? 0 : lock(s->bin_fd, s->root, e);
}

void swap_close(struct swap *s)
{
	fd_close(&s->bin_fd);
	fd_close(&s->root_fd);
}

/* ---- one name --------------------------------------------------------------------------------- */

int swap_load(int fd, struct buf *out, const char *what, struct err *e)
{
	out->max = SWAP_MAX_FILE;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, "'%s'", what);
	return fd_slurp(fd, out, e) < 0 ? err_in(e, "'%s'", what) : 0;
}

static int check_shell(int fd, const struct stat *st, const char *what, struct err *e)
{
	struct stat now;

	if (!S_ISREG(st->st_mode))
		return err_set(e, "'%s' is not a regular file: refusing", what);
	if (!(st->st_mode & 0111))
		return err_set(e, "'%s' is not executable: refusing", what);
	if (st->st_mode & (S_ISUID | S_ISGID))
		return err_set(e, "'%s' is setuid or setgid: refusing", what);
	if (fd >= 0 && (fstat(fd, &now) < 0 || now.st_ino != st->st_ino || now.st_dev != st->st_dev))
		return err_set(e, "'%s' changes while it is looked at", what);
	return 0;
}

/* Open what the target is, through links. */
static int open_target(const struct swap *s, struct entry *t, struct err *e)
{
	char path[SWAP_TEXT + 64];
	struct stat st = t->st;

	if (!S_ISLNK(st.st_mode)) {
		int failed = check_shell(-1, &st, t->target, e);
		t->fd = failed ? -1
		               : openat(s->bin_fd, t->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
		if (failed)
			return -1;
	} else {
		snprintf(path, sizeof path, "%s/%s", s->bin, t->name);
		if (root_resolve(s->root_fd, path, t->leads_to, sizeof t->leads_to, e) < 0)
			return err_in(e, "'%s' is a link that leads nowhere", t->target);
		t->fd = root_open(s->root_fd, t->leads_to, O_RDONLY, e);
		if (t->fd >= 0 && fstat(t->fd, &st) < 0)
			return err_sys(e, "'%s'", t->target);
	}
	if (t->fd < 0)
		return err_sys(e, "open '%s'", t->target);
	if (check_shell(t->fd, &st, t->target, e) < 0 || swap_load(t->fd, &t->bytes, t->target, e) < 0)
		return -1;
	t->is_shim = swap_is_shim(&t->bytes);
	return 0;
}

static int load_real(const struct swap *s, struct entry *t, struct err *e)
{
	if (check_shell(-1, &t->real_st, t->real, e) < 0)
		return -1;
	AUTO_FD fd = openat(s->bin_fd, t->real_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_sys(e, "open '%s'", t->real);
	if (swap_load(fd, &t->real_bytes, t->real, e) < 0)
		return -1;
	if (swap_is_shim(&t->real_bytes))
		return err_set(e, "'%s' is a shim itself, the real shell is lost: refusing", t->real);
	return 0;
}

static int stat_name(const struct swap *s, const char *name, struct stat *st, struct err *e)
{
	if (fstatat(s->bin_fd, name, st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	st->st_mode = 0;
	return errno == ENOENT ? 0 : err_sys(e, "'%s/bin/%s'", s->root, name);
}

int swap_look(const struct swap *s, const char *name, struct entry *t, struct err *e)
{
	*t = (struct entry){ .name = name, .fd = -1 };
	snprintf(t->target, sizeof t->target, "%.4000s/bin/%s", s->root, name);
	snprintf(t->real, sizeof t->real, "%.4000s/bin/%s.real", s->root, name);
	snprintf(t->memo, sizeof t->memo, "%.4000s/bin/%s.real.link", s->root, name);
	snprintf(t->real_name, sizeof t->real_name, "%s.real", name);
	snprintf(t->memo_name, sizeof t->memo_name, "%s.real.link", name);
	if (stat_name(s, name, &t->st, e) < 0 || stat_name(s, t->real_name, &t->real_st, e) < 0)
		return -1;
	if (t->real_st.st_mode && load_real(s, t, e) < 0)
		return -1;
	return t->st.st_mode ? open_target(s, t, e) : 0;
}

void swap_forget(struct entry *t)
{
	fd_close(&t->fd);
	buf_release(&t->bytes);
	buf_release(&t->real_bytes);
}

/* ---- steps ------------------------------------------------------------------------------------ */

int swap_rename(const struct swap *s, const char *from, const char *to, struct err *e)
{
	if (renameat(s->bin_fd, from, s->bin_fd, to) < 0 || fsync(s->bin_fd) < 0)
		return err_sys(e, "rename '%s/bin/%s' to '%s'", s->root, from, to);
	/* Two names of one file: rename(2) leaves both. */
	return swap_remove(s, from, e);
}

int swap_remove(const struct swap *s, const char *name, struct err *e)
{
	if (unlinkat(s->bin_fd, name, 0) < 0 && errno != ENOENT)
		return err_sys(e, "remove '%s/bin/%s'", s->root, name);
	return 0;
}

int swap_sweep(const struct swap *s, const struct entry *t, struct err *e)
{
	const char *names[] = { t->name, t->real_name, t->memo_name };
	char part[80];

	for (int i = 0; i < 3 && !s->dry_run; i++) {
		snprintf(part, sizeof part, ".%s.agentsh", names[i]);
		if (swap_remove(s, part, e) < 0)
			return -1;
	}
	return 0;
}

int swap_write(const struct swap *s, const char *name, const struct buf *bytes, const struct stat *like,
               struct err *e)
{
	char part[80];

	snprintf(part, sizeof part, ".%s.agentsh", name);
	if (swap_remove(s, part, e) < 0)
		return -1;
	AUTO_FD fd = openat(s->bin_fd, part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, "create '%s/bin/%s'", s->root, part);
	/* Only the owner of the root can give files away; anybody else owns them already. */
	if (like && fchown(fd, like->st_uid, like->st_gid) < 0 && errno != EPERM && errno != EINVAL)
		return err_sys(e, "owner of '%s/bin/%s'", s->root, part);
	if (fd_write(fd, bytes->data, bytes->len) < 0 || fchmod(fd, like ? like->st_mode & 0777 : 0755) < 0 ||
	    fsync(fd) < 0) {
		err_sys(e, "write '%s/bin/%s'", s->root, name);
		unlinkat(s->bin_fd, part, 0);
		return -1;
	}
	fd_close(&fd);
	return swap_rename(s, part, name, e);
}
