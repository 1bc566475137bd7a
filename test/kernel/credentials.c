/* credentials - FS-21, LL-08: programs that natively give their caller other credentials give none inside,
 * and no thread of a session is without filter or no_new_privs. */
#include "test/kernel/lab.h"

#include <dirent.h>
#include <linux/capability.h>
#include <linux/xattr.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/xattr.h>

enum { THREADS = 4 };

/* ---- the attacker's side ---------------------------------------------------------------------------- */

static int exec_helper(const char *name, const char *then)
{
	char path[PATH_MAX];
	char *argv[] = { path, NULL };

	snprintf(path, sizeof path, "%s", canary_path());
	snprintf(strrchr(path, '/'), 32, "/%s", name);
	setenv("KT_ATTACK", then, 1);
	execve(path, argv, environ);
	return errno;
}

static int a_setuid(void)
{
	return exec_helper("as-root", "is-root");
}

static int a_setgid(void)
{
	return exec_helper("as-wheel", "is-wheel");
}

static int a_capable(void)
{
	return exec_helper("capable", "reads-all");
}

/* What the helpers do, with what they were given. */
static int a_is_root(void)
{
	if (geteuid() != 0)
		return EPERM;
	lab_mark("root\n");
	return 0;
}

static int a_is_wheel(void)
{
	if (getegid() != 0)
		return EPERM;
	lab_mark("group of root\n");
	return 0;
}

static int a_reads_all(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s", canary_path());
	snprintf(strrchr(path, '/'), 32, "/secret");
	if (open(path, O_RDONLY | O_CLOEXEC) < 0)
		return errno;
	lab_mark("read\n");
	return 0;
}

static void *idle(void *unused)
{
	pause();
	return unused;
}

static bool says(const char *status, const char *field)
{
	return strstr(status, field);
}

/* 0: each thread has both. */
static int a_threads(void)
{
	DIR *d = opendir("/proc/self/task");
	char path[64], status[4096];
	int seen = 0, bare = 0;
	pthread_t thread;

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread, NULL, idle, NULL) != 0)
			return 97;
	for (const struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/self/task/%.16s/status", e->d_name);
		lab_read(path, status, sizeof status);
		seen++;
		bare += !says(status, "\nNoNewPrivs:\t1\n") || !says(status, "\nSeccomp:\t2\n");
	}
	if (seen != THREADS + 1)
		return 97;
	return bare ? 1 : 0;
}

const struct lab_attack lab_attacks[] = {
	{ "setuid", a_setuid },     { "setgid", a_setgid },
	{ "capable", a_capable },   { "is-root", a_is_root },
	{ "is-wheel", a_is_wheel }, { "reads-all", a_reads_all },
	{ "threads", a_threads },   { "", NULL },
};

/* ---- the driver -------------------------------------------------------------------------------------- */

static struct outcome got;

static void helper(const char *name, mode_t mode)
{
	char path[160];

	snprintf(path, sizeof path, "%s/%s", lab.dir, name);
	lab_copy("/proc/self/exe", path);
	lab_need(chown(path, 0, 0) == 0 && chmod(path, mode) == 0, path);
}

static void begin(void)
{
	const struct vfs_cap_data capable = {
		.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
		.data = { { .permitted = 1u << CAP_DAC_OVERRIDE } },
	};
	char path[160];

	lab_start();
	helper("as-root", 04755);
	helper("as-wheel", 02755);
	helper("capable", 0755);
	snprintf(path, sizeof path, "%s/capable", lab.dir);
	lab_need(setxattr(path, XATTR_NAME_CAPS, &capable, XATTR_CAPS_SZ_2, 0) == 0, "file capabilities");
	snprintf(path, sizeof path, "%s/secret", lab.dir);
	lab_write(path, "secret\n", 0600);
}

T_CASE(helpers_give_nothing)
{
	static const struct {
		const char *name;
		int error;
	} table[] = { { "setuid", EPERM }, { "setgid", EPERM }, { "capable", EACCES } };

	begin();
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		lab_attack(table[i].name, false, lab.user, &got);
		ok(got.reached && lab_exit(&got) == 0, "%s gives it ungoverned", table[i].name);
		lab_attack(table[i].name, true, lab.user, &got);
		if (!ok(!got.reached, "%s: nothing happened", table[i].name))
			lab_show(&got);
		is_int(lab_exit(&got), table[i].error, "%s: runs with the caller's own", table[i].name);
	}
}

T_CASE(each_thread_is_confined)
{
	begin();
	for (int i = 0; i < 2; i++) {
		const uid_t uid = i ? lab.user : 0;

		lab_attack("threads", false, uid, &got);
		is_int(lab_exit(&got), 1, "ungoverned they are not (uid %u)", (unsigned)uid);
		lab_attack("threads", true, uid, &got);
		if (!is_int(lab_exit(&got), 0, "no_new_privs and a filter in each (uid %u)", (unsigned)uid))
			lab_show(&got);
	}
}
