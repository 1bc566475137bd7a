/* lab - run one attack twice: under `agentsh run`, where it must fail, and without, where it must succeed.
 *
 * A test program is also the attacker: the driver starts a copy of itself with KT_ATTACK=NAME, and the
 * constructor below runs lab_attacks[NAME] instead of the test cases. A second copy, named "canary", is what
 * the policy denies: it writes a line into the file KT_CANARY and ends with 0. So "the thing did not happen"
 * is a file that is not there.
 */
#pragma once

#include "test/t.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

struct lab_attack {
	const char *name;
	int (*run)(void); /* in the attacker's process; what it returns is the exit status */
};
/* Defined by the test; ends with an empty name. */
extern const struct lab_attack lab_attacks[];

struct lab {
	uid_t user;   /* of this test alone, also when others run beside it: kill(-1) is tried with it */
	char dir[96]; /* everybody may look, only root may write */
	char agentsh[128], tool[128], canary[128], policy[128], log[128];
	char drop[128], reached[160], err[160], out[160]; /* everybody may write */
	const char *option;                               /* one more for "agentsh run", or NULL */
};
static struct lab lab;

struct outcome {
	int status; /* as waitpid(2) gives it */
	bool in_time, reached;
	char err[16384], out[4096], log[16 << 20];
};

enum { LAB_SECONDS = 30 };

/* What every test uses unless it writes another one. */
#define LAB_HEAD                                         \
	"version: 1\n"                                   \
	"name: lab\n"                                    \
	"command_rules:\n"                               \
	"  - name: deny-canary\n"                        \
	"    commands: [canary]\n"                       \
	"    decision: deny\n"                           \
	"    message: \"{{.Command}} is not for you\"\n" \
	"  - name: deny-flag\n"                          \
	"    commands: [flagged]\n"                      \
	"    args_patterns: [\"(^| )--canary( |$)\"]\n"  \
	"    decision: deny\n"
#define LAB_TAIL                  \
	"  - name: allow-rest\n"  \
	"    commands: [\"*\"]\n" \
	"    decision: allow\n"
#define LAB_POLICY LAB_HEAD LAB_TAIL

#define LAB_UNUSED __attribute__((unused))

/* ---- the attacker's side ------------------------------------------------------------------------ */

