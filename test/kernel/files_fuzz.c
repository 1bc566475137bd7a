/* files_fuzz - every notification is answered: all calls that are asked about, with arguments by chance, bad
 * pointers, words that end with their page, from threads and children that are killed in the middle. And the
 * supervisor keeps few descriptors, whatever it was asked about. */
#include "test/kernel/files_tree.h"

#include <pthread.h>
#include <sys/un.h>
#include <time.h>

enum {
	ALL = FILTER_READS | FILTER_WRITES | FILTER_NAMES | FILTER_ATTRIBUTES,
	MS = 1500,
	CHILDREN = 6,
	LONG = 30
};

static const char policy[] =
        "version: 1\nname: fuzz\nfile_rules:\n"
        "  - name: deny-secrets\n    paths: [\"@/secret\", \"@/secret/**\", \"**/.env\"]\n"
        "    operations: [\"*\"]\n    decision: deny\n"
        "  - name: keep\n    paths: [\"@/w/kept/**\"]\n"
        "    operations: [delete, rmdir]\n    decision: soft_delete\n"
        "  - name: allow-own\n    paths: [\"@/w\", \"@/w/**\"]\n"
        "    operations: [\"*\"]\n    decision: allow\n"
        "  - name: allow-look\n    paths: [\"/proc/**\", \"/dev/**\"]\n"
        "    operations: [read, open, list]\n    decision: allow\n";
static char top[64], store[100];

static uid_t user(void)
{
	return 30000 + (uid_t)getpid() % 30000;
}

static void build(uid_t uid)
{
	static const char *const dirs[] = { "w", "w/kept", "w/d", "secret" };

	if (geteuid() != 0)
		t_skip_all("not root");
	snprintf(top, sizeof top, "/dev/shm/files-fuzz.%d", (int)getpid());
	snprintf(store, sizeof store, "%s/w/.agentsh_trash", top);
	fl_need(mkdir(top, 0755) == 0 && chmod(top, 0755) == 0 && chdir(top) == 0, top);
	for (size_t i = 0; i < 4; i++)
		fl_need(mkdir(dirs[i], 0755) == 0 && chown(dirs[i], uid, uid) == 0, dirs[i]);
	tree_put("secret/key", "secret", 0666);
}

static void demolish(void)
{
	tree_gone(top);
}

/* ---- by chance ------------------------------------------------------------------------------------------
 */

