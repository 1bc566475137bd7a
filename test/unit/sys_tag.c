/* The mark: inherited, seen by others, gone with the process; ending all who bear it. */
#include "sys/hunt.h"
#include "sys/tag.h"

#include "test/t.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that marks itself and waits; it tells when it is ready. */
static pid_t marked(uint64_t tag, uint32_t command, void (*more)(void))
{
	int ends[2];
	char c = 0;
	pid_t pid;

	if (pipe(ends))
		exit(1);
	pid = fork();
	if (pid == 0) {
		if (tag_set(tag, command, NULL) < 0)
			_exit(1);
		if (write(ends[1], "r", 1) != 1)
			_exit(1);
		close(ends[0]);
		close(ends[1]);
		if (more)
			more();
		for (;;)
			pause();
	}
	close(ends[1]);
	if (read(ends[0], &c, 1) != 1)
		c = 0;
	close(ends[0]);
	if (pid < 0 || !c)
		exit(1); /* kill(-1) would be everybody */
	return pid;
}

static int end(pid_t pid)
{
	int status = 0;

	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return status;
}

T_CASE(fresh_tags)
{
	uint64_t a = tag_new(), b = tag_new();

	ok(a >> 56 == 0x41 && (uint32_t)a == 0xffffffff, "form");
	ok(a != b, "two sessions differ");
}

T_CASE(set_and_read)
{
	uint64_t tag = tag_new(), got = 0;
	uint32_t command = 0;
	pid_t pid = marked(tag, 0xfffffffe, NULL);

	ok(tag_of(pid, &got, &command) && got == tag && command == 0xfffffffe, "another process's mark");
	ok(tag_match(pid, tag), "of this session");
	ok(!tag_match(pid, tag ^ 1ULL << 32), "and of no other");
	ok(!tag_of(getpid(), &got, &command), "we have none");
	end(pid);
	ok(!tag_of(pid, &got, &command), "gone with the process");
	ok(!tag_of(-1, &got, &command) && !tag_match(999999999, tag), "nor has nobody");
}

static uint64_t of_deputy;

static void deputise(void)
{
	if (tag_deputise(of_deputy, NULL) < 0)
		_exit(1);
}

/* Waits for a child of its own, which lives as long. */
static pid_t deputy(pid_t *child)
{
	int ends[2];
	pid_t pid;

	*child = 0;
	if (pipe(ends))
		exit(1);
	pid = fork();
	if (pid == 0) {
		deputise();
		pid = fork();
		if (pid == 0)
			pid = getpid();
		else if (write(ends[1], &pid, sizeof pid) != sizeof pid)
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	if (read(ends[0], child, sizeof *child) != sizeof *child)
		exit(1);
	close(ends[0]);
	return pid;
}

T_CASE(deputies)
{
	uint64_t got = 0;
	uint32_t command;
	pid_t pid, child;

	of_deputy = tag_new();
	ok(tag_is_free(getpid()) && !tag_speaks_for(getpid(), &got), "we are none");
	pid = deputy(&child);
	ok(tag_speaks_for(pid, &got) && got == of_deputy, "a deputy, of this session");
	got = 0;
	ok(tag_speaks_for(child, &got) && got == of_deputy, "its child, too");
	ok(!tag_is_free(pid) && !tag_is_free(child), "neither is anybody else");
	ok(!tag_of(pid, &got, &command) && !tag_match(pid, of_deputy), "but none of the session's processes");
	is_int(tag_kill(of_deputy, 0, 0, SIGKILL), 0, "nor ended with them");
	ok(kill(pid, 0) == 0 && kill(child, 0) == 0, "both live");
	end(child);
	end(pid);
	ok(!tag_speaks_for(pid, &got) && !tag_is_free(pid), "gone: nobody knows");
}

T_CASE(no_way_from_a_session_to_its_deputies)
{
	int status = -1;
	pid_t pid;

	if (geteuid() != 0)
		return;
	pid = fork();
	if (pid == 0) {
		/* Root could. */
		if (tag_set(tag_new(), 1, NULL) < 0 || setresuid(65534, 65534, 65534) < 0)
			_exit(2);
		_exit(tag_deputise(tag_new(), NULL) < 0 && errno == EPERM ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	is_int(status, 0, "not permitted");
}

static void grandchild(void)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)"sleep 100 & echo $! >&9; wait; exec sleep 100",
		         NULL };

	execv("/bin/sh", argv);
	_exit(1);
}

