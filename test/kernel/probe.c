/* needs: seccomp
 * sys/probe: what works is found, what an outer filter takes away is noticed, what hangs is ended. */
#include "sys/probe.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "test/t.h"

/* Put this process under a filter that does `action` to system call `nr`. The listener, if there is one,
 * stays open. */
static bool restrict_self(int nr, unsigned action, unsigned long flags)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = 4, .filter = filter };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog) >= 0;
}

/* What one probe says in a child that is restricted so. */
static struct probe under(enum probe_id id, int nr, unsigned action, unsigned long flags)
{
	struct probe all[PROBE_N] = { 0 }, got = { .detail = "test: no answer" };
	int ends[2];
	pid_t pid;

	if (pipe(ends) < 0 || (pid = fork()) < 0)
		return got;
	if (!pid) {
		if (!restrict_self(nr, action, flags))
			_exit(1);
		probe_one(id, all);
		_exit(write(ends[1], &all[id], sizeof all[id]) < 0);
	}
	close(ends[1]);
	if (read(ends[0], &got, sizeof got) != (ssize_t)sizeof got)
		snprintf(got.detail, sizeof got.detail, "test: filter refused");
	close(ends[0]);
	waitpid(pid, NULL, 0);
	return got;
}

T_CASE(works_here)
{
	static const struct {
		enum probe_id id;
		const char *name;
	} expected[] = {
		{ PROBE_NO_NEW_PRIVS, "no_new_privs" },
		{ PROBE_SECCOMP, "seccomp" },
		{ PROBE_NOTIFY, "notify" },
		{ PROBE_VM_READ, "process_vm_readv" },
		{ PROBE_PROC_MEM, "/proc/PID/mem" },
		{ PROBE_ADDFD, "addfd" },
		{ PROBE_KILLABLE, "wait_killable" },
		{ PROBE_LANDLOCK, "landlock" },
		{ PROBE_PTRACE, "ptrace" },
		{ PROBE_PIDFD, "pidfd" },
		{ PROBE_CAPS, "capabilities" },
	};
	struct probe p[PROBE_N];
	int64_t start = clock_mono_ns();

	probe_all(p);
	ok(clock_mono_ns() - start < 5000000000, "in time");
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
		const struct probe *one = &p[expected[i].id];

		if (one->works)
			ok(true, "%s", expected[i].name);
		else
			t_skip("%s: %s", expected[i].name, one->detail);
	}
	ok(!p[PROBE_LANDLOCK].works || p[PROBE_LANDLOCK].version > 0);
	for (int i = 0; i < PROBE_N; i++)
		ok(p[i].works || !strstr(p[i].detail, "No child"), "%d: %s", i, p[i].detail);
}

T_CASE(outer_listener)
{
	struct probe p = under(PROBE_NOTIFY, __NR_personality, SECCOMP_RET_USER_NOTIF,
	                       SECCOMP_FILTER_FLAG_NEW_LISTENER);

	ok(!p.works && strstr(p.detail, "another supervisor"), "%s", p.detail);
}

T_CASE(taken_away)
{
	struct probe p = under(PROBE_NOTIFY, __NR_seccomp, SECCOMP_RET_ERRNO | EPERM, 0);

	ok(!p.works && strstr(p.detail, "refused"), "notify: %s", p.detail);
	p = under(PROBE_SECCOMP, __NR_seccomp, SECCOMP_RET_ERRNO | ENOSYS, 0);
	ok(!p.works && strstr(p.detail, "refused"), "seccomp: %s", p.detail);
	p = under(PROBE_LANDLOCK, __NR_landlock_create_ruleset, SECCOMP_RET_ERRNO | ENOSYS, 0);
	ok(!p.works && !p.version && strstr(p.detail, "not in this kernel"), "landlock: %s", p.detail);
	p = under(PROBE_LANDLOCK, __NR_landlock_restrict_self, SECCOMP_RET_ERRNO | 0, 0);
	ok(!p.works && strstr(p.detail, "not enforced"), "a landlock that lies: %s", p.detail);
	p = under(PROBE_LANDLOCK_NET, __NR_landlock_restrict_self, SECCOMP_RET_ERRNO | 0, 0);
	ok(!p.works, "and its network part: %s", p.detail);
	p = under(PROBE_PTRACE, __NR_ptrace, SECCOMP_RET_ERRNO | EPERM, 0);
	ok(!p.works && strstr(p.detail, "Operation not permitted"), "ptrace: %s", p.detail);
	p = under(PROBE_PIDFD, __NR_pidfd_getfd, SECCOMP_RET_ERRNO | EPERM, 0);
	ok(!p.works && strstr(p.detail, "pidfd_getfd"), "pidfd: %s", p.detail);
	p = under(PROBE_EBPF, __NR_bpf, SECCOMP_RET_ERRNO | EPERM, 0);
	ok(!p.works && strstr(p.detail, "load"), "ebpf: %s", p.detail);
	p = under(PROBE_FUSE, __NR_unshare, SECCOMP_RET_ERRNO | EPERM, 0);
	ok(!p.works && strstr(p.detail, "mount namespace"), "fuse: %s", p.detail);
	p = under(PROBE_PID_NAMESPACE, __NR_unshare, SECCOMP_RET_ERRNO | EPERM, 0);
	ok(!p.works, "pid namespace: %s", p.detail);
	p = under(PROBE_CAPS, __NR_capset, SECCOMP_RET_ERRNO | EPERM, 0);
	ok(!p.works, "capabilities: %s", p.detail);
	p = under(PROBE_NO_NEW_PRIVS, __NR_prctl, SECCOMP_RET_ERRNO | EINVAL, 0);
	ok(!p.works, "no_new_privs: %s", p.detail);
}

/* Nobody answers the outer listener: the probe's system call would wait for ever. */
T_CASE(hang_is_ended)
{
	int64_t start = clock_mono_ns();
	struct probe p = under(PROBE_LANDLOCK, __NR_landlock_create_ruleset, SECCOMP_RET_USER_NOTIF,
	                       SECCOMP_FILTER_FLAG_NEW_LISTENER);

	ok(!p.works && strstr(p.detail, "no answer within 500 ms"), "%s", p.detail);
	ok(clock_mono_ns() - start < 2000000000);
}
