/* files_narrow - FS-05, FS-14, FS-15, FS-26, FU-06, SH-12, LL-09: where one check stands alone. Rules that
 * close one operation only, so that no other check refuses what this one forgets; and a policy that closes
 * nothing at all. */
#include "test/kernel/files_denied.h"

#include "sys/at.h"

#include <linux/fs.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

static const char policy[] = "version: 1\nname: narrow\nfile_rules:\n"
                             "  - name: deny-names\n    paths: [\"@/w/pinned\", \"@/w/taken\"]\n"
                             "    operations: [rename]\n    decision: deny\n"
                             "  - name: deny-reading\n    paths: [\"@/w/sealed/**\"]\n"
                             "    operations: [read, open]\n    decision: deny\n"
                             "  - name: deny-writing\n    paths: [\"@/w/frozen/**\"]\n"
                             "    operations: [write]\n    decision: deny\n"
                             "  - name: allow-own\n    paths: [\"@\", \"@/**\"]\n"
                             "    operations: [\"*\"]\n    decision: allow\n";

static const char open_policy[] = "version: 1\nname: open\nfile_rules:\n"
                                  "  - name: allow-all\n    paths: [\"/\", \"/**\"]\n"
                                  "    operations: [\"*\"]\n    decision: allow\n";

static long from_pinned(void)
{
	return at_rename(AT_FDCWD, "w/pinned", AT_FDCWD, "w/free", 0);
}

static long to_taken(void)
{
	return at_rename(AT_FDCWD, "w/own", AT_FDCWD, "w/taken", 0);
}

static long swap_pinned(void)
{
	return at_rename(AT_FDCWD, "w/pinned", AT_FDCWD, "w/own", RENAME_EXCHANGE);
}

static long swap_with_pinned(void)
{
	return at_rename(AT_FDCWD, "w/own", AT_FDCWD, "w/pinned", RENAME_EXCHANGE);
}

static long unseal(void)
{
	return at_rename(AT_FDCWD, "w/sealed", AT_FDCWD, "w/unsealed", 0);
}

static long thaw(void)
{
	return at_rename(AT_FDCWD, "w/frozen", AT_FDCWD, "w/thawed", 0);
}

static long swap_sealed(void)
{
	return at_rename(AT_FDCWD, "w/dir", AT_FDCWD, "w/sealed", RENAME_EXCHANGE);
}

static long make_device(void)
{
	return at_mknod(AT_FDCWD, "w/null", S_IFCHR | 0666, (unsigned)makedev(1, 3));
}

static long make_disk(void)
{
	return at_mknod(AT_FDCWD, "w/disk", S_IFBLK | 0600, (unsigned)makedev(7, 0));
}

static long move_what_holds_the_store(void)
{
	return at_rename(AT_FDCWD, "store", AT_FDCWD, "w/store", 0);
}

static long move_the_store(void)
{
	return at_rename(AT_FDCWD, "store/.agentsh_trash", AT_FDCWD, "w/t", 0);
}

static long move_ours(void)
{
	return at_rename(AT_FDCWD, "w/ours", AT_FDCWD, "w/theirs", 0);
}

static long move_what_holds_ours(void)
{
	return at_rename(AT_FDCWD, "w", AT_FDCWD, "home/w", 0);
}

static long put_in_the_place_of_ours(void)
{
	return at_rename(AT_FDCWD, "w/own", AT_FDCWD, "w/ours/key", 0);
}

static long remove_of_ours(void)
{
	return unlinkat(AT_FDCWD, "w/ours/key", 0);
}

static long make_in_ours(void)
{
	return mkdirat(AT_FDCWD, "w/ours/new", 0755);
}

static long link_ours(void)
{
	return linkat(AT_FDCWD, "w/ours/key", AT_FDCWD, "w/key", 0);
}

static long open_to_ours(void)
{
	return fchmodat(AT_FDCWD, "w/ours/key", 0666, 0);
}

static long cut_ours(void)
{
	return truncate("w/ours/key", 1);
}