T_CASE(inherited)
{
	uint64_t tag = tag_new(), got = 0;
	uint32_t command = 0;
	char text[32] = "";
	int ends[2];
	pid_t pid, deep;

	if (pipe(ends) || dup2(ends[1], 9) != 9)
		return;
	pid = marked(tag, 7, grandchild);
	ok(read(ends[0], text, sizeof text - 1) > 0, "a grandchild, through two execs");
	deep = (pid_t)atoi(text);
	ok(tag_of(deep, &got, &command) && got == tag && command == 7, "has the mark");
	is_int(tag_kill(tag, 8, 0, SIGKILL), 0, "it is not of command 8");
	ok(tag_kill(tag, 7, pid, SIGKILL) >= 1, "all but one: the grandchild");
	ok(kill(pid, 0) == 0, "that one lives");
	ok(tag_kill(tag, 0, 0, SIGKILL) >= 1, "any command: the rest");
	close(9);
	close(ends[0]);
	close(ends[1]);
	waitpid(pid, NULL, 0);
}

static void fork_on(void)
{
	for (;;) {
		if (fork() != 0)
			_exit(0); /* the parent goes, the child goes on */
	}
}

static void fork_around(void)
{
	for (;;) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
}

static bool any_runs(uint64_t tag)
{
	for (pid_t pid = 1; pid < 65536; pid++) {
		char path[32], text[512] = "", *state;
		FILE *f;

		if (!tag_match(pid, tag))
			continue;
		snprintf(path, sizeof path, "/proc/%d/stat", pid);
		f = fopen(path, "r");
		if (f && !fgets(text, sizeof text, f))
			text[0] = 0;
		if (f)
			fclose(f);
		state = strrchr(text, ')');
		if (state && state[2] != 'Z' && state[2] != 'X')
			return true;
	}
	return false;
}

T_CASE(forking_victims)
{
	for (int round = 0; round < 10; round++) {
		uint64_t tag = tag_new();
		pid_t a = marked(tag, 1, fork_on), b = marked(tag, 2, fork_around),
		      c = marked(tag, 3, fork_on);

		usleep(2000);
		tag_kill(tag, 0, 0, SIGKILL);
		ok(!any_runs(tag), "none is left");
		waitpid(a, NULL, 0);
		waitpid(b, NULL, 0);
		waitpid(c, NULL, 0);
	}
}

/* Without the filter a process may lower its own: it then belongs nowhere. With it, see the kernel tests. */
static void lower(void)
{
	struct rlimit l = { 5, 5 };

	setrlimit(TAG_RESOURCE, &l);
}

T_CASE(lowered)
{
	uint64_t tag = tag_new(), got;
	uint32_t command;
	pid_t pid = marked(tag, 1, lower);

	for (int i = 0; i < 1000 && tag_match(pid, tag); i++)
		usleep(1000);
	ok(!tag_of(pid, &got, &command), "no mark is taken for one");
	end(pid);
}

T_CASE(cannot_be_set)
{
	struct rlimit none = { 0, 0 };
	struct err e = { 0 };
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		setrlimit(TAG_RESOURCE, &none);
		if (geteuid() == 0 && setuid(30000 + (uid_t)getpid() % 30000) < 0)
			_exit(2);
		_exit(tag_set(tag_new(), 1, &e) == -1 && e.text[0] ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	is_int(status, 0, "a lower limit than the mark is an error");
}
