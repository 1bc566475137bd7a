/* files_narrow - FS-05, FS-14, FS-15, FU-06: where one check stands alone. Rules that close one operation
 * only, so that no other check refuses what this one forgets; and a policy that closes nothing at all. */
#include "test/kernel/files_denied.h"

#include "sys/at.h"

#include <linux/fs.h>
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

static void build(void)
{
	static const char *const dirs[] = { "secret",   "w",   "w/dir", "w/sealed",
		                            "w/frozen", "out", "home",  "store" };

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		fl_need(mkdir(dirs[i], 0755) == 0, dirs[i]);
	put("w/own", "own", 0644);
	put("w/pinned", "canary", 0644);
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
