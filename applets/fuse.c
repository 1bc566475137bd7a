/* fuse - worker: shows a workspace through FUSE, where every access can be judged
 *
config LAYER_FUSE
        bool "FUSE view of workspaces"
        default y
        depends on POLICY
        select APPLET_FUSE
        select LIB_FUSE3
        help
          A view of the workspace in which every access to a file is judged,
          for hosts where system calls cannot be, and where the configuration
          asks for it.

config APPLET_FUSE
        bool
 */
#include "applets/applet.h"

#include "base/die.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/num.h"
#include "base/opt.h"
#include "enforce/fuse/mounting.h"
#include "enforce/fuse/view.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEADLINE_MS = 10000, KEEP_S = 86400 };

/* Unmounting is how a plain view ends: the device tells us. */
static const char *plain_where;

static void on_end(int signo)
{
	struct err e;

	(void)signo;
	if (mounting_detach(plain_where, DEADLINE_MS, &e) < 0)
		_exit(EXIT_FAILED);
}

static void hear(int signo)
{
	struct sigaction act = { .sa_handler = on_end };

	sigaction(signo, &act, NULL);
}

/* A directory shown at another place, nothing of it judged: what the layer costs, and whether it is right. */
static int show_plain(const struct view_options *o, struct err *e)
{
	struct view *v = view_new(o, e);
	int rc = v ? view_run(v, e) : -1;

	view_free(v);
	return rc;
}

static int run(int argc, char **argv)
{
	bool no_passthrough = false;
	const char *keep = NULL;
	const struct opt table[] = { { "no-passthrough", .type = OPT_FLAG, .to = &no_passthrough },
		                     { "keep", .type = OPT_TEXT, .to = &keep },
		                     { 0 } };
	struct view_options o = { .keep_s = KEEP_S };
	struct opt_args args;
	struct err e = { 0 };
	uint64_t seconds;
	AUTO_FD dir = -1;
	AUTO_FD device = -1;

	log_setup("fuse", LOG_INFO, false);
	if (opt_parse(argc, argv, table, false, &args, &e) < 0 || args.n != 2)
		die(EXIT_MISUSE, "agentsh-fuse: %s", *e.text ? e.text : "two directories are needed");
	if (keep && !num_u64(keep, 0, KEEP_S, &seconds))
		die(EXIT_MISUSE, "agentsh-fuse: --keep takes seconds");
	if (keep)
		o.keep_s = (unsigned)seconds;
	o.no_passthrough = no_passthrough;
	o.path = args.items[1];
	o.dir = dir = open(args.items[0], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		die(EXIT_FAILED, "agentsh-fuse: cannot open '%s'", args.items[0]);
	o.device = device = mounting_attach(args.items[1], geteuid() == 0, DEADLINE_MS, &e);
	if (device < 0)
		die(EXIT_FAILED, "agentsh-fuse: %s", e.text);
	plain_where = args.items[1];
	signal(SIGPIPE, SIG_IGN);
	hear(SIGTERM);
	hear(SIGINT);
	if (show_plain(&o, &e) < 0)
		die(EXIT_FAILED, "agentsh-fuse: %s", e.text);
	return EXIT_DONE;
}

const struct applet applet_fuse = {
	.name = "fuse",
	.summary = "show a workspace through FUSE",
	.usage = "[--no-passthrough] [--keep SECONDS] DIRECTORY MOUNT_POINT\n"
	         "for tests; sessions' own are started by the server",
	.run = run,
	.flags = APPLET_HIDDEN,
};
