#include "shell/search.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void search_exec(const char *program, const char *path, char *const *argv, char *const *env)
{
	const char *p = path ? path : "/usr/local/bin:/usr/bin:/bin";
	char file[PATH_MAX];
	int seen = ENOENT;

	if (strchr(program, '/')) {
		execve(program, argv, env);
		return;
	}
	while (*p && *program) {
		size_t len = strcspn(p, ":");
		int n = snprintf(file, sizeof file, "%.*s%s%s", (int)len, p, len ? "/" : "", program);

		if (n > 0 && (size_t)n < sizeof file) {
			execve(file, argv, env);
			if (errno != ENOENT && errno != ENOTDIR)
				seen = errno;
		}
		p += len + (p[len] == ':');
	}
	errno = seen;
}

const char *search_env(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; *env; env++)
		if (!strncmp(*env, name, len) && (*env)[len] == '=')
			return *env + len + 1;
	return NULL;
}
