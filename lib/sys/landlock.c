#include "sys/landlock.h"

#include "sys/proc.h"
#include "sys/uapi/compat.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <unistd.h>

int landlock_abi(void)
{
	long v = syscall(__NR_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return v > 0 ? (int)v : 0;
}

int landlock_make(const struct landlock_handled *h, struct err *e)
{
	size_t words = h->inside ? 3 : h->ports ? 2 : 1;
	int fd = (int)syscall(__NR_landlock_create_ruleset, h, words * sizeof h->files, 0);

	return fd < 0 ? err_sys(e, "landlock ruleset") : fd;
}

int landlock_new(uint64_t rights, bool signals, struct err *e)
{
	const struct landlock_handled h = { .files = rights, .inside = signals ? LANDLOCK_SIGNALS : 0 };

	return landlock_make(&h, e);
}

int landlock_grant_port(int ruleset, uint64_t rights, uint16_t port)
{
	const uint64_t rule[] = { rights, port };

	return (int)syscall(__NR_landlock_add_rule, ruleset, 2 /* LANDLOCK_RULE_NET_PORT */, rule, 0);
}

/* Takes the descriptor. */
static int grant(int ruleset, int fd, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights, .parent_fd = fd };
	long rc = -1;

	if (fd >= 0) {
		rc = syscall(__NR_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
		close(fd);
	}
	return rc < 0 ? -1 : 0;
}

int landlock_grant(int ruleset, const char *path, uint64_t rights)
{
	/* Whoever may move directories about on the way must not choose what is granted. */
	return grant(ruleset, proc_openat2(AT_FDCWD, path, O_PATH, RESOLVE_NO_SYMLINKS), rights);
}

int landlock_grant_fd(int ruleset, int fd, uint64_t rights)
{
	return grant(ruleset, fcntl(fd, F_DUPFD_CLOEXEC, 3), rights);
}

void landlock_grant_self(int ruleset)
{
	grant(ruleset, open("/proc/self", O_PATH | O_CLOEXEC), LANDLOCK_WRITE);
}

int landlock_enter(int ruleset, struct err *e)
{
	if (syscall(__NR_landlock_restrict_self, ruleset, 0) < 0)
		return err_sys(e, "enter landlock domain");
	return 0;
}
