#include "config/config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool try(const char *dir, const char *rest, char *path, size_t size)
{
	static const char *const names[] = { "config.yaml", "config.yml" };

	for (int i = 0; dir && dir[0] == '/' && i < 2; i++)
		if (snprintf(path, size, "%s%s/%s", dir, rest, names[i]) < (int)size &&
		    access(path, F_OK) == 0)
			return true;
	return false;
}

enum config_place config_find(config_env_fn *env, char *path, size_t size)
{
	const char *named = env("AGENTSH_CONFIG"), *xdg = env("XDG_CONFIG_HOME");

	if (named && *named && strlen(named) < size) {
		strcpy(path, named);
		return CONFIG_NAMED;
	}
	if (xdg && *xdg ? try(xdg, "/agentsh", path, size) : try(env("HOME"), "/.config/agentsh", path, size))
		return CONFIG_USER;
	if (try("/etc", "/agentsh", path, size))
		return CONFIG_SYSTEM;
	if (size)
		path[0] = 0;
	return CONFIG_NOWHERE;
}
