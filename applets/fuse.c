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
#include "base/path.h"
#include "enforce/fuse/judge.h"
#include "enforce/fuse/mounting.h"
#include "enforce/fuse/view.h"
#include "journal/record.h"
#include "policy/source.h"
#include "session/mounter.h"
#include "session/showing.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEADLINE_MS = 10000, KEEP_S = 86400 };
#define COPY_MAX (64ULL << 20)

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

/* What a view is judged by, where it is not a plain one. */
struct judged {
	struct policy *policy;
	struct journal_log *journal;
	struct judge *judge;
	int events;
};

static bool sink(void *arg, const char *json, size_t len, uint32_t flags)
{
	const struct judged *g = arg;

	(void)flags;
	return g->events < 0 || (fd_write(g->events, json, len) == 0 && fd_write(g->events, "\n", 1) == 0);
}

static struct policy *load_policy(const char *path, const char *top, struct err *e)
{
	const struct policy_var vars[] = { { "PROJECT_ROOT", top }, { NULL, NULL } };

	return policy_read(path, &(struct policy_options){ .vars = vars, .expand = true }, e);
}

/* By the policy at `path`; what its rules divert is kept in a store in the directory itself, which the view
 * hides. */
static int judge_by(struct judged *g, const char *path, struct view_options *view, struct err *e)
{
	struct judge_options o = {
		.session_id = "view", .virtual_root = "/workspace", .sink = sink, .arg = g
	};
	const struct journal_log_options store = { .at = view->dir,
		                                   .store = JOURNAL_STORE,
		                                   .session = "view",
		                                   .copy_max = COPY_MAX,
		                                   .quota = -1,
		                                   .ttl_ns = -1 };

	g->policy = load_policy(path, view->path, e);
	if (!g->policy)
		return -1;
	if (policy_needs(g->policy).soft_delete && journal_log_open(&g->journal, &store, e) < 0)
		return -1;
	o.policy = g->policy;
	o.top = view->path;
	o.journal = g->journal;
	g->judge = judge_new(&o, e);
	if (!g->judge)
		return -1;
	view->hidden = JOURNAL_STORE;
	view->judge = judge_act;
	view->acted = judge_acted;
	view->arg = g->judge;
	return 0;
}

static int show(struct view_options *o, const char *where, struct err *e)
{
	struct view *v = NULL;
	int rc;

	o->device = mounting_attach(where, geteuid() == 0, DEADLINE_MS, e);
	if (o->device < 0)
		return -1;
	plain_where = where;
	signal(SIGPIPE, SIG_IGN);
	hear(SIGTERM);
	hear(SIGINT);
	v = view_new(o, e);
	rc = v ? view_run(v, e) : -1;
	view_free(v);
	close(o->device);
	return rc;
}

/* --mount, --show: as the server's workers, session/mounter.h and session/showing.h. */
struct asked {
	bool no_passthrough, mount, show;
	const char *keep, *policy, *events;
};

static int run(int argc, char **argv)
{
	struct asked a = { .keep = NULL };
	const struct opt table[] = { { "mount", .type = OPT_FLAG, .to = &a.mount },
		                     { "show", .type = OPT_FLAG, .to = &a.show },
		                     { "no-passthrough", .type = OPT_FLAG, .to = &a.no_passthrough },
		                     { "keep", .type = OPT_TEXT, .to = &a.keep },
		                     { "policy", .type = OPT_TEXT, .to = &a.policy },
		                     { "events", .type = OPT_TEXT, .to = &a.events },
		                     { 0 } };
	struct view_options o = { .keep_s = KEEP_S };
	struct judged judged = { .events = -1 };
	struct opt_args args;
	struct err e = { 0 };
	uint64_t seconds;
	char top[PATH_MAX];
	int rc;

	log_setup("fuse", LOG_INFO, false);
	if (opt_parse(argc, argv, table, false, &args, &e) == 0 && args.n == 0 && (a.mount || a.show)) {
		if ((a.mount ? mounter_run(&e) : showing_run(&e)) == 0)
			return EXIT_DONE;
		log_line(LOG_ERROR, "%s", e.text);
		return EXIT_FAILED;
	}
	if (args.n != 2)
		die(EXIT_MISUSE, "agentsh-fuse: %s", *e.text ? e.text : "two directories are needed");
	if (a.keep && !num_u64(a.keep, 0, KEEP_S, &seconds))
		die(EXIT_MISUSE, "agentsh-fuse: --keep takes seconds");
	if (a.keep)
		o.keep_s = (unsigned)seconds;
	o.no_passthrough = a.no_passthrough;
	o.dir = open(args.items[0], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (o.dir < 0 || !realpath(args.items[1], top))
		die(EXIT_FAILED, "agentsh-fuse: cannot open '%s'", args.items[o.dir < 0 ? 0 : 1]);
	o.path = top;
	if (a.events)
		judged.events = open(a.events, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (a.events && judged.events < 0)
		die(EXIT_FAILED, "agentsh-fuse: cannot open '%s'", a.events);
	rc = a.policy ? judge_by(&judged, a.policy, &o, &e) : 0;
	if (rc == 0)
		rc = show(&o, top, &e);
	judge_free(judged.judge);
	journal_log_close(judged.journal);
	policy_free(judged.policy);
	if (rc < 0)
		die(EXIT_FAILED, "agentsh-fuse: %s", e.text);
	return EXIT_DONE;
}

const struct applet applet_fuse = {
	.name = "fuse",
	.summary = "show a workspace through FUSE",
	.usage = "[--policy FILE [--events FILE]] [--no-passthrough] [--keep SECONDS] DIRECTORY MOUNT_POINT",
	.run = run,
	.flags = APPLET_HIDDEN,
};
