#include "sys/caps.h"

#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int keep_only(int cap, struct err *e)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (cap >= 0) {
		/* What we do not have we cannot keep: then we go without. */
		if (syscall(SYS_capget, &head, data) < 0)
			return err_sys(e, "capget");
		for (int i = 0; i < 2; i++) {
			uint32_t bit = cap / 32 == i ? 1u << cap % 32 : 0;

			data[i].effective = data[i].permitted &= bit;
			data[i].inheritable = 0;
		}
	}
	if (syscall(SYS_capset, &head, data) < 0)
		return err_sys(e, "capset");
	return 0;
}

int caps_become(uid_t uid, gid_t gid, const char *user, int keep, struct err *e)
{
	if (geteuid() == 0 && uid != 0) {
		if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
			return err_sys(e, "keep capabilities");
		if ((user ? initgroups(user, gid) : setgroups(1, &gid)) < 0)
			return err_sys(e, "groups of uid %u", (unsigned)uid);
		if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
			return err_sys(e, "become uid %u", (unsigned)uid);
	} else if (geteuid() != uid) {
		return err_set(e, "runs as uid %u and cannot act for uid %u", (unsigned)geteuid(),
		               (unsigned)uid);
	}
	return uid == 0 ? 0 : keep_only(keep, e);
}

void caps_hide(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int caps_shed(struct err *e)
{
	static const unsigned char shed[] = { 16 /* SYS_MODULE */, 17 /* SYS_RAWIO */,
		                              19 /* SYS_PTRACE */, 21 /* SYS_ADMIN */,
		                              22 /* SYS_BOOT */,   32 /* MAC_OVERRIDE */,
		                              33 /* MAC_ADMIN */,  38 /* PERFMON */,
		                              39 /* BPF */,        40 /* CHECKPOINT_RESTORE */ };
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	uint32_t lost[2] = { 0 };

	if (syscall(SYS_capget, &head, data) < 0)
		return err_sys(e, "capget");
	for (size_t i = 0; i < sizeof shed; i++)
		lost[shed[i] / 32] |= 1u << shed[i] % 32;
	if (!(data[0].permitted & lost[0]) && !(data[1].permitted & lost[1]))
		return 0;
	for (size_t i = 0; i < sizeof shed; i++)
		prctl(PR_CAPBSET_DROP, shed[i], 0, 0, 0); /* with no_new_privs the sets below are enough */
	for (int i = 0; i < 2; i++) {
		data[i].effective &= ~lost[i];
		data[i].permitted &= ~lost[i];
		data[i].inheritable &= ~lost[i];
	}
	if (syscall(SYS_capset, &head, data) < 0)
		return err_sys(e, "capset");
	return 0;
}
