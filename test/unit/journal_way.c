/* What is undone where a view lies over the directory: it is done to what lies below. */
#include "journal/record.h"
#include "journal/undo.h"
#include "test/t.h"
#include "test/unit/journal_top.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int dir;

static bool remove_and_rename(void)
{
	const struct journal_log_options o = { .at = dir,
		                               .store = JOURNAL_STORE,
		                               .session = "s",
		                               .copy_max = 1 << 20,
		                               .quota = -1,
		                               .ttl_ns = -1 };
	int d = openat(dir, "d", O_PATH | O_DIRECTORY);
	char path[2][PATH_MAX + 8], token[JOURNAL_TOKEN];
	struct journal_act gone = { .kind = JOURNAL_DELETE, .dirfd = d, .name = "f", .command = "c" };
	struct journal_act moved = { .kind = JOURNAL_RENAME,
		                     .dirfd = dir,
		                     .name = "g",
		                     .to_dirfd = dir,
		                     .to_name = "h",
		                     .command = "c" };
	struct journal_log *log;
	bool good = journal_log_open(&log, &o, NULL) == 0;

	gone.path = strcat(strcpy(path[0], top), "/d/f");
	good = good && journal_act(log, &gone, token, NULL) == 0;
	moved.path = strcat(strcpy(path[0], top), "/g");
	moved.to_path = strcat(strcpy(path[1], top), "/h");
	good = good && journal_act(log, &moved, token, NULL) == 0 && renameat(dir, "g", dir, "h") == 0;
	if (log)
		journal_ended(log, "c");
	journal_log_close(log);
	close(d);
	return good;
}

struct shown {
	struct buf told;
	bool refuse;
};

static int note(void *arg, const char *below, struct err *e)
{
	struct shown *s = arg;

	buf_fmt(&s->told, "%s ", below);
	return s->refuse ? err_set(e, "not now") : 0;
}

static void print(void *arg, enum undo_outcome outcome, const char *verb, const char *path, const char *why)
{
	(void)arg;
	if (outcome != UNDO_DONE)
		printf("# %s %s: %s\n", verb, path, why);
}

/* What is told of goes to `told`. How much was left as it is, or -1. */
static int undo(struct shown *s, bool redo)
{
	const struct journal_under under = { top, dir, note, s };
	const struct undo_request request = { .redo = redo, .under = &under };
	struct undo_result result;
	struct journal j;
	char store[80];

	buf_clear(&s->told);
	snprintf(store, sizeof store, "/proc/self/fd/%d/" JOURNAL_STORE, dir);
	if (!ok(journal_open(&j, store, false, NULL) == 0, "the store below"))
		return -1;
	is_int(journal_undo(&j, &request, print, NULL, &result, NULL), 0, "is undone");
	journal_close(&j);
	return (int)(result.n_conflicts + result.n_failed);
}

static bool below(const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool cover(char *aside)
{
	snprintf(aside, PATH_MAX, "%s.below", top);
	return rename(top, aside) == 0 && mkdir(top, 0755) == 0 && mkdir(at("d"), 0755) == 0;
}

T_CASE(what_lies_under)
{
	struct shown s = { .refuse = true };
	char aside[PATH_MAX];

	if (!make_top("/tmp"))
		return;
	dir = open(top, O_RDONLY | O_DIRECTORY);
	ok(mkdir(at("d"), 0755) == 0 && mkdir(at("elsewhere"), 0755) == 0);
	put("d/f", "one");
	put("g", "two");
	ok(remove_and_rename() && cover(aside), "something lies over it");
	put("h", "shown");
	is_int(undo(&s, false), 2, "what cannot be told of is not changed");
	ok(below("h") && !below("d/f"), "nothing has happened");
	s.refuse = false;
	ok(renameat(dir, "d", dir, "e") == 0 && symlinkat("elsewhere", dir, "d") == 0);
	is_int(undo(&s, false), 1, "a link on the way");
	ok(!below("elsewhere/f"), "nothing was put where it leads");
	ok(unlinkat(dir, "d", 0) == 0 && renameat(dir, "e", dir, "d") == 0);
	is_int(undo(&s, false), 0, "without it");
	is_str(buf_text(&s.told), "/d/f ", "what was left");
	is_int(undo(&s, true), 0, "redone");
	ok(!below("d/f") && below("h"), "all of it");
	is_int(undo(&s, false), 0, "and undone");
	ok(below("d/f") && below("g"), "all of it");
	ok(access(at("d/f"), F_OK) < 0 && holds(at("h"), "shown"), "what lies over it was not touched");
	ok(unlink(at("h")) == 0 && rmdir(at("d")) == 0 && rmdir(top) == 0 && rename(aside, top) == 0);
	buf_release(&s.told);
	close(dir);
	remove_top();
}
