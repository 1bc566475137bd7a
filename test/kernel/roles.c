/* needs: seccomp
 * enforce/exec/role: what our own processes can no longer do, each deed tried once in the role and once out
 * of it, as root and as a user. What a role needs must go on working. */
#include "enforce/exec/role.h"

#include "sys/caps.h"
#include "test/kernel/roles_deeds.h"
#include "test/t.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	SERVER = ROLE_SERVER,
	SUPERVISE = ROLE_SUPERVISE,
	TRACE = ROLE_SUPERVISE | ROLE_TRACE,
	RUN = ROLE_SUPERVISE | ROLE_LOG,
	READ = ROLE_READ,
	ASK = ROLE_READ | ROLE_ASK,
	NOBODY = 61234,
	NOT_ENTERED = 250
};
static const unsigned all_roles[] = { SERVER, SUPERVISE, TRACE, RUN, READ, ASK };
static const char *const names[] = { "server", "supervise", "supervise by ptrace", "run", "read", "ask" };
enum { N_ROLES = sizeof all_roles / sizeof *all_roles };

/* ---- who may what ------------------------------------------------------------------------------- */

enum { S = 1, V = 2, T = 4, N = 8, R = 16, A = 32, ALL = 63 }; /* bits in the order of all_roles; N: run */

static const struct deed {
	const char *name;
	int (*run)(void);
	unsigned may; /* who goes on doing it */
} deeds[] = {
	/* needed by some */
	{ "start a program", d_program, S },
	{ "make a process", d_process, S },
	{ "open a socket", d_socket, S | A },
	{ "read a file", d_look, ALL },
	{ "open a file for writing", d_change, S | V | T | N | A },
	{ "make a file", d_make, S | V | T | N | A },
	{ "rename a file", d_rename, S | N },
	{ "remove a file", d_unlink, S | N },
	{ "link a file", d_link, S | N },
	{ "make a symbolic link", d_symlink, S },
	{ "make a directory", d_mkdir, S },
	{ "change a file's mode", d_chmod, S },
	{ "change a file's owner", d_chown, S },
	{ "change ids", d_ids, S },
	{ "change capabilities", d_capset, S },
	{ "be traced", d_traced, S | T },
	{ "read memory", d_read_memory, S | V | T | N },
	{ "find a process", d_signal, S | V | T | N | A },
	{ "signal", d_continue, S | V | T | N },
	{ "hold another's calls", d_listener, S },
	/* needed by none */
	{ "write memory", d_write_memory, CONFIG_LAYER_NET ? S : 0 }, /* its supervisors must */
	{ "user namespace", d_namespace, 0 },
	{ "mount namespace", d_mount_namespace, 0 },
	{ "setns", d_setns, 0 },
	{ "mount", d_mount, 0 },
	{ "chroot", d_chroot, 0 },
	{ "pivot_root", d_pivot_root, 0 },
	{ "open_tree", d_open_tree, 0 },
	{ "open_by_handle_at", d_open_by_handle_at, 0 },
	{ "kexec_load", d_kexec_load, 0 },
	{ "init_module", d_init_module, 0 },
	{ "finit_module", d_finit_module, 0 },
	{ "delete_module", d_delete_module, 0 },
	{ "reboot", d_reboot, 0 },
	{ "swapon", d_swapon, 0 },
	{ "swapoff", d_swapoff, 0 },
	{ "quotactl", d_quotactl, 0 },
	{ "bpf", d_bpf, 0 },
	{ "perf_event_open", d_perf_event_open, 0 },
	{ "userfaultfd", d_userfaultfd, 0 },
	{ "keyctl", d_keyctl, 0 },
	{ "add_key", d_add_key, 0 },
	{ "request_key", d_request_key, 0 },
	{ "sethostname", d_sethostname, 0 },
	{ "clock_settime", d_clock_settime, 0 },
	{ "adjtimex", d_adjtimex, 0 },
	{ "fanotify_init", d_fanotify_init, 0 },
	{ "kcmp", d_kcmp, 0 },
	{ "io_uring", d_io_uring, 0 },
#ifdef __x86_64__
	{ "x32", d_x32, 0 },
#endif
};
enum { N_DEEDS = sizeof deeds / sizeof *deeds };

