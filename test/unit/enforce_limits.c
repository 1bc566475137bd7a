/* Where groups are made and what is written into them, in a made-up tree: no machine has all arrangements. */
#include "enforce/limits/limits.h"

#include "base/fd.h"
#include "base/find.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/t.h"

static char dir[] = "/tmp/agentsh-test-XXXXXX";
static char proc[64];
static const struct policy_limits values = {
	.pids_max = 100, .max_memory_mb = 64, .cpu_quota_percent = 50, .memory_swap_max_mb = 0
};
enum { TAG = 0xabcdef };

static void put(const char *name, const char *text)
{
	char path[400], *at;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	for (at = path + strlen(dir) + 1; (at = strchr(at, '/')) != NULL; *at++ = '/') {
		*at = 0;
		mkdir(path, 0755);
	}
	ok(fd_replace_file(path, text, strlen(text), 0644, NULL) == 0, "%s", name);
}

static const char *get(const char *name)
{
	static char text[256];
	char path[400];
	int fd;
	ssize_t n;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
	return n < 0 ? "(none)" : text;
}

static void begin(const char *mountinfo, const char *cgroup)
{
	char text[1024];

	strcpy(dir, "/tmp/agentsh-test-XXXXXX");
	if (!ok(mkdtemp(dir) != NULL))
		exit(1);
	snprintf(proc, sizeof proc, "%s/proc", dir);
	snprintf(text, sizeof text, mountinfo, dir, dir);
	put("proc/mountinfo", text);
	put("proc/cgroup", cgroup);
}

static void end(struct limits *l)
{
	char command[80];

	limits_release(l);
	snprintf(command, sizeof command, "rm -r %s", dir);
	is_int(system(command), 0);
}

/* The files that the kernel would put into a new group. */
static void files(const char *group, const char *const *names)
{
	char name[200];

	for (; *names; names++) {
		snprintf(name, sizeof name, "%s/%s", group, *names);
		put(name, "");
	}
}

static struct limits make(const char *session, const char *base_path)
{
	struct limits l;

	limits_make(&l, &(struct limits_options){ .limits = &values,
	                                          .session = session,
	                                          .base_path = base_path,
	                                          .tag = (uint64_t)TAG << 32,
	                                          .proc = proc });
	return l;
}

static const char *const files_v2[] = { "cgroup.procs", "pids.max",        "memory.max",
	                                "cpu.max",      "memory.swap.max", NULL };

#define MOUNT_V2 "30 20 0:26 / %s/cg rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"

T_CASE(v2)
{
	struct limits l;

	begin(MOUNT_V2, "0::/system.slice/x\n");
	put("cg/cgroup.controllers", "cpuset cpu io memory pids\n");
	put("cg/system.slice/x/cgroup.controllers", "cpu memory pids\n");
	put("cg/system.slice/x/cgroup.subtree_control", "cpu memory pids\n");
	files("cg/system.slice/x/agentsh-s1-abcdef", files_v2);
	l = make("s1", "");
	is_int(l.held, LIMITS_ALL);
	is_int((int)l.n, 1, "one group for all");
	is_str(l.missing, "");
	is_str(get("cg/system.slice/x/agentsh-s1-abcdef/pids.max"), "100");
	is_str(get("cg/system.slice/x/agentsh-s1-abcdef/memory.max"), "67108864");
	is_str(get("cg/system.slice/x/agentsh-s1-abcdef/memory.swap.max"), "0");
	is_str(get("cg/system.slice/x/agentsh-s1-abcdef/cpu.max"), "50000 100000");
	is_int(write(l.join[0], "0", 1), 1, "who enters joins by cgroup.procs");
	is_str(get("cg/system.slice/x/agentsh-s1-abcdef/cgroup.procs"), "0");
	end(&l);
}