static const struct attack attacks[] = {
	{ "FS-05 the old name alone", from_pinned, "file_rename", "deny-names", EACCES, false },
	{ "FS-05 the new name alone", to_taken, "file_rename", "deny-names", EACCES, false },
	{ "FS-15 the first name alone", swap_pinned, "file_rename", "deny-names", EACCES, false },
	{ "FS-15 the second name alone", swap_with_pinned, "file_rename", "deny-names", EACCES, false },
	{ "FS-05 a directory, to be read", unseal, "file_rename", "deny-reading", EACCES, false },
	{ "FS-05 a directory, to be written", thaw, "file_rename", "deny-writing", EACCES, false },
	{ "FS-15 a directory, to be read", swap_sealed, "file_rename", "deny-reading", EACCES, false },
};

static const struct attack of_root[] = {
	{ "FS-14 a device", make_device, "file_create", "session-devices", EACCES, false },
	{ "FS-14 a disk", make_disk, "file_create", "session-devices", EACCES, false },
};

static const struct attack of_the_store[] = {
	{ "FU-06 the store", move_the_store, "file_rename", "journal-store", EACCES, false },
	{ "FU-06 what holds the store", move_what_holds_the_store, "file_rename", "journal-store", EACCES,
	  false },
};

static const struct attack of_ours[] = {
	{ "SH-12 rename", move_ours, "file_rename", "closed-to-sessions", EACCES, false },
	{ "SH-12 rename what holds it", move_what_holds_ours, "file_rename", "closed-to-sessions", EACCES,
	  false },
	{ "SH-12 rename over", put_in_the_place_of_ours, "file_rename", "closed-to-sessions", EACCES, false },
	{ "SH-12 unlink", remove_of_ours, "file_delete", "closed-to-sessions", EACCES, false },
	{ "SH-12 mkdir", make_in_ours, "dir_create", "closed-to-sessions", EACCES, false },
	{ "SH-12 link", link_ours, "file_create", "closed-to-sessions", EACCES, false },
	{ "SH-12 chmod", open_to_ours, "file_chmod", "closed-to-sessions", EACCES, false },
	{ "SH-12 truncate", cut_ours, "file_write", "closed-to-sessions", EACCES, false },
};

static void build(void)
{
	static const char *const dirs[] = { "secret", "w",   "w/dir", "w/sealed", "w/frozen",
		                            "w/ours", "out", "home",  "store" };

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		fl_need(mkdir(dirs[i], 0755) == 0, dirs[i]);
	put("w/own", "own", 0644);
	put("w/pinned", "canary", 0644);
	put("w/ours/key", "canary", 0600);
	put("w/sealed/key", "canary", 0600);
	put("w/frozen/key", "canary", 0600);
}

T_CASE(one_check_alone)
{
	fl_start();
	for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
		attack(&attacks[i], policy, build, user());
		attack(&attacks[i], policy, build, 0);
	}
}

T_CASE(devices)
{
	for (size_t i = 0; i < sizeof of_root / sizeof *of_root; i++)
		attack(&of_root[i], policy, build, 0);
}

/* Nothing has to be looked through for the rules' sake. */
T_CASE(the_store_where_nothing_is_closed)
{
	for (size_t i = 0; i < sizeof of_the_store / sizeof *of_the_store; i++) {
		attack(&of_the_store[i], open_policy, build, user());
		attack(&of_the_store[i], open_policy, build, 0);
	}
}

/* No Landlock stands behind the supervisor here. */
T_CASE(what_is_ours)
{
	ours = "w/ours";
	for (size_t i = 0; i < sizeof of_ours / sizeof *of_ours; i++) {
		attack(&of_ours[i], open_policy, build, user());
		attack(&of_ours[i], open_policy, build, 0);
	}
	ours = NULL;
}

/* LL-09: the same under another name, by a mount that was there before. */
static long remove_alias(void)
{
	return unlinkat(AT_FDCWD, "w/alias/key", 0);
}

static long make_in_alias(void)
{
	return mkdirat(AT_FDCWD, "w/alias/new", 0755);
}

static long cut_alias(void)
{
	return truncate("w/alias/key", 1);
}

