#include "enforce/exec/impl.h"

#include "base/fd.h"
#include "enforce/denial.h"
#include "sys/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A pipe or terminal is opened anew, without blocking: the reader may never come. */
static int open_fresh(pid_t pid)
{
	return proc_open(pid, "fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY);
}

/* A file shares its offset with the caller, a socket has no name: use the caller's own descriptor. */
static int open_shared(pid_t pid)
{
	int pidfd = proc_pidfd(pid), fd = -1;

	if (pidfd >= 0)
		fd = proc_getfd(pidfd, 2);
	fd_close(&pidfd);
	return fd;
}

void teach(const struct call *k, const struct denial *d)
{
	pid_t pid = k->pid;
	char text[2048], path[40];
	AUTO_FD fd = -1;
	struct stat st;
	ssize_t done;
	size_t n;

	if (!k->g->o.teach || (k->g->taught.pid == pid && k->g->taught.rule == d->verdict->rule))
		return;
	k->g->taught.pid = pid;
	k->g->taught.rule = d->verdict->rule;
	snprintf(path, sizeof path, "/proc/%d/fd/2", (int)pid);
	if (stat(path, &st) < 0)
		return;
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
		fd = open_fresh(pid);
	else if (S_ISREG(st.st_mode) || S_ISSOCK(st.st_mode))
		fd = open_shared(pid);
	/* While the caller waits its number is nobody else's, and so is the descriptor. */
	if (fd < 0 || !call_valid(k))
		return;
	n = denial_text(d->subject, d->verdict, d->message, text, sizeof text);
	if (S_ISSOCK(st.st_mode))
		done = send(fd, text, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	else
		done = write(fd, text, n);
	(void)done; /* the event says it all the same */
}
