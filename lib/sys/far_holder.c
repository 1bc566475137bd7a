#include "sys/far.h"
#include "sys/proc.h"
#include "sys/tag.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bounds on what a session can make us look at, by many processes with many descriptors. */
enum { HIDDEN_MAX = 16, LOOKS = 4, LINKS_MAX = 30000 };

struct search {
	char link[40]; /* "socket:[inode]" */
	uid_t uid;     /* who made it */
	bool tagged;   /* which processes to look at */
	int links;     /* looked at so far */
	bool found;
	pid_t pid;                 /* who was found */
	uint64_t tag;              /* and its session */
	uint32_t command;          /* and its command there */
	bool any, could_be_theirs; /* there are tagged processes; one that may have made such a socket */
	pid_t hidden[HIDDEN_MAX];  /* could not be looked at */
	int n_hidden;              /* may be more than there is room for */
};

/* The descriptors listed in /proc/PID/NAME. False when they cannot be looked at. */
static bool look_in(pid_t pid, const char *name, struct search *s)
{
	char path[64], link[64];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!s->found && s->links < LINKS_MAX && (entry = readdir(dir))) {
		ssize_t n;

		s->links++;
		n = readlinkat(dirfd(dir), entry->d_name, link, sizeof link);
		s->found = n > 0 && (size_t)n == strlen(s->link) && !memcmp(link, s->link, (size_t)n);
	}
	closedir(dir);
	return true;
}

/* Each thread may have descriptors of its own. */
static void look_at_threads(pid_t pid, struct search *s)
{
	char path[64];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && !s->found && s->links < LINKS_MAX && (entry = readdir(dir))) {
		long tid = strtol(entry->d_name, NULL, 10);
		char name[40];

		if (tid <= 0 || tid == pid)
			continue;
		snprintf(name, sizeof name, "task/%ld/fd", tid);
		look_in(pid, name, s);
	}
	if (dir)
		closedir(dir);
}

static void look_at(pid_t pid, struct search *s)
{
	if (!look_in(pid, "fd", s)) {
		if (s->n_hidden < HIDDEN_MAX)
			s->hidden[s->n_hidden] = pid;
		s->n_hidden++;
		return;
	}
	if (s->tagged && !s->found)
		look_at_threads(pid, s);
	if (s->found)
		s->pid = pid;
}

static bool look_if(pid_t pid, void *arg)
{
	struct search *s = arg;
	uint64_t tag;
	bool tagged = tag_speaks_for(pid, &tag);

	s->any |= tagged;
	if (tagged == s->tagged)
		look_at(pid, s);
	if (s->found && s->tagged)
		s->tag = tag;
	return !s->found && s->links < LINKS_MAX;
}

/* Who ends cannot be looked at for a moment, and holds nothing after. */
static void look_again(struct search *s)
{
	for (int i = 0; i < LOOKS && !s->found && s->n_hidden && s->n_hidden <= HIDDEN_MAX; i++) {
		int n = s->n_hidden;

		if (i)
			poll(NULL, 0, 1);
		s->n_hidden = 0;
		for (int k = 0; k < n; k++) {
			struct proc_stat stat;

			if (proc_stat(s->hidden[k], &stat) && stat.state != 'Z' && stat.state != 'X')
				look_at(s->hidden[k], s);
		}
	}
}

/* Root in a session may take on any user. */
static bool weigh(pid_t pid, void *arg)
{
	struct search *s = arg;
	char text[4096], *line;
	unsigned id[4] = { 0 };
	uint64_t tag;

	if (!tag_speaks_for(pid, &tag))
		return true;
	line = proc_text(pid, "status", text, sizeof text) > 0 ? strstr(text, "\nUid:") : NULL;
	/* NOLINTNEXTLINE(cert-err34-c): written by the kernel */
	if (!line || sscanf(line, "\nUid: %u %u %u %u", id, id + 1, id + 2, id + 3) != 4)
		s->could_be_theirs = true;
	for (int i = 0; i < 4; i++)
		s->could_be_theirs |= id[i] == 0 || id[i] == s->uid || s->uid == (uid_t)-1;
	return !s->could_be_theirs;
}

/* Descriptors that are sent to us, in a request to be governed, are ours for a moment. */
static bool is_own(pid_t pid)
{
	struct proc_stat stat;

	return pid == getpid() || !proc_stat(pid, &stat) || stat.ppid == getpid();
}

static bool look_if_other(pid_t pid, void *arg)
{
	struct search *s = arg;

	look_if(pid, arg);
	if (s->found && is_own(s->pid))
		s->found = false;
	return !s->found && s->links < LINKS_MAX;
}

static bool look_if_in(pid_t pid, void *arg)
{
	struct search *s = arg;
	uint32_t command;
	uint64_t tag;

	if (!tag_of(pid, &tag, &command) || tag != s->tag)
		return true;
	look_at(pid, s);
	s->command = command;
	return !s->found && s->links < LINKS_MAX;
}

bool far_is_held_in(const struct far_end *far, uint64_t tag, uint32_t *command)
{
	struct search s = { .tagged = true, .tag = tag };

	*command = 0;
	if (far->kind != FAR_HELD)
		return false;
	snprintf(s.link, sizeof s.link, "socket:[%lu]", far->inode);
	proc_each(look_if_in, &s);
	*command = s.found ? s.command : 0;
	return s.found;
}

bool far_is_governed(const struct far_end *far, uint64_t *tag, pid_t *hint)
{
	struct search s = { .tagged = true, .uid = far->uid };

	*tag = 0;
	if (far->kind != FAR_HELD)
		return true;
	snprintf(s.link, sizeof s.link, "socket:[%lu]", far->inode);
	proc_each(look_if, &s);
	look_again(&s);
	*tag = s.tag;
	if (s.found || !s.any)
		return s.found;
	s.tagged = false;
	s.links = 0;
	if (*hint > 0)
		look_if_other(*hint, &s);
	if (!s.found)
		proc_each(look_if_other, &s);
	*hint = s.found ? s.pid : 0;
	if (!s.found)
		proc_each(weigh, &s);
	return !s.found && s.could_be_theirs;
}
