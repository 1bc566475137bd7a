/* files_large - a directory with 200,000 entries gets another name, under rules that treat what is in it
 * otherwise there or hold at any depth: others are answered meanwhile, what may not move does not, and what
 * comes to lie in it while it is looked at is looked at, too. */
#include "test/kernel/files_tree.h"

#include <pthread.h>
#include <time.h>

enum {
	ALL = FILTER_READS | FILTER_WRITES | FILTER_NAMES | FILTER_ATTRIBUTES,
	ENTRIES = 199000,
	FEW = 50000,
	EACH = 1000
};

static const char policy[] = "version: 1\nname: large\nfile_rules:\n"
                             "  - name: deny-env\n    paths: [\"**/.env\"]\n"
                             "    operations: [\"*\"]\n    decision: deny\n"
                             "  - name: closed-there\n    paths: [\"@/w/old/**/key\"]\n"
                             "    operations: [read, open]\n    decision: deny\n"
                             "  - name: allow-own\n    paths: [\"@/w\", \"@/w/**\"]\n"
                             "    operations: [\"*\"]\n    decision: allow\n";
static char top[64];

static uid_t user(void)
{
	return 30000 + (uid_t)getpid() % 30000;
}

static void build(uid_t uid, int entries)
{
	char name[40];

	if (geteuid() != 0)
		t_skip_all("not root");
	snprintf(top, sizeof top, "/dev/shm/files-large.%d", (int)getpid());
	fl_need(mkdir(top, 0755) == 0 && chmod(top, 0755) == 0 && chdir(top) == 0, top);
	fl_need(mkdir("w", 0755) == 0 && chdir("w") == 0 && mkdir("old", 0755) == 0, "w");
	tree_put("f", "f", 0644);
	tree_put("key", "key", 0644);
	for (int i = 0; i < entries; i++) {
		snprintf(name, sizeof name, "old/%d", i / EACH);
		if (i % EACH == 0)
			fl_need(mkdir(name, 0755) == 0 && chown(name, uid, uid) == 0, name);
		snprintf(name, sizeof name, "old/%d/%d", i / EACH, i);
		fl_need(mknod(name, S_IFREG | 0644, 0) == 0, name);
	}
	for (const char *n = ".\0old\0f\0key\0"; *n; n += strlen(n) + 1)
		fl_need(chown(n, uid, uid) == 0, n);
}

static void demolish(void)
{
	char command[100];

	fl_need(chdir("/") == 0, "/");
	snprintf(command, sizeof command, "rm -rf %s", top);
	ok(system(command) == 0, "removed");
}

static long long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static volatile bool done;
static volatile int opened;
static long long longest;

static void *opens(void *arg)
{
	(void)arg;
	while (!done) {
		long long start = now_us();
		int fd = open("f", O_RDONLY | O_CLOEXEC);

		if (fd < 0 || close(fd) < 0)
			_exit(92);
		start = now_us() - start;
		longest = start > longest ? start : longest;
		opened++;
	}
	return NULL;
}

static void enter(void)
{
	if (chdir(top) < 0 || chdir("w") < 0)
		_exit(91);
}

static void renames(void *arg)
{
	long long start;
	pthread_t t;
	int rc, before;

	(void)arg;
	enter();
	if (pthread_create(&t, NULL, opens, NULL))
		_exit(93);
	while (opened < 10)
		usleep(1000);
	longest = 0;
	before = opened;
	start = now_us();
	rc = rename("old", "new");
	start = now_us() - start;
	done = true;
	pthread_join(t, NULL);
	fl_say("%s; %lld %lld %d", rc ? strerror(errno) : "0", start, longest, opened - before);
}

static struct fl_run prepare(void (*program)(void *), int entries)
{
	struct fl_run r = { .program = program, .uid = user(), .inexact = ~0u, .real = ALL };

	build(r.uid, entries);
	r.policy = tree_policy(policy, top);
	r.killable = notify_probe_killable();
	return r;
}

