#include "api/impl.h"

#include "base/clock.h"

#include <string.h>

/* Which policy holds, and what came of the last attempt to load another. */
static void detail(struct call *c)
{
	const struct core *core = c->api->core;
	struct buf body = { .data = NULL };
	struct json j = { .out = &body };
	char at[40];

	json_object(&j);
	json_key_text(&j, "policy", core->standard->name);
	json_key_text(&j, "policy_sha256", core->standard->hash);
	if (core->reload.at_ns) {
		json_key(&j, "reload");
		json_object(&j);
		json_key_text(&j, "at", clock_rfc3339(core->reload.at_ns, at, sizeof at));
		if (core->reload.refused)
			json_key_text(&j, "reason", core->reload.reason);
		json_key_bool(&j, "refused", core->reload.refused);
		json_end(&j);
	}
	json_key_text(&j, "status", "ok");
	json_end(&j);
	api_json(c, 200, &body);
}

/* Clients compare the whole answer with "ok"; who wants to know more says so: /health?detail */
void api_health(struct call *c)
{
	if (CONFIG_SERVER_RELOAD && c->request->query && !strcmp(c->request->query, "detail"))
		detail(c);
	else
		api_text(c, 200, "ok\n");
}

/* Not ready while the audit log cannot be written: commands are refused then. */
void api_ready(struct call *c)
{
	struct err why = { .code = 0 };

	if (core_can_log(c->api->core, &why))
		api_text(c, 200, "ready\n");
	else
		api_text(c, 503, "audit log cannot be written\n");
}
