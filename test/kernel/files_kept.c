/* files_kept - what is deleted goes to the store and nobody notices: FU-19, and what programs do all day, as
 * native, with every deletion diverted and everything else kept. */
#include "test/kernel/files_tree.h"

#include "journal/store.h"

#include <linux/fs.h>
#include <sched.h>
#include <sys/mount.h>

#define SOFT_POLICY                                                                                         \
	"version: 1\nname: soft\nfile_rules:\n"                                                             \
	"  - name: deny-elsewhere\n    paths: [\"**/.env\"]\n    operations: [\"*\"]\n    decision: deny\n" \
	"  - name: soft\n    paths: [\"/dev/shm/**\"]\n    operations: [delete, rmdir]\n"                   \
	"    decision: soft_delete\n"                                                                       \
	"  - name: allow-all\n    paths: [\"/**\", \"/\"]\n    operations: [\"*\"]\n    decision: allow\n"

enum { ALL = (1 << JOURNAL_KINDS) - 1 };

static uid_t user(void)
{
	return 30000 + (uid_t)getpid() % 30000;
}

static char top[64], store[100];

/* A directory of the user's, one of root's, one that is sticky. */
static void build(uid_t uid)
{
	static const char *const names[] = { "w", "ro", "sticky", "w/full" };

	snprintf(top, sizeof top, "/dev/shm/files-kept.%d", (int)getpid());
	snprintf(store, sizeof store, "%s/w/.agentsh_trash", top);
	fl_need(mkdir(top, 0755) == 0 && chmod(top, 0755) == 0 && chdir(top) == 0, top);
	for (size_t i = 0; i < 4; i++)
		fl_need(mkdir(names[i], 0755) == 0 && (i % 3 || chown(names[i], uid, uid) == 0), names[i]);
	chmod("sticky", 01777);
	tree_put("w/file", "kept content", 0640);
	tree_put("w/full/file", "x", 0644);
	tree_put("ro/file", "root's", 0666);
	tree_put("sticky/file", "root's", 0666);
	tree_put("w/locked", "x", 0644);
	fl_need(chown("w/file", uid, uid) == 0, "file");
}

static void demolish(void)
{
	struct tree t;

	snprintf(t.top, sizeof t.top, "%s", top);
	if (chdir("/") == 0)
		tree_gone(t.top);
}

static void say(const char *what, long rc)
{
	fl_say("%s: %s\n", what, rc < 0 ? strerror(errno) : "0");
}

/* FU-19 */
static void deletions(void *arg)
{
	(void)arg;
	if (chdir(top) < 0)
		_exit(91);
	say("file", unlink("w/file"));
	say("again", unlink("w/file"));
	say("root's", unlink("ro/file"));
	say("sticky", unlink("sticky/file"));
	say("a directory", unlink("w/full"));
	say("full", rmdir("w/full"));
	say("no directory", rmdir("w/full/file"));
	say("inside", unlink("w/full/file"));
	say("empty now", rmdir("w/full"));
	say("busy", rmdir("w/."));
	say("slash", unlink("w/locked/"));
}

static const char native_says[] =
        "file: 0\nagain: No such file or directory\nroot's: Permission denied\n"
        "sticky: Operation not permitted\n"
        "a directory: Is a directory\nfull: Directory not empty\nno directory: Not a directory\ninside: 0\n"
        "empty now: 0\nbusy: Invalid argument\nslash: Not a directory\n";

/* The text of the only version in the store that is a file of this size. */
static bool has_version(const char *text)
{
	char path[140], found[64];
	bool good = false;
	DIR *dir;
	struct dirent *e;

	snprintf(path, sizeof path, "%s/payload", store);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		int fd = openat(dirfd(dir), e->d_name, O_RDONLY | O_NOFOLLOW);
		ssize_t n = fd < 0 ? -1 : read(fd, found, sizeof found);

		good |= n == (ssize_t)strlen(text) && !memcmp(found, text, (size_t)n);
		if (fd >= 0)
			close(fd);
	}
	if (dir)
		closedir(dir);
	return good;
}

static bool is_text(const char *path, const char *text)
{
	char found[64];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, found, sizeof found);

	close(fd);
	return n == (ssize_t)strlen(text) && !memcmp(found, text, (size_t)n);
}

