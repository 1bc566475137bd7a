#include "enforce/limits/memory.h"

#include "base/find.h"
#include "sys/proc.h"
#include "sys/tag.h"

#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { TEXT = 4096 };

struct look {
	uint64_t tag;
	uid_t uid;
	bool exact;
	struct memory_use *out;
};

/* The number after `key` in `text`, 0 when it is not there. */
static uint64_t number(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	if (!at)
		return 0;
	at += strlen(key);
	while (*at == '\t')
		at++;
	return find_number(&at);
}

static uint64_t status_bytes(const char *text)
{
	return 1024 * (number(text, "\nRssAnon:") + number(text, "\nRssShmem:") + number(text, "\nVmSwap:"));
}

/* Its share of what others map as well. False when it is not to be seen. */
static bool exact_bytes(pid_t pid, const char *prefix, uint64_t *bytes)
{
	char text[TEXT], name[64];

	snprintf(name, sizeof name, "%ssmaps_rollup", prefix);
	if (proc_text(pid, name, text, sizeof text) <= 0)
		return false;
	*bytes = 1024 *
	         (number(text, "\nPss_Anon:") + number(text, "\nPss_Shmem:") + number(text, "\nSwapPss:"));
	return true;
}

/* The first thread has ended and shows no memory any more: another one still does. */
static bool living_thread(pid_t pid, char *text, char *prefix, size_t size)
{
	char dir[64];
	struct dirent *d;
	bool found = false;
	DIR *tasks;

	snprintf(dir, sizeof dir, "/proc/%d/task", (int)pid);
	tasks = opendir(dir);
	while (tasks && !found && (d = readdir(tasks))) {
		long tid = strtol(d->d_name, NULL, 10);

		snprintf(dir, sizeof dir, "task/%ld/status", tid);
		found = tid > 0 && proc_text(pid, dir, text, TEXT) > 0 && strstr(text, "\nVmRSS:");
		snprintf(prefix, size, "task/%ld/", tid);
	}
	if (tasks)
		closedir(tasks);
	return found;
}

static void add_command(struct memory_use *out, uint32_t number, uint64_t tasks)
{
	unsigned i = 0;

	while (i < out->n_commands && out->command[i].number != number)
		i++;
	if (i == COMMANDS)
		return;
	if (i == out->n_commands) {
		out->n_commands++;
		out->command[i].number = number;
		out->command[i].tasks = 0;
	}
	out->command[i].tasks += tasks;
}

static bool look_at(pid_t pid, void *arg)
{
	struct look *l = arg;
	char text[TEXT], prefix[48] = "";
	uint64_t tag, bytes, threads;
	uint32_t command;
	struct rlimit any;
	bool own;

	/* What a user's session starts stays that user's, and only others' limits are refused to us. */
	if (l->uid && prlimit(pid, TAG_RESOURCE, NULL, &any) < 0)
		return true;
	own = tag_of(pid, &tag, &command) && tag == l->tag;
	if ((!own && !l->uid) || proc_text(pid, "status", text, sizeof text) <= 0)
		return true;
	threads = number(text, "\nThreads:");
	if (!own) {
		l->out->others += number(text, "\nUid:") == l->uid ? threads : 0;
		return true;
	}
	l->out->tasks += threads;
	if (l->out->n_members < MEMBERS)
		l->out->member[l->out->n_members++] = pid;
	add_command(l->out, command, threads);
	if (!strstr(text, "\nVmRSS:") && (threads < 2 || !living_thread(pid, text, prefix, sizeof prefix)))
		return true;
	if (!l->exact || !exact_bytes(pid, prefix, &bytes))
		bytes = status_bytes(text);
	l->out->bytes += bytes;
	if (bytes > l->out->largest_bytes) {
		l->out->largest = pid;
		l->out->largest_bytes = bytes;
		l->out->largest_command = command;
	}
	return true;
}

void memory_look(uint64_t tag, uid_t uid, uint64_t max, struct memory_use *out)
{
	struct look l = { .tag = tag, .uid = uid, .out = out };

	*out = (struct memory_use){ .tasks = 0 };
	proc_each(look_at, &l);
	if (!max || out->bytes <= max)
		return;
	*out = (struct memory_use){ .tasks = 0 };
	l.exact = true;
	proc_each(look_at, &l);
}

int memory_kill(uint64_t tag, pid_t pid)
{
	int fd = proc_pidfd(pid), rc = -1;

	/* The tag is looked at while the number cannot be given to another one. */
	if (fd >= 0 && tag_match(pid, tag))
		rc = proc_signal(fd, SIGKILL);
	if (fd >= 0)
		close(fd);
	return rc;
}
