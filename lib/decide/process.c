#include "decide/process.h"

#include "base/path.h"

#include <ctype.h>
#include <string.h>

#define KIND(k) (1u << ACCESS_##k)

enum {
	LOOKS = KIND(LIST) | KIND(STAT) | KIND(READLINK),
	READS = LOOKS | KIND(READ),
	WRITES = KIND(WRITE) | KIND(TRUNCATE)
};

/* Lists of names, each between spaces. */
static const char own_reads[] =
        " arch_status autogroup cgroup cmdline comm coredump_filter cpu_resctrl_groups cpuset exe gid_map io"
        " limits loginuid maps mountinfo mounts mountstats numa_maps oom_adj oom_score oom_score_adj"
        " projid_map sched schedstat sessionid setgroups smaps smaps_rollup stat statm status"
        " timens_offsets timers timerslack_ns uid_map wchan ";
static const char own_trees[] = " fd fdinfo net ns task ";
static const char own_writes[] = " comm coredump_filter oom_score_adj timerslack_ns ";
static const char other_reads[] = " cgroup cmdline comm stat statm status ";

static const char *const facts[] = { "/proc/cgroups",
	                             "/proc/cmdline",
	                             "/proc/cpuinfo",
	                             "/proc/devices",
	                             "/proc/diskstats",
	                             "/proc/filesystems",
	                             "/proc/loadavg",
	                             "/proc/meminfo",
	                             "/proc/partitions",
	                             "/proc/pressure",
	                             "/proc/stat",
	                             "/proc/swaps",
	                             "/proc/sys/fs",
	                             "/proc/sys/kernel",
	                             "/proc/sys/net",
	                             "/proc/sys/vm",
	                             "/proc/tty/drivers",
	                             "/proc/uptime",
	                             "/proc/version",
	                             "/proc/vmstat",
	                             "/sys/devices/system/cpu",
	                             "/sys/devices/system/node",
	                             "/sys/fs/cgroup",
	                             "/sys/kernel/mm/transparent_hugepage" };

enum { FACTS = sizeof facts / sizeof *facts };

static bool is_one_of(const char *list, const char *word, size_t len)
{
	for (const char *at = list; len && (at = strchr(at, ' ')) && at[1]; at++)
		if (!strncmp(at + 1, word, len) && at[1 + len] == ' ')
			return true;
	return false;
}

/* Behind "/proc/NUMBER", "/proc/self" or the same of a task: its "/name…" or "". NULL: not of a process. */
static const char *of_process(const char *path, bool *own)
{
	const char *at = path + strlen("/proc/");
	size_t digits;

	if (strncmp(path, "/proc/", 6) != 0)
		return NULL;
	digits = strspn(at, "0123456789");
	*own = path_within(path, "/proc/self") || path_within(path, "/proc/thread-self");
	at += *own ? strcspn(at, "/") : digits;
	if ((!*own && !digits) || (*at && *at != '/'))
		return NULL;
	if (strncmp(at, "/task/", 6) == 0 && isdigit((unsigned char)at[6]))
		at += 6 + strcspn(at + 6, "/");
	return at;
}

static bool has_own(uint32_t bit, const char *name, size_t len, bool whole)
{
	if (bit & (KIND(STAT) | KIND(READLINK)) || (bit & READS && is_one_of(own_trees, name, len)))
		return true;
	return whole && ((bit & READS && is_one_of(own_reads, name, len)) ||
	                 (bit & WRITES && is_one_of(own_writes, name, len)));
}

bool process_is_fact(const char *path)
{
	bool own;

	return of_process(path, &own) == NULL;
}

bool process_has(enum access_kind kind, const char *path)
{
	bool own = false;
	const char *rest = of_process(path, &own), *name = rest && *rest ? rest + 1 : "";
	size_t len = strcspn(name, "/");
	uint32_t bit = 1u << kind;

	if (rest && !*rest)
		return bit & LOOKS;
	if (rest && own)
		return has_own(bit, name, len, !name[len]);
	if (rest)
		return (bit & READS && !name[len] && is_one_of(other_reads, name, len)) ||
		       (bit & LOOKS && !strcmp(name, "task"));
	for (size_t i = 0; i < FACTS && bit & READS; i++)
		if (path_within(path, facts[i]))
			return true;
	return bit & LOOKS && (!strcmp(path, "/proc") || !strcmp(path, "/proc/sys") || !strcmp(path, "/sys"));
}

bool process_below(enum access_kind kind, const char *dir)
{
	bool own, proc = path_within(dir, "/proc") && (!strcmp(dir, "/proc") || of_process(dir, &own));
	uint32_t bit = 1u << kind;

	if (proc)
		return bit & (READS | WRITES);
	for (size_t i = 0; i < FACTS && bit & READS; i++)
		if (path_within(dir, facts[i]) || path_within(facts[i], dir))
			return true;
	return false;
}
