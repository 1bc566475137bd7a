/* files_race - FS-10, FS-11 for names and attributes: what is judged is what is changed, while others swap
 * links and directories, and threads the words of the path; and for opening over "..". Each is done under a
 * supervisor that lets go on what it has allowed, too, where it is lost: the tests can fail. */
#include "test/kernel/files_tree.h"

#include "sys/at.h"

#include <linux/fs.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <time.h>

enum { MS = 400, MS_LOST = 24000 };

static const char policy[] = "version: 1\nname: race\nfile_rules:\n"
                             "  - name: deny-secrets\n    paths: [\"@/secret\", \"@/secret/**\"]\n"
                             "    operations: [\"*\"]\n    decision: deny\n"
                             "  - name: allow-own\n    paths: [\"@/w\", \"@/w/**\"]\n"
                             "    operations: [\"*\"]\n    decision: allow\n";

static char top[64];
static volatile bool over;

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* What is tried while something flips: returns as system calls do. `p` may change at any time. */
struct deed {
	const char *name;
	long (*run)(const char *p);
	bool (*lost)(void); /* has it happened to what is protected? */
};

static long do_chmod(const char *p)
{
	return syscall(__NR_fchmodat, AT_FDCWD, p, 0666);
}

static bool key_is_open(void)
{
	struct stat st;

	return stat("secret/key", &st) == 0 && (st.st_mode & 0777) == 0666;
}

static long do_truncate(const char *p)
{
	return syscall(__NR_truncate, p, 1L);
}

static bool key_is_cut(void)
{
	struct stat st;

	return stat("secret/key", &st) == 0 && st.st_size != 6;
}

static bool key_has_names(void)
{
	struct stat st;

	return stat("secret/key", &st) == 0 && st.st_nlink > 1;
}

static long do_link(const char *p)
{
	long rc = linkat(AT_FDCWD, p, AT_FDCWD, "w/linked", AT_SYMLINK_FOLLOW);

	if (rc == 0 && !key_has_names())
		unlink("w/linked");
	return rc;
}

static long do_unlink(const char *p)
{
	return syscall(__NR_unlinkat, AT_FDCWD, p, 0);
}

static bool key_is_gone(void)
{
	return access("secret/key", F_OK) < 0;
}

static long do_mkdir(const char *p)
{
	long rc = syscall(__NR_mkdirat, AT_FDCWD, p, 0755);

	if (rc == 0)
		syscall(__NR_unlinkat, AT_FDCWD, p, AT_REMOVEDIR);
	return rc;
}

static bool there_are_new(void)
{
	struct stat st;

	return stat("secret", &st) == 0 && (st.st_nlink > 2 || st.st_mtim.tv_sec > 1000);
}

static long do_rename(const char *p)
{
	return syscall(__NR_renameat2, AT_FDCWD, p, AT_FDCWD, "w/got", 0);
}

static bool was_read;

static long do_read(const char *p)
{
	int fd = (int)syscall(__NR_openat, AT_FDCWD, p, O_RDONLY);
	char c = 0;

	if (fd < 0)
		return -1;
	if (read(fd, &c, 1) == 1 && c == 'c')
		was_read = true;
	return close(fd);
}

static bool key_was_read(void)
{
	return was_read;
}

static long do_empty(const char *p)
{
	return close((int)syscall(__NR_openat, AT_FDCWD, p, O_WRONLY | O_TRUNC));
}

static long do_create(const char *p)
{
	return close((int)syscall(__NR_openat, AT_FDCWD, p, O_WRONLY | O_CREAT, 0600));
}

static bool key_has_company(void)
{
	return access("secret/new", F_OK) == 0;
}

/* Through a link, or a directory that is exchanged for a link; and by a path that a thread rewrites. */
static const struct deed by_file[] = { { "chmod", do_chmod, key_is_open },
	                               { "truncate", do_truncate, key_is_cut },
	                               { "link", do_link, key_has_names } };
static const struct deed by_dir[] = { { "unlink", do_unlink, key_is_gone },
	                              { "rename", do_rename, key_is_gone },
	                              { "chmod", do_chmod, key_is_open } };
#define DOTS_8  "m/../m/../m/../m/../m/../m/../m/../m/../"
#define DOTS_64 DOTS_8 DOTS_8 DOTS_8 DOTS_8 DOTS_8 DOTS_8 DOTS_8 DOTS_8
#define DOTS    "w/" DOTS_64 DOTS_64 DOTS_64 DOTS_64 DOTS_64 DOTS_64
static const struct deed by_dots[] = { { "read", do_read, key_was_read },
	                               { "empty", do_empty, key_is_cut },
	                               { "create", do_create, key_has_company } };
static const struct deed by_new[] = { { "mkdir", do_mkdir, there_are_new } };

