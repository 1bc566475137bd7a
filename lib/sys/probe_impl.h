/* probe_impl - the probes themselves, each called in a child of its own that may do what it likes to itself.
 */
#pragma once

#include "sys/probe.h"

#include <sys/types.h>

typedef void probe_fn(struct probe out[PROBE_N]);

probe_fn probe_notify, probe_killable, probe_fuse, probe_cgroup, probe_cgroup_v1, probe_pid_namespace;

/* Result with a text, as printf; "%m" works. */
void probe_say(struct probe *p, bool works, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* fork(2) whose child dies with us. */
pid_t probe_fork(void);

/* Wait for the end of `pid`: its exit code, or -1 when it was killed. */
int probe_wait(pid_t pid);
