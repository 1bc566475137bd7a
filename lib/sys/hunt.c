#include "sys/hunt.h"

#include "base/find.h"
#include "base/clock.h"
#include "sys/proc.h"
#include "sys/tag.h"
#include "sys/uapi/compat.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_NS 2000000000LL

enum { FIELD_THREADS = 17 /* blanks from the state to num_threads, proc(5) */ };

struct hunt {
	uint64_t tag;
	uint32_t command; /* 0 = any */
	pid_t but;
	int signo;
	int newest_fd; /* /proc/loadavg: its last field is the number given out last, proc(5) */
};

static bool is_prey(const struct hunt *h, pid_t pid)
{
	uint64_t tag;
	uint32_t number;

	return pid != h->but && tag_of(pid, &tag, &number) && tag == h->tag &&
	       (!h->command || number == h->command);
}

/* Ended, all threads of it: the first one may be long gone while others run. */
static bool is_dead(pid_t pid)
{
	char text[512];
	const char *at;

	if (proc_text(pid, "stat", text, sizeof text) <= 0)
		return true;
	at = strrchr(text, ')');
	if (!at || at[1] != ' ' || (at[2] != 'Z' && at[2] != 'X'))
		return !at;
	for (int i = 0; at && i <= FIELD_THREADS; i++)
		at = strchr(at + 1, ' ');
	return !at || find_number(&at) <= 1;
}

/* Signal through a pidfd, and look at the tag after it is open: the number cannot be recycled in between.
 * 1 when it was there, alive. */
static int strike(const struct hunt *h, pid_t pid)
{
	int fd;

	if (!is_prey(h, pid) || is_dead(pid))
		return 0;
	fd = (int)syscall(__NR_pidfd_open, pid, 0);
	if (fd >= 0) {
		if (is_prey(h, pid))
			syscall(__NR_pidfd_send_signal, fd, h->signo, NULL, 0);
		close(fd);
	}
	return 1;
}

static pid_t newest(const struct hunt *h)
{
	char text[128];
	const char *at;
	ssize_t n = pread(h->newest_fd, text, sizeof text - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = 0;
	at = strrchr(text, ' ');
	return at ? (pid_t)find_number(&at) : 0;
}

static int strike_listed(const struct hunt *h)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;
	int n = 0;

	if (!dir)
		return 0;
	while ((d = readdir(dir))) {
		pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);

		if (pid > 0)
			n += strike(h, pid);
	}
	closedir(dir);
	return n;
}

/* Everybody, then those who came meanwhile, up to the newest. How many were alive; after none, none is. When
 * the numbers start anew meanwhile, the walk was not upwards: that counts as one alive. */
static int sweep(const struct hunt *h)
{
	pid_t at = newest(h), to;
	int n = strike_listed(h);

	while ((to = newest(h)) > at)
		while (at < to)
			n += strike(h, ++at);
	return n + (to < at);
}

int tag_kill(uint64_t tag, uint32_t command, pid_t but, int signo)
{
	static const struct timespec moment = { 0, 200000 };
	struct hunt h = { .tag = tag, .command = command, .but = but, .signo = signo };
	const int64_t until = clock_mono_ns() + PATIENCE_NS;
	int first;

	h.newest_fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
	first = sweep(&h);
	for (int n = first; signo == SIGKILL && n > 0 && clock_mono_ns() < until; n = sweep(&h))
		nanosleep(&moment, NULL);
	if (h.newest_fd >= 0)
		close(h.newest_fd);
	return first;
}
