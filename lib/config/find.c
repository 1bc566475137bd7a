#include "config/config.h"

#include "base/path.h"

#include <stdio.h>
#include <stdlib.h>
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

const char *config_env(const char *name)
{
	return getenv(name);
}

enum config_place config_find(config_env_fn *env, char *path, size_t size)
{
	const char *named = env("AGENTSH_CONFIG"), *xdg = env("XDG_CONFIG_HOME");

	if (named && *named && strlen(named) < size) {
		strcpy(path, named);
		return CONFIG_NAMED;
	}
	/* Before the user's own: that lies where sessions make files, and variables lead there. */
	if (try("/etc", "/agentsh", path, size))
		return CONFIG_SYSTEM;
	if (xdg && *xdg ? try(xdg, "/agentsh", path, size) : try(env("HOME"), "/.config/agentsh", path, size))
		return CONFIG_USER;
	if (size)
		path[0] = 0;
	return CONFIG_NOWHERE;
}

int config_locate(const char *named, config_env_fn *env, struct config_file *out, struct err *e)
{
	char here[sizeof out->path];

	*out = (struct config_file){ .place = CONFIG_NAMED };
	if (!named)
		out->place = config_find(env, out->shown, sizeof out->shown);
	else
		snprintf(out->shown, sizeof out->shown, "%s", named);
	if (out->place == CONFIG_NOWHERE)
		return 0;
	if (!getcwd(here, sizeof here))
		return err_sys(e, "%s: current directory", out->shown);
	if ((named && strlen(named) >= sizeof out->shown) ||
	    !path_join(here, out->shown, out->path, sizeof out->path))
		return err_set(e, "%s: name too long", out->shown);
	return 0;
}
