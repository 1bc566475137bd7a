#include "enforce/exec/impl.h"

#include "base/buf.h"
#include "enforce/denial.h"
#include "sys/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A pipe or terminal is opened anew, without blocking: the reader may never come. */
static void write_fresh(pid_t pid, const char *text, size_t len)
{
	int fd = proc_open(pid, "fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return;
	if (write(fd, text, len) < 0)
		len = 0; /* the event says it all the same */
	close(fd);
}

/* A file shares its offset with the caller, a socket has no name: use the caller's own descriptor. */
static void write_shared(pid_t pid, const char *text, size_t len, bool is_socket)
{
	int pidfd = proc_pidfd(pid), fd = -1;

	if (pidfd < 0) /* a thread: its process has the same descriptors */
		pidfd = proc_pidfd(proc_tgid(pid));
	if (pidfd >= 0)
		fd = proc_getfd(pidfd, 2);
	if (fd >= 0 && is_socket)
		len = send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? 0 : len;
	else if (fd >= 0 && write(fd, text, len) < 0)
		len = 0;
	if (fd >= 0)
		close(fd);
	if (pidfd >= 0)
		close(pidfd);
}

void teach(const struct call *k, const struct denial *d)
{
	pid_t pid = k->pid;
	char text[2048], path[40];
	struct stat st;
	size_t n;

	if (!k->g->o.teach || (k->g->taught.pid == pid && k->g->taught.rule == d->verdict->rule))
		return;
	k->g->taught.pid = pid;
	k->g->taught.rule = d->verdict->rule;
	snprintf(path, sizeof path, "/proc/%d/fd/2", (int)pid);
	if (stat(path, &st) < 0 || !call_valid(k))
		return;
	n = denial_text(d->subject, d->verdict, d->message, text, sizeof text);
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
		write_fresh(pid, text, n);
	else if (S_ISREG(st.st_mode) || S_ISSOCK(st.st_mode))
		write_shared(pid, text, n, S_ISSOCK(st.st_mode));
}
