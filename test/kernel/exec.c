/* exec - every way to start the denied program that the threat catalogue names, governed and not. */
#include "test/kernel/exec_tasks.h"
#include "test/kernel/lab.h"

#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif

static int exec_at(int dirfd, const char *path, int flags)
{
	syscall(SYS_execveat, dirfd, path, canary_argv, environ, flags);
	return errno;
}

/* EX-02 */
static int a_symlink(void)
{
	unlink("ls");
	return symlink(canary_path(), "ls") ? 95 : exec_canary("./ls");
}

static int a_symlink_chain(void)
{
	char to[16], name[16] = "c0";

	unlink(name);
	if (symlink(canary_path(), name))
		return 95;
	for (int i = 1; i < 20; i++) {
		snprintf(to, sizeof to, "c%d", i - 1);
		snprintf(name, sizeof name, "c%d", i);
		unlink(name);
		if (symlink(to, name))
			return 95;
	}
	return exec_canary(name);
}

/* EX-04 */
static int a_dots(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "//.%.*s/./drop/../canary",
	         (int)(strrchr(canary_path(), '/') - canary_path()), canary_path());
	return exec_canary(path);
}

static int a_relative(void)
{
	return exec_canary("../canary");
}

static int a_proc_root(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "/proc/self/root%s", canary_path());
	return exec_canary(path);
}

static int a_proc_pid_root(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "/proc/%d/task/%d/root%s", getpid(), getpid(), canary_path());
	return exec_canary(path);
}

static int a_proc_cwd(void)
{
	return chdir("..") ? 95 : exec_canary("/proc/thread-self/cwd/canary");
}

static int open_canary(int flags)
{
	return open(canary_path(), flags | O_CLOEXEC);
}

static int a_proc_fd(void)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d", open_canary(O_RDONLY));
	return exec_canary(path);
}

static int a_dev_fd(void)
{
	char path[64];

	snprintf(path, sizeof path, "/dev/fd/%d", open_canary(O_PATH));
	return exec_canary(path);
}

/* EX-09 */
static int a_empty_path(void)
{
	return exec_at(open_canary(O_PATH), "", AT_EMPTY_PATH);
}

