/* What judging files does to the supervisor itself. Included by files_open.c, behind its driver. */
#pragma once

#include "sys/notify.h"
#include "sys/proc.h"

#include <sys/resource.h>

/* FS-16, FS-29: the supervisor may look into more processes than its callers. */
T_CASE(outsiders)
{
	static const char *const names[] = { "outsider", "outsiders_root", "outsiders_thread" };
	char number[16];
	pid_t pid;

	lab_start();
	pid = fork();
	if (pid == 0) {
		gid_t gid = lab.user;
		char *argv[] = { (char *)"sleep", (char *)"60", NULL }, *env[] = { (char *)"SECRET=1", NULL };

		if (setgroups(1, &gid) < 0 || setgid(gid) < 0 || setuid(lab.user) < 0)
			_exit(96);
		execve("/bin/sleep", argv, env);
		_exit(96);
	}
	snprintf(number, sizeof number, "%d", (int)pid);
	setenv("KT_OUTSIDER", number, 1);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		attack(names[i], false, NULL, lab.user);
		ok(o.reached, "%s: can be read", names[i]);
		attack(names[i], true, JUDGED, lab.user);
		ok(!o.reached && lab_exit(&o) == EACCES, "%s: not from a session (%d)", names[i],
		   lab_exit(&o));
		attack(names[i], true, JUDGED, 0);
		ok(!o.reached && lab_exit(&o) == EACCES, "%s: nor by root there (%d)", names[i],
		   lab_exit(&o));
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

#define STRICT                                                                                        \
	LAB_HEAD LAB_TAIL                                                                             \
	        "file_rules:\n"                                                                       \
	        "  - name: allow-own\n"                                                               \
	        "    paths: [\"/dev/fd/**\", \"/dev/stdin\", \"/proc/self/**\", \"%s\", \"%s/**\"]\n" \
	        "    operations: [\"*\"]\n"                                                           \
	        "    decision: allow\n"

/* One's own place in the process table has no number to the rules. */
T_CASE(own_process)
{
	lab_start();
	lay_out();
	lab_write(lab.policy,
	          LAB_HEAD LAB_TAIL
	          "file_rules:\n"
	          "  - {name: others, paths: [\"/proc/[0-9]*/{fd,maps}\"], "
	          "operations: [\"*\"], decision: deny}\n"
	          "  - {name: rest, paths: [\"/**\"], operations: [\"*\"], decision: allow}\n",
	          0644);
	lab.option = JUDGED;
	lab_attack("own_process", true, lab.user, &o);
	is_int(lab_exit(&o), 0, "by name, by number, and of another of the command");
	ok(lab_logged(&o, "\"others\"", "/maps"), "which is denied, by its rule");
}

/* FS-06: a name that is allowed for what one has open opens nothing else. */
T_CASE(aliases)
{
	static const char *const names[] = { "alias", "stdin_alias", "proc_alias" };
	char path[PATH_MAX], text[2048];

	lab_start();
	snprintf(text, sizeof text, STRICT, lab.tool, lab.drop);
	snprintf(path, sizeof path, "%s/outside", lab.dir);
	lab_write(path, "secret\n", 0644);
	for (size_t n = 0; n < 6; n++) {
		const size_t i = n / 2;
		const uid_t uid = n & 1 ? 0 : lab.user;

		attack(names[i], true, NULL, uid);
		ok(o.reached, "%s: reached without the judge", names[i]);
		lay_out();
		lab_write(lab.policy, text, 0644);
		lab.option = JUDGED;
		lab_attack(names[i], true, uid, &o);
		ok(!o.reached && lab_exit(&o) == EACCES, "%s: EACCES (%d)", names[i], lab_exit(&o));
		ok(lab_logged(&o, "default-deny-files", "/outside"), "%s: in the log with its rule",
		   names[i]);
	}
}

T_CASE(redirects)
{
	char text[2048];

	lab_start();
	for (int root = 0; root < 2; root++) {
		lay_out();
		make_dir("redir", 0777);
		put("redir/old", "old", 0666);
		snprintf(text, sizeof text,
		         LAB_HEAD LAB_TAIL "file_rules:\n"
		                           "  - name: elsewhere\n"
		                           "    paths: [\"**/redir/**\"]\n"
		                           "    operations: [write, create]\n"
		                           "    decision: redirect\n"
		                           "    redirect_to: %s/else\n"
		                           "  - {name: rest, paths: [\"/**\"], operations: [\"*\"], "
		                           "decision: allow}\n",
		         lab.drop);
		lab_write(lab.policy, text, 0644);
		lab.option = JUDGED;
		lab_attack("redirected", true, root ? 0 : lab.user, &o);
		is_int(lab_exit(&o), 0, "what is written goes elsewhere");
		if (lab_exit(&o))
			lab_show(&o);
		ok(lab_logged(&o, "\"elsewhere\"", "else/new"), "and the log says where");
	}
}

/* What is only watched goes on, and is in the log; what no rule watches is not. */
T_CASE(audits)
{
	static const char format[] = LAB_HEAD LAB_TAIL
	        "file_rules:\n"
	        "  - {name: watched, paths: [\"**/%s\"], operations: [read, open], decision: audit}\n"
	        "  - {name: rest, paths: [\"/**\"], operations: [\"*\"], decision: allow}\n";
	char text[2048];

	lab_start();
	for (int watched = 0; watched < 2; watched++) {
		lay_out();
		snprintf(text, sizeof text, format, watched ? ".env" : "another");
		lab_write(lab.policy, text, 0644);
		lab.option = JUDGED;
		lab_attack("plain", true, lab.user, &o);
		ok(o.reached && lab_exit(&o) == 0, "it is read");
		is_int(lab_logged(&o, "\"watched\"", "file_open"), watched,
		       "and in the log if it is watched");
	}
}

static pid_t spawn(const char *name, uid_t uid)
{
	char *argv[] = { lab.tool, NULL };
	pid_t pid;

	lab_start();
	lab_write(lab.policy, policy, 0644);
	lay_out();
	lab.option = JUDGED;
	setenv("KT_ATTACK", name, 1);
	pid = lab_spawn(argv, true, uid);
	unsetenv("KT_ATTACK");
	return pid;
}

/* perf: few descriptors, however many files are open. */
T_CASE(descriptors)
{
	pid_t pid = spawn("day_descriptors", lab.user);
	size_t most = 0, n;
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		n = proc_count(pid, "fd");
		most = n > most ? n : most;
	}
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a thousand files were opened");
	ok(most > 3 && most < 48, "the supervisor had at most %zu descriptors", most);
}

