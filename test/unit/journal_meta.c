/* Flags of files (chattr): kept each time before they change, undone, and given again. */
#include "journal/meta.h"

#include "journal/record.h"
#include "journal/undo.h"
#include "test/unit/journal_top.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

static struct journal_log *journal;

/* -1: this file system has none. */
static int flags_of(const char *name)
{
	AUTO_FD fd = open(at(name), O_RDONLY | O_CLOEXEC);
	int flags = 0;

	return fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 ? -1 : flags;
}

static void change(const char *name, bool of_flags, int more)
{
	AUTO_FD fd = open(at(name), O_RDONLY | O_CLOEXEC);
	struct journal_act a = { .kind = JOURNAL_ATTRIBUTES,
		                 .dirfd = fd,
		                 .name = "",
		                 .path = at(name),
		                 .to_dirfd = -1,
		                 .command = "c",
		                 .flags = of_flags };
	char token[JOURNAL_TOKEN];
	int flags = flags_of(name) | more;

	is_int(journal_act(journal, &a, token, NULL), 0, "kept");
	is_int(of_flags ? ioctl(fd, FS_IOC_SETFLAGS, &flags) : fchmod(fd, 0600), 0);
	journal_acted(journal, token, true);
}

static void print(void *arg, enum undo_outcome outcome, const char *verb, const char *path, const char *why)
{
	(void)arg;
	printf("# %d %s %s: %s\n", (int)outcome, verb, path, why);
}

static void undo(bool redo)
{
	struct undo_request request = { .command = "c", .redo = redo };
	struct undo_result result = { .n_done = 0 };
	struct journal j;
	struct err e = { 0 };

	if (is_int(journal_open(&j, at(JOURNAL_STORE), false, &e), 0)) {
		is_int(journal_undo(&j, &request, print, NULL, &result, &e), 0, "%s", e.text);
		journal_close(&j);
	}
	is_int((int)(result.n_conflicts + result.n_failed), 0);
}

T_CASE(flags)
{
	const int more = FS_NODUMP_FL | (geteuid() == 0 ? FS_IMMUTABLE_FL : 0);
	struct journal_log_options o = {
		.at = AT_FDCWD, .session = "s", .copy_max = 1 << 20, .quota = -1, .ttl_ns = -1
	};
	struct stat st;
	int before;

	if (!make_top("/tmp"))
		return;
	o.store = at(JOURNAL_STORE);
	put("a", "one\n");
	before = flags_of("a");
	if (before < 0)
		printf("# this file system has no flags\n");
	if (before >= 0 && is_int(journal_log_open(&journal, &o, NULL), 0)) {
		change("a", false, 0); /* the same file, by the same command */
		change("a", true, FS_NOATIME_FL);
		change("a", true, more);
		undo(false);
		is_int(flags_of("a"), before, "as before");
		ok(stat(at("a"), &st) == 0 && (st.st_mode & 0777) == 0644, "its mode, too");
		ok(holds(at("a"), "one\n"), "and its content");
		undo(true);
		is_int(flags_of("a"), before | more | FS_NOATIME_FL, "given again");
		undo(false);
		is_int(flags_of("a"), before, "and taken back");
		journal_log_close(journal);
	}
	remove_top();
}
