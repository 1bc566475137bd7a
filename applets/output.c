/* output - print what a command of a session wrote
 *
config APPLET_OUTPUT
        bool "output"
        default y
        depends on APPLET_SERVER && API_HTTP
        help
          Print a part of the output that the server kept of a command.
 */
#include "applet.h"

#include <stdio.h>

#include "api/client.h"
#include "base/die.h"
#include "base/fd.h"
#include "base/num.h"
#include "enforce/exec/role.h"

static const char usage[] = "SESSION COMMAND-ID [--stream stdout|stderr] [--offset N] [--limit N]";

static int print_chunk(const struct buf *body)
{
	AUTO_ARENA arena = { .blocks = NULL };
	const struct json_value *v = json_read(&arena, buf_text(body), body->len, NULL);
	AUTO_BUF bytes = { .data = NULL };

	if (!v)
		die(EXIT_FAILED, "agentsh: the server's answer is not JSON");
	api_client_bytes(v, "data", &bytes);
	if (bytes.len && fd_write(1, bytes.data, bytes.len) < 0)
		return EXIT_FAILED;
	if (json_get_boolean(v, "has_more", false))
		complain("-- more -- offset=%lld total=%lld",
		         (long long)json_get_int64(v, "offset", 0) + (long long)bytes.len,
		         (long long)json_get_int64(v, "total_bytes", 0));
	return EXIT_DONE;
}

static uint64_t number(const char *text, const char *name)
{
	uint64_t n;

	if (!num_u64(text, 0, INT64_MAX, &n))
		die(EXIT_FAILED, "agentsh: --%s '%s' is not a number", name, text);
	return n;
}

static int run(int argc, char **argv)
{
	struct api_client_options options = { .server = NULL };
	const char *stream = "stdout", *offset = "0", *limit = "65536";
	const struct opt table[] = {
		API_CLIENT_OPTIONS(options),
		{ "stream", 0, OPT_TEXT, &stream, NULL },
		{ "offset", 0, OPT_TEXT, &offset, NULL },
		{ "limit", 0, OPT_TEXT, &limit, NULL },
		{ NULL, 0, OPT_FLAG, NULL, NULL },
	};
	struct http_reply reply = { .status = 0 };
	struct api_client client;
	struct opt_args args;
	struct err e = { .code = 0 };
	char target[500];
	int status;

	if (opt_parse(argc, argv, table, false, &args, &e) < 0)
		die(EXIT_FAILED, "agentsh: %s", e.text);
	if (args.n != 2)
		die(EXIT_FAILED, "usage: agentsh output %s", usage);
	if (!api_client_id_ok(args.items[0]) || !api_client_id_ok(args.items[1]) || !api_client_id_ok(stream))
		die(EXIT_FAILED, "agentsh: invalid id or stream");
	snprintf(target, sizeof target, "/api/v1/sessions/%s/output/%s?stream=%s&offset=%llu&limit=%llu",
	         args.items[0], args.items[1], stream, (unsigned long long)number(offset, "offset"),
	         (unsigned long long)number(limit, "limit"));
	if (api_client_init(&client, &options, &e) < 0 ||
	    api_client_expect(&client, "GET", target, NULL, &reply, &e) < 0)
		die(EXIT_FAILED, "agentsh: %s", e.text);
	status = print_chunk(&reply.body);
	buf_release(&reply.body);
	return status;
}

const struct applet applet_output = {
	.name = "output",
	.summary = "print what a command of a session wrote",
	.usage = usage,
	.run = run,
	.roles = ROLE_READ | ROLE_ASK,
};