/* Every call is answered, also where the supervisor cannot open anything any more. */
T_CASE(starved)
{
	pid_t pid = spawn("starved", 0);
	struct rlimit none;
	struct stat st;
	int status;

	while (stat(lab.reached, &st) < 0)
		usleep(1000);
	getrlimit(RLIMIT_NOFILE, &none);
	none.rlim_cur = 3;
	ok(prlimit(pid, RLIMIT_NOFILE, &none, NULL) == 0, "no more descriptors");
	ok(lab_wait(pid, &status, 10), "nobody waits for ever");
	ok(WIFEXITED(status) && (WEXITSTATUS(status) == EMFILE || WEXITSTATUS(status) == ENFILE),
	   "the caller is told (%x)", (unsigned)status);
}

static int asks(int to)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	int fd;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	fd = notify_install(filter, 4, false, NULL);
	if (fd < 0 || write(to, &fd, sizeof fd) != sizeof fd)
		return 90;
	return (int)syscall(SYS_getppid) == 4242 ? 0 : 91;
}

/* The kernel's facts this stands on: an O_PATH descriptor cannot be handed over, and then nobody has answered
 * yet. */
T_CASE(facts)
{
	struct seccomp_notif n;
	int to[2], fd = -1, listener, pidfd, path = open("/", O_PATH | O_CLOEXEC), status;
	pid_t pid;

	if (!ok(pipe(to) == 0, "a pipe"))
		return;
	pid = fork();
	if (pid == 0)
		_exit(asks(to[1]));
	ok(read(to[0], &fd, sizeof fd) == sizeof fd, "a listener");
	pidfd = proc_pidfd(pid);
	listener = proc_getfd(pidfd, fd);
	is_int(notify_receive(listener, &n), 1, "a call");
	is_int(notify_inject(listener, n.id, path, 0), EBADF, "O_PATH");
	ok(notify_valid(listener, n.id), "the call still waits");
	ok(notify_return(listener, n.id, 4242), "and can be answered");
	ok(waitpid(pid, &status, 0) == pid && status == 0, "once");
	close(listener);
	close(pidfd);
	close(path);
	close(to[0]);
	close(to[1]);
}