static void become(uid_t uid)
{
	gid_t gid = uid;

	if (uid && (setgroups(1, &gid) < 0 || setgid(gid) < 0 || setuid(uid) < 0))
		_exit(NOT_ENTERED);
}

/* What comes of a deed in these roles; 0 roles = out of them. */
static int under(unsigned roles, uid_t uid, int (*run)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		become(uid);
		if (roles && role_enter(roles, 0, NULL) < 0)
			_exit(NOT_ENTERED);
		_exit(run());
	}
	return reap(pid);
}

static void lay_out(uid_t uid)
{
	int fd;

	unlink(canary);
	rmdir(canary);
	fd = open(kept, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, "x", 1) != 1 || fchown(fd, uid, uid) < 0 || chown(dir, uid, uid) < 0)
		abort();
	close(fd);
}

static void clean_up(void)
{
	char command[96];

	snprintf(command, sizeof command, "rm -rf %s", dir);
	if (system(command) != 0)
		printf("# %s is left\n", dir);
}

static void make_dir(void)
{
	if (geteuid() != 0)
		t_skip_all("not root");
	if (dir[0])
		return;
	strcpy(dir, "/tmp/agentsh-roles.XXXXXX");
	if (!mkdtemp(dir))
		abort();
	snprintf(canary, sizeof canary, "%s/canary", dir);
	snprintf(kept, sizeof kept, "%s/file", dir);
	atexit(clean_up);
}

static bool is_there(void)
{
	struct stat st;

	return lstat(canary, &st) == 0;
}

/* One deed in each role. Files that a reader may not write are Landlock's: EACCES. */
static void try_deed(const struct deed *d, uid_t uid)
{
	int bare;

	lay_out(uid);
	bare = under(0, uid, d->run);
	if (bare == EPERM || bare == ENOSYS)
		printf("# %s: this kernel refuses it to %s\n", d->name, uid ? "users" : "root");
	for (size_t i = 0; i < N_ROLES; i++) {
		int got;

		lay_out(uid);
		got = under(all_roles[i], uid, d->run);
		if (d->may >> i & 1) {
			is_int(got, bare, "%s may still %s", names[i], d->name);
			continue;
		}
		ok((got == EPERM || (got == EACCES && all_roles[i] & ROLE_READ)) && !is_there(),
		   "%s: refused: %s (%d, else %d)", names[i], d->name, got, bare);
	}
}

T_CASE(as_root)
{
	make_dir();
	for (size_t i = 0; i < N_DEEDS; i++)
		try_deed(&deeds[i], 0);
}

T_CASE(as_user)
{
	make_dir();
	for (size_t i = 0; i < N_DEEDS; i++)
		try_deed(&deeds[i], NOBODY);
}

/* Without the roles the deeds are done: it is not this machine that refuses. */
T_CASE(without_roles)
{
	int done = 0;

	make_dir();
	for (size_t i = 0; i < N_DEEDS; i++) {
		int bare;

		lay_out(0);
		bare = under(0, 0, deeds[i].run);
		if (deeds[i].may)
			is_int(bare, 0, "%s", deeds[i].name);
		done += bare != EPERM && bare != ENOSYS;
	}
	ok(done >= N_DEEDS - 6, "%d of %d are not refused to root", done, N_DEEDS);
}

/* ---- the table of capabilities ------------------------------------------------------------------ */

struct status {
	unsigned long long inh, prm, eff, bnd, amb;
	int nnp, seccomp, filters, dumpable;
};

static unsigned long long field(const char *text, const char *key, int base)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, base) : 99;
}

static struct status look(void)
{
	static char text[8192];
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t n = read(fd, text, sizeof text - 1);

	close(fd);
	text[n > 0 ? n : 0] = 0;
	return (struct status){ .inh = field(text, "CapInh:", 16),
		                .prm = field(text, "CapPrm:", 16),
		                .eff = field(text, "CapEff:", 16),
		                .bnd = field(text, "CapBnd:", 16),
		                .amb = field(text, "CapAmb:", 16),
		                .nnp = (int)field(text, "NoNewPrivs:", 10),
		                .seccomp = (int)field(text, "Seccomp:", 10),
		                .filters = (int)field(text, "Seccomp_filters:", 10) };
}

/* `without`: a capability that is not there at first, -1 = none; `others`: handed on; `times`: entered. */
struct entry {
	unsigned roles;
	uid_t uid;
	int without;
	uint64_t others;
	int times;
};