static uint64_t next_chance(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* The absolute ones for a user only: should anything here fail, it fails within the test's own tree. */
static const char *const words[] = {
	"f",
	"d",
	"d/f",
	"d/../f",
	"kept/f",
	"kept",
	"",
	".",
	"..",
	"f/",
	"d/",
	"none/f",
	"link",
	".env",
	"d/.env",
	"../secret/key",
	"../secret",
	"fifo",
	"kept/.env",
	"sock",
	"user.x",
	"/",
	"/proc/self/fd/3",
	"/proc/self/cwd/f",
	"/dev/null",
	"/proc/self/mem",
	"/dev/tty",
	"/proc/1/environ",
};
enum { WORDS = sizeof words / sizeof *words, ABSOLUTE = 7 };
static size_t n_words;

/* Two pages, of which the second is not there. */
static char *edge;

static uint64_t an_argument(uint64_t *s)
{
	uint64_t r = next_chance(s);
	size_t len;

	switch (r % 12) {
	case 0:
		return 0;
	case 1:
		return 16;
	case 2:
		return next_chance(s);
	case 3:
		return (uint64_t)-1;
	case 4: /* ends with its page, or does not end there */
		len = strlen(words[r / 16 % n_words]) + (r >> 40 & 1);
		memcpy(edge + 4096 - len, words[r / 16 % n_words], len);
		return (uint64_t)(uintptr_t)(edge + 4096 - len);
	case 5:
		return r >> 8 & 7; /* a descriptor, a small number */
	case 6:
		return (uint64_t)AT_FDCWD;
	case 7:
		return r >> 8 & 07777777;
	default:
		return (uint64_t)(uintptr_t)words[r / 16 % n_words];
	}
}

static const int more_calls[] = {
#ifdef __NR_open
	__NR_open,
#endif
	__NR_openat, __NR_openat2, __NR_kill, __NR_tgkill, __NR_pidfd_send_signal, __NR_setpriority,
};
static const unsigned ioctls[] = { FILTER_SETFLAGS, FILTER_FSSETXATTR, FILTER_VERITY,
	                           FILTER_BTRFS_SUBVOLUME };

/* Opening what waits (a FIFO) would wait for ever natively, too: creat(2) is left out. */
static void one_call(uint64_t *s)
{
	size_t n = next_chance(s) % (FL_N + sizeof more_calls / sizeof *more_calls + 2);
	uint64_t arg[6];
	long rc;
	int nr;

	for (size_t i = 0; i < 6; i++)
		arg[i] = an_argument(s);
	if (n >= FL_N + sizeof more_calls / sizeof *more_calls) {
		nr = __NR_ioctl;
		arg[1] = ioctls[next_chance(s) % 4];
	} else {
		nr = n < FL_N ? fl_calls[n] : more_calls[n - FL_N];
	}
	if (nr == __NR_kill || nr == __NR_tgkill)
		arg[0] = 0x7ffffff; /* nobody */
	if (nr == __NR_pidfd_send_signal)
		arg[0] = (uint64_t)-1;
#ifdef __NR_open
	if (nr == __NR_open)
		arg[1] |= O_NONBLOCK;
#endif
	if (nr == __NR_openat)
		arg[2] |= O_NONBLOCK;
	rc = syscall(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	if (rc > 7 && (nr == __NR_openat || nr == __NR_openat2
#ifdef __NR_open
	               || nr == __NR_open
#endif
	               ))
		close((int)rc);
}

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static long long end_ms;

static void *calls(void *arg)
{
	uint64_t s = (uint64_t)(uintptr_t)arg * 0x9e3779b97f4a7c15 + 1;

	while (now_ms() < end_ms)
		one_call(&s);
	return NULL;
}

static void child(uint64_t seed)
{
	pthread_t t;

	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	for (int fd = 3; fd < 8; fd++)
		dup2(open(fd % 2 ? "." : "f", O_RDONLY), fd);
	if (pthread_create(&t, NULL, calls, (void *)(uintptr_t)(seed * 2)))
		_exit(94);
	calls((void *)(uintptr_t)(seed * 2 + 1));
	pthread_join(t, NULL);
	_exit(0);
}

static pid_t start(uint64_t seed)
{
	pid_t pid = fork();

	if (pid == 0)
		child(seed);
	return pid;
}

/* Some are killed, and others take their place. */
static void by_chance(void *arg)
{
	uint64_t seed = (uint64_t)time(NULL), s = seed | 1;
	pid_t pid[CHILDREN];
	int status, left = CHILDREN;

	(void)arg;
	if (chdir(top) < 0 || chdir("w") < 0)
		_exit(91);
	n_words = geteuid() ? WORDS : WORDS - ABSOLUTE;
	fl_say("seed %llu ", (unsigned long long)seed);
	mkfifo("fifo", 0600);
	symlink("d", "link");
	edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(edge + 4096, 4096);
	end_ms = now_ms() + MS;
	for (size_t i = 0; i < CHILDREN; i++)
		pid[i] = start(++seed);
	while (now_ms() < end_ms) {
		size_t i = next_chance(&s) % CHILDREN;

		usleep((useconds_t)(next_chance(&s) % 3000));
		kill(pid[i], SIGKILL);
		waitpid(pid[i], &status, 0);
		pid[i] = start(++seed);
	}
	while (left && now_ms() < end_ms + LONG * 1000) {
		pid_t done = waitpid(-1, &status, WNOHANG);

		left -= done > 0;
		if (done <= 0)
			usleep(1000);
	}
	fl_say(left ? "%d hang" : "done", left);
	for (size_t i = 0; left && i < CHILDREN; i++)
		kill(pid[i], SIGKILL);
}

static void fuzz(uid_t uid)
{
	struct fl_run r = { .program = by_chance,
		            .uid = uid,
		            .inexact = ~0u,
		            .real = ALL,
		            .store = store,
		            .workspace = top,
		            .keep = (1u << JOURNAL_KINDS) - 1,
		            .killable = notify_probe_killable() };
	char found[16] = "";
	int fd;

	build(uid);
	r.policy = tree_policy(policy, top);
	is_int(fl_run(&r), 0);
	ok(strstr(fl->out, "done"), "uid %d: nobody hangs (%s)", (int)uid, fl->out);
	ok(fl->most_fds < fl->fds + 80, "%zu descriptors at first, at most %zu", fl->fds, fl->most_fds);
	fd = open("secret/key", O_RDONLY);
	ok(read(fd, found, sizeof found) == 6 && !strcmp(found, "secret"), "what is closed is as it was");
	close(fd);
	demolish();
}

T_CASE(every_call_is_answered)
{
	fuzz(user());
	fuzz(0);
}

/* ---- many directories ------------------------------------------------------------------------------------
 */

static void everywhere(void *arg)
{
	char name[40];
	int fd;

	(void)arg;
	if (chdir(top) < 0 || chdir("w") < 0)
		_exit(91);
	for (int i = 0; i < 30000; i++) {
		snprintf(name, sizeof name, "%d", i);
		if (mkdir(name, 0755) < 0)
			_exit(92);
		snprintf(name, sizeof name, "%d/f", i);
		fd = open(name, O_WRONLY | O_CREAT, 0644);
		if (fd < 0 || close(fd) < 0 || chmod(name, 0600) < 0 || (fd = open(name, O_RDONLY)) < 0 ||
		    close(fd) < 0)
			_exit(93);
	}
}

T_CASE(few_descriptors)
{
	struct fl_run r = { .program = everywhere,
		            .uid = user(),
		            .inexact = ~0u,
		            .real = ALL,
		            .store = store,
		            .workspace = top,
		            .keep = (1u << JOURNAL_KINDS) - 1 };

	build(r.uid);
	r.policy = tree_policy(policy, top);
	is_int(fl_run(&r), 0);
	ok(fl->most_fds < fl->fds + 80,
	   "120,000 calls in 30,000 directories: %zu descriptors at first, at most %zu", fl->fds,
	   fl->most_fds);
	demolish();
}
