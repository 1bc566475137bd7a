/* needs: seccomp
 * session/worker: the server's answer to who waits for an approval, all the way: a server, its supervisors,
 * programs in two sessions. Yes and no, too late, to another session, to somebody who is gone. */
#include "test/unit/session_world.h"

#include "base/clock.h"
#include "session/gate.h"
#include "session/spawn.h"
#include "session/worker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define SECOND 1000000000LL

static const char asking[] = "version: 1\nname: ask\nfile_rules:\n"
                             "  - {name: ask-soon, paths: ['${PROJECT_ROOT}/soon'], operations: ['*'],\n"
                             "     decision: approve, timeout: 200ms}\n"
                             "  - {name: ask-env, paths: ['${PROJECT_ROOT}/*.env'], operations: ['*'],\n"
                             "     decision: approve}\n"
                             "  - {name: rest, paths: ['**'], operations: ['*'], decision: allow}\n"
                             "network_rules:\n"
                             "  - {name: ask-net, cidrs: ['127.0.0.0/8'], decision: approve}\n"
                             "command_rules:\n"
                             "  - {name: all, commands: ['*'], decision: allow}\n";

static struct session *one, *other;
static struct buf heard; /* all events, a line each */
static uid_t user;

/* The program of the server's workers is the one under test, beside a copy of this one. */
__attribute__((constructor)) static void be_a_worker(void)
{
	char exe[PATH_MAX], words[64] = "";
	char *argv[] = { words, NULL }, *env[] = { NULL };
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 16);
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || n <= 0 || read(fd, words, sizeof words - 1) <= 0 || strcmp(words, "supervise") != 0) {
		if (fd >= 0)
			close(fd);
		return;
	}
	close(fd);
	exe[n] = 0;
	strcpy(strrchr(exe, '/'), "/agentsh");
	execve(exe, argv, env);
	_exit(127);
}

static void hear(struct subscriber *sub, const char *json, size_t len)
{
	(void)sub;
	buf_add(&heard, json, len);
	buf_chr(&heard, '\n');
}
static struct subscriber ear = { .event = hear };

/* A line with all of these. */
static const char *said(const char *a, const char *b, const char *c)
{
	char *line = strdup(buf_text(&heard)), *rest = line;
	static char found[4096];

	*found = 0;
	for (char *l; line && !*found && (l = strsep(&rest, "\n"));)
		if (strstr(l, a) && strstr(l, b) && strstr(l, c))
			snprintf(found, sizeof found, "%s", l);
	free(line);
	return *found ? found : NULL;
}

static bool wait_for(const char *a, const char *b, const char *c)
{
	const int64_t end = clock_mono_ns() + 20 * SECOND;

	while (!said(a, b, c) && clock_mono_ns() < end)
		loop_once(w.loop, 20, NULL);
	return said(a, b, c);
}

/* The id under which somebody asks for this file. */
static const char *asked_for(const char *file, char id[64])
{
	char target[300];
	const char *line, *at;

	snprintf(target, sizeof target, "\"target\":\"%s/%s\"", w.ws, file);
	if (!wait_for("approval_requested", target, ""))
		return "";
	line = said("approval_requested", target, "");
	at = strstr(line, "\"id\":\"approval-");
	snprintf(id, 64, "%.*s", (int)strcspn(at + 6, "\""), at + 6);
	return id;
}

static struct exec_start begin(struct session *s, const char *words)
{
	const char *args[] = { "-c", words };
	struct exec_spec spec = { .command = "/bin/sh", .args = args, .n_args = 2 };
	struct exec_start out = { .pid = 0 };
	struct err e = { 0 };

	ok(session_exec(w.core, s, &spec, &out, &e) == 0 && out.pid > 0, "%s: %s%s", words, e.text,
	   out.error);
	return out;
}