/* EX-10 */
static int a_dirfd(void)
{
	int dir = open("..", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return chdir("/") ? 95 : exec_at(dir, "canary", 0);
}

static int a_dirfd_nofollow(void)
{
	int dir = open("..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return chdir("/") ? 95 : exec_at(dir, "canary", AT_SYMLINK_NOFOLLOW);
}

/* EX-12: three scripts, the last one names the denied program. */
static int a_shebang(void)
{
	char text[PATH_MAX], name[16];

	for (int i = 0; i < 4; i++) {
		FILE *f;

		snprintf(name, sizeof name, "s%d", i);
		snprintf(text, sizeof text, "#! ./s%d x\n", i - 1);
		if (!i)
			snprintf(text, sizeof text, "#!%s\n", canary_path());
		unlink(name);
		f = fopen(name, "w");
		if (!f || fputs(text, f) < 0 || fclose(f) || chmod(name, 0755))
			return 95;
	}
	return exec_canary("./s3");
}

static int a_shebang_env(void)
{
	FILE *f = (unlink("e0"), fopen("e0", "w"));

	if (!f || fprintf(f, "#!/usr/bin/env -S %s\n", canary_path()) < 0 || fclose(f) || chmod("e0", 0755))
		return 95;
	return exec_canary("./e0");
}

/* A script whose interpreter stands behind more than the kernel reads must not be judged by a longer line. */
static int a_shebang_spaces(void)
{
	FILE *f = (unlink("w0"), fopen("w0", "w"));

	if (!f || fprintf(f, "#! \t  %s \t \n", canary_path()) < 0 || fclose(f) || chmod("w0", 0755))
		return 95;
	return exec_canary("./w0");
}

/* SH-17 */
static int a_argv0(void)
{
	char *argv[] = { (char *)"/bin/ls", (char *)"-l", NULL };

	execve(canary_path(), argv, environ);
	return errno;
}

static int a_no_argv(void)
{
	char *argv[] = { NULL };

	execve(canary_path(), argv, environ);
	return errno;
}

static int a_null_argv(void)
{
	syscall(SYS_execve, canary_path(), NULL, environ);
	return errno;
}

/* The caller cannot be read: what cannot be known is denied. */
static int a_undumpable(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	return exec_canary(canary_path());
}

/* Not a byte of the name can be read by us, but by the kernel neither. */
static int a_bad_pointer(void)
{
	syscall(SYS_execve, 8, canary_argv, environ);
	return errno == EACCES || errno == EFAULT ? EACCES : errno;
}

/* EX-32: the flag that is denied comes last. */
static int flagged(size_t n, size_t len, const char *last)
{
	char **argv = calloc(n + 3, sizeof *argv), *word = malloc(len + 1);
	char path[PATH_MAX];
	struct rlimit stack = { 64 << 20, 64 << 20 };

	if (!argv || !word)
		return 95;
	setrlimit(RLIMIT_STACK, &stack);
	memset(word, 'x', len);
	word[len] = 0;
	argv[0] = (char *)"flagged";
	for (size_t i = 1; i <= n; i++)
		argv[i] = word;
	argv[n + 1] = (char *)last;
	snprintf(path, sizeof path, "%.*s/flagged", (int)(strrchr(canary_path(), '/') - canary_path()),
	         canary_path());
	execve(path, argv, environ);
	return errno;
}

static int a_many_args(void)
{
	return flagged(6000, 310, "--canary");
}

static int a_most_args(void)
{
	return flagged(100000, 12, "--canary");
}

static int a_one_flag(void)
{
	return flagged(0, 1, "--canary");
}

static int b_many_args(void)
{
	return flagged(6000, 310, "--other");
}

/* Argument strings that end at the last byte before memory that is not there. */
static int a_page_edge(void)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t len = strlen(canary_path()) + 1;

	if (page == MAP_FAILED || munmap(page + 4096, 4096))
		return 95;
	memcpy(page + 4096 - len, canary_path(), len);
	return exec_canary(page + 4096 - len);
}

/* EX-08, EX-11: without a name there is none that a rule could allow. What it is when its content is denied,
 * identity.c shows; here the events must name what ran. */
static int memfd_copy(void)
{
	int in = open_canary(O_RDONLY), out = memfd_create("harmless", MFD_CLOEXEC);
	off_t at = 0;

	while (sendfile(out, in, &at, 1 << 20) > 0)
		;
	return out;
}

static int a_nothing(void)
{
	return 0;
}

static int a_memfd(void)
{
	setenv("KT_ATTACK", "nothing", 1);
	return exec_at(memfd_copy(), "", AT_EMPTY_PATH);
}

static int a_unlinked(void)
{
	int in = open_canary(O_RDONLY), out = open("gone", O_WRONLY | O_CREAT | O_TRUNC, 0755);
	char path[64];
	off_t at = 0;

	setenv("KT_ATTACK", "nothing", 1);
	while (sendfile(out, in, &at, 1 << 20) > 0)
		;
	close(out);
	out = open("gone", O_RDONLY | O_CLOEXEC);
	unlink("gone");
	snprintf(path, sizeof path, "/proc/self/fd/%d", out);
	return exec_canary(path);
}

/* EX-07 is in shell.sh with a dynamic program; EX-14, EX-15: */
static int a_int80(void)
{
#ifdef __x86_64__
	char *low = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	uint32_t *argv = (uint32_t *)(low + 4096);
	char **env = environ;
	size_t n = 2, at = 512;
	long rc;

	strcpy(low, canary_path());
	argv[0] = (uint32_t)(uintptr_t)low;
	argv[1] = 0;
	for (; *env && strncmp(*env, "KT_CANARY=", 10) != 0; env++)
		;
	strcpy(low + at, *env);
	argv[n] = (uint32_t)(uintptr_t)(low + at);
	argv[n + 1] = 0;
	__asm__ volatile("int $0x80"
	                 : "=a"(rc)
	                 : "a"(11L), "b"((long)(uintptr_t)low), "c"((long)(uintptr_t)argv),
	                   "d"((long)(uintptr_t)(argv + n))
	                 : "memory", "r8", "r9", "r10", "r11");
	return (int)-rc;
#else
	return EPERM;
#endif
}

static int a_x32(void)
{
	syscall(0x40000000 | 520, canary_path(), canary_argv, environ);
	return errno;
}

/* EX-25 */
static int a_second_listener(void)
{
	struct {
		unsigned short code;
		unsigned char jt, jf;
		uint32_t k;
	} allow = { 6, 0, 0, 0x7fff0000 };
	struct {
		unsigned short len;
		void *filter;
	} prog = { 1, &allow };
	int fd;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	fd = (int)syscall(SYS_seccomp, 1, 8, &prog);
	if (fd < 0)
		return errno;
	return exec_canary(canary_path());
}

/* EX-29 */
static int a_set_mm(void)
{
	int fd = open("/bin/true", O_RDONLY | O_CLOEXEC);

	/* The kernel itself refuses while the old file is mapped, but with another error. */
	if (prctl(PR_SET_MM, PR_SET_MM_EXE_FILE, fd, 0, 0) < 0 && errno == EPERM)
		return EPERM;
	lab_mark("reached\n");
	return 0;
}

/* EX-30 */
static int a_userns(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) < 0)
		return errno;
	lab_mark("reached\n");
	return 0;
}

