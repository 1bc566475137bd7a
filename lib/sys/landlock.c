#include "sys/landlock.h"

#include "sys/uapi/compat.h"

#include <fcntl.h>
#include <unistd.h>

int landlock_abi(void)
{
	long v = syscall(__NR_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return v > 0 ? (int)v : 0;
}

int landlock_new(uint64_t rights, bool signals, struct err *e)
{
	struct {
		uint64_t fs, net, scoped;
	} attr = { .fs = rights, .scoped = signals ? 2 /* LANDLOCK_SCOPE_SIGNAL */ : 0 };
	int fd = (int)syscall(__NR_landlock_create_ruleset, &attr, signals ? sizeof attr : sizeof attr.fs, 0);

	return fd < 0 ? err_sys(e, "landlock ruleset") : fd;
}

static int grant(int ruleset, const char *path, int flags, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights };
	long rc;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC | flags);
	if (rule.parent_fd < 0)
		return -1;
	rc = syscall(__NR_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
	return rc < 0 ? -1 : 0;
}

int landlock_grant(int ruleset, const char *path, uint64_t rights)
{
	return grant(ruleset, path, O_NOFOLLOW, rights);
}

void landlock_grant_self(int ruleset)
{
	grant(ruleset, "/proc/self", 0, LANDLOCK_WRITE);
}

int landlock_enter(int ruleset, struct err *e)
{
	if (syscall(__NR_landlock_restrict_self, ruleset, 0) < 0)
		return err_sys(e, "enter landlock domain");
	return 0;
}
