#include "session/mounter_impl.h"

#include "base/fd.h"
#include "base/log.h"
#include "sys/proc.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

/* Looks: stopped for so long is not by chance; at one request, without a step, for so long is no slow disk.
 */
enum { STOPPED_LOOKS = 2, WORK_LOOKS = 30000 / MOUNTER_LOOK_MS };
#define LEAVE_NS (2000 * 1000000LL)

int mounter_page(const volatile uint64_t **page)
{
	int fd = memfd_create("agentsh-view", MFD_CLOEXEC);
	void *at = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, sizeof **page) == 0)
		at = mmap(NULL, sizeof **page, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		fd_close(&fd);
	else
		*page = at;
	return fd;
}

void mounter_unpage(const volatile uint64_t *page)
{
	if (page)
		munmap((void *)page, sizeof *page);
}

static void end(const struct mounted *m, const char *why)
{
	log_line(LOG_ERROR, "the view of %s: its process %d %s", m->path, (int)m->pid, why);
	kill(m->pid, SIGKILL);
}

/* The mount itself is in use. */
void mounter_break_off(const struct mounted *m)
{
	char name[32];

	if (m->root < 0)
		return;
	snprintf(name, sizeof name, "/proc/self/fd/%d", m->root);
	if (umount2(name, MNT_FORCE) < 0 && errno != EBUSY)
		log_line(LOG_WARN, "%s: %s", m->path, strerror(errno));
}

/* Memory is the first that is given back, sockets by which others hear of it come later. */
bool mounter_ends(const struct mounted *m)
{
	char name[32], to[8];

	snprintf(name, sizeof name, "/proc/%d/exe", (int)m->pid);
	return m->pid > 0 && readlink(name, to, sizeof to) < 0 && errno == ENOENT;
}

static bool is_stopped(struct mounted *m)
{
	struct proc_stat st;

	if (!proc_stat(m->pid, &st) || (st.state != 'T' && st.state != 't'))
		m->stopped = 0;
	else
		m->stopped++;
	return m->stopped >= STOPPED_LOOKS;
}

/* For how long it has run, in ns; who copies or flushes much does, if little. 0 when it is not known. */
static uint64_t has_run(pid_t pid)
{
	char text[80];

	return proc_text(pid, "schedstat", text, sizeof text) > 0 ? strtoull(text, NULL, 10) : 0;
}

static bool is_stuck(struct mounted *m)
{
	const uint64_t work = m->at_work ? *m->at_work : 0, ran = work ? has_run(m->pid) : 0;

	if (!work || work != m->work || ran != m->ran)
		m->at_same = 0;
	m->work = work;
	m->ran = ran;
	return work && ++m->at_same >= WORK_LOOKS;
}

bool mounter_look(struct mounted *m, int64_t now_ns)
{
	if (m->pid <= 0)
		return false;
	if (m->left_ns) {
		if (now_ns - m->left_ns < LEAVE_NS)
			return false;
		kill(m->pid, SIGKILL);
		return true;
	}
	if (is_stopped(m)) {
		end(m, "was stopped");
		m->stopped = 0;
	} else if (is_stuck(m)) {
		end(m, "does not get on");
		mounter_break_off(m);
		return true;
	}
	return false;
}