static int a_chroot(void)
{
	setenv("KT_CANARY", "/drop/reached", 1);
	if (chroot("..") < 0)
		return errno;
	lab_mark("reached\n");
	return access("/canary", X_OK);
}

const struct lab_attack lab_attacks[] = {
	{ "plain", a_plain },
	{ "symlink", a_symlink },
	{ "symlink-chain", a_symlink_chain },
	{ "dots", a_dots },
	{ "relative", a_relative },
	{ "proc-root", a_proc_root },
	{ "proc-pid-root", a_proc_pid_root },
	{ "proc-cwd", a_proc_cwd },
	{ "proc-fd", a_proc_fd },
	{ "dev-fd", a_dev_fd },
	{ "empty-path", a_empty_path },
	{ "dirfd", a_dirfd },
	{ "dirfd-nofollow", a_dirfd_nofollow },
	{ "shebang", a_shebang },
	{ "shebang-env", a_shebang_env },
	{ "shebang-spaces", a_shebang_spaces },
	{ "argv0", a_argv0 },
	{ "no-argv", a_no_argv },
	{ "null-argv", a_null_argv },
	{ "vfork", a_vfork },
	{ "spawn", a_spawn },
	{ "clone-vfork", a_clone_vfork },
	{ "clone-untraced", a_clone_untraced },
	{ "clone3", a_clone3 },
	{ "thread", a_thread },
	{ "double-fork", a_double_fork },
	{ "page-edge", a_page_edge },
	{ "many-args", a_many_args },
	{ "most-args", a_most_args },
	{ "one-flag", a_one_flag },
	{ "undumpable", a_undumpable },
	{ "bad-pointer", a_bad_pointer },
	{ "memfd", a_memfd },
	{ "unlinked", a_unlinked },
	{ "int80", a_int80 },
	{ "x32", a_x32 },
	{ "second-listener", a_second_listener },
	{ "set-mm", a_set_mm },
	{ "userns", a_userns },
	{ "chroot", a_chroot },
	{ "fine-many-args", b_many_args },
	{ "nothing", a_nothing },
	{ NULL, NULL },
};

static struct outcome got;

static void begin(void)
{
	char path[160];

	lab_start();
	snprintf(path, sizeof path, "%s/flagged", lab.dir);
	lab_copy("/proc/self/exe", path);
}

/* Without us it works; with us it does not, and everybody is told. */
static void must_be_denied(const char *name, const char *rule, uid_t uid)
{
	char line[128];

	lab_attack(name, false, uid, &got);
	ok(lab_exit(&got) == 0 && got.reached, "%s works ungoverned (uid %u)", name, (unsigned)uid);
	lab_attack(name, true, uid, &got);
	if (!ok(!got.reached, "%s: nothing happened", name))
		lab_show(&got);
	is_int(lab_exit(&got), EACCES, "%s: the caller gets EACCES", name);
	snprintf(line, sizeof line, ": denied by rule '%s' (lab.yaml:", rule);
	if (!ok(strstr(got.err, "agentsh: ") && strstr(got.err, line), "%s: a line says why", name))
		lab_show(&got);
	snprintf(line, sizeof line, "\"rule\":\"%s\"", rule);
	if (!ok(lab_logged(&got, "\"decision\":\"deny\"", line), "%s: an event says so", name))
		lab_show(&got);
}