static struct status status_in(const struct entry *n)
{
	struct status s = { 0 };
	int ends[2];
	pid_t pid;

	if (pipe(ends) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		if (n->without >= 0 && caps_confine(~(1ULL << n->without), ~(1ULL << n->without), NULL) < 0)
			_exit(NOT_ENTERED);
		become(n->uid);
		for (int i = 0; i < n->times; i++)
			if (role_enter(n->roles, n->others, NULL) < 0)
				_exit(NOT_ENTERED);
		s = look();
		_exit(write(ends[1], &s, sizeof s) != sizeof s);
	}
	close(ends[1]);
	if (read(ends[0], &s, sizeof s) != sizeof s)
		printf("# no status\n");
	close(ends[0]);
	reap(pid);
	return s;
}

#define BIT(n) (1ULL << (n))
#define SERVER_OWN \
	(BIT(1) | BIT(2) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(10) | BIT(19) | BIT(23) | BIT(24))
#define SUPERVISE_OWN (BIT(1) | BIT(2) | BIT(5) | BIT(19) | BIT(24))
#define NET_RAW       BIT(13)

static void is_caps(const struct status *s, const struct status *want, const char *who)
{
	ok(s->eff == want->eff, "%s: in force %llx, not %llx", who, s->eff, want->eff);
	ok(s->prm == want->prm, "%s: permitted %llx, not %llx", who, s->prm, want->prm);
	ok(s->bnd == want->bnd, "%s: bounding %llx, not %llx", who, s->bnd, want->bnd);
	ok(!(s->inh & ~want->prm) && !s->amb, "%s: nothing else to hand on", who);
	ok(s->nnp == 1 && s->seccomp == 2, "%s: no_new_privs, a filter", who);
}

T_CASE(table_of_root)
{
	struct status have = look(), s, want;
	uint64_t server = (SERVER_OWN | CAPS_SESSION) & have.prm;

	make_dir();
	s = status_in(&(struct entry){ SERVER, 0, -1, 0, 1 });
	want = (struct status){ .eff = SERVER_OWN & have.prm, .prm = server, .bnd = server };
	is_caps(&s, &want, "server");
	s = status_in(&(struct entry){ SERVER, 0, -1, NET_RAW, 1 });
	want.prm = want.bnd = server | (NET_RAW & have.prm);
	is_caps(&s, &want, "server that hands on net_raw");
	s = status_in(&(struct entry){ SUPERVISE, 0, -1, 0, 1 });
	want = (struct status){ .eff = SUPERVISE_OWN & have.prm, .prm = SUPERVISE_OWN & have.prm };
	is_caps(&s, &want, "supervise");
	s = status_in(&(struct entry){ RUN, 0, -1, 0, 1 });
	is_caps(&s, &want, "run");
	s = status_in(&(struct entry){ READ, 0, -1, 0, 1 });
	want = (struct status){ .eff = BIT(2) & have.prm, .prm = BIT(2) & have.prm };
	is_caps(&s, &want, "read");
}

/* As in many containers: then it may look only at who has no more than itself. */
T_CASE(table_without_ptrace)
{
	struct status have = look(), s, want;

	make_dir();
	have.prm &= ~BIT(19);
	want = (struct status){ .eff = have.prm, .prm = have.prm, .bnd = have.prm };
	s = status_in(&(struct entry){ SERVER, 0, CAPS_SYS_PTRACE, 0, 1 });
	is_caps(&s, &want, "server");
	want.bnd = 0;
	s = status_in(&(struct entry){ SUPERVISE, 0, CAPS_SYS_PTRACE, 0, 1 });
	is_caps(&s, &want, "supervise");
}

T_CASE(table_of_a_user)
{
	struct status have = look(), s, want = { .bnd = have.bnd }; /* cannot be changed, and gives nothing */

	make_dir();
	for (size_t i = 0; i < N_ROLES; i++) {
		s = status_in(&(struct entry){ all_roles[i], NOBODY, -1, 0, 1 });
		is_caps(&s, &want, names[i]);
	}
}

/* After an upgrade the same filter is there already. */
T_CASE(server_again)
{
	struct status once = status_in(&(struct entry){ SERVER, 0, -1, 0, 1 });
	struct status thrice = status_in(&(struct entry){ SERVER, 0, -1, 0, 3 });

	make_dir();
	ok(once.filters == thrice.filters, "%d filters, then %d", once.filters, thrice.filters);
	ok(once.prm == thrice.prm && once.eff == thrice.eff, "the same capabilities");
}

