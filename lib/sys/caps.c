#include "sys/caps.h"

#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <strings.h>
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

static int limit(uint64_t keep, struct err *e)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &head, data) < 0)
		return err_sys(e, "capget");
	if (!((data[0].permitted & ~(uint32_t)keep) | (data[1].permitted & ~(uint32_t)(keep >> 32))))
		return 0;
	/* The bounding set needs a capability to change; with no_new_privs the sets below are enough. */
	for (int i = 0; i < 64; i++)
		if (!(keep >> i & 1))
			prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
	for (int i = 0; i < 2; i++) {
		uint32_t bits = (uint32_t)(keep >> 32 * i);

		data[i].effective &= bits;
		data[i].permitted &= bits;
		data[i].inheritable &= bits;
	}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &head, data) < 0)
		return err_sys(e, "capset");
	return 0;
}

int caps_shed(uint64_t keep, struct err *e)
{
	return limit(CAPS_SESSION | keep, e);
}

uint64_t caps_have(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	syscall(SYS_capget, &head, data);
	return (uint64_t)data[1].permitted << 32 | data[0].permitted;
}

int caps_confine(uint64_t own, uint64_t others, struct err *e)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	uint64_t all = own | others;

	if (syscall(SYS_capget, &head, data) < 0)
		return err_sys(e, "capget");
	/* Takes a capability: who has none cannot, and with no_new_privs gains nothing by what is there. */
	for (int i = 0, there; i < 64 && (there = prctl(PR_CAPBSET_READ, i, 0, 0, 0)) >= 0; i++)
		if (there && !(others >> i & 1))
			prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(all >> 32 * i);
		data[i].effective = data[i].permitted & (uint32_t)(own >> 32 * i);
		data[i].inheritable &= (uint32_t)(others >> 32 * i);
	}
	return syscall(SYS_capset, &head, data) < 0 ? err_sys(e, "capset") : 0;
}

uint64_t caps_bit(const char *name)
{
	static const char names[] = "chown dac_override dac_read_search fowner fsetid kill setgid setuid "
	                            "setpcap linux_immutable net_bind_service net_broadcast net_admin "
	                            "net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace "
	                            "sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time "
	                            "sys_tty_config mknod lease audit_write audit_control setfcap "
	                            "mac_override mac_admin syslog wake_alarm block_suspend audit_read "
	                            "perfmon bpf checkpoint_restore ";
	size_t len;
	int bit = 0;

	if (!strncasecmp(name, "cap_", 4))
		name += 4;
	len = strlen(name);
	for (const char *at = names; *at; at = strchr(at, ' ') + 1, bit++)
		if (len && !strncasecmp(at, name, len) && at[len] == ' ')
			return 1ULL << bit;
	return 0;
}