static const char *const by_name[] = {
	"plain",          "symlink",     "symlink-chain", "dots",           "relative",       "proc-root",
	"proc-pid-root",  "proc-cwd",    "proc-fd",       "dev-fd",         "empty-path",     "dirfd",
	"dirfd-nofollow", "shebang",     "shebang-env",   "shebang-spaces", "argv0",          "no-argv",
	"null-argv",      "vfork",       "spawn",         "clone-vfork",    "clone-untraced", "clone3",
	"thread",         "double-fork", "page-edge",
};

T_CASE(names_as_root)
{
	begin();
	for (size_t i = 0; i < sizeof by_name / sizeof *by_name; i++)
		must_be_denied(by_name[i], "deny-canary", 0);
}

T_CASE(names_as_nobody)
{
	begin();
	for (size_t i = 0; i < sizeof by_name / sizeof *by_name; i++)
		must_be_denied(by_name[i], "deny-canary", lab.user);
}

T_CASE(arguments)
{
	begin();
	static const char *const names[] = { "one-flag", "many-args", "most-args" };

	for (size_t i = 0; i < 3; i++)
		must_be_denied(names[i], "deny-flag", i ? lab.user : 0);
	lab_attack("fine-many-args", true, lab.user, &got);
	is_int(lab_exit(&got), 0, "1.9 MB of harmless arguments pass");
	ok(lab_logged(&got, "\"argc\":6002", "argv_sha256"), "the event has their number and hash");
}

/* Refused without a rule of the policy. */
static void must_fail(const char *name, uid_t uid, int error)
{
	lab_attack(name, true, uid, &got);
	if (!ok(!got.reached, "%s: nothing happened (uid %u)", name, (unsigned)uid))
		lab_show(&got);
	if (!is_int(lab_exit(&got), error, "%s: %s", name, strerror(error)))
		lab_show(&got);
}

T_CASE(unreadable)
{
	begin();
	lab_attack("undumpable", false, lab.user, &got);
	ok(got.reached, "an unreadable caller can exec ungoverned");
	must_fail("undumpable", lab.user, EACCES);
	ok(lab_logged(&got, CONFIG_FILES ? "deny-canary" : "unreadable-arguments", "deny"),
	   "who hides is visible to its supervisor, and judged as ever");
	must_fail("undumpable", 0, EACCES);
	must_fail("bad-pointer", 0, EACCES);
	ok(lab_logged(&got, "unreadable-arguments", "deny"), "what cannot be read is in the log");
}

T_CASE(refused_by_the_filter)
{
	begin();
	static const struct {
		const char *name;
		int error;
		bool native; /* works here without us */
	} table[] = {
#ifdef __x86_64__
		{ "int80", EPERM, true },
#endif
		{ "x32", EPERM, false },   { "second-listener", EPERM, true }, { "set-mm", EPERM, false },
		{ "userns", EPERM, true }, { "chroot", EPERM, true },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (table[i].native) {
			lab_attack(table[i].name, false, 0, &got);
			ok(got.reached && lab_exit(&got) == 0, "%s works ungoverned", table[i].name);
		}
		must_fail(table[i].name, 0, table[i].error);
		must_fail(table[i].name, lab.user, table[i].error);
	}
}

/* A file without a name is judged by what the kernel calls it: here nothing forbids it, and the log names it.
 */
T_CASE(nameless_files_are_named)
{
	begin();
	lab_attack("memfd", true, lab.user, &got);
	ok(lab_logged(&got, "memfd:harmless", "allow"), "a memory file is named in the log");
	lab_attack("unlinked", true, lab.user, &got);
	ok(lab_logged(&got, "gone (deleted)", "allow"), "a file that is gone is named in the log");
}
