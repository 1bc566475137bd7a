#include "base/fd.h"
#include "enforce/net/impl.h"
#include "sys/at.h"
#include "sys/proc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- answers --------------------------------------------------------------------------------------------
 */

/* We may be the last to have it by now, and who sets a socket to linger may not make us wait. */
void deed_let_go(int *sock)
{
	if (*sock >= 0 && net_option(*sock, SO_TYPE) == SOCK_STREAM)
		at_release(sock);
	else
		fd_close(sock);
}

void deed_fail(struct deed *d, int error)
{
	deed_let_go(&d->sock);
	d->answered = true;
	if (d->sent)
		call_return(d->k, d->sent);
	else
		call_fail(d->k, error);
}

void deed_return(struct deed *d, int64_t value)
{
	deed_let_go(&d->sock);
	d->answered = true;
	call_return(d->k, value);
}

void deed_continue(struct deed *d)
{
	deed_let_go(&d->sock);
	d->answered = true;
	call_continue(d->k);
}

void deed_kept(struct deed *d)
{
	deed_let_go(&d->sock);
	d->answered = true;
}

/* ---- who calls ------------------------------------------------------------------------------------------
 */

/* Of the calling thread, or where the kernel has no such descriptors of the process: then the thread may have
 * a table of its own. */
static int open_task(const struct deed *d)
{
	int fd = proc_task_fd(d->tid);

	return fd >= 0 ? fd : proc_pidfd(d->k->pid);
}

/* Is that what the calling thread calls by this number? */
static bool is_its_own(const struct deed *d, int fd)
{
	char link[64] = "", want[64];
	struct stat st;

	if (d->tid == d->k->pid)
		return true;
	if (fstat(d->sock, &st) < 0 || !S_ISSOCK(st.st_mode))
		return true; /* it will not be one by whatever name */
	snprintf(want, sizeof want, "socket:[%llu]", (unsigned long long)st.st_ino);
	return at_descriptor_link(d->tid, fd, link, sizeof link) > 0 && !strcmp(link, want);
}

int deed_take(struct deed *d, int fd)
{
	const size_t i = (size_t)d->tid % NET_TASKS;
	struct net *n = d->net;

	for (int tries = 0; tries < 2; tries++) {
		/* Where descriptors are of processes, a number that is used again is another's. */
		if (n->tasks[i].tid != d->tid || n->tasks[i].pid != d->k->pid || n->tasks[i].fd < 0 ||
		    tries) {
			fd_close(&n->tasks[i].fd);
			n->tasks[i].tid = d->tid;
			n->tasks[i].pid = d->k->pid;
			n->tasks[i].fd = open_task(d);
		}
		/* One that has ended has no descriptors: what answers is the caller. */
		d->sock = n->tasks[i].fd < 0 ? -1 : proc_getfd(n->tasks[i].fd, fd);
		if (d->sock >= 0 || errno == EBADF)
			break;
	}
	if (d->sock < 0)
		return errno == EBADF || errno == EMFILE || errno == ENFILE ? errno : EACCES;
	if (!is_its_own(d, fd) || !call_valid(d->k))
		return EBADF;
	return 0;
}

int net_option(int sock, int name)
{
	int value = 0;
	socklen_t size = sizeof value;

	return getsockopt(sock, SOL_SOCKET, name, &value, &size) < 0 ? -errno : value;
}

bool deed_alone(const struct deed *d)
{
	char name[40];
	struct stat st;

	snprintf(name, sizeof name, "/proc/%d/task", (int)d->k->pid);
	return d->tid == d->k->pid && stat(name, &st) == 0 && st.st_nlink == 3 && call_valid(d->k);
}
