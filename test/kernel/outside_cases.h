/* The driver's side of outside.c. */
#pragma once

const struct lab_attack lab_attacks[] = {
	{ "kill", a_kill },
	{ "stop", a_stop },
	{ "tkill", a_tkill },
	{ "tgkill", a_tgkill },
	{ "urgent", a_urgent },
	{ "b-urgent", b_urgent },
	{ "queue", a_queue },
	{ "tgqueue", a_tgqueue },
	{ "pidfd", a_pidfd },
	{ "group", a_group },
	{ "own-group", a_own_group },
	{ "everybody", a_everybody },
	{ "setown", a_setown },
	{ "setown-group", a_setown_group },
	{ "setown-ex", a_setown_ex },
	{ "fiosetown", a_fiosetown },
	{ "ptrace", a_ptrace },
	{ "vm-read", a_vm_read },
	{ "vm-write", a_vm_write },
	{ "proc-environ", a_proc_environ },
	{ "proc-mem", a_proc_mem },
	{ "proc-maps", a_proc_maps },
	{ "proc-fd", a_proc_fd },
	{ "proc-cwd", a_proc_cwd },
	{ "getfd", a_getfd },
	{ "kcmp", a_kcmp },
	{ "prlimit", a_prlimit },
	{ "priority", a_priority },
	{ "priority-user", a_priority_user },
	{ "priority-group", a_priority_group },
	{ "affinity", a_affinity },
	{ "scheduler", a_scheduler },
	{ "ioprio", a_ioprio },
	{ "tag-setrlimit", a_tag_setrlimit },
	{ "tag-prlimit", a_tag_prlimit },
	{ "tag-child", a_tag_child },
	{ "b-children", b_children },
	{ "b-groups", b_groups },
	{ "b-relatives", b_relatives },
	{ "b-owner", b_owner },
	{ "b-limits", b_limits },
	{ "b-tag", b_tag },
	{ NULL, NULL },
};

/* One row per attack: the error it ends with, and the event it leaves ("" = none, the filter refused). */
static const struct row {
	const char *name;
	int error;
	const char *event;
} rows[] = {
	{ "kill", EPERM, "signal_blocked" },
	{ "stop", EPERM, "signal_blocked" },
	{ "tkill", EPERM, "signal_blocked" },
	{ "tgkill", EPERM, "signal_blocked" },
	{ "urgent", EPERM, "signal_blocked" },
	{ "queue", EPERM, "signal_blocked" },
	{ "tgqueue", EPERM, "signal_blocked" },
	{ "pidfd", EPERM, "signal_blocked" },
	{ "group", EPERM, "signal_blocked" },
	{ "own-group", 0, "signal_blocked" }, /* oneself is reached, the others are skipped */
	{ "everybody", EPERM, "signal_blocked" },
	{ "setown", EPERM, "signal_blocked" },
	{ "setown-group", EPERM, "" },
	{ "setown-ex", EPERM, "" },
	{ "fiosetown", EPERM, "" },
	{ "ptrace", EPERM, "" },
	{ "vm-read", EPERM, "" },
	{ "vm-write", EPERM, "" },
	{ "proc-environ", EACCES, "" },
	{ "proc-mem", EACCES, "" },
	{ "proc-maps", EACCES, "" },
	{ "proc-fd", EACCES, "" },
	{ "proc-cwd", EACCES, "" },
	{ "getfd", EPERM, "" },
	{ "kcmp", EPERM, "" },
	{ "prlimit", EPERM, "limit_blocked" },
	{ "priority", EPERM, "limit_blocked" },
	{ "priority-user", EPERM, "limit_blocked" },
	{ "priority-group", EPERM, "limit_blocked" },
	{ "affinity", EPERM, "limit_blocked" },
	{ "scheduler", EPERM, "limit_blocked" },
	{ "ioprio", EPERM, "limit_blocked" },
	{ "tag-setrlimit", EPERM, "" },
	{ "tag-prlimit", EPERM, "" },
	{ "tag-child", EPERM, "" },
};

static struct outcome got;

static pid_t start_victim(uid_t uid)
{
	gid_t gid = uid;
	int ends[2];
	char c;
	pid_t pid;

	lab_need(pipe(ends) == 0, "pipe");
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		setpgid(0, 0);
		if (uid && (setgroups(1, &gid) < 0 || setgid(gid) < 0 || setuid(uid) < 0))
			_exit(1);
		/* setuid() took this away; the victim is to be as open as any program */
		prctl(PR_SET_DUMPABLE, 1);
		if (write(ends[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	lab_need(pid > 0 && read(ends[0], &c, 1) == 1, "victim");
	close(ends[0]);
	return pid;
}

/* Ends the victim; was it untouched? */
static bool end_victim(pid_t pid)
{
	int status = 0;
	bool alive = waitpid(pid, &status, WNOHANG | WUNTRACED) == 0;

	if (!alive && !WIFSTOPPED(status))
		return false;
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return alive;
}

static bool survives(const char *name, bool governed, uid_t uid)
{
	pid_t pid = start_victim(uid);
	char text[16];
	bool well;

	snprintf(text, sizeof text, "%d", pid);
	setenv("KT_VICTIM", text, 1);
	lab_attack(name, governed, uid, &got);
	if (!governed) {
		/* A signal that the kernel sends may come after the attacker's end. */
		siginfo_t info = { 0 };

		for (int i = 0; i < 500 && !got.reached && !info.si_pid; i++, usleep(1000))
			waitid(P_PID, (id_t)pid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT);
	}
	well = end_victim(pid);
	return well && !got.reached;
}

static void each_row(uid_t uid)
{
	lab_start();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *r = &rows[i];

		/* If it were let through, kill(-1) of root would end the machine. */
		if (!uid && !strcmp(r->name, "everybody"))
			continue;
		ok(!survives(r->name, false, uid), "%s works ungoverned (uid %u)", r->name, (unsigned)uid);
		if (!ok(survives(r->name, true, uid), "%s: nothing happened", r->name) ||
		    !is_int(lab_exit(&got), r->error, "%s: %s", r->name, strerror(r->error)) ||
		    (*r->event && !ok(lab_logged(&got, r->event, "\"decision\":\"deny\""),
		                      "%s: an event says so", r->name)))
			lab_show(&got);
	}
}

T_CASE(victims_of_root)
{
	each_row(0);
}

T_CASE(victims_of_a_user)
{
	each_row(lab.user);
}

T_CASE(within_the_session)
{
	static const char *const names[] = { "b-children", "b-groups", "b-relatives", "b-owner",
		                             "b-limits",   "b-tag",    "b-urgent" };

	lab_start();
	for (size_t i = 0; i < 2 * sizeof names / sizeof *names; i++) {
		const char *name = names[i / 2];

		lab_attack(name, true, i % 2 ? lab.user : 0, &got);
		if (!is_int(lab_exit(&got), 0, "%s works", name))
			lab_show(&got);
	}
}
