#include "enforce/files/own.h"

#include "sys/proc.h"
#include "sys/tag.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

pid_t own_pid_in(const char *path)
{
	char *end;
	long n;

	if (strncmp(path, "/proc/", 6) != 0 || !isdigit((unsigned char)path[6]))
		return 0;
	n = strtol(path + 6, &end, 10);
	return n > 0 && n <= INT_MAX && (*end == '/' || !*end) ? (pid_t)n : 0;
}

bool own_is(const struct caller *c, pid_t pid)
{
	return pid == c->pid || pid == c->tid || (pid && proc_tgid(pid) == c->pid);
}

bool own_may_look(const struct caller *c, pid_t pid)
{
	char name[32];
	struct stat st;
	uint64_t tag;
	uint32_t command;

	if (own_is(c, pid))
		return true;
	snprintf(name, sizeof name, "/proc/%d", (int)pid);
	return pid && tag_of(pid, &tag, &command) && tag == c->tag && command == c->command &&
	       stat(name, &st) == 0 && st.st_uid == c->uid;
}
