/* config: any bytes give a complete configuration or errors, never both, never neither. */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *environment(const char *name)
{
	return !strcmp(name, "HOME") ? "/home/user" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_problems problems = { 0 };
	struct config *c = config_parse((const char *)data, size, "/etc/agentsh/config.yaml", CONFIG_SYSTEM,
	                                environment, &problems);

	if (!c != (problems.n_errors > 0))
		abort();
	/* What the server relies on without looking. */
	if (c && (c->audit.output[0] != '/' || c->policies.dir[0] != '/' || c->sessions.max_sessions < 1 ||
	          !c->policies.project_markers.items || !c->landlock.allow_read.items))
		abort();
	if (c && c->auth.type == AUTH_NONE && !config_is_loopback(c->server.http.addr))
		abort();
	config_free(c);
	config_problems_release(&problems);
	return 0;
}
