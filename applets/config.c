/* config - check a server configuration, or show what holds.
 *
config APPLET_CONFIG
        bool "config"
        default y
        depends on APPLET_SERVER
        help
          "config validate" reports every problem of a configuration file with
          its line; "config show" prints each key with its value.
 */
#include "applet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/opt.h"
#include "base/path.h"
#include "config/config.h"
#include "enforce/exec/role.h"

static int run(int argc, char **argv)
{
	struct config_problems problems = { 0 };
	struct config_file file;
	char line[1024];
	const char *named = NULL;
	const struct opt table[] = { { .name = "path", .type = OPT_TEXT, .to = &named },
		                     { .name = "config", .type = OPT_TEXT, .to = &named },
		                     { .name = NULL } };
	struct opt_args args;
	struct err e = { 0 };
	struct config *config;
	AUTO_BUF text = { 0 };
	int rc;

	if (opt_parse(argc, argv, table, false, &args, &e) < 0)
		die(EXIT_FAILED, "agentsh-config: %s", e.text);
	if (args.n != 1 || (strcmp(args.items[0], "show") && strcmp(args.items[0], "validate")))
		die(EXIT_FAILED, "agentsh-config: expected \"show\" or \"validate\"");
	if (config_locate(named, config_env, &file, &e) < 0)
		die(EXIT_FAILED, "agentsh-config: %s", e.text);
	config = config_load(file.path, file.place, config_env, &problems);
	for (size_t i = 0; i < problems.n; i++)
		complain("%s", config_problem_line(&problems.items[i], file.shown, line, sizeof line));
	config_problems_release(&problems);
	if (config && !strcmp(args.items[0], "show"))
		config_show(config, &text);
	else if (config)
		buf_str(&text, "ok\n");
	fputs(buf_text(&text), stdout);
	rc = config ? flushed() : EXIT_FAILED;
	config_free(config);
	return rc;
}

const struct applet applet_config = {
	.name = "config",
	.summary = "check a server configuration, or show what holds",
	.usage = "show|validate [--path FILE]\n"
	         "\n"
	         "Without --path the file that the server would use.\n",
	.run = run,
	.roles = ROLE_READ,
};
