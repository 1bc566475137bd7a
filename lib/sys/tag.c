#include "sys/tag.h"

#include "base/find.h"
#include "sys/proc.h"
#include "sys/uapi/compat.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Hard limit: 0x41 ("A"), 24 bits of session, all ones; soft limit: the same with the command number below.
 */
#define TAG_MAGIC  0x41ULL
#define TAG_DEPUTY 0x42ULL /* instead of it; higher, so that a session's process cannot become one */

uint64_t tag_new(void)
{
	uint32_t r = 0;

	if (getrandom(&r, sizeof r, 0) != sizeof r)
		r = (uint32_t)getpid();
	return TAG_MAGIC << 56 | (uint64_t)(r & 0xffffff) << 32 | 0xffffffffu;
}

bool tag_ok(uint64_t tag)
{
	return tag >> 56 == TAG_MAGIC && (uint32_t)tag == 0xffffffffu;
}

int tag_set(uint64_t tag, uint32_t command, struct err *e)
{
	struct rlimit rl = { .rlim_cur = (tag & ~0xffffffffULL) | command, .rlim_max = tag };

	if (prlimit(0, TAG_RESOURCE, &rl, NULL) < 0)
		return err_sys(e, "mark process (limit on file locks)");
	return 0;
}

int tag_deputise(uint64_t tag, struct err *e)
{
	const rlim_t mark = (tag & ~(0xffULL << 56)) | TAG_DEPUTY << 56;
	struct rlimit rl = { .rlim_cur = mark, .rlim_max = mark };

	if (prlimit(0, TAG_RESOURCE, &rl, NULL) < 0)
		return err_sys(e, "mark process (limit on file locks)");
	return 0;
}

enum read { TAGGED, DEPUTY, FREE, GONE, HIDDEN };

static enum read by_file(pid_t pid, uint64_t *soft, uint64_t *hard)
{
	static const char key[] = "Max file locks";
	char text[4096];
	const char *line;
	ssize_t n = proc_text(pid, "limits", text, sizeof text);

	if (n < 0)
		return HIDDEN;
	line = find_text(text, (size_t)n, key);
	if (!line)
		return GONE; /* has ended, is not waited for yet, and shows nothing any more */
	line += sizeof key - 1;
	/* "unlimited" reads as 0, which is no tag either. */
	*soft = find_number(&line);
	*hard = find_number(&line);
	return FREE;
}

static enum read read_tag(pid_t pid, uint64_t *tag, uint32_t *command)
{
	uint64_t soft, hard;
	struct rlimit rl;

	if (prlimit(pid, TAG_RESOURCE, NULL, &rl) == 0) {
		soft = rl.rlim_cur;
		hard = rl.rlim_max;
	} else {
		enum read got = errno == ESRCH ? GONE : by_file(pid, &soft, &hard);

		if (got != FREE)
			return got;
	}
	if (CONFIG_LAYER_NET && hard >> 56 == TAG_DEPUTY && (uint32_t)hard == 0xffffffffu) {
		*tag = hard ^ (TAG_DEPUTY ^ TAG_MAGIC) << 56;
		return DEPUTY;
	}
	if (!tag_ok(hard) || soft >> 32 != hard >> 32)
		return FREE;
	*tag = hard;
	*command = (uint32_t)soft;
	return TAGGED;
}

bool tag_of(pid_t pid, uint64_t *tag, uint32_t *command)
{
	return read_tag(pid, tag, command) == TAGGED;
}

bool tag_speaks_for(pid_t pid, uint64_t *tag)
{
	uint32_t command;
	enum read got = read_tag(pid, tag, &command);

	return got == TAGGED || got == DEPUTY;
}

/* What has ended may have been anybody's, though it answers signals until it is waited for. */
static bool is_free(pid_t pid, uint64_t *tag)
{
	uint32_t command;
	enum read got = pid > 0 ? read_tag(pid, tag, &command) : GONE;

	return got == FREE || (got == HIDDEN && (kill(pid, 0) == 0 || errno == EPERM));
}

bool tag_is_free(pid_t pid)
{
	uint64_t tag;

	return is_free(pid, &tag);
}

bool tag_peer_is_free(int fd, pid_t pid, uint64_t *tag)
{
	socklen_t len = sizeof(int);
	int pidfd = -1;
	bool alive;

	*tag = 0;
	if (!is_free(pid, tag))
		return false;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) < 0)
		return errno == ENOPROTOOPT;
	/* Of the process itself, not of its number; it was alive while its tag was read. */
	alive = syscall(__NR_pidfd_send_signal, pidfd, 0, NULL, 0) == 0 || errno == EPERM;
	close(pidfd);
	return alive;
}

bool tag_match(pid_t pid, uint64_t tag)
{
	uint64_t have;
	uint32_t command;

	return tag_of(pid, &have, &command) && have == tag;
}