static const struct attack of_alias[] = {
	{ "LL-09 unlink", remove_alias, "file_delete", "closed-to-sessions", EACCES, false },
	{ "LL-09 mkdir", make_in_alias, "dir_create", "closed-to-sessions", EACCES, false },
	{ "LL-09 truncate", cut_alias, "file_write", "closed-to-sessions", EACCES, false },
};

static void build_alias(void)
{
	build();
	fl_need(mkdir("w/alias", 0755) == 0 && mount("w/ours", "w/alias", NULL, MS_BIND, NULL) == 0, "mount");
}

T_CASE(what_is_ours_by_another_mount)
{
	fl_need(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0,
	        "mount table");
	ours = "w/ours";
	for (size_t i = 0; i < sizeof of_alias / sizeof *of_alias; i++) {
		attack(&of_alias[i], open_policy, build_alias, user());
		attack(&of_alias[i], open_policy, build_alias, 0);
	}
	ours = NULL;
}

/* ---- opening ------------------------------------------------------------------------------------------- */

static const struct {
	const char *path;
	int flags;
	bool harmless;
} opened[] = { { "/dev/kmsg", O_RDONLY, false },
	       { "/dev/kmsg", O_WRONLY, false },
	       { "/dev/port", O_RDONLY, false },
	       { "/dev/mem", O_RDONLY, false },
	       { "/dev/vda", O_RDONLY, false },
	       { "/dev/loop-control", O_RDWR, false },
	       { "/dev/fuse", O_RDWR, false },
	       { "/dev/null", O_RDWR, true },
	       { "/dev/zero", O_RDONLY, true },
	       { "/dev/full", O_WRONLY, true },
	       { "/dev/urandom", O_RDONLY, true },
	       { "/dev/ptmx", O_RDWR | O_NOCTTY, true },
	       { "w/ours/key", O_RDONLY, false },
	       { "w/ours/key", O_WRONLY, false },
	       { "w/ours/new", O_WRONLY | O_CREAT, false } };
enum { N_OPENED = sizeof opened / sizeof *opened };

static int errors[2][N_OPENED];

static void open_all(void *arg)
{
	(void)arg;
	if (chdir(top) < 0)
		_exit(91);
	for (size_t i = 0; i < N_OPENED; i++) {
		int fd = open(opened[i].path, opened[i].flags | O_NONBLOCK | O_CLOEXEC, 0600);

		fl_say("%d ", fd < 0 ? errno : 0);
		close(fd);
	}
}

/* FS-26, LL-11: of devices the supervisor opens the harmless ones only, as Landlock grants no others. SH-12:
 * nor what is ours. As root: permissions are in nobody's way. */
T_CASE(what_is_not_opened)
{
	char path[100];
	const struct files_closed closed = { path, true };
	struct fl_run r = { .program = open_all,
		            .inexact = ~0u,
		            .real = FL_ALL | FILTER_READS,
		            .closed = &closed,
		            .n_closed = 1 };
	int refused = 0;

	for (int native = 0; native < 2; native++) {
		char *next;

		make_top(build, 0);
		snprintf(path, sizeof path, "%s/w/ours", top);
		r.policy = open_policy;
		r.native = native;
		fl_run(&r);
		next = fl->out;
		for (size_t i = 0; i < N_OPENED; i++)
			errors[native][i] = (int)strtol(next, &next, 10);
		if (!native)
			ok(fl_event("file_open", "closed-to-sessions", "\"denied\"") &&
			           fl_event("file_write", "closed-to-sessions", "\"denied\"") &&
			           fl_event("file_create", "closed-to-sessions", "\"denied\""),
			   "events");
		demolish();
	}
	for (size_t i = 0; i < N_OPENED; i++) {
		if (errors[1][i]) {
			printf("# %s: not to be opened here anyway: %s\n", opened[i].path,
			       strerror(errors[1][i]));
			continue;
		}
		is_int(errors[0][i], opened[i].harmless ? 0 : EACCES, "%s, flags %o", opened[i].path,
		       opened[i].flags);
		refused += !opened[i].harmless && opened[i].path[0] == '/';
	}
	ok(refused > 1, "%d devices that there are were refused", refused);
}
