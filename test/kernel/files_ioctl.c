/* files_ioctl - FS-23: ioctl(2) changes no file through a descriptor that only reads but as the policy
 * allows; what is allowed is as native. */
#include "test/kernel/files_tree.h"

#include <linux/fs.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <time.h>

enum { MS = 800 };

static const char policy[] = "version: 1\nname: ioctl\nfile_rules:\n"
                             "  - name: deny-change\n    paths: [\"@/w/frozen\"]\n"
                             "    operations: [chmod, write]\n    decision: deny\n"
                             "  - name: allow-own\n    paths: [\"@/w\", \"@/w/**\"]\n"
                             "    operations: [\"*\"]\n    decision: allow\n";
static char top[64];

static uid_t user(void)
{
	return 30000 + (uid_t)getpid() % 30000;
}

static void build(uid_t uid)
{
	static const char *const names[] = { "w", "w/frozen", "w/free" };

	if (geteuid() != 0)
		t_skip_all("not root");
	snprintf(top, sizeof top, "/dev/shm/files-ioctl.%d", (int)getpid());
	fl_need(mkdir(top, 0755) == 0 && chmod(top, 0755) == 0 && chdir(top) == 0 && mkdir("w", 0755) == 0,
	        top);
	tree_put("w/frozen", "x", 0644);
	tree_put("w/free", "x", 0644);
	for (size_t i = 0; i < 3; i++)
		fl_need(chown(names[i], uid, uid) == 0, names[i]);
}

static void demolish(void)
{
	tree_gone(top);
}

static int flags_of(const char *path)
{
	int fd = open(path, O_RDONLY), flags = -1;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		flags = -1;
	close(fd);
	return flags & ~FS_EXTENT_FL;
}

static void try(const char *what, int fd, unsigned long command, void *argument)
{
	int rc = ioctl(fd, command, argument);

	fl_say("%s: %s\n", what, rc < 0 ? strerror(errno) : "0");
}

static void all(void *arg)
{
	const char *name = arg;
	struct fsxattr x = { 0 };
	int fd, path, flags = FS_NODUMP_FL, immutable = FS_IMMUTABLE_FL, pipes[2];

	if (chdir(top) < 0 || chdir("w") < 0 || pipe(pipes) < 0)
		_exit(91);
	fd = open(name, O_RDONLY);
	path = open(name, O_PATH);
	try("flags", fd, FS_IOC_SETFLAGS, &flags);
	try("are", fd, FS_IOC_GETFLAGS, &flags);
	fl_say("%x\n", flags & ~FS_EXTENT_FL);
	try("immutable", fd, FS_IOC_SETFLAGS, &immutable);
	immutable = 0;
	try("not", fd, FS_IOC_SETFLAGS, &immutable);
	try("fault", fd, FS_IOC_SETFLAGS, (void *)16);
	try("get", fd, FS_IOC_FSGETXATTR, &x);
	x.fsx_xflags |= FS_XFLAG_NOATIME;
	try("set", fd, FS_IOC_FSSETXATTR, &x);
	try("path", path, FS_IOC_SETFLAGS, &immutable);
	try("pipe", pipes[0], FS_IOC_SETFLAGS, &immutable);
	try("none", 99, FS_IOC_SETFLAGS, &immutable);
	try("others", fd, FIONREAD, &flags);
}

static struct fl_run make(void (*program)(void *), const char *name, uid_t uid)
{
	return (struct fl_run){ .program = program,
		                .arg = (void *)name,
		                .uid = uid,
		                .inexact = ~0u,
		                .policy = tree_policy(policy, top),
		                .real = FILTER_ATTRIBUTES };
}

static void as(uid_t uid)
{
	struct fl_run r;
	char *native;

	build(uid);
	r = make(all, "free", uid);
	r.native = true;
	is_int(fl_run(&r), 0);
	native = strdup(fl->out);
	r.arg = (void *)"frozen";
	is_int(fl_run(&r), 0);
	ok(flags_of("w/frozen") > 0, "without us the other is changed as well");
	demolish();
	build(uid);
	r.native = false;
	r.arg = (void *)"free";
	is_int(fl_run(&r), 0);
	is_str(fl->out, native, "uid %d: as native", (int)uid);
	free(native);
	r = make(all, "frozen", uid);
	is_int(fl_run(&r), 0);
	ok(!strncmp(fl->out, "flags: Permission denied\nare: 0\n0\nimmutable: Permission denied\n", 63),
	   "%.20s", fl->out);
	ok(strstr(fl->out, "set: Permission denied") != NULL, "by the other call");
	ok(flags_of("w/frozen") == 0, "it is as it was");
	ok(fl_event("\"file_chmod\"", "/w/frozen", "\"deny-change\""), "event with its rule");
	demolish();
}

T_CASE(attributes)
{
	as(user());
	as(0);
}

/* Whether it would work here or not: nobody gets as far as the file system. */
static void refused(void *arg)
{
	static char room[4096];
	int dir;

	(void)arg;
	if (chdir(top) < 0 || chdir("w") < 0)
		_exit(91);
	dir = open(".", O_RDONLY);
	try("verity", open("free", O_RDONLY), (unsigned)FILTER_VERITY, room);
	try("encrypt", dir, (unsigned)FILTER_ENCRYPT, room);
	try("subvolume", dir, FILTER_BTRFS_SUBVOLUME, room);
	try("destroy", dir, FILTER_BTRFS_DESTROY, room);
}

T_CASE(what_seals_and_makes_is_refused)
{
	struct fl_run r;

	build(user());
	r = make(refused, NULL, user());
	is_int(fl_run(&r), 0);
	is_str(fl->out,
	       "verity: Permission denied\nencrypt: Permission denied\nsubvolume: Permission denied\n"
	       "destroy: Permission denied\n");
	ok(fl_event("ioctl-unsupported", "/w/free", "\"denied\""), "event");
	demolish();
}

/* ---- the number means another file all the time ----------------------------------------------------------
 */

static volatile int over, number, frozen, ours;

static void *swap(void *arg)
{
	(void)arg;
	while (!over) {
		dup2(frozen, number);
		dup2(ours, number);
	}
	return NULL;
}

static void race(void *arg)
{
	int flags = FS_NODUMP_FL, good = 0, bad = 0;
	struct timespec now;
	pthread_t t;
	time_t end;

	(void)arg;
	if (chdir(top) < 0 || chdir("w") < 0)
		_exit(91);
	frozen = open("frozen", O_RDONLY);
	ours = open("free", O_RDONLY);
	number = dup(ours);
	pthread_create(&t, NULL, swap, NULL);
	clock_gettime(CLOCK_MONOTONIC, &now);
	end = now.tv_sec * 1000 + now.tv_nsec / 1000000 + MS;
	while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < end) {
		if (ioctl(number, FS_IOC_SETFLAGS, &flags) == 0)
			good++;
		else
			bad++;
		clock_gettime(CLOCK_MONOTONIC, &now);
	}
	over = 1;
	pthread_join(t, NULL);
	fl_say(good && bad ? "both" : "%d %d", good, bad);
}

T_CASE(raced)
{
	struct fl_run r;

	build(user());
	r = make(race, NULL, user());
	is_int(fl_run(&r), 0);
	is_str(fl->out, "both");
	ok(flags_of("w/frozen") == 0 && flags_of("w/free") == FS_NODUMP_FL, "the one, never the other");
	demolish();
}
