/* What may not happen to files by their names and attributes: each attack is done twice, governed, where the
 * canaries are as they were, with errno and an event that names the rule, and native, where it must happen.
 */
#pragma once

#include "test/kernel/files_tree.h"

#include <sys/mount.h>

struct attack {
	const char *name;
	long (*run)(void); /* 0, or -1 with errno */
	const char *type, *rule;
	int error;
	bool hidden; /* what it does natively does not show in the tree */
};

static char top[64];
static const char *ours; /* below it: what no session may touch whatever the policy says; NULL: nothing is */

static void put(const char *name, const char *text, mode_t mode)
{
	tree_put(name, text, mode);
}

/* Whatever is there belongs to the user: only rules are in the way. */
static void give(const char *dir, uid_t uid)
{
	char command[200];

	snprintf(command, sizeof command, "chown -hR %d:%d %s", (int)uid, (int)uid, dir);
	fl_need(system(command) == 0, command);
}

static void make_top(void (*build)(void), uid_t uid)
{
	snprintf(top, sizeof top, "/dev/shm/files-denied.%d", (int)getpid());
	fl_need(mkdir(top, 0755) == 0 && chmod(top, 0755) == 0 && chdir(top) == 0, top);
	build();
	give(top, uid);
}

static void demolish(void)
{
	struct tree t;

	snprintf(t.top, sizeof t.top, "%s", top);
	umount2("w/alias", MNT_DETACH); /* of some */
	if (chdir("/") == 0)
		tree_gone(t.top);
}

/* All that must stay as it is; of the store that it is there, and nothing else is. */
static char *canaries(void)
{
	static const char *const watched[] = { "secret", "w", "out", "home" };
	static const char *const kept[] = { "store/.agentsh_trash", "store/.agentsh_trash/.gitignore",
		                            "store/.agentsh_trash/new" };
	char *text;

	fl->out_len = 0;
	*fl->out = 0;
	for (size_t i = 0; i < 4; i++) {
		struct stat st;

		if (lstat(watched[i], &st) == 0)
			fl_say("%s %o %d;", watched[i], st.st_mode, (int)st.st_uid);
		tree_say_dir(watched[i]);
	}
	for (size_t i = 0; i < 3; i++) {
		struct stat st = { .st_mode = 0 };

		lstat(kept[i], &st);
		fl_say("%s %o;", kept[i], st.st_mode);
	}
	text = strdup(fl->out);
	fl->out_len = 0;
	*fl->out = 0;
	return text;
}

static void program(void *arg)
{
	const struct attack *k = arg;
	long rc = chdir(top) < 0 ? -1 : k->run();

	fl_say("%d", rc < 0 ? errno : 0);
}

static void nothing(void *arg)
{
	(void)arg;
}

/* `policy`: "@" is the directory it all lies in; `build` makes a tree there. */
static void attack(const struct attack *k, const char *policy, void (*build)(void), uid_t uid)
{
	char store[100], path[100], *before, *after;
	const struct files_closed closed = { path, true };
	struct fl_run r = { .program = nothing,
		            .arg = (void *)k,
		            .uid = uid,
		            .store = store,
		            .inexact = ~0u,
		            .real = FILTER_NAMES | FILTER_ATTRIBUTES,
		            .closed = &closed,
		            .n_closed = ours != NULL };

	make_top(build, uid);
	snprintf(store, sizeof store, "%s/store/.agentsh_trash", top);
	snprintf(path, sizeof path, "%s/%s", top, ours ? ours : "");
	r.policy = tree_policy(policy, top);
	fl_run(&r); /* from now on there is a store */
	r.program = program;
	before = canaries();
	fl_run(&r);
	ok(atoi(fl->out) == k->error, "%s: errno %s", k->name, fl->out);
	if (!ok(fl_event(k->type, k->rule, "\"denied\""), "%s: event", k->name))
		printf("# %.600s\n", fl->events);
	after = canaries();
	if (!ok(!strcmp(before, after), "%s: nothing happened", k->name))
		printf("# before %s\n# after  %s\n", before, after);
	free(after);
	/* Without the defence. */
	r.native = true;
	fl_run(&r);
	ok(atoi(fl->out) == 0, "%s: happens natively: %s", k->name, fl->out);
	after = canaries();
	ok(k->hidden || strcmp(before, after) != 0, "%s: and shows", k->name);
	free(before);
	free(after);
	demolish();
}

static uid_t user(void)
{
	return 30000 + (uid_t)getpid() % 30000;
}
