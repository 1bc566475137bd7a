#include "api/impl.h"

void api_health(struct call *c)
{
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
