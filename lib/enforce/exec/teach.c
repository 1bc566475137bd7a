#include "enforce/exec/impl.h"

#include "base/fd.h"
#include "enforce/denial.h"
#include "sys/at.h"
#include "sys/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void let_go(int *fd)
{
	if (CONFIG_FILES)
		at_release(fd);
	else
		fd_close(fd);
}

/* The caller's standard error itself, if it is open for writing (not as a path): whatever has its number by
 * now, nothing is written that the caller could not write to. */
static int take(pid_t pid, struct stat *st)
{
	AUTO_FD pidfd = proc_pidfd(pid);
	int fd = proc_getfd(pidfd, 2);

	if (fd >= 0 && (fstat(fd, st) < 0 || !(fcntl(fd, F_GETFL) & 3)))
		let_go(&fd);
	return fd;
}

/* A pipe or terminal is opened anew, without blocking: the reader may never come. A file shares its offset
 * with the caller, a socket has no name: these are the caller's own opening. */
static void say(int fd, mode_t type, const char *text, size_t n)
{
	char path[40];
	AUTO_FD fresh = -1;
	ssize_t done;

	if (type == S_IFBLK) /* anew it would begin where it begins */
		return;
	if (type != S_IFSOCK && type != S_IFREG) {
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		fd = fresh = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	}
	if (type == S_IFSOCK)
		done = send(fd, text, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	else
		done = write(fd, text, n);
	(void)done; /* the event says it all the same */
}

void teach(const struct call *k, const struct denial *d)
{
	pid_t pid = k->pid;
	char text[2048];
	struct stat st;
	int fd;

	if (!k->g->o.teach || (k->g->taught.pid == pid && k->g->taught.rule == d->verdict->rule))
		return;
	k->g->taught.pid = pid;
	k->g->taught.rule = d->verdict->rule;
	fd = take(pid, &st);
	/* While the caller waits its number is nobody else's, and so is the descriptor. */
	if (fd >= 0 && call_valid(k))
		say(fd, st.st_mode & S_IFMT, text,
		    denial_text(d->subject, d->verdict, d->message, text, sizeof text));
	let_go(&fd);
}
