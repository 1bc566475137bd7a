#include "session/mounter.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/log.h"
#include "enforce/fuse/mounting.h"
#include "session/mounter_impl.h"
#include "sys/caps.h"
#include "sys/proc.h"
#include "wire/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONTROL = 3, DEVICE, LOWER, AT_WORK, MOUNT_MS = 5000, ENABLE_MS = 3000, ENABLE_MAX = 32 };

struct mounter {
	struct list all;
	struct wire_in in;
};

bool mounter_usable(void)
{
	AUTO_FD fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	return fd >= 0;
}

/* ---- making FUSE usable ---- */

static void become(char *const *argv)
{
	static const char *const dirs[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
		                            "/usr/bin",        "/sbin",          "/bin" };
	char path[PATH_MAX],
	        *env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	int null = open("/dev/null", O_RDWR);

	for (int i = 0; i < 3; i++)
		dup2(null, i);
	fd_close_from(3);
	setsid();
	if (strchr(argv[0], '/'))
		execve(argv[0], argv, env);
	for (size_t i = 0; !strchr(argv[0], '/') && i < sizeof dirs / sizeof *dirs; i++)
		if ((size_t)snprintf(path, sizeof path, "%s/%s", dirs[i], argv[0]) < sizeof path)
			execve(path, argv, env);
	_exit(127);
}

/* Its exit code, or 255 when it did not end in time: it is killed, with all it started. */
static int wait_for(pid_t pid, int ms)
{
	int64_t until = clock_mono_ns() + ms * 1000000LL;
	int status = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (clock_mono_ns() > until) {
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
			return 255;
		}
		poll(NULL, 0, 2);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 254;
}

/* The operator's own command, outside of any session. */
static int enable(char *const *argv, const char *marker, struct err *e)
{
	struct stat st;
	pid_t pid;
	int code;

	if (!argv[0])
		return err_set(e, "/dev/fuse cannot be opened");
	if (*marker && lstat(marker, &st) < 0)
		return err_set(e, "/dev/fuse cannot be opened, and %s is not there", marker);
	pid = fork();
	if (pid == 0)
		become(argv);
	code = pid < 0 ? 254 : wait_for(pid, ENABLE_MS);
	if (mounter_usable())
		return 0;
	if (code == 255)
		return err_set(e, "/dev/fuse cannot be opened; %s was not done after %d ms", argv[0],
		               ENABLE_MS);
	return err_set(e, "/dev/fuse cannot be opened, also after %s (exit code %d)", argv[0], code);
}

/* ---- mounting ---- */

/* What lies at this path now, if that is a view; no link is followed. */
static int open_root(const char *path)
{
	int fd = proc_openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);

	if (fd >= 0 && !mounter_is_view(fd))
		fd_close(&fd);
	return fd;
}

static void name_of(int fd, char out[32])
{
	snprintf(out, 32, "/proc/self/fd/%d", fd);
}

static void detach(struct mounted *m)
{
	char name[32];
	struct err e;

	if (m->root >= 0) {
		/* By what it is, not where it is said to be. Does not wait for anybody. */
		name_of(m->root, name);
		if (umount2(name, MNT_DETACH) < 0)
			log_line(LOG_WARN, "unmount %s: %s", m->path, strerror(errno));
	} else if (mounting_detach(m->path, MOUNT_MS, &e) < 0) {
		log_line(LOG_WARN, "%s", e.text);
	}
}

static void forget(struct mounted *m)
{
	list_remove(&m->node);
	fd_close(&m->root);
	mounter_unpage(m->at_work);
	free(m->path);
	free(m);
}

static struct mounted *remember(struct mounter *m, uint32_t number, const char *path)
{
	struct mounted *new = calloc(1, sizeof *new);

	if (!new || !(new->path = strdup(path))) {
		free(new);
		return NULL;
	}
	new->number = number;
	new->root = -1;
	list_append(&m->all, &new->node);
	return new;
}

