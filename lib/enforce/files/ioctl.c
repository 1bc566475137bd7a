/* ioctl(2) that changes a file through a descriptor that only reads: flags (chattr), project and extent
 * hints, the version are attributes like others, and done here on the very file. What seals or encrypts it,
 * or makes and removes names (subvolumes), is refused. What needs a descriptor that writes was judged when it
 * was opened: clones, ranges. Deduplication changes nothing that could be seen.
 */
#include "enforce/files/names.h"

#include "base/fd.h"
#include "enforce/exec/filter.h"
#include "enforce/files/keep.h"
#include "sys/at.h"
#include "sys/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

static const struct rule unsupported = {
	.name = "ioctl-unsupported",
	.file = "built-in",
	.decision = EFFECT_DENY,
	.message = "files are not sealed, encrypted or made by ioctl in sessions"
};

enum { ARGUMENT = 64 };

/* Bytes of its argument; 0: refused whatever it is. */
static size_t size_of(uint32_t command)
{
	switch (command) {
	case FILTER_SETFLAGS:
	case FILTER_SETVERSION:
	case FILTER_EXT4_SETVERSION:
		return sizeof(int);
	case FILTER_FSSETXATTR:
		return sizeof(struct fsxattr);
	default:
		return 0;
	}
}

static int change(struct act *a, int fd, const struct place *p, uint32_t command)
{
	const size_t size = size_of(command);
	struct verdict v = { .rule = &unsupported };
	struct act_report r = { .kind = ACCESS_CHMOD, .place = p, .verdict = &v, .operation = "ioctl" };
	struct keep keep = { 0 };
	char argument[ARGUMENT] = "";
	int error = 0;

	if (size && mem_read(a->caller.tid, a->args[2], argument, size) != (ssize_t)size)
		return EFAULT;
	if (!call_valid(a->k))
		return ENOENT;
	if (size)
		v = keep_decide(a, ACCESS_CHMOD, p);
	if (!act_allowed(a, &r))
		return 0;
	if (!p->nameless && keep_wants(a, JOURNAL_ATTRIBUTES, p, &v))
		error = keep_flags(a, &keep, p);
	if (!error && ioctl(fd, command, argument) < 0)
		error = errno;
	keep_after(a, &keep, error);
	if (!error)
		act_return(a, 0);
	return error;
}

int ioctl_judge(struct act *a)
{
	AUTO_PLACE p;
	const struct place_request r = { .dirfd = (int)a->args[0], .path = "", .flags = PLACE_EMPTY };
	AUTO_TAKEN fd = act_take(a, (int)a->args[0]);
	struct stat st;
	int error;

	resolve_clear(&p);
	if (fd < 0)
		return errno == EBADF ? EBADF : EACCES;
	if (fcntl(fd, F_GETFL) & O_PATH)
		return EBADF;
	error = act_find(a, &r, &p);
	if (error)
		return error;
	/* Another file has the number by now: the next try sees that. */
	if (fstat(fd, &st) < 0 || st.st_dev != p.st.st_dev || st.st_ino != p.st.st_ino)
		return EBADF;
	/* No file: whatever it means there. */
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return ENOTTY;
	return change(a, fd, &p, (uint32_t)a->args[1]);
}
