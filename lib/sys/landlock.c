#include "sys/landlock.h"

#include "sys/uapi/compat.h"

#include <fcntl.h>
#include <unistd.h>

int landlock_abi(void)
{
	long v = syscall(__NR_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return v > 0 ? (int)v : 0;
}

static int make_floor(uint64_t scoped, struct err *e)
{
	/* REFER is refused by every ruleset that does not grant it: handle it, and grant it from the root
	 * down. ABI 1 cannot: there, making device nodes is the handled right, which needs a capability
	 * anyway. */
	uint64_t right = landlock_abi() >= 2 ? LANDLOCK_ACCESS_FS_REFER : LANDLOCK_ACCESS_FS_MAKE_BLOCK;
	struct {
		uint64_t fs, net, scoped;
	} attr = { .fs = right, .scoped = scoped };
	struct landlock_path_beneath_attr all = { .allowed_access = right };
	int fd = (int)syscall(__NR_landlock_create_ruleset, &attr, scoped ? sizeof attr : sizeof attr.fs, 0);

	if (fd < 0)
		return err_sys(e, "landlock ruleset");
	all.parent_fd = open("/", O_PATH | O_CLOEXEC);
	if (all.parent_fd < 0 ||
	    syscall(__NR_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &all, 0) < 0) {
		err_sys(e, "landlock rule for /");
		close(fd);
		fd = -1;
	}
	if (all.parent_fd >= 0)
		close(all.parent_fd);
	return fd;
}

int landlock_floor(struct err *e)
{
	return make_floor(0, e);
}

int landlock_floor_signals(struct err *e)
{
	return make_floor(2 /* LANDLOCK_SCOPE_SIGNAL */, e);
}

int landlock_enter(int ruleset, struct err *e)
{
	if (syscall(__NR_landlock_restrict_self, ruleset, 0) < 0)
		return err_sys(e, "enter landlock domain");
	return 0;
}
