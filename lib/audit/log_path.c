/* Apart from query.c, so that who knows the path does not need the configuration. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/query.h"
#include "config/config.h"

/* audit.output of the configuration that the server would use. False if there is none or it cannot be read.
 */
static bool from_config(char *out, size_t size)
{
	struct config_problems problems = { 0 };
	struct config *c = NULL;
	char path[4096];
	enum config_place place = config_find(config_env, path, sizeof path);

	if (place != CONFIG_NOWHERE)
		c = config_load(path, place, config_env, &problems);
	config_problems_release(&problems);
	if (!c)
		return false;
	snprintf(out, size, "%s", c->audit.output);
	config_free(c);
	return *out;
}

const char *query_log_path(const char *given, char *out, size_t size)
{
	const char *path = given && *given ? given : getenv("AGENTSH_DB_PATH");
	size_t len;

	if (!path || !*path) {
		if (from_config(out, size))
			return out;
		path = "/var/lib/agentsh/events.jsonl";
	}
	len = strlen(path);
	if (len > 3 && !strcmp(path + len - 3, ".db"))
		snprintf(out, size, "%.*s.jsonl", (int)len - 3, path);
	else
		snprintf(out, size, "%s", path);
	return out;
}
