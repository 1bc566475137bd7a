/* What is changed below a view by who says so is seen through it at once, with and without passthrough: names
 * that were there and that were not, content, attributes, listings, directories that got other names; who has
 * a file open keeps it. Before it was told nothing of that is seen, which shows that the kernel keeps it. */
#include "enforce/fuse/mounting.h"
#include "enforce/fuse/under.h"
#include "enforce/fuse/view.h"
#include "test/t.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct lab {
	char top[64];
	pid_t pid;
	int talk, below, seen;
};

static struct {
	struct view *view;
	int talk;
} server;

static bool heard(void *arg)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} control;
	char byte;
	struct iovec data = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
	};
	int fd;

	(void)arg;
	if (recvmsg(server.talk, &m, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&m))
		return false;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
	return view_attend(server.view, fd);
}

static int serve(const struct lab *l, int talk, bool no_passthrough)
{
	char seen[80];
	struct view_options o = {
		.path = seen, .keep_s = 86400, .no_passthrough = no_passthrough, .talk = talk, .heard = heard
	};
	struct err e;

	snprintf(seen, sizeof seen, "%s/seen", l->top);
	o.dir = l->below;
	o.device = mounting_attach(seen, true, 10000, &e);
	server.talk = talk;
	server.view = o.device < 0 ? NULL : view_new(&o, &e);
	if (!server.view || send(talk, "", 1, 0) != 1)
		return 1;
	return view_run(server.view, &e) == 0 ? 0 : 2;
}

static void put(int at, const char *name, const char *text)
{
	int fd = openat(at, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	ok(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s is written", name);
	close(fd);
}

static bool begin(struct lab *l, bool no_passthrough)
{
	char path[80], byte;
	int talk[2];

	if (geteuid() != 0 || access("/dev/fuse", R_OK | W_OK) != 0)
		t_skip_all("not root, or no FUSE");
	strcpy(l->top, "/tmp/under.XXXXXX");
	if (!mkdtemp(l->top) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, talk) < 0)
		return ok(false, "a directory");
	snprintf(path, sizeof path, "%s/below", l->top);
	mkdir(path, 0755);
	l->below = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof path, "%s/seen", l->top);
	mkdir(path, 0755);
	l->pid = fork();
	if (l->pid == 0) {
		close(talk[0]);
		_exit(serve(l, talk[1], no_passthrough));
	}
	close(talk[1]);
	l->talk = talk[0];
	if (!ok(recv(l->talk, &byte, 1, 0) == 1, "a view"))
		return false;
	l->seen = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return l->seen >= 0;
}

static void end(struct lab *l)
{
	char text[128];
	int status = -1;

	close(l->seen);
	close(l->below);
	close(l->talk);
	waitpid(l->pid, &status, 0);
	is_int(status, 0, "the view ends");
	snprintf(text, sizeof text, "%s/seen", l->top);
	umount2(text, MNT_DETACH);
	snprintf(text, sizeof text, "rm -rf '%s'", l->top);
	ok(system(text) == 0, "all of it is removed");
}

/* As the server does: a socket for who changes what is below. */
static bool start(const struct lab *l, struct under *u)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
		                .cmsg_level = SOL_SOCKET,
		                .cmsg_type = SCM_RIGHTS } };
	struct iovec data = { "", 1 };
	const struct msghdr m = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
	};
	struct err e = { 0 };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	memcpy(CMSG_DATA(&control.head), &pair[1], sizeof pair[1]);
	sendmsg(l->talk, &m, 0);
	close(pair[1]);
	return ok(under_begin(u, pair[0], &e) == 0, "it is announced: %s", e.text);
}

