#include "sys/trace.h"

#include "sys/uapi/compat.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PR_SET_PTRACER
#define PR_SET_PTRACER 0x59616d61
#endif
#define REGISTERS   1     /* NT_PRSTATUS */
#define CALL_NUMBER 0x404 /* NT_ARM_SYSTEM_CALL */

enum {
	OPTIONS = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
	          PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL
};

void trace_permit(pid_t tracer)
{
	/* Kernels without Yama do not know it, and do not need it. */
	if (tracer > 0)
		prctl(PR_SET_PTRACER, tracer, 0, 0, 0);
}

int trace_attach(pid_t tid, struct err *e)
{
	return ptrace(PTRACE_SEIZE, tid, 0, OPTIONS) < 0 ? err_sys(e, "ptrace refused") : 0;
}

static pid_t message(pid_t tid)
{
	unsigned long value = 0;

	return ptrace(PTRACE_GETEVENTMSG, tid, 0, &value) < 0 ? 0 : (pid_t)value;
}

static enum trace_stop classify(struct trace_event *t)
{
	int event = t->status >> 16;

	t->signo = WSTOPSIG(t->status);
	switch (event) {
	case 0:
		return TRACE_SIGNAL;
	case PTRACE_EVENT_SECCOMP:
		return TRACE_CALL;
	case PTRACE_EVENT_STOP:
		return t->signo == SIGTRAP ? TRACE_START : TRACE_PAUSED;
	case PTRACE_EVENT_EXEC:
		t->other = message(t->tid);
		return TRACE_EXEC;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		t->other = message(t->tid);
		return TRACE_CHILD;
	default:
		return TRACE_START;
	}
}

void trace_next(struct trace_event *out)
{
	*out = (struct trace_event){ .stop = TRACE_NONE };
	do
		out->tid = waitpid(-1, &out->status, __WALL | WNOHANG);
	while (out->tid < 0 && errno == EINTR);
	if (out->tid <= 0)
		return;
	out->stop = WIFSTOPPED(out->status) ? classify(out) : TRACE_ENDED;
}

bool trace_call(pid_t tid, struct seccomp_notif *out)
{
	struct __ptrace_syscall_info i;

	memset(out, 0, sizeof *out);
	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof i, &i) <= 0 || i.op != PTRACE_SYSCALL_INFO_SECCOMP)
		return false;
	out->pid = (uint32_t)tid;
	out->data.nr = (int)i.seccomp.nr;
	out->data.arch = i.arch;
	out->data.instruction_pointer = i.instruction_pointer;
	for (int k = 0; k < 6; k++)
		out->data.args[k] = i.seccomp.args[k];
	return true;
}

#ifdef __x86_64__
bool trace_skip(pid_t tid, int64_t value)
{
	return ptrace(PTRACE_POKEUSER, tid, offsetof(struct user, regs.orig_rax), -1L) == 0 &&
	       ptrace(PTRACE_POKEUSER, tid, offsetof(struct user, regs.rax), value) == 0;
}

bool trace_first(pid_t tid, uint64_t value)
{
	return ptrace(PTRACE_POKEUSER, tid, offsetof(struct user, regs.rdi), value) == 0;
}
#else
/* x0 is the first argument before a call, and its result after. */
static bool set_x0(pid_t tid, uint64_t value)
{
	uint64_t registers[34]; /* x0 to x30, sp, pc, pstate */
	struct iovec all = { registers, sizeof registers };

	if (ptrace(PTRACE_GETREGSET, tid, REGISTERS, &all) < 0)
		return false;
	registers[0] = value;
	return ptrace(PTRACE_SETREGSET, tid, REGISTERS, &all) == 0;
}

bool trace_first(pid_t tid, uint64_t value)
{
	return set_x0(tid, value);
}

bool trace_skip(pid_t tid, int64_t value)
{
	int none = -1;
	struct iovec number = { &none, sizeof none };

	return ptrace(PTRACE_SETREGSET, tid, CALL_NUMBER, &number) == 0 && set_x0(tid, (uint64_t)value);
}
#endif

void trace_kill(pid_t tid)
{
	syscall(__NR_tkill, tid, SIGKILL);
}

void trace_go(pid_t tid, int signo)
{
	ptrace(PTRACE_CONT, tid, 0, signo);
}

void trace_listen(pid_t tid)
{
	ptrace(PTRACE_LISTEN, tid, 0, 0);
}

/* ---- does it work here? ---- */

/* Marked calls that the tracer answers with what they never return; and one exec, which is left out, too. */
static int probe_child(int in, int ready)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_execve, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_execveat, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_kill, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = sizeof filter / sizeof *filter, .filter = filter };
	char go;

	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* as no child of a server is */
	trace_permit(getppid());
	if (write(ready, "", 1) != 1 || read(in, &go, 1) != 1 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		return 1;
	if (syscall(__NR_execve, "", NULL, NULL) == 0 || errno != EXDEV)
		return 2;
	if (syscall(__NR_execveat, -1, "", NULL, NULL, 0) == 0 || errno != EXDEV)
		return 2;
	return syscall(__NR_kill, getpid(), 0) == 0 || errno != EXDEV ? 2 : 0;
}

/* Serve the child until it ends: its exit code, or -1. It ends in any case, by alarm if need be. */
static int probe_serve(pid_t child)
{
	struct seccomp_notif n;
	int status;

	while (waitpid(child, &status, __WALL) == child) {
		struct trace_event t = { .tid = child, .status = status };

		if (!WIFSTOPPED(status))
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		t.stop = classify(&t);
		if (t.stop == TRACE_CALL && trace_call(child, &n))
			trace_skip(child, -EXDEV);
		trace_go(child, t.stop == TRACE_SIGNAL ? t.signo : 0);
	}
	return -1;
}

/* What is known of a probe that ended so. */
static int probe_result(int rc, struct err *e)
{
	if (rc == 0)
		return 0;
	if (rc == 1)
		err_set(e, "ptrace: filters are refused");
	else if (rc == 2)
		err_set(e, "ptrace: another supervisor is asked before us");
	else
		err_set(e, "ptrace: could not be tried");
	if (e)
		e->code = rc == 1 ? EACCES : rc == 2 ? EBUSY : EAGAIN;
	return -1;
}

/* Attach when the child is ready for it, let it go, serve it. */
static int probe_parent(pid_t child, int ready, int go, struct err *e)
{
	char c;
	int rc = read(ready, &c, 1) == 1 ? trace_attach(child, e) : probe_result(-1, e);

	if (rc == 0 && write(go, "", 1) == 1)
		return probe_result(probe_serve(child), e);
	kill(child, SIGKILL);
	waitpid(child, NULL, __WALL);
	return rc < 0 ? -1 : probe_result(-1, e);
}

int trace_probe(struct err *e)
{
	int go[2], ready[2], rc;
	pid_t child;

	if (pipe2(go, O_CLOEXEC) < 0)
		return probe_result(-1, e);
	if (pipe2(ready, O_CLOEXEC) < 0) {
		close(go[0]);
		close(go[1]);
		return probe_result(-1, e);
	}
	child = fork();
	if (child == 0) {
		signal(SIGALRM, SIG_DFL);
		alarm(2);
		_exit(probe_child(go[0], ready[1]));
	}
	close(go[0]);
	close(ready[1]);
	rc = child > 0 ? probe_parent(child, ready[0], go[1], e) : probe_result(-1, e);
	close(go[1]);
	close(ready[0]);
	return rc;
}