T_CASE(deleted_as_native_and_kept)
{
	struct fl_run r = { .policy = SOFT_POLICY,
		            .program = deletions,
		            .workspace = top,
		            .uid = user(),
		            .inexact = ~0u,
		            .native = true };

	if (geteuid() != 0)
		t_skip_all("not root");
	build(r.uid);
	fl_run(&r);
	is_str(fl->out, native_says, "native");
	demolish();
	build(r.uid);
	r.native = false;
	r.store = store;
	fl_run(&r);
	is_str(fl->out, native_says, "governed");
	ok(has_version("kept content"), "the version is there");
	ok(fl_event("file_soft_deleted", "/w/file", "\"trash_token\":\""), "its token is told");
	ok(fl_event("file_soft_deleted", "agentsh trash restore ", "\"rule\":\"soft\""), "and the way back");
	ok(!fl_event("\"file_delete\"", "/w/file\"", NULL), "once");
	ok(is_text("ro/file", "root's") && is_text("sticky/file", "root's"),
	   "what others may not delete is there");
	demolish();
}

static void untold(void *arg)
{
	(void)arg;
	if (chdir(top) < 0)
		_exit(91);
	fl->deaf = true;
	say("file", unlink("w/file"));
	fl->deaf = false;
	say("there", access("w/file", F_OK));
}

/* As the user would have it back by hand: what it holds, whose it is, and when it was written. */
static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
	       a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* "w" is a file system of its own, on which no store can be made. */
static void build_far(uid_t uid)
{
	char name[40], options[60];

	build(uid);
	snprintf(store, sizeof store, "%s/.agentsh_trash", top);
	fl_need(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0,
	        "mount table");
	snprintf(options, sizeof options, "mode=0755,uid=%d,gid=%d", (int)uid, (int)uid);
	fl_need(mount("far", "w", "tmpfs", 0, options) == 0, "file system");
	snprintf(name, sizeof name, "w/" JOURNAL_STORE "-%d", (int)uid);
	tree_put(name, "", 0644);
	tree_put("w/file", "kept content", 0640);
	fl_need(chown("w/file", uid, uid) == 0 && chown(top, uid, uid) == 0, "file");
}

/* How it is there before and after. `far`: on another file system, where the way into the store and back is a
 * copy. */
static void not_deleted(bool far)
{
	struct fl_run r = { .policy = SOFT_POLICY,
		            .program = untold,
		            .workspace = top,
		            .uid = user(),
		            .store = store,
		            .inexact = ~0u };
	struct stat was, now;
	char path[140];

	if (far)
		build_far(r.uid);
	else
		build(r.uid);
	snprintf(path, sizeof path, "%s/w/file", top);
	ok(stat(path, &was) == 0);
	fl_run(&r);
	is_str(fl->out, "file: Permission denied\nthere: 0\n");
	ok(stat(path, &now) == 0 && is_same(&now, &was) && is_text(path, "kept content"), "as it was");
	ok((now.st_ino == was.st_ino) == !far, "%s", far ? "it was away" : "the same file");
	ok(!has_version("kept content"), "no version of it is left");
	ok(!fl_event("file_soft_deleted", "/w/file", NULL), "nor an event");
	if (far)
		umount2("w", MNT_DETACH);
	demolish();
}

T_CASE(what_cannot_be_told_is_not_deleted)
{
	not_deleted(false);
	not_deleted(true);
}

T_CASE(without_a_store_nothing_is_deleted)
{
	struct fl_run r = {
		.policy = SOFT_POLICY, .program = deletions, .workspace = top, .uid = user(), .inexact = ~0u
	};

	build(r.uid);
	fl_run(&r);
	ok(!strncmp(fl->out, "file: Permission denied\n", 24), "%.23s", fl->out);
	ok(fl_event("file_delete", "journal-missing", "\"denied\""), "event");
	ok(is_text("w/file", "kept content"), "it is there");
	demolish();
}

static void one_of_each(void *arg)
{
	(void)arg;
	if (chdir(top) < 0 || chdir("w") < 0)
		_exit(91);
	say("rename", renameat2(AT_FDCWD, "file", AT_FDCWD, "other", 0));
	say("truncate", truncate("other", 1));
	say("delete", unlink("other"));
}

T_CASE(soft_block_refuses_what_destroys)
{
	struct fl_run r = { .policy = SOFT_POLICY,
		            .program = one_of_each,
		            .workspace = top,
		            .uid = user(),
		            .inexact = ~0u,
		            .soft_block = true };

	build(r.uid);
	fl_run(&r);
	is_str(fl->out, "rename: Permission denied\ntruncate: No such file or directory\n"
	                "delete: No such file or directory\n");
	ok(fl_event("file_rename", "soft-block", "\"denied\""), "event");
	demolish();
}

static void overwrite(void *arg)
{
	(void)arg;
	if (chdir(top) < 0 || chdir("w") < 0)
		_exit(91);
	tree_put("new", "new", 0644);
	say("over", renameat2(AT_FDCWD, "new", AT_FDCWD, "file", 0));
}

