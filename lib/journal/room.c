#include "journal/record_impl.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

enum { SHARE = 64, DIGITS = 20, RETRY_S = 5, DROP_MAX = 2000 };

static int64_t read_usage(int fd)
{
	char text[DIGITS + 1] = "";
	int64_t value;

	return pread(fd, text, DIGITS, 0) == DIGITS && num_i64(text, 0, INT64_MAX, &value) ? value : 0;
}

static void write_usage(int fd, int64_t bytes)
{
	char text[DIGITS + 2];

	snprintf(text, sizeof text, "%0*" PRId64 "\n", DIGITS, bytes > 0 ? bytes : 0);
	(void)!pwrite(fd, text, DIGITS + 1, 0);
}

int64_t journal_usage_add(int fd, int64_t bytes)
{
	int64_t now;

	(void)!flock(fd, LOCK_EX);
	now = read_usage(fd) + bytes;
	if (bytes)
		write_usage(fd, now);
	(void)!flock(fd, LOCK_UN);
	return now > 0 ? now : 0;
}

void journal_usage_set(int fd, int64_t bytes)
{
	(void)!flock(fd, LOCK_EX);
	write_usage(fd, bytes);
	(void)!flock(fd, LOCK_UN);
}

void journal_uses(const struct journal *j, int64_t bytes)
{
	AUTO_FD fd = openat(j->dir, JOURNAL_USAGE, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0)
		journal_usage_add(fd, bytes);
}

void log_count(struct journal_log *log)
{
	log->known = journal_usage_add(log->usage, log->own);
	log->own = 0;
}

/* Give up what is older than it must be; then count what is there. */
static void make_room(struct journal_log *log)
{
	int64_t now = clock_mono_ns(), oldest = 0, wait = RETRY_S * INT64_C(1000000000);
	struct journal_limits limits = {
		.ttl_ns = log->ttl_ns, .quota = -1, .max = DROP_MAX, .oldest = &oldest
	};

	if (now < log->full_until)
		return;
	/* To look at all that is kept takes long, and is of no use before the oldest is old enough. What
	 * others take away is counted at once. */
	if (log->ttl_ns >= 0 && journal_purge(&log->stores[0].store, &limits, NULL) == 0 && oldest &&
	    oldest + log->ttl_ns - clock_real_ns() > wait)
		wait = oldest + log->ttl_ns - clock_real_ns();
	log_count(log);
	log->full_until = now + wait;
}

int log_charge(struct journal_log *log, uint64_t bytes, struct err *e)
{
	int64_t more = bytes < INT64_MAX / 2 ? (int64_t)bytes + JOURNAL_PER_VERSION : INT64_MAX / 2;

	if (log->quota < 0)
		return 0;
	if (log->known < 0 || log->own > log->quota / SHARE || log->known + log->own + more > log->quota)
		log_count(log);
	if (log->known + more > log->quota)
		make_room(log);
	if (log->known + log->own + more <= log->quota) {
		log->own += more;
		return 0;
	}
	errno = ENOSPC;
	return err_sys(e, "%s: quota", log->stores[0].store.path);
}