/* The first bytes of a file as one sees it; "-" where there is none. */
static const char *content(int at, const char *name)
{
	static char text[64];
	int fd = openat(at, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return "-";
	text[n] = '\0';
	return text;
}

static int mode(int at, const char *name)
{
	struct stat st;

	return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -1 : (int)(st.st_mode & 07777);
}

static int count(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n - 2;
}

static const char *const old_names[] = { "replaced", "rewritten", "other",  "gone", "back",
	                                 "dir/f",    "moved/in",  "was/in", "was",  "dir" };

static void look(const struct lab *l)
{
	for (size_t i = 0; i < sizeof old_names / sizeof *old_names; i++) {
		mode(l->seen, old_names[i]);
		content(l->seen, old_names[i]);
	}
	count(l->seen, ".");
	count(l->seen, "dir");
}

static void fill(const struct lab *l)
{
	put(l->below, "replaced", "old\n");
	put(l->below, "rewritten", "old\n");
	linkat(l->below, "rewritten", l->below, "other", 0);
	put(l->below, "gone", "old\n");
	mkdirat(l->below, "dir", 0755);
	put(l->below, "dir/f", "old\n");
	mkdirat(l->below, "was", 0755);
	put(l->below, "was/in", "old\n");
}

static void tell(struct under *u)
{
	static const char *const told[] = { "/replaced", "/rewritten", "/gone",   "/back",    "/dir/f",
		                            "/was",      "/moved",     "/new/er", "/moved/in" };

	for (size_t i = 0; i < sizeof told / sizeof *told; i++)
		is_int(under_tell(u, told[i], NULL), 0, "%s is told", told[i]);
}

static void change(const struct lab *l)
{
	int fd;

	put(l->below, "temporary", "new one\n");
	renameat(l->below, "temporary", l->below, "replaced");
	fd = openat(l->below, "rewritten", O_WRONLY | O_TRUNC);
	ok(write(fd, "new one\n", 8) == 8);
	close(fd);
	unlinkat(l->below, "gone", 0);
	put(l->below, "back", "new one\n");
	fchmodat(l->below, "dir/f", 0600, 0);
	renameat(l->below, "was", l->below, "moved");
	put(l->below, "temporary", "new one\n");
	renameat(l->below, "temporary", l->below, "moved/in");
	mkdirat(l->below, "new", 0755);
	put(l->below, "new/er", "new one\n");
}

/* What the kernel keeps: the more of it, the better the test. */
static void is_stale(const struct lab *l)
{
	is_int(mode(l->seen, "back"), -1, "untold: a name that was missing is missing");
	is_int(mode(l->seen, "gone"), 0644, "untold: one that is gone is there");
	is_int(mode(l->seen, "dir/f"), 0644, "untold: a mode is the old one");
	is_int(mode(l->seen, "was"), 0755, "untold: so is a directory's name");
}

static void is_fresh(const struct lab *l, const char *when)
{
	is_str(content(l->seen, "replaced"), "new one\n", "%s: what was replaced", when);
	is_str(content(l->seen, "rewritten"), "new one\n", "%s: what was rewritten", when);
	is_str(content(l->seen, "other"), "new one\n", "%s: by its other name", when);
	is_str(content(l->seen, "gone"), "-", "%s: what is gone", when);
	is_str(content(l->seen, "back"), "new one\n", "%s: what is back", when);
	is_int(mode(l->seen, "dir/f"), 0600, "%s: a mode", when);
	is_int(mode(l->seen, "was"), -1, "%s: a directory's old name", when);
	is_str(content(l->seen, "moved/in"), "new one\n", "%s: a file in it", when);
	is_str(content(l->seen, "new/er"), "new one\n", "%s: in a new directory", when);
	is_int(count(l->seen, "."), 7, "%s: a listing", when);
}

static void seen(bool no_passthrough)
{
	const char *how = no_passthrough ? "data through us" : "passthrough";
	struct lab l;
	struct under u;
	struct stat st;
	struct err e = { 0 };
	char text[8] = "";
	int held, inside, deep;

	if (!begin(&l, no_passthrough))
		return;
	fill(&l);
	look(&l);
	held = openat(l.seen, "replaced", O_RDWR | O_CLOEXEC);
	inside = openat(l.seen, "was/in", O_RDONLY | O_CLOEXEC);
	deep = openat(l.seen, "was", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ok(held >= 0 && inside >= 0 && deep >= 0, "%s: what is held open", how);
	if (start(&l, &u)) {
		change(&l);
		is_stale(&l);
		tell(&u);
		is_int(under_end(&u, &e), 0, "%s: it is told: %s", how, e.text);
		is_fresh(&l, how);
	}
	ok(pread(held, text, 4, 0) == 4 && !strcmp(text, "old\n"), "%s: who held a file has it", how);
	ok(fchmod(held, 0640) == 0 && fstat(held, &st) == 0 && (st.st_mode & 0777) == 0640 && !st.st_nlink,
	   "%s: and not the one in its place", how);
	is_int(mode(l.below, "replaced"), 0644, "%s: which nobody touched", how);
	ok(pwrite(held, "mine", 4, 0) == 4 && !strcmp(content(l.below, "replaced"), "new one\n"),
	   "%s: nor by what he writes", how);
	ok(pread(inside, text, 4, 0) == 4 && !strcmp(text, "old\n"), "%s: also in a moved directory", how);
	is_str(content(deep, "in"), "new one\n", "%s: who is in a directory is in it", how);
	close(held);
	close(inside);
	close(deep);
	end(&l);
}

T_CASE(passthrough)
{
	seen(false);
}

T_CASE(through_us)
{
	seen(true);
}

/* Killed in between, he has told nothing of his end. */
T_CASE(killed)
{
	struct lab l;
	struct under u;

	if (!begin(&l, false))
		return;
	fill(&l);
	look(&l);
	if (start(&l, &u)) {
		change(&l);
		is_stale(&l);
		tell(&u);
		close(u.talk);
		close(u.paths);
		for (int i = 0; i < 500 && mode(l.seen, "new/er") < 0; i++)
			poll(NULL, 0, 10);
		for (int i = 0; i < 500 && mode(l.seen, "was") >= 0; i++)
			poll(NULL, 0, 10);
		for (int i = 0; i < 500 && strcmp(content(l.seen, "moved/in"), "new one\n") != 0; i++)
			poll(NULL, 0, 10);
		is_fresh(&l, "killed");
	}
	end(&l);
}

static bool comes(const struct lab *l, const char *name, const char *text)
{
	for (int i = 0; i < 500 && strcmp(content(l->seen, name), text) != 0; i++)
		poll(NULL, 0, 10);
	return strcmp(content(l->seen, name), text) == 0;
}

/* Each is seen soon after it was changed, not only when all is over. */
static void seen_meanwhile(bool no_passthrough)
{
	struct lab l;
	struct under u;
	struct err e = { 0 };
	int fd;

	if (!begin(&l, no_passthrough))
		return;
	fill(&l);
	look(&l);
	if (start(&l, &u)) {
		is_int(under_tell(&u, "/replaced", &e), 0, "told: %s", e.text);
		put(l.below, "temporary", "new one\n");
		renameat(l.below, "temporary", l.below, "replaced");
		is_int(under_tell(&u, "/rewritten", &e), 0, "told: %s", e.text);
		ok(comes(&l, "replaced", "new one\n"), "what was replaced");
		fd = openat(l.below, "rewritten", O_WRONLY | O_TRUNC);
		ok(write(fd, "new one\n", 8) == 8);
		close(fd);
		is_int(under_tell(&u, "/gone", &e), 0, "told: %s", e.text);
		ok(comes(&l, "rewritten", "new one\n"), "what was rewritten");
		unlinkat(l.below, "gone", 0);
		is_int(under_tell(&u, "/back", &e), 0, "told: %s", e.text);
		ok(comes(&l, "gone", "-"), "what is gone");
		put(l.below, "back", "new one\n");
		is_int(under_tell(&u, "/dir/f", &e), 0, "told: %s", e.text);
		ok(comes(&l, "back", "new one\n"), "what is back");
		fchmodat(l.below, "dir/f", 0600, 0);
		is_int(under_tell(&u, "/no-more", &e), 0, "told: %s", e.text);
		for (int i = 0; i < 500 && mode(l.seen, "dir/f") != 0600; i++)
			poll(NULL, 0, 10);
		is_int(mode(l.seen, "dir/f"), 0600, "a mode");
		is_int(count(l.seen, "."), 6, "a listing");
		is_int(under_end(&u, &e), 0, "it is over: %s", e.text);
		is_int(mode(l.seen, "dir/f"), 0600, "and stays so");
	}
	end(&l);
}

T_CASE(meanwhile)
{
	seen_meanwhile(false);
	seen_meanwhile(true);
}

static pid_t busy(const struct lab *l)
{
	pid_t pid = fork();

	for (unsigned i = 0; pid == 0; i++) {
		char name[32];

		snprintf(name, sizeof name, "dir/busy%d", (int)(i % 8));
		close(openat(l->seen, name, O_WRONLY | O_CREAT, 0644));
		content(l->seen, "dir/f");
		count(l->seen, "dir");
		unlinkat(l->seen, name, 0);
	}
	return pid;
}

/* Who works in the same directory meanwhile waits for the view, and the kernel for him. */
T_CASE(contended)
{
	pid_t pids[3];
	struct lab l;
	struct under u;
	struct err e = { 0 };
	int stale = 0;

	if (!begin(&l, true))
		return;
	fill(&l);
	for (int i = 0; i < 3; i++)
		pids[i] = busy(&l);
	for (int i = 0; i < 10 && start(&l, &u); i++) {
		char text[16];

		for (int k = 0; k < 50; k++)
			under_tell(&u, k ? "/dir/busy1" : "/dir/f", NULL);
		snprintf(text, sizeof text, "turn %d\n", i);
		put(l.below, "temporary", text);
		renameat(l.below, "temporary", l.below, "dir/f");
		if (!ok(under_end(&u, &e) == 0, "told: %s", e.text))
			break;
		stale += strcmp(content(l.seen, "dir/f"), text) != 0;
	}
	is_int(stale, 0, "each turn is seen");
	for (int i = 0; i < 3; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	end(&l);
}
