#include "sys/tag.h"

#include "base/find.h"
#include "sys/uapi/compat.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Hard limit: 0x41 ("A"), 24 bits of session, all ones; soft limit: the same with the command number below.
 */
#define TAG_MAGIC 0x41ULL

uint64_t tag_new(void)
{
	uint32_t r = 0;

	if (getrandom(&r, sizeof r, 0) != sizeof r)
		r = (uint32_t)getpid();
	return TAG_MAGIC << 56 | (uint64_t)(r & 0xffffff) << 32 | 0xffffffffu;
}

int tag_set(uint64_t tag, uint32_t command, struct err *e)
{
	struct rlimit rl = { .rlim_cur = (tag & ~0xffffffffULL) | command, .rlim_max = tag };

	if (prlimit(0, TAG_RESOURCE, &rl, NULL) < 0)
		return err_sys(e, "mark process (limit on file locks)");
	return 0;
}

static bool by_file(pid_t pid, uint64_t *soft, uint64_t *hard)
{
	static const char key[] = "Max file locks";
	char path[32], text[4096];
	const char *line;
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/limits", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = 0;
	line = find_text(text, (size_t)n, key);
	if (!line)
		return false;
	line += sizeof key - 1;
	/* "unlimited" reads as 0, which is no tag either. */
	*soft = find_number(&line);
	*hard = find_number(&line);
	return true;
}

bool tag_of(pid_t pid, uint64_t *tag, uint32_t *command)
{
	uint64_t soft, hard;
	struct rlimit rl;

	if (prlimit(pid, TAG_RESOURCE, NULL, &rl) == 0) {
		soft = rl.rlim_cur;
		hard = rl.rlim_max;
	} else if (errno == ESRCH || !by_file(pid, &soft, &hard)) {
		return false;
	}
	if (hard >> 56 != TAG_MAGIC || (uint32_t)hard != 0xffffffffu || soft >> 32 != hard >> 32)
		return false;
	*tag = hard;
	*command = (uint32_t)soft;
	return true;
}

bool tag_match(pid_t pid, uint64_t tag)
{
	uint64_t have;
	uint32_t command;

	return tag_of(pid, &have, &command) && have == tag;
}

/* Signal through a pidfd, and look at the tag after it is open: the number cannot be recycled in between. */
static int kill_one(pid_t pid, uint64_t tag, uint32_t command, int signo)
{
	uint64_t have;
	uint32_t number;
	int fd, hit = 0;

	if (!tag_of(pid, &have, &number) || have != tag || (command && number != command))
		return 0;
	fd = (int)syscall(__NR_pidfd_open, pid, 0);
	if (fd < 0)
		return 0;
	if (tag_of(pid, &have, &number) && have == tag && (!command || number == command))
		hit = syscall(__NR_pidfd_send_signal, fd, signo, NULL, 0) == 0;
	close(fd);
	return hit;
}

static int sweep(uint64_t tag, uint32_t command, pid_t but, int signo)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;
	int n = 0;

	if (!dir)
		return 0;
	while ((d = readdir(dir))) {
		pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);

		if (pid > 0 && pid != but)
			n += kill_one(pid, tag, command, signo);
	}
	closedir(dir);
	return n;
}

/* A killed process keeps its tag until it is reaped: count the running ones only. */
static bool is_zombie(pid_t pid)
{
	char path[32], text[512], *paren;
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return true;
	text[n] = 0;
	paren = strrchr(text, ')');
	return !paren || paren[1] != ' ' || paren[2] == 'Z' || paren[2] == 'X';
}

static bool any_left(uint64_t tag, uint32_t command, pid_t but)
{
	DIR *dir = opendir("/proc");
	bool found = false;
	struct dirent *d;

	if (!dir)
		return false;
	while (!found && (d = readdir(dir))) {
		pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);
		uint64_t have;
		uint32_t number;

		found = pid > 0 && pid != but && tag_of(pid, &have, &number) && have == tag &&
		        (!command || number == command) && !is_zombie(pid);
	}
	closedir(dir);
	return found;
}

enum { ROUNDS = 200 };
static const struct timespec moment = { 0, 1000000 };

int tag_kill(uint64_t tag, uint32_t command, pid_t but, int signo)
{
	int n = sweep(tag, command, but, signo);

	/* Dying takes a moment, and who forks and ends all the time can hop over a single look. */
	for (int round = 0, clean = 0; signo == SIGKILL && round < ROUNDS && clean < 3; round++) {
		if (!any_left(tag, command, but)) {
			clean++;
			continue;
		}
		clean = 0;
		nanosleep(&moment, NULL);
		sweep(tag, command, but, signo);
	}
	return n;
}