/* ---- what is handed on -------------------------------------------------------------------------- */

static int as_command_of_root(void)
{
	struct status s;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || caps_shed(NET_RAW, NULL) < 0)
		return 1;
	s = look();
	return s.prm == ((CAPS_SESSION | NET_RAW) & s.prm) && s.prm & NET_RAW && s.bnd == s.prm ? 0 : 2;
}

static int as_command_of_a_user(void)
{
	struct status s;

	if (caps_become(NOBODY, NOBODY, NULL, -1, NULL) < 0 || geteuid() != NOBODY)
		return 1;
	s = look();
	return s.prm || s.eff ? 2 : 0;
}

static int as_supervisor_of_a_user(void)
{
	struct status s;

	if (caps_confine(~0ULL, 0, NULL) < 0 ||
	    caps_become(NOBODY, NOBODY, NULL, CAPS_SYS_PTRACE, NULL) < 0 ||
	    role_enter(SUPERVISE, 0, NULL) < 0)
		return 1;
	s = look();
	return s.prm == BIT(19) && s.eff == BIT(19) && !s.bnd && !s.inh ? 0 : 2;
}

static int below_a_server(uid_t uid, int (*run)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		become(uid);
		if (role_enter(SERVER, NET_RAW, NULL) < 0)
			_exit(NOT_ENTERED);
		pid = fork();
		if (pid == 0)
			_exit(run());
		_exit(reap(pid));
	}
	return reap(pid);
}

T_CASE(handed_on)
{
	make_dir();
	is_int(below_a_server(0, as_command_of_root), 0, "a command of root: what the table leaves it");
	is_int(below_a_server(0, as_command_of_a_user), 0, "a command of a user: nothing");
	is_int(below_a_server(0, as_supervisor_of_a_user), 0, "a supervisor of a user: to look");
	is_int(below_a_server(0, d_listener), 0, "calls can be held below it");
	is_int(below_a_server(NOBODY, d_listener), 0, "also below that of a user");
	is_int(below_a_server(0, d_namespace), EPERM, "its filter goes with what it starts");
}

/* ---- not to be looked at ------------------------------------------------------------------------ */

static uid_t owner_of_memory(unsigned roles)
{
	char path[64], go;
	int ready[2], done[2];
	struct stat st = { .st_uid = NOBODY };
	pid_t pid;

	if (pipe(ready) < 0 || pipe(done) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		become(NOBODY);
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
		if (roles && role_enter(roles, 0, NULL) < 0)
			_exit(NOT_ENTERED);
		close(done[1]);
		_exit(write(ready[1], "", 1) != 1 || read(done[0], &go, 1) != 0);
	}
	close(ready[1]);
	close(done[0]);
	snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
	if (read(ready[0], &go, 1) == 1)
		stat(path, &st);
	close(done[1]);
	close(ready[0]);
	reap(pid);
	return st.st_uid;
}

/* Does a process that dies of a fault leave a core, when its user wants one? */
static bool leaves_core(unsigned roles)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	volatile int *closed = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &all);
		if (chdir(dir) < 0)
			_exit(NOT_ENTERED);
		become(NOBODY);
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
		if (roles && role_enter(roles, 0, NULL) < 0)
			_exit(NOT_ENTERED);
		*closed = 0;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return !WIFSIGNALED(status) || WCOREDUMP(status);
}

T_CASE(no_core)
{
	make_dir();
	lay_out(NOBODY);
	ok(!leaves_core(SUPERVISE) && !leaves_core(RUN) && !leaves_core(READ), "none");
	if (leaves_core(0))
		ok(true, "which leaves one without a role");
	else
		t_skip("without a role: this machine writes none"); /* core_pattern */
}

T_CASE(undumpable)
{
	make_dir();
	is_int(owner_of_memory(0), NOBODY, "without a role its user can look");
	is_int(owner_of_memory(SUPERVISE), 0, "supervise: nobody of its user can");
	is_int(owner_of_memory(RUN), 0, "run");
	is_int(owner_of_memory(READ), 0, "read");
	is_int(owner_of_memory(ASK), NOBODY, "ask: a server of its user has to look at it");
}