T_CASE(overwritten_targets_are_kept_where_asked)
{
	struct fl_run r = { .policy = SOFT_POLICY,
		            .program = overwrite,
		            .workspace = top,
		            .uid = user(),
		            .inexact = ~0u,
		            .store = store };

	build(r.uid);
	fl_run(&r);
	ok(is_text("w/file", "new") && !has_version("kept content"), "not asked");
	demolish();
	build(r.uid);
	r.keep = 1 << JOURNAL_OVERWRITE;
	fl_run(&r);
	is_str(fl->out, "over: 0\n");
	ok(is_text("w/file", "new") && has_version("kept content"), "asked");
	demolish();
}

static void cut(void *arg)
{
	(void)arg;
	if (chdir(top) < 0 || chdir("w") < 0)
		_exit(91);
	say("cut", truncate("file", 2));
	say("mode", fchmodat(AT_FDCWD, "file", 0600, 0));
}

T_CASE(truncation_is_kept_where_asked)
{
	struct fl_run r = { .policy = SOFT_POLICY,
		            .program = cut,
		            .workspace = top,
		            .uid = user(),
		            .inexact = ~0u,
		            .store = store,
		            .keep = 1 << JOURNAL_TRUNCATE | 1 << JOURNAL_ATTRIBUTES };

	build(r.uid);
	fl_run(&r);
	is_str(fl->out, "cut: 0\nmode: 0\n");
	ok(is_text("w/file", "ke") && has_version("kept content"), "kept");
	demolish();
}

static void put_over(int flags)
{
	int fd = open("file", flags);

	say("opened", fd);
	if (flags & O_ACCMODE)
		say("written", write(fd, "XX", 2));
	close(fd);
}

static void open_empty(void *arg)
{
	if (chdir(top) < 0 || chdir("w") < 0)
		_exit(91);
	put_over(*(const int *)arg);
}

/* FU-02: what is emptied or written over by being opened. */
T_CASE(opening_to_change_is_kept_where_asked)
{
	static const struct {
		int flags;
		const char *after;
	} ways[] = { { O_WRONLY | O_TRUNC, "XX" },
		     { O_RDONLY | O_TRUNC, "" },
		     { O_WRONLY | O_CREAT | O_TRUNC, "XX" },
		     { O_RDWR, "XXpt content" },
		     { O_WRONLY | O_APPEND, "kept contentXX" } };
	struct fl_run r = { .policy = SOFT_POLICY,
		            .program = open_empty,
		            .workspace = top,
		            .uid = user(),
		            .inexact = ~0u,
		            .store = store,
		            .real = FL_ALL,
		            .keep = 1 << JOURNAL_TRUNCATE | 1 << JOURNAL_WRITE };

	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		build(r.uid);
		r.arg = (void *)(uintptr_t)&ways[i].flags;
		fl_run(&r);
		ok(is_text("w/file", ways[i].after), "flags %o: done: %s", ways[i].flags, fl->out);
		ok(has_version("kept content"), "flags %o: and kept", ways[i].flags);
		demolish();
	}
}

/* git makes each object under another name. What was there before is kept all the same. */
static void two_names(void *arg)
{
	(void)arg;
	if (chdir(top) < 0 || chdir("w") < 0)
		_exit(91);
	tree_put("tmp", "object", 0444);
	say("link", link("tmp", "object"));
	say("spare", unlink("tmp"));
	say("link", link("file", "name"));
	say("old", unlink("name"));
}

T_CASE(spare_names_of_what_was_made_are_not_kept)
{
	struct fl_run r = { .policy = SOFT_POLICY,
		            .program = two_names,
		            .real = FILTER_WRITES | FILTER_NAMES | FILTER_ATTRIBUTES,
		            .workspace = top,
		            .uid = user(),
		            .store = store,
		            .keep = ALL,
		            .inexact = ~0u };
	struct stat st;
	char path[100];

	build(r.uid);
	fl_run(&r);
	is_str(fl->out, "link: 0\nspare: 0\nlink: 0\nold: 0\n");
	snprintf(path, sizeof path, "%s/w/object", top);
	ok(stat(path, &st) == 0 && st.st_nlink == 1 && is_text(path, "object") && !has_version("object"),
	   "nor does it have more names afterwards than it should");
	ok(fl_event("file_delete", "/w/tmp", "soft"), "but told");
	ok(has_version("kept content"), "of a file that was there before, they are");
	demolish();
}