static void serve(int control, int device, int lower, int at_work)
{
	char *argv[] = { "fuse", "--show", NULL }, *env[] = { NULL };
	int from[] = { control, device, lower, at_work }, high[4];

	for (int i = 0; i < 4; i++)
		if ((high[i] = fcntl(from[i], F_DUPFD, 16)) < 0)
			_exit(126);
	for (int i = 0; i < 4; i++)
		if (dup2(high[i], CONTROL + i) < 0)
			_exit(126);
	fd_close_from(AT_WORK + 1);
	execve("/proc/self/exe", argv, env);
	_exit(127);
}

struct wish {
	uint32_t number;
	uid_t uid;
	const char *path, *marker;
	char *enable[ENABLE_MAX + 1];
	int lower, control;
};

/* 0 with the device. As root at the directory itself, wherever its name leads by now; fusermount3 looks for
 * itself. */
static int attach(const struct wish *w, struct err *e)
{
	char where[32];

	if (geteuid() != 0)
		return mounting_attach(w->path, true, MOUNT_MS, e);
	name_of(w->lower, where);
	return mounting_attach(where, true, MOUNT_MS, e);
}

static int show(struct mounter *m, const struct wish *w, struct err *e)
{
	struct mounted *new;
	AUTO_FD device = -1, page = -1;

	if (!mounter_usable() && enable(w->enable, w->marker, e) < 0)
		return -1;
	new = remember(m, w->number, w->path);
	if (!new || (page = mounter_page(&new->at_work)) < 0) {
		if (new)
			forget(new);
		return err_set(e, "out of memory");
	}
	device = attach(w, e);
	if (device < 0) {
		forget(new);
		return -1;
	}
	if (geteuid() == 0)
		new->root = open_root(w->path);
	new->pid = fork();
	if (new->pid == 0)
		serve(w->control, device, w->lower, page);
	if (new->pid > 0)
		return 0;
	err_sys(e, "fork");
	detach(new);
	forget(new);
	return -1;
}

/* ---- what the server asks for ---- */

static void answer(uint32_t number, bool done, const char *text)
{
	struct msg r = { 0 };

	msg_start(&r, WIRE_MOUNTED);
	msg_u32(&r, number);
	msg_u32(&r, done);
	msg_str(&r, text);
	wire_send(CONTROL, &r, NULL, 0, 0, NULL);
	msg_release(&r);
}

static void on_mount(struct mounter *m, struct msg_reader *r)
{
	struct wish w = { .lower = m->in.fds[0], .control = m->in.fds[1] };
	struct err e = { 0 };
	uint32_t n;

	w.number = msg_get_u32(r);
	w.uid = msg_get_u32(r);
	w.path = msg_get_str(r);
	w.marker = msg_get_str(r);
	n = msg_get_u32(r);
	for (uint32_t i = 0; i < n && i < ENABLE_MAX; i++)
		w.enable[i] = (char *)msg_get_str(r);
	if (!msg_end(r) || n > ENABLE_MAX || m->in.n_fds != 2)
		answer(w.number, false, "bad request");
	else if (show(m, &w, &e) < 0)
		answer(w.number, false, e.text);
	else
		answer(w.number, true, geteuid() ? "fusermount3" : "mount");
}

static struct mounted *find(const struct mounter *m, uint32_t number, const char *path)
{
	list_each(n, &m->all)
	{
		struct mounted *at = list_item(n, struct mounted, node);

		if (at->number == number && !at->left_ns && (number || !strcmp(at->path, path)))
			return at;
	}
	return NULL;
}

static int bind_there(const struct mounted *of, struct mounted *at)
{
	char name[32];
	pid_t pid;

	name_of(of->root, name);
	pid = fork();
	if (pid == 0)
		_exit(mount(name, at->path, NULL, MS_BIND, NULL) < 0 ? errno : 0);
	if (pid < 0 || wait_for(pid, MOUNT_MS))
		return -1;
	at->root = open_root(at->path);
	return at->root < 0 ? -1 : 0;
}