/* Its exit status. */
static int end(struct exec_start *x)
{
	const int64_t until = clock_mono_ns() + 20 * SECOND;
	struct rusage usage = { .ru_nvcsw = 0 };
	int status = -1;

	while (x->pid > 0 && waitpid(x->pid, &status, WNOHANG) == 0 && clock_mono_ns() < until)
		loop_once(w.loop, 20, NULL);
	session_exec_finished(w.core, x->command, status, &usage);
	fd_close(&x->pidfd);
	fd_close(&x->in_fd);
	fd_close(&x->out_fd);
	fd_close(&x->err_fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool there(const char *name)
{
	char path[200];

	snprintf(path, sizeof path, "%s/%s", w.ws, name);
	return access(path, F_OK) == 0;
}

static int answer(struct session *s, const char *id, bool yes)
{
	struct err e = { 0 };
	int rc = worker_approve(s, id, yes, yes ? "why not" : "rather not", &e);

	return is_int(rc, 0, "answered %s", e.text), rc;
}

static struct session *session_of(const char *id)
{
	struct err e = { 0 };
	struct session *s = session_new(w.core,
	                                &(struct session_spec){ .id = id,
	                                                        .policy = "ask",
	                                                        .workspace = w.ws,
	                                                        .project_root = w.ws,
	                                                        .detect_project_root = 0,
	                                                        .uid = user,
	                                                        .gid = user },
	                                &e);

	if (s && session_supervise(w.core, s, &e) < 0)
		s = NULL;
	ok(s != NULL, "session: %s", e.text);
	return s;
}

static bool enter(void)
{
	struct err e = { 0 };

	if (!world_begin("approvals: {enabled: true, timeout: 1h}\n"
	                 "sandbox: {network: {enabled: true, judge: true}}\n"))
		return false;
	write_file("policies/ask.yaml", asking);
	if (chmod(w.dir, 0755) < 0 || chmod(w.ws, 0755) < 0 || chown(w.ws, user, user) < 0 ||
	    !ok(gate_open(w.core, &e) == 0, "gate: %s", e.text))
		return false;
	core_subscribe(w.core, &ear);
	one = session_of("one");
	other = session_of("other");
	return one && other;
}

static void leave(void)
{
	core_end_sessions(w.core);
	core_unsubscribe(&ear);
	gate_close(w.core);
	world_end();
	buf_release(&heard);
}

static void yes_and_no(void)
{
	struct exec_start x = begin(one, "echo x >yes.env; echo x >no.env; test $? != 0");
	char id[64];

	answer(one, asked_for("yes.env", id), true);
	ok(wait_for("approval_resolved", id, "\"approved\":true"), "yes is told");
	answer(one, asked_for("no.env", id), false);
	ok(wait_for("approval_resolved", id, "\"approved\":false"), "no is told");
	is_int(end(&x), 0, "the refused call fails, and the shell goes on");
	ok(there("yes.env"), "what was approved happened");
	ok(!there("no.env"), "the rest did not");
	ok(wait_for("\"file_create\"", "no.env", "\"rule\":\"ask-env\""), "the refusal names its rule");
	ok(said("\"denied\"", "no.env", "\"rule\":\"ask-env\""), "as denied");
}

static void too_late(void)
{
	struct exec_start x = begin(one, "echo x >soon; test $? != 0");
	char id[64];

	asked_for("soon", id);
	ok(wait_for("approval_resolved", id, "\"timeout\""), "nobody answers in time");
	answer(one, id, true);
	is_int(end(&x), 0, "refused");
	x = begin(one, "echo x >free");
	is_int(end(&x), 0, "the supervisor goes on");
	ok(!there("soon") && there("free"), "a late yes changes nothing");
}

static void to_another(void)
{
	struct exec_start x = begin(other, "echo x >others.env; test $? != 0"), y;
	char id[64], second[64];

	asked_for("others.env", id);
	answer(one, id, true);
	/* What was told before is done when what is told later is. */
	y = begin(one, "echo x >own.env");
	answer(one, asked_for("own.env", second), true);
	is_int(end(&y), 0, "a question of its own");
	ok(!said("approval_resolved", id, "") && !there("others.env"), "another session's waits on");
	answer(other, "approval-0000000000000000-1", true);
	answer(other, "", true);
	answer(other, id, false);
	is_int(end(&x), 0, "until its own is told");
	ok(said("approval_resolved", id, "rather not") && !there("others.env"), "and by that");
}

static void to_nobody(void)
{
	struct exec_start x = begin(one, "echo x >gone.env");
	char id[64];

	asked_for("gone.env", id);
	session_kill(w.core, x.command, SIGKILL);
	is_int(end(&x), -1, "killed while it waits");
	answer(one, id, true);
	ok(wait_for("approval_resolved", id, "\"approved\":false"), "it is told that nobody waits");
	x = begin(one, "echo x >later.env");
	answer(one, asked_for("later.env", id), true);
	is_int(end(&x), 0, "the next one is answered");
	ok(!there("gone.env") && there("later.env"), "what the dead asked for did not happen");
}

/* ---- each kind of call ----------------------------------------------------------------------------------
 */

static const char *const names[] = { "k.env", "dir.env", "new.env", "plain", "moved", "m.env" };

static void fill(void)
{
	char path[200];
	int fd;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", w.ws, names[i]);
		if (remove(path) < 0 && errno != ENOENT)
			ok(false, "%s", path);
		if (i == 1)
			ok(mkdir(path, 0755) == 0 && chown(path, user, user) == 0);
		if (i != 0 && i != 3)
			continue;
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		ok(fd >= 0 && write(fd, "old\n", 4) == 4 && fchown(fd, user, user) == 0 && close(fd) == 0);
	}
}

/* All that a call of those below can change. */
static const char *state(char out[600])
{
	char path[200];
	size_t n = 0;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct stat st = { .st_ino = 0 };

		snprintf(path, sizeof path, "%s/%s", w.ws, names[i]);
		lstat(path, &st);
		n += (size_t)snprintf(out + n, 600 - n, "%s %llu %o %ld %ld %lld.%ld\n", names[i],
		                      (unsigned long long)st.st_ino, st.st_mode, (long)st.st_nlink,
		                      (long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	}
	return out;
}

/* The id of the n-th question, if it was asked. */
static bool asked(int n, char id[64])
{
	char *all = strdup(buf_text(&heard)), *rest = all;
	const char *at = NULL;

	for (char *l; all && n >= 0 && (l = strsep(&rest, "\n"));)
		if (strstr(l, "\"approval_requested\"") && !n--)
			at = strstr(l, "\"id\":\"approval-");
	snprintf(id, 64, "%.*s", at ? (int)strcspn(at + 6, "\"") : 0, at ? at + 6 : "");
	free(all);
	return *id;
}

/* Waited for as long as the command lives. */
static bool question(const struct exec_start *x, int n, char id[64])
{
	const int64_t until = clock_mono_ns() + 20 * SECOND;
	siginfo_t dead = { .si_pid = 0 };

	while (!asked(n, id)) {
		if (dead.si_pid || clock_mono_ns() > until)
			return false;
		loop_once(w.loop, 20, NULL);
		(void)!waitid(P_PID, (id_t)x->pid, &dead, WEXITED | WNOHANG | WNOWAIT);
	}
	return true;
}

static void one_kind(const char *words, bool reads, bool yes)
{
	char before[600], now[600], id[64];
	struct exec_start x;
	int n = 0;

	buf_clear(&heard);
	fill();
	state(before);
	x = begin(one, words);
	for (; question(&x, n, id); n++) {
		if (!n)
			is_str(state(now), before, "%s: waits", words);
		answer(one, id, yes);
		ok(wait_for("approval_resolved", id, yes ? "\"approved\":true" : "\"approved\":false"));
	}
	ok(n > 0, "%s: is asked about", words);
	ok((end(&x) == 0) == yes, "%s: comes to what was said", words);
	ok(!strcmp(state(now), before) == (reads || !yes), "%s: and so does the file", words);
	ok(yes || said("\"denied\"", "\"rule\":\"ask-env\"", ".env"), "%s: the refusal names its rule",
	   words);
}

/* A yes is for one call: it gives nothing a name that nobody will be asked about. */
static void free_of_questions(void)
{
	struct exec_start x;
	char id[64];

	buf_clear(&heard);
	fill();
	x = begin(one, "mv k.env moved");
	for (int n = 0; question(&x, n, id); n++)
		answer(one, id, true);
	ok(end(&x) != 0 && there("k.env") && !there("moved"), "not by another name");
}

static void each_kind(void)
{
	static const char *const calls[] = {
		"cat k.env >/dev/null", "echo x >>k.env",    "truncate -s 1 k.env", "rm k.env </dev/null",
		"mv k.env m.env",       "mv -f plain k.env", "mv plain new.env",    "echo x >new.env",
		"mkdir new.env",        "rmdir dir.env",     "ln -s x new.env",     "ln plain new.env",
		"chmod 600 k.env",      "touch -d @7 k.env", "mkfifo new.env",      "mv dir.env moved",
		"chgrp $(id -g) k.env",
	};

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		for (int yes = 0; yes < 2; yes++)
			one_kind(calls[i], !i || strstr(calls[i], "chgrp"), yes);
	free_of_questions();
}

/* A listener outside of the session. */
static int listen_here(int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ok(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 8) == 0 &&
	           getsockname(fd, (struct sockaddr *)&a, &len) == 0,
	   "somebody listens");
	*port = ntohs(a.sin_port);
	return fd;
}

static bool was_reached(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void connections(void)
{
	char words[200], remote[64], id[64];
	const char *line, *at;
	struct exec_start x;
	int port, fd = listen_here(&port);

	snprintf(remote, sizeof remote, "\"target\":\"127.0.0.1:%d\"", port);
	snprintf(words, sizeof words, "exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/%d' 2>/dev/null", port);
	for (int yes = 1; yes >= 0; yes--) {
		buf_clear(&heard);
		x = begin(one, words);
		ok(wait_for("approval_requested", remote, "ask-net"), "a connection is asked about");
		ok(!was_reached(fd), "and waits");
		line = said("approval_requested", remote, "");
		at = line ? strstr(line, "\"id\":\"approval-") : NULL;
		snprintf(id, sizeof id, "%.*s", at ? (int)strcspn(at + 6, "\"") : 0, at ? at + 6 : "");
		answer(one, id, yes);
		ok((end(&x) == 0) == yes, "it comes to what was said");
		ok(was_reached(fd) == yes, "there, too");
		ok(wait_for("\"net_connect\"", yes ? "\"allowed\"" : "\"denied\"", "\"rule\":\"ask-net\""),
		   "told with its rule");
	}
	close(fd);
}

static void all_cases(uid_t uid)
{
	user = uid;
	if (!enter())
		return;
	yes_and_no();
	too_late();
	to_another();
	to_nobody();
	each_kind();
	connections();
	leave();
}

/* In a directory with both programs in it. */
static void move_there(const char *self)
{
	const char *agentsh = getenv("AGENTSH");
	char dir[] = "/tmp/approve.XXXXXX", command[600], copy[64];

	snprintf(copy, sizeof copy, "%s/approve", mkdtemp(dir));
	snprintf(command, sizeof command, "chmod 755 %s && cp '%.200s' %s/agentsh && cp '%.200s' %s", dir,
	         agentsh ? agentsh : "build/out/agentsh", dir, self, copy);
	if (system(command) == 0)
		execl(copy, copy, (char *)NULL);
	ok(false, "%s", command);
}

T_CASE(answers)
{
	char self[PATH_MAX], command[PATH_MAX + 8];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (geteuid() != 0)
		t_skip_all("not root");
	self[n < 0 ? 0 : n] = 0;
	if (strncmp(self, "/tmp/approve.", 13) != 0) {
		move_there(self);
		return;
	}
	all_cases(30000 + (uid_t)getpid() % 30000);
	all_cases(0);
	*strrchr(self, '/') = 0;
	snprintf(command, sizeof command, "rm -rf %s", self);
	ok(system(command) == 0, "removed");
}