T_CASE(v2_without_memory)
{
	struct limits l;

	begin(MOUNT_V2, "0::/\n");
	put("cg/cgroup.controllers", "memory pids\n");
	put("cg/cgroup.subtree_control", "pids\n");
	chmod(dir, 0755);
	files("cg/agentsh-s1-abcdef", files_v2);
	l = make("s1", "");
	/* As the file system here takes every write, the controller counts as handed down. */
	is_int(l.held, LIMITS_PIDS | LIMITS_MEMORY);
	is_str(l.missing, "cpu: no control groups with this controller are mounted");
	is_str(get("cg/cgroup.subtree_control"), "+memory");
	end(&l);
}

T_CASE(v1_in_a_container)
{
	static const char *const pids[] = { "tasks", "pids.max", NULL };
	static const char *const cpu[] = { "tasks", "cpu.cfs_period_us", "cpu.cfs_quota_us", NULL };
	struct limits l;

	begin("31 20 0:27 /docker/abc %s/pids ro - cgroup cgroup rw,pids\n"
	      "32 20 0:28 /docker/abc %s/cpu ro - cgroup cgroup rw,cpu,cpuacct\n",
	      "8:pids:/docker/abc\n3:cpu,cpuacct:/docker/abc/in\n1:name=systemd:/\n0::/\n");
	put("cpu/in/x", "");
	files("pids/agentsh-a_b-abcdef", pids);
	files("cpu/in/agentsh-a_b-abcdef", cpu);
	l = make("a/b", "");
	is_int(l.held, LIMITS_PIDS | LIMITS_CPU);
	is_int((int)l.n, 2, "a group in each");
	is_str(l.missing, "memory: no control groups with this controller are mounted");
	is_str(get("pids/agentsh-a_b-abcdef/pids.max"), "100");
	is_str(get("cpu/in/agentsh-a_b-abcdef/cpu.cfs_quota_us"), "50000");
	ok(!strcmp(limits_dir(&l, LIMITS_MEMORY), ""), "none for memory");
	is_int(write(l.join[0], "0", 1), 1);
	is_str(get("pids/agentsh-a_b-abcdef/tasks"), "0");
	end(&l);
}

T_CASE(base_paths)
{
	static const char *const bases[] = { "/sys/fs/cgroup/our/own", "/our/own", "our/own" };
	struct limits l;

	for (size_t i = 0; i < 3; i++) {
		begin(MOUNT_V2, "0::/\n");
		put("cg/cgroup.controllers", "pids\n");
		put("cg/our/own/cgroup.controllers", "pids\n");
		put("cg/our/own/cgroup.subtree_control", "pids\n");
		files("cg/our/own/agentsh-s1-abcdef", files_v2);
		l = make("s1", bases[i]);
		is_int(l.held, LIMITS_PIDS, "%s", bases[i]);
		end(&l);
	}
	begin(MOUNT_V2, "0::/\n");
	put("cg/cgroup.controllers", "pids\n");
	l = make("s1", "../../etc");
	is_int(l.held, 0, "no way up");
	end(&l);
}

T_CASE(nothing_to_be_had)
{
	struct limits l;

	begin("25 20 0:21 / /proc rw - proc proc rw\n# %s %s\n", "0::/\n");
	l = make("s1", "");
	is_int(l.held, 0);
	is_int(l.wanted, LIMITS_ALL);
	ok(strstr(l.missing, "pids: no control groups with this controller are mounted") != NULL);
	end(&l);
	begin(MOUNT_V2, "0::/../outside\n");
	put("cg/cgroup.controllers", "pids\n");
	l = make("s1", "");
	is_int(l.held, 0, "our own group is not to be seen");
	end(&l);
}

T_CASE(other_values)
{
	const struct policy_limits more = { .pids_max = 200, .memory_swap_max_mb = -1 };
	struct limits l;

	begin(MOUNT_V2, "0::/\n");
	put("cg/cgroup.controllers", "pids\n");
	put("cg/cgroup.subtree_control", "pids\n");
	files("cg/agentsh-s1-abcdef", files_v2);
	l = make("s1", "");
	is_int(limits_set(&l, &more, NULL), 0);
	is_str(get("cg/agentsh-s1-abcdef/pids.max"), "200");
	end(&l);
}