struct race {
	const struct deed *deed;
	const char *path;  /* that is used */
	const char *a, *b; /* exchanged all the time by an outsider, or, as words, by a thread */
	bool words;
};

static char spelled[64];

static void *rewrite(void *arg)
{
	const struct race *r = arg;
	size_t n = strlen(r->a) + 1;

	while (!over) {
		memcpy(spelled, r->a, n);
		memcpy(spelled, r->b, n);
	}
	return NULL;
}

static void attacker(void *arg)
{
	const struct race *r = arg;
	long long end = now_ms() + (fl->lax ? MS_LOST : MS);
	long wins = 0, tries = 0;
	pthread_t t;
	int a;

	if (chdir(top) < 0)
		_exit(91);
	do
		a = open("w/a", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	while (a < 0);
	if (r->words) {
		strcpy(spelled, r->a);
		pthread_create(&t, NULL, rewrite, arg);
	}
	while (now_ms() < end && !r->deed->lost()) {
		wins += r->deed->run(r->words ? spelled : r->path) == 0;
		tries++;
		close(openat(a, "key", O_WRONLY | O_CREAT, 0644)); /* what may go is there again */
	}
	over = true;
	if (r->words)
		pthread_join(t, NULL);
	fl_say("%d %ld of %ld", r->deed->lost(), wins, tries);
}

static pid_t flip(const struct race *r, uid_t uid)
{
	pid_t pid = r->words ? 0 : fork();

	if (pid || r->words)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (setgid(uid) < 0 || setuid(uid) < 0 || chdir(top) < 0)
		_exit(93);
	for (;;)
		renameat2(AT_FDCWD, r->a, AT_FDCWD, r->b, RENAME_EXCHANGE);
}

static uid_t user(void)
{
	return 30000 + (uid_t)getpid() % 30000;
}

static void build(const struct race *r, uid_t uid)
{
	struct timespec old[2] = { { 1, 0 }, { 1, 0 } };
	char command[200];

	snprintf(top, sizeof top, "/dev/shm/files-race.%d", (int)getpid());
	fl_need(mkdir(top, 0755) == 0 && chmod(top, 0755) == 0 && chdir(top) == 0, top);
	fl_need(mkdir("secret", 0755) == 0 && mkdir("w", 0755) == 0 && mkdir("w/a", 0755) == 0, "tree");
	tree_put("secret/key", "canary", 0600);
	tree_put("w/own", "own", 0600);
	tree_put("w/a/key", "own", 0600);
	fl_need(symlink("own", "w/link") == 0 && symlink("../secret/key", "w/trap") == 0 &&
	                symlink("../secret", "w/b") == 0,
	        "links");
	if (!strcmp(r->a, "w/m")) {
		fl_need(mkdir("w/m", 0755) == 0 && mkdir("secret/m", 0755) == 0, "directories");
		tree_put("w/key", "own", 0600);
	}
	snprintf(command, sizeof command, "chown -hR %d:%d %s", (int)uid, (int)uid, top);
	fl_need(system(command) == 0, command);
	utimensat(AT_FDCWD, "secret", old, 0);
}

static bool run(const struct race *r, bool lax)
{
	struct fl_run f = {
		.program = attacker, .arg = (void *)r, .uid = user(), .inexact = ~0u, .lax = lax
	};
	struct tree t;
	bool lost;
	pid_t pid;

	/* Opening is not judged here else. */
	if (r->deed >= by_dots && r->deed < by_dots + 3 && !lax)
		f.real = FILTER_READS | FILTER_WRITES;
	build(r, f.uid);
	f.policy = tree_policy(policy, top);
	pid = flip(r, f.uid);
	fl_run(&f);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	lost = fl->out[0] != '0';
	snprintf(t.top, sizeof t.top, "%s", top);
	if (chdir("/") == 0)
		tree_gone(t.top);
	return lost;
}

static void race(const struct race *r)
{
	ok(!run(r, false), "%s %s %s: %s", r->deed->name, r->words ? "words" : "links", r->a, fl->out);
	ok(run(r, true), "%s: lost when what was allowed goes on by itself: %s", r->deed->name, fl->out);
}

T_CASE(links_are_swapped)
{
	fl_start();
	for (size_t i = 0; i < 3; i++)
		race(&(struct race){ &by_file[i], "w/link", "w/link", "w/trap", false });
}

T_CASE(directories_are_swapped)
{
	for (size_t i = 0; i < 3; i++)
		race(&(struct race){ &by_dir[i], "w/a/key", "w/a", "w/b", false });
	race(&(struct race){ &by_new[0], "w/a/new", "w/a", "w/b", false });
}

/* What ".." means changes while a directory is on its way from here to there. */
T_CASE(directories_move_under_dots)
{
	for (size_t i = 0; i < 3; i++)
		race(&(struct race){ &by_dots[i], i < 2 ? DOTS "key" : DOTS "new", "w/m", "secret/m",
		                     false });
}

/* ---- what was just asked, and is not so any more ---- */

static int to_outsider[2], from_outsider[2];

/* Each byte: "a" goes into "secret", and the key into it; the next: back again. */
static void outsider(uid_t uid)
{
	char c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (setgid(uid) < 0 || setuid(uid) < 0 || chdir(top) < 0)
		_exit(93);
	for (unsigned n = 0; read(to_outsider[0], &c, 1) == 1; n++) {
		if (n & 1)
			c = rename("w/got", "secret/key") == 0 || rename("secret/a/key", "secret/key") == 0;
		else
			c = rename("w/a", "secret/a") == 0 && rename("secret/key", "secret/a/key") == 0;
		if (n & 1)
			c &= rename("secret/a", "w/a") == 0;
		if (write(from_outsider[1], &c, 1) != 1)
			_exit(94);
	}
	_exit(0);
}

static bool turn(void)
{
	char c = 0;

	return write(to_outsider[1], &c, 1) == 1 && read(from_outsider[0], &c, 1) == 1 && c;
}

/* The directory's name is known, and is another when the key is to leave it. */
static void mover(void *arg)
{
	long wins = 0, turns = 0;
	int a = chdir(top) == 0 ? open("w/a", O_RDONLY | O_DIRECTORY) : -1;

	(void)arg;
	unlinkat(a, "key", 0);
	for (int i = 0; i < 40; i++) {
		unlinkat(a, "none", 0);
		turns += turn();
		wins += renameat(a, "key", AT_FDCWD, "w/got") == 0;
		turns += turn();
	}
	fl_say("%ld in %ld turns", wins, turns);
}

T_CASE(a_directory_that_has_moved_has_another_name)
{
	const struct race r = { .a = "" };
	struct fl_run f = { .program = mover, .uid = user(), .inexact = ~0u, .real = FL_ALL };
	struct tree t;
	pid_t pid;

	fl_need(pipe2(to_outsider, O_CLOEXEC) == 0 && pipe2(from_outsider, O_CLOEXEC) == 0, "pipes");
	for (int native = 0; native < 2; native++) {
		build(&r, f.uid);
		f.policy = tree_policy(policy, top);
		f.native = native;
		pid = fork();
		if (pid == 0)
			outsider(f.uid);
		fl_run(&f);
		is_str(fl->out, native ? "40 in 80 turns" : "0 in 80 turns");
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		snprintf(t.top, sizeof t.top, "%s", top);
		if (chdir("/") == 0)
			tree_gone(t.top);
	}
}

/* ---- what is asked for stands in memory ---- */

static void *flip_flags(void *arg)
{
	volatile uint64_t *flags = arg;

	while (!over) {
		*flags = O_PATH;
		*flags = O_RDONLY;
	}
	return NULL;
}

/* FS-06: a path descriptor is asked for, and a file to be read by the time the call is made. */
static void open_how(void *arg)
{
	static struct open_how h = { .flags = O_PATH };
	long long end = now_ms() + MS;
	pthread_t t;

	(void)arg;
	if (chdir(top) < 0 || pthread_create(&t, NULL, flip_flags, &h.flags) != 0)
		_exit(91);
	while (now_ms() < end && !was_read) {
		int fd = (int)syscall(__NR_openat2, AT_FDCWD, "secret/key", &h, sizeof h);
		char c = 0;

		was_read = fd >= 0 && read(fd, &c, 1) == 1 && c == 'c';
		close(fd);
	}
	over = true;
	pthread_join(t, NULL);
	fl_say("%d", was_read);
}

T_CASE(flags_are_swapped)
{
	const struct race r = { .a = "" };
	struct fl_run f = {
		.program = open_how, .uid = user(), .inexact = ~0u, .real = FL_ALL | FILTER_READS
	};
	struct tree t;

	for (int native = 0; native < 2; native++) {
		build(&r, f.uid);
		f.policy = tree_policy(policy, top);
		f.native = native;
		fl_run(&f);
		is_str(fl->out, native ? "1" : "0");
		ok(native || fl_event("file_open", "deny-secrets", "\"denied\""), "and told of");
		snprintf(t.top, sizeof t.top, "%s", top);
		if (chdir("/") == 0)
			tree_gone(t.top);
	}
}

T_CASE(words_are_swapped)
{
	for (size_t i = 0; i < 3; i++)
		race(&(struct race){ &by_file[i], "", "w/././own", "secret/key", true });
	for (size_t i = 0; i < 2; i++)
		race(&(struct race){ &by_dir[i], "", "w/./a/key", "secret/key", true });
}
