# fork, vfork, posix_spawn, threads; every status right
cat >/tmp/w/f.c <<'C'
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
extern char **environ;
static int child(void *n) { char *a[] = { "sh", "-c", n, NULL }; execv("/bin/sh", a); return 99; }
static void tick(int s) { (void)s; }
static void *spawn(void *arg)
{
	for (int i = 0; i < 25; i++) {
		char cmd[20]; pid_t pid; int st;
		snprintf(cmd, sizeof cmd, "exit %d", i);
		char *a[] = { "sh", "-c", cmd, NULL };
		if (posix_spawn(&pid, "/bin/sh", NULL, NULL, a, environ) || waitpid(pid, &st, 0) != pid || WEXITSTATUS(st) != i)
			*(int *)arg += 1;
	}
	return NULL;
}
int main(void)
{
	int bad = 0, st, errors[4] = { 0 };
	static char stack[65536] __attribute__((aligned(16)));
	struct sigaction sa = { .sa_handler = tick, .sa_flags = SA_RESTART };
	struct itimerval it = { { 0, 1000 }, { 0, 1000 } }, off = { { 0, 0 }, { 0, 0 } };
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL); /* a fast timer interrupts everything */
	for (int i = 0; i < 40; i++) {
		char cmd[20];
		snprintf(cmd, sizeof cmd, "exit %d", i);
		pid_t pid = i % 3 == 0 ? fork() : i % 3 == 1 ? vfork() : clone(child, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, cmd);
		if (pid == 0) { child(cmd); _exit(98); }
		if (waitpid(pid, &st, 0) != pid || !WIFEXITED(st) || WEXITSTATUS(st) != i) bad++;
	}
	setitimer(ITIMER_REAL, &off, NULL);
	pthread_t t[4];
	for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, spawn, &errors[i]);
	for (int i = 0; i < 4; i++) { pthread_join(t[i], NULL); bad += errors[i]; }
	printf("wrong: %d\n", bad);
	return 0;
}
C
cd /tmp/w && gcc -O1 -pthread -o f f.c && ./f
