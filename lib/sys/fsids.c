#include "sys/fsids.h"

#include "sys/proc.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What stands after `key` in a /proc/PID/status, or NULL. */
static const char *value_of(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? at + strlen(key) : NULL;
}

/* The fourth number: of real, effective, saved and file system id. */
static bool fourth(const char *at, uint32_t *out)
{
	char *end;

	for (int i = 0; at && i < 4; i++) {
		*out = (uint32_t)strtoul(at, &end, 10);
		if (end == at)
			return false;
		at = end;
	}
	return at != NULL;
}

static void take_groups(const char *at, struct fsids *out)
{
	out->n = 0;
	while (*at == ' ' || *at == '\t')
		at++;
	while (*at >= '0' && *at <= '9') {
		char *end;
		gid_t gid = (gid_t)strtoul(at, &end, 10);

		if (out->n < FSIDS_GROUPS)
			out->groups[out->n] = gid;
		if (out->n <= FSIDS_GROUPS)
			out->n++;
		at = end + strspn(end, " ");
	}
}

int fsids_of(pid_t tid, struct fsids *out)
{
	char text[8192];
	const char *groups, *caps, *mask, *table;

	if (proc_text(tid, "status", text, sizeof text) <= 0)
		return -1;
	groups = value_of(text, "\nGroups:");
	caps = value_of(text, "\nCapEff:");
	if (!groups || !caps || !fourth(value_of(text, "\nUid:"), &out->uid) ||
	    !fourth(value_of(text, "\nGid:"), &out->gid))
		return -1;
	take_groups(groups, out);
	out->caps = strtoull(caps, NULL, 16);
	mask = value_of(text, "\nUmask:");
	out->umask = mask ? (int)strtol(mask, NULL, 8) & 0777 : -1;
	table = value_of(text, "\nFDSize:");
	out->table = table ? strtoull(table, NULL, 10) : 0;
	return 0;
}

/* Who may override permissions may search, too. */
static uint64_t file_caps(uint64_t caps)
{
	if (caps & 1ULL << CAP_DAC_OVERRIDE)
		caps |= 1ULL << CAP_DAC_READ_SEARCH;
	return caps & FSIDS_CAPS;
}

bool fsids_holds(int fd, pid_t tid, const struct fsids *ids)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3, .pid = tid };
	struct __user_cap_data_struct data[2] = { 0 };
	const uint64_t overrides = 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_FSETID;
	uint64_t caps;
	uid_t uid;
	gid_t gid;

	if (!proc_fs_ids(fd, tid, &uid, &gid) || uid != ids->uid || gid != ids->gid ||
	    syscall(SYS_capget, &head, data) < 0)
		return false;
	caps = data[0].effective | (uint64_t)data[1].effective << 32;
	return file_caps(caps) == file_caps(ids->caps) && (caps & overrides) == overrides;
}

bool fsids_same(const struct fsids *a, const struct fsids *b)
{
	return a->uid == b->uid && a->gid == b->gid && file_caps(a->caps) == file_caps(b->caps) &&
	       a->n == b->n && a->n <= FSIDS_GROUPS &&
	       !memcmp(a->groups, b->groups, a->n * sizeof *a->groups);
}

/* What is not about files stays. */
static int set_caps(uint64_t caps)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &head, data) < 0)
		return errno;
	for (int i = 0; i < 2; i++) {
		uint32_t files = (uint32_t)(FSIDS_CAPS >> 32 * i), want = (uint32_t)(caps >> 32 * i);

		data[i].effective = (data[i].effective & ~files) | (data[i].permitted & files & want);
	}
	return syscall(SYS_capset, &head, data) < 0 ? errno : 0;
}

/* The ids alone; setfsuid(2) tells of no failure, so it is asked again. */
static int set_ids(const struct fsids *to)
{
	syscall(SYS_setfsgid, to->gid);
	syscall(SYS_setfsuid, to->uid);
	return (gid_t)syscall(SYS_setfsgid, -1) == to->gid && (uid_t)syscall(SYS_setfsuid, -1) == to->uid
	               ? 0
	               : EPERM;
}

int fsids_take(const struct fsids *now, const struct fsids *to)
{
	bool same_groups = now->n == to->n && !memcmp(now->groups, to->groups, to->n * sizeof *to->groups);
	int rc;

	if (to->n > FSIDS_GROUPS)
		return EPERM;
	if (!same_groups && syscall(SYS_setgroups, to->n, to->groups) < 0)
		return errno;
	rc = set_ids(to);
	/* A change of the file system uid has changed capabilities as well. */
	if (!rc)
		rc = set_caps(to->caps);
	if (rc) {
		set_ids(now);
		set_caps(now->caps);
		if (!same_groups)
			syscall(SYS_setgroups, now->n, now->groups);
	}
	return rc;
}