T_CASE(others_are_answered)
{
	struct fl_run r = prepare(renames, ENTRIES);
	long long took = 0, most = 0;
	int n = 0;

	is_int(fl_run(&r), 0);
	ok(!strncmp(fl->out, "0; ", 3) && access("new/7", F_OK) == 0, "it has its new name (%s)", fl->out);
	sscanf(fl->out, "%*[^;]; %lld %lld %d", &took, &most, &n);
	ok(took > 4 * most && n > 20, "it took %lld us; meanwhile %d opens, of which none more than %lld us",
	   took, n, most);
	demolish();
}

T_CASE(what_is_closed_stays)
{
	struct fl_run r = prepare(renames, FEW);

	tree_put("old/30/.env", "secret", 0644);
	is_int(fl_run(&r), 0);
	ok(!strncmp(fl->out, "Permission denied; ", 19) && access("old/7", F_OK) == 0, "refused (%s)",
	   fl->out);
	ok(fl_event("\"file_rename\"", "\"denied\"", "\"rule\":\"deny-env\""), "an event names the rule");
	demolish();
}

/* ---- meanwhile -------------------------------------------------------------------------------------------
 */

/* What may be read, and may not be where it is put: in the directory that is looked at first. It could be
 * read after. */
static void *puts_key(void *arg)
{
	char name[300];
	const struct dirent *e = NULL;
	DIR *dir = opendir("old");

	(void)arg;
	while (dir && (e = readdir(dir)) && e->d_name[0] == '.')
		;
	snprintf(name, sizeof name, "old/%s/key", e ? e->d_name : "");
	usleep(30000);
	link("key", name);
	return NULL;
}

static void renames_beside(void *arg)
{
	char name[40];
	pthread_t t;
	int fd = -1;

	(void)arg;
	enter();
	if (pthread_create(&t, NULL, puts_key, NULL))
		_exit(93);
	fl_say("%s", rename("old", "new") ? strerror(errno) : "0");
	pthread_join(t, NULL);
	for (int i = 0; fd < 0 && i < FEW / EACH; i++) {
		snprintf(name, sizeof name, "new/%d/key", i);
		fd = open(name, O_RDONLY | O_CLOEXEC);
	}
	fl_say(" %s", fd < 0 ? "closed" : "READ");
}

T_CASE(what_comes_meanwhile_counts)
{
	struct fl_run r = prepare(renames_beside, FEW);

	is_int(fl_run(&r), 0);
	ok(!strstr(fl->out, "READ") && access("new/0/key", F_OK) < 0, "not readable by another name (%s)",
	   fl->out);
	demolish();
}

/* ---- callers that go away --------------------------------------------------------------------------------
 */

static void is_killed(void *arg)
{
	int status;

	(void)arg;
	enter();
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(rename("old", "new") != 0);
		usleep(1000 * (useconds_t)i);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		rename("new", "old");
	}
	fl_say("%s", rename("old", "new") ? strerror(errno) : "0");
}

T_CASE(callers_go_away)
{
	struct fl_run r = prepare(is_killed, FEW);

	is_int(fl_run(&r), 0);
	is_str(fl->out, "0", "who comes after them is answered");
	ok(fl->most_fds < fl->fds + 80, "%zu descriptors at first, at most %zu", fl->fds, fl->most_fds);
	demolish();
}

/* ---- two at once -----------------------------------------------------------------------------------------
 */

static void exchanges(void *arg)
{
	(void)arg;
	enter();
	fl_say("%s",
	       syscall(__NR_renameat2, AT_FDCWD, "old/0", AT_FDCWD, "old/1", 2) ? strerror(errno) : "0");
	mkdir("other", 0755);
	rename("old/5", "other/5");
	rename("old/6", "other/6");
	fl_say(" %s", syscall(__NR_renameat2, AT_FDCWD, "old", AT_FDCWD, "other", 2) ? strerror(errno) : "0");
	fl_say(" %s", access("old/6/6000", F_OK) < 0 || access("other/7/7000", F_OK) < 0 ? "lost" : "there");
}

T_CASE(exchanged)
{
	struct fl_run r = prepare(exchanges, FEW);

	is_int(fl_run(&r), 0);
	is_str(fl->out, "0 0 there");
	demolish();
}
