/* probe - does the kernel really do it, here and now? By attempt, each in a child with a deadline.
 *
 * Nothing is left behind: filters, domains, namespaces and mounts end with
 * the child, which is killed when it does not answer in time (mounts and
 * listeners hang on some hosts).
 */
#pragma once

#include <stdbool.h>

enum probe_id {
	PROBE_NO_NEW_PRIVS,
	PROBE_SECCOMP,  /* a static filter stops a call */
	PROBE_NOTIFY,   /* a call is held, read, denied from outside, and the caller sees that */
	PROBE_VM_READ,  /* process_vm_readv(2) of the held caller */
	PROBE_PROC_MEM, /* /proc/PID/mem of the held caller */
	PROBE_ADDFD,    /* a descriptor put into the held caller as its answer */
	PROBE_KILLABLE, /* WAIT_KILLABLE_RECV: a signal does not break the call that is held */
	PROBE_SYNC_WAKE,
	PROBE_LANDLOCK, /* version = ABI; a read is stopped */
	PROBE_LANDLOCK_NET,
	PROBE_PTRACE,
	PROBE_PIDFD,     /* pidfd_open(2) and pidfd_getfd(2) */
	PROBE_FUSE,      /* /dev/fuse opened and mounted in a namespace of its own */
	PROBE_CGROUP,    /* a group with limits was made under ours */
	PROBE_CGROUP_V1, /* likewise, beside the root of the old hierarchies */
	PROBE_EBPF,
	PROBE_PID_NAMESPACE,
	PROBE_CAPS, /* capabilities can be given up for good */
	PROBE_N
};

struct probe {
	bool works;
	int version;
	char detail[100]; /* why not, or what was seen; "" if there is nothing to say */
};

/* Run all. Takes some 20 ms; at most 2 s for each that hangs. */
void probe_all(struct probe out[PROBE_N]);

/* Run one of them; some (PROBE_NOTIFY) fill several entries. */
void probe_one(enum probe_id id, struct probe out[PROBE_N]);
