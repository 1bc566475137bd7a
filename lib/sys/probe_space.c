/* Namespaces, mounts and control groups: probes that need a place of their own. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "sys/mounts.h"
#include "sys/probe_impl.h"

static bool write_file(const char *path, const char *text)
{
	AUTO_FD fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* Unshare `what`, in a user namespace of our own unless we have the right without. */
static bool enter(int what)
{
	unsigned uid = geteuid(), gid = getegid();
	char map[40];

	if (unshare(what) == 0)
		return true;
	if (unshare(CLONE_NEWUSER | what) < 0 || !write_file("/proc/self/setgroups", "deny"))
		return false;
	snprintf(map, sizeof map, "0 %u 1", uid);
	if (!write_file("/proc/self/uid_map", map))
		return false;
	snprintf(map, sizeof map, "0 %u 1", gid);
	return write_file("/proc/self/gid_map", map);
}

void probe_pid_namespace(struct probe out[PROBE_N])
{
	struct probe *p = &out[PROBE_PID_NAMESPACE];
	pid_t pid;

	if (!enter(CLONE_NEWPID)) {
		probe_say(p, false, "unshare: %m");
		return;
	}
	pid = fork();
	if (!pid)
		_exit(getpid() != 1);
	p->works = pid > 0 && probe_wait(pid) == 0;
}

/* Over /tmp in a mount namespace of our own. Nobody answers there: the mount is not looked at. */
void probe_fuse(struct probe out[PROBE_N])
{
	struct probe *p = &out[PROBE_FUSE];
	char options[80];
	int fd;

	if (!enter(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		probe_say(p, false, "mount namespace: %m");
		return;
	}
	/* Opened here: the descriptor must belong to the user namespace that mounts. */
	fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		probe_say(p, false, "/dev/fuse: %m");
		return;
	}
	snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (mount("agentsh-probe", "/tmp", "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
		probe_say(p, false, "mount: %m");
		return;
	}
	p->works = true;
	umount2("/tmp", MNT_DETACH);
}

static bool find_mount(const char *type, const char *option, char *out, size_t size)
{
	struct mounts m;
	bool found = false;

	if (mounts_read(&m, "/proc/self"))
		for (size_t i = 0; i < m.n && !found; i++) {
			found = !strcmp(m.all[i].type, type) && strstr(m.all[i].options, option);
			if (found)
				snprintf(out, size, "%s", m.all[i].where);
		}
	mounts_release(&m);
	return found;
}

/* Our own place below it: the line "0::/path". */
static bool find_group(char *out, size_t size)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[2048];
	bool found = false;

	while (f && !found && fgets(line, sizeof line, f))
		found = !strncmp(line, "0::/", 4);
	if (f)
		fclose(f);
	if (found) {
		line[strcspn(line, "\n")] = 0;
		snprintf(out, size, "%s", line[4] ? line + 3 : "");
	}
	return found;
}

static bool is_writable(const char *dir, const char *name)
{
	char path[5000];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return access(path, W_OK) == 0;
}

/* A group with limits below our own; nothing that exists is changed. */
void probe_cgroup(struct probe out[PROBE_N])
{
	struct probe *p = &out[PROBE_CGROUP];
	char mounted[2048], group[2048], dir[4400];

	if (!find_mount("cgroup2", "", mounted, sizeof mounted) || !find_group(group, sizeof group)) {
		probe_say(p, false, "cgroup2 is not mounted");
		return;
	}
	snprintf(dir, sizeof dir, "%s%s/agentsh-probe-%d", mounted, group, (int)getpid());
	if (mkdir(dir, 0700) < 0) {
		probe_say(p, false, "no group can be made: %m");
		return;
	}
	if (!is_writable(dir, "cgroup.procs"))
		probe_say(p, false, "cgroup.procs: %m");
	else if (!is_writable(dir, "memory.max") || !is_writable(dir, "pids.max"))
		probe_say(p, false, "memory and pids are not delegated");
	else
		p->works = true;
	rmdir(dir);
}

/* The hierarchies that hold processes and memory, where v2 does not. */
void probe_cgroup_v1(struct probe out[PROBE_N])
{
	struct probe *p = &out[PROBE_CGROUP_V1];
	char pids[2048], memory[2048], dir[2200];

	if (!find_mount("cgroup", ",pids", pids, sizeof pids) ||
	    !find_mount("cgroup", ",memory", memory, sizeof memory)) {
		probe_say(p, false, "pids and memory are not mounted");
		return;
	}
	snprintf(dir, sizeof dir, "%s/agentsh-probe-%d", pids, (int)getpid());
	if (mkdir(dir, 0700) < 0)
		probe_say(p, false, "no group can be made: %m");
	else
		p->works = rmdir(dir) == 0;
}