static const char *lab_env(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

LAB_UNUSED static const char *canary_path(void)
{
	return lab_env("KT_CANARY_PROGRAM");
}

static void lab_mark(const char *text)
{
	int fd = open(lab_env("KT_CANARY"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(99);
	close(fd);
}

/* Exec the canary; comes back only to end with the errno. */
LAB_UNUSED static int exec_canary(const char *path)
{
	char *argv[] = { (char *)"canary", NULL };

	execve(path, argv, environ);
	return errno;
}

/* The exit status of a child that runs `fn`; 128+N for signals. */
LAB_UNUSED static int in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 98;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool lab_is_named(const char *name)
{
	char exe[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

	if (n <= 0)
		return false;
	exe[n] = 0;
	slash = strrchr(exe, '/');
	return slash && !strncmp(slash + 1, name, strlen(name));
}

static bool lab_has_flag(void)
{
	static char text[1 << 22];
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	while (fd >= 0 && (n = read(fd, text + len, sizeof text - len)) > 0)
		len += (size_t)n;
	close(fd);
	return memmem(text, len, "\0--canary", 10) != NULL;
}

__attribute__((constructor(101))) static void lab_divert(void)
{
	const char *name = lab_env("KT_ATTACK");

	if (lab_is_named("canary")) {
		lab_mark("reached\n");
		_exit(0);
	}
	if (lab_is_named("flagged")) {
		if (lab_has_flag())
			lab_mark("reached\n");
		_exit(0);
	}
	if (lab_is_named("normal"))
		_exit(0);
	if (!*name)
		return;
	for (const struct lab_attack *a = lab_attacks; a->name; a++)
		if (!strcmp(a->name, name))
			_exit(a->run());
	_exit(97);
}

/* ---- the driver's side -------------------------------------------------------------------------- */

static void lab_need(bool good, const char *what)
{
	if (good)
		return;
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static void lab_copy(const char *from, const char *to)
{
	static char block[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC),
	    out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	ssize_t n;

	lab_need(in >= 0 && out >= 0, to);
	while ((n = read(in, block, sizeof block)) > 0)
		lab_need(write(out, block, (size_t)n) == n, to);
	fchmod(out, 0755);
	close(in);
	close(out);
}

LAB_UNUSED static void lab_write(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	lab_need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	fchmod(fd, mode);
	close(fd);
}

static size_t lab_read(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 0;

	while (fd >= 0 && len + 1 < size && (n = read(fd, to + len, size - 1 - len)) > 0)
		len += (size_t)n;
	if (fd >= 0)
		close(fd);
	to[len] = 0;
	return len;
}

static void lab_end(void)
{
	char command[160];

	if (!lab.dir[0])
		return;
	snprintf(command, sizeof command, "rm -rf '%s'", lab.dir);
	if (system(command) != 0)
		printf("# could not remove %s\n", lab.dir);
}

#define LAB_PATH(member, name) snprintf(lab.member, sizeof lab.member, "%s/" name, lab.dir)

/* Call once, first. */
LAB_UNUSED static void lab_start(void)
{
	const char *agentsh = getenv("AGENTSH"), *tmp = getenv("TMPDIR");

	if (lab.dir[0])
		return;
	if (geteuid() != 0)
		t_skip_all("not root");
	if (!agentsh)
		agentsh = "build/out/agentsh";
	snprintf(lab.dir, sizeof lab.dir, "%s/agentsh-lab.XXXXXX", tmp && strlen(tmp) < 64 ? tmp : "/tmp");
	lab_need(mkdtemp(lab.dir) && chmod(lab.dir, 0755) == 0, "laboratory");
	atexit(lab_end);
	lab.user = 30000 + (uid_t)getpid() % 30000;
	LAB_PATH(agentsh, "agentsh");
	LAB_PATH(tool, "tool");
	LAB_PATH(canary, "canary");
	LAB_PATH(policy, "lab.yaml");
	LAB_PATH(drop, "drop");
	LAB_PATH(reached, "drop/reached");
	LAB_PATH(err, "drop/err");
	LAB_PATH(out, "drop/out");
	LAB_PATH(log, "drop/log");
	lab_copy(agentsh, lab.agentsh);
	lab_copy("/proc/self/exe", lab.tool);
	lab_copy("/proc/self/exe", lab.canary);
	lab_need(mkdir(lab.drop, 0777) == 0 && chmod(lab.drop, 0777) == 0, lab.drop);
	lab_write(lab.policy, LAB_POLICY, 0644);
}

static void lab_child(char *const *argv, uid_t uid)
{
	int in = open("/dev/null", O_RDONLY),
	    out = open(lab.out, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0666);
	int err = open(lab.err, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0666);
	gid_t gid = uid;

	fchmod(out, 0666);
	fchmod(err, 0666);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0 || chdir(lab.drop) < 0)
		_exit(96);
	if (uid && (setgroups(1, &gid) < 0 || setgid(gid) < 0 || setuid(uid) < 0))
		_exit(96);
	setenv("KT_CANARY", lab.reached, 1);
	setenv("KT_CANARY_PROGRAM", lab.canary, 1);
	setenv("KT_AGENTSH", lab.agentsh, 1);
	execv(argv[0], argv);
	_exit(96);
}

static long long lab_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Wait for a child of ours, kill it when it takes too long. */
static bool lab_wait(pid_t pid, int *status, int seconds)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	long long end = lab_now() + seconds * 1000LL;
	bool in_time;
	int rc;

	do
		rc = poll(&p, 1, (int)(end - lab_now()));
	while (rc < 0 && errno == EINTR);
	in_time = rc == 1;
	if (!in_time)
		kill(pid, SIGKILL);
	waitpid(pid, status, 0);
	close(fd);
	return in_time;
}

/* The log has companions that know it was there. */
static void lab_clear(void)
{
	static const char *const ends[] = { "", ".head", ".lock", ".1" };
	char path[160];

	unlink(lab.reached);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		snprintf(path, sizeof path, "%s%s", lab.log, ends[i]);
		unlink(path);
	}
}

/* Start `argv` (absolute program first), governed or not, as root or as a user. */
LAB_UNUSED static pid_t lab_spawn(char *const *argv, bool governed, uid_t uid)
{
	const char *line[80] = { lab.agentsh, "run", "--policy", lab.policy, "--audit", lab.log };
	size_t n = governed ? 6 : 0;
	pid_t pid;

	if (governed && lab.option)
		line[n++] = lab.option;
	if (governed)
		line[n++] = "--";
	while (*argv && n < 79)
		line[n++] = *argv++;
	line[n] = NULL;
	lab_clear();
	pid = fork();
	if (pid == 0)
		lab_child((char *const *)line, uid);
	lab_need(pid > 0, "fork");
	return pid;
}

LAB_UNUSED static void lab_collect(struct outcome *o)
{
	struct stat st;

	o->reached = stat(lab.reached, &st) == 0;
	lab_read(lab.err, o->err, sizeof o->err);
	lab_read(lab.out, o->out, sizeof o->out);
	lab_read(lab.log, o->log, sizeof o->log);
}

LAB_UNUSED static void lab_run(char *const *argv, bool governed, uid_t uid, struct outcome *o)
{
	pid_t pid = lab_spawn(argv, governed, uid);

	o->in_time = lab_wait(pid, &o->status, LAB_SECONDS);
	lab_collect(o);
}

LAB_UNUSED static void lab_attack(const char *name, bool governed, uid_t uid, struct outcome *o)
{
	char *argv[] = { lab.tool, NULL };

	setenv("KT_ATTACK", name, 1);
	lab_run(argv, governed, uid, o);
	unsetenv("KT_ATTACK");
}

LAB_UNUSED static int lab_exit(const struct outcome *o)
{
	return !o->in_time ? -1 : WIFSIGNALED(o->status) ? 128 + WTERMSIG(o->status) : WEXITSTATUS(o->status);
}

/* One line of the log that holds both texts? */
LAB_UNUSED static bool lab_logged(const struct outcome *o, const char *a, const char *b)
{
	const char *p = o->log;

	while (*p) {
		const char *end = strchr(p, '\n');
		size_t len = end ? (size_t)(end - p) : strlen(p);

		if (memmem(p, len, a, strlen(a)) && memmem(p, len, b, strlen(b)))
			return true;
		p += len + (end != NULL);
	}
	return false;
}

LAB_UNUSED static void lab_show(const struct outcome *o)
{
	printf("# status %x, err: %.1500s\n# log: %.1500s\n", (unsigned)o->status, o->err, o->log);
}
