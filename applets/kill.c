/* kill - end a command that runs in a session
 *
config APPLET_KILL
        bool "kill"
        default y
        depends on APPLET_SERVER && API_HTTP
        help
          Ask the server to end one command of a session: SIGTERM to all of
          its processes, SIGKILL two seconds later.
 */
#include "applet.h"

#include <stdio.h>

#include "api/client.h"
#include "base/die.h"
#include "enforce/exec/role.h"

static const char usage[] = "SESSION COMMAND-ID";

static int run(int argc, char **argv)
{
	struct api_client_options options = { .server = NULL };
	const struct opt table[] = { API_CLIENT_OPTIONS(options), { NULL, 0, OPT_FLAG, NULL, NULL } };
	struct http_reply reply = { .status = 0 };
	struct api_client client;
	struct opt_args args;
	struct err e = { .code = 0 };
	char target[400];

	if (opt_parse(argc, argv, table, false, &args, &e) < 0)
		die(EXIT_FAILED, "agentsh: %s", e.text);
	if (args.n != 2)
		die(EXIT_FAILED, "usage: agentsh kill %s", usage);
	if (!api_client_id_ok(args.items[0]) || !api_client_id_ok(args.items[1]))
		die(EXIT_FAILED, "agentsh: invalid id");
	snprintf(target, sizeof target, "/api/v1/sessions/%s/kill/%s", args.items[0], args.items[1]);
	if (api_client_init(&client, &options, &e) < 0 ||
	    api_client_expect(&client, "POST", target, NULL, &reply, &e) < 0)
		die(EXIT_FAILED, "agentsh: %s", e.text);
	buf_release(&reply.body);
	puts("ok");
	return flushed();
}

const struct applet applet_kill = {
	.name = "kill",
	.summary = "end a command that runs in a session",
	.usage = usage,
	.run = run,
	.roles = ROLE_READ | ROLE_ASK,
};