/* As root a mount of the same; a user's own way is a link, which the server makes. */
static void on_place(struct mounter *m, struct msg_reader *r)
{
	uint32_t asked = msg_get_u32(r), number = msg_get_u32(r);
	const char *path = msg_get_str(r);
	const struct mounted *of = msg_end(r) && number ? find(m, number, "") : NULL;
	struct mounted *at = of && of->root >= 0 ? remember(m, 0, path) : NULL;
	bool done = at && bind_there(of, at) == 0;

	if (at && !done)
		forget(at);
	answer(asked, done, "the view cannot be mounted there, too");
}

static void on_unmount(struct mounter *m, struct msg_reader *r)
{
	uint32_t asked = msg_get_u32(r), number = msg_get_u32(r);
	const char *path = msg_get_str(r);
	struct mounted *at = msg_end(r) ? find(m, number, path) : NULL;

	if (at) {
		if (mounter_ends(at)) /* and is not buried yet */
			mounter_break_off(at);
		detach(at);
		at->left_ns = clock_mono_ns();
		if (at->pid <= 0)
			forget(at);
	}
	answer(asked, at != NULL, "it is not mounted");
}

static struct mounted *served_by(const struct mounter *m, pid_t pid)
{
	list_each(n, &m->all)
	{
		struct mounted *at = list_item(n, struct mounted, node);

		if (at->pid == pid)
			return at;
	}
	return NULL;
}

/* How processes of views ended is worth a line. */
static void bury(struct mounter *m)
{
	struct mounted *at;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (WIFSIGNALED(status))
			log_line(LOG_ERROR, "process %d: %s", (int)pid, strsignal(WTERMSIG(status)));
		at = served_by(m, pid);
		if (at)
			at->pid = 0;
		if (at && at->left_ns)
			forget(at);
		else if (at)
			mounter_break_off(at);
	}
}

static void tell_stuck(uint32_t number)
{
	struct msg r = { 0 };

	msg_start(&r, WIRE_UNMOUNT);
	msg_u32(&r, number);
	wire_send(CONTROL, &r, NULL, 0, MSG_DONTWAIT, NULL);
	msg_release(&r);
}

static void look_at(struct mounted *at, int64_t now)
{
	if (!mounter_look(at, now))
		return;
	at->pid = 0; /* whatever becomes of it */
	if (at->left_ns)
		forget(at);
	else
		tell_stuck(at->number);
}

static void look_after(struct mounter *m)
{
	const int64_t now = clock_mono_ns();

	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): who was freed before has left the list */
	list_each(n, &m->all) look_at(list_item(n, struct mounted, node), now);
}

/* Until the server says something; while there are views, until it is time to look after them. */
static void wait_a_while(const struct mounter *m)
{
	struct pollfd p = { .fd = CONTROL, .events = POLLIN };

	poll(&p, 1, list_empty(&m->all) ? -1 : MOUNTER_LOOK_MS);
}

static void hear(struct mounter *m)
{
	struct msg_reader r;

	switch (msg_open(&r, m->in.data.data, m->in.data.len)) {
	case WIRE_MOUNT:
		on_mount(m, &r);
		break;
	case WIRE_PLACE:
		on_place(m, &r);
		break;
	case WIRE_UNMOUNT:
		on_unmount(m, &r);
	}
	/* Sockets that are kept here would keep a view's process from noticing that the server is gone. */
	for (int i = 0; i < m->in.n_fds; i++)
		fd_close(&m->in.fds[i]);
	m->in.n_fds = 0;
}

int mounter_run(struct err *e)
{
	struct mounter m = { .in = { .n_fds = 0 } };
	int rc;

	list_init(&m.all);
	caps_hide();
	fd_cloexec(CONTROL, 1); /* nor do helpers get it */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	mounter_clean();
	for (;;) {
		wait_a_while(&m);
		e->code = 0;
		rc = wire_recv(CONTROL, &m.in, MSG_DONTWAIT, e);
		if (rc > 0)
			hear(&m);
		else if (e->code != EAGAIN)
			break;
		bury(&m);
		look_after(&m);
	}
	/* The server took its sessions along, or died. */
	list_each(n, &m.all)
	{
		struct mounted *at = list_item(n, struct mounted, node);

		if (!at->left_ns)
			detach(at);
		forget(at);
	}
	wire_in_release(&m.in);
	return rc;
}