/* Root's session, in which somebody else deletes what is his. */
static void as_other(void *arg)
{
	const uid_t uid = *(uid_t *)arg;

	if (chdir(top) < 0 || setgroups(0, NULL) < 0 || setgid(uid) < 0 || setuid(uid) < 0)
		_exit(91);
	say("file", unlink("w/file"));
	say("root's", unlink("ro/file"));
}

T_CASE(root_s_session_keeps_for_others)
{
	uid_t uid = user();
	struct fl_run r = {
		.policy = SOFT_POLICY, .program = as_other, .arg = &uid, .workspace = top, .store = store
	};

	build(uid);
	fl_run(&r);
	is_str(fl->out, "file: 0\nroot's: Permission denied\n");
	ok(has_version("kept content"), "the version is there");
	ok(fl_event("file_soft_deleted", "/w/file", "\"trash_token\":\""), "its token is told");
	demolish();
}

/* ---- what programs do all day ----------------------------------------------------------------------------
 */

static void done(const char *what, long rc)
{
	fl_say("%s: %s | ", what, rc < 0 ? strerror(errno) : "0");
	tree_say();
	fl_say("\n");
}

static void all_day(void *arg)
{
	tree_enter(arg);
	tree_put("new.tmp", "edited", 0644);
	done("save", rename("new.tmp", "f"));
	done("backup", link("f", "f~"));
	tree_put(".lock", "ref", 0444);
	done("lock is held", open(".lock", O_WRONLY | O_CREAT | O_EXCL, 0666));
	done("commit", rename(".lock", "d/ref"));
	done("move a directory", rename("d", "moved"));
	done("and back", rename("moved", "d"));
	done("over an empty one", rename("d", "e"));
	done("exchange", renameat2(AT_FDCWD, "e", AT_FDCWD, "f", RENAME_EXCHANGE));
	done("exchange back", renameat2(AT_FDCWD, "e", AT_FDCWD, "f", RENAME_EXCHANGE));
	done("keep", renameat2(AT_FDCWD, "f", AT_FDCWD, "f~", RENAME_NOREPLACE));
	done("mkdir", mkdir("a", 0777) | mkdir("a/b", 0777));
	done("mkdir -p", mkdir("a/b", 0777));
	done("mkdir /", mkdir("/", 0777));
	done("chmod", chmod("f", 0755));
	done("touch", utimensat(AT_FDCWD, "f", NULL, 0));
	done("chown", chown("f", getuid(), getgid()));
	done("ln -sfn", symlink("e", "new-link") | rename("new-link", "ld"));
	done("rm link", unlink("ld"));
	done("rmdir -p", rmdir("a/b") | rmdir("a"));
	done("rm -r", unlink("e/g") | rmdir("e/sub") | unlink("e/ref") | rmdir("e"));
	done("truncate", truncate("f", 3));
	done("rm", unlink("f"));
	done("rm again", unlink("f"));
}

static void compare_kept(uid_t uid, uint32_t keep)
{
	struct tree native = { "", -1 }, governed = { "", -1 };
	char trash[100];
	struct fl_run r = { .policy = SOFT_POLICY,
		            .program = all_day,
		            .workspace = governed.top,
		            .uid = uid,
		            .inexact = ~0u,
		            .keep = keep };
	char *out;

	tree_make(&native, "native00", uid);
	tree_make(&governed, "governed", uid);
	tree_helper(&native, uid);
	tree_helper(&governed, uid);
	snprintf(trash, sizeof trash, "%s/kept", governed.top);
	fl_need(mkdir(trash, 0755) == 0 && chown(trash, uid, uid) == 0, trash);
	strcat(trash, "/.agentsh_trash");
	r.native = true;
	r.arg = &native;
	is_int(fl_run(&r), 0, "native ends");
	out = strdup(fl->out);
	r.native = false;
	r.arg = &governed;
	r.store = trash;
	is_int(fl_run(&r), 0, "governed ends");
	/* What is kept is one more name of a file that has others. */
	for (char n[] = " n2 "; n[2] < '5'; n[2]++) {
		tree_replace(out, n, " n1 ");
		tree_replace(fl->out, n, " n1 ");
	}
	ok(tree_same("all day", out, fl->out), "uid %d, keeping %x: as native", (int)uid, keep);
	ok(!fl_event("\"denied\"", NULL, NULL), "nothing was denied");
	free(out);
	close(native.helper);
	close(governed.helper);
	while (wait(NULL) > 0)
		;
	tree_gone(native.top);
	tree_gone(governed.top);
}

T_CASE(all_day_as_native)
{
	compare_kept(user(), 0);
	compare_kept(user(), ALL);
	compare_kept(0, ALL);
}
