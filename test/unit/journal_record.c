#include "journal/record.h"

#include "base/fd.h"
#include "base/path.h"
#include "journal/store.h"
#include "journal/tree.h"
#include "test/t.h"
#include "test/unit/journal_top.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static struct journal_log *log_;
static struct journal_log_options options;
static int dir = -1;
static char token[JOURNAL_TOKEN];

static bool begin(const char *where)
{
	struct err e;

	if (!make_top(where))
		return false;
	dir = open(top, O_PATH | O_DIRECTORY);
	options = (struct journal_log_options){
		.at = dir, .store = JOURNAL_STORE, .session = "s", .copy_max = 1000, .quota = -1, .ttl_ns = -1
	};
	return ok(journal_log_open(&log_, &options, &e) == 0, "%s", e.text);
}

static bool again(void)
{
	journal_log_close(log_);
	return ok(journal_log_open(&log_, &options, NULL) == 0);
}

static void end(void)
{
	journal_log_close(log_);
	log_ = NULL;
	fd_close(&dir);
	remove_top();
}

/* `dir` is for looking only. */
static int dir_of_top(void)
{
	static int fd = -1;

	fd_close(&fd);
	return fd = open(top, O_RDONLY | O_DIRECTORY);
}

/* What the act said: 0 or an errno. */
static int act(enum journal_kind kind, const char *name, const char *command)
{
	struct journal_act a = {
		.kind = kind, .dirfd = dir, .name = name, .path = at(name), .to_dirfd = -1, .command = command
	};
	struct err e;

	return journal_act(log_, &a, token, &e) == 0 ? 0 : e.code;
}

static const char *version(void)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/" JOURNAL_STORE "/payload/%s", top, token);
	return path;
}

static size_t versions(void)
{
	DIR *d = opendir(at(JOURNAL_STORE "/payload"));
	size_t n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n - 2;
}

T_CASE(deleted_files_move)
{
	struct stat before, after;

	if (!begin("/tmp"))
		return;
	put("a", "one");
	ok(stat(at("a"), &before) == 0);
	is_int(act(JOURNAL_DELETE, "a", "c"), 0);
	ok(stat(version(), &after) == 0 && after.st_ino == before.st_ino, "the very file");
	is_int(access(at("a"), F_OK), -1);
	ok(holds(at(JOURNAL_STORE "/.gitignore"), "*\n"), "not part of anybody's work");
	is_int(act(JOURNAL_DELETE, "a", "c"), ENOENT);
	is_str(token, "");
	ok(mkdir(at("d"), 0700) == 0);
	is_int(act(JOURNAL_DELETE, "d", "c"), EISDIR);
	ok(symlink("/etc/passwd", at("l")) == 0 && mkfifo(at("f"), 0600) == 0);
	is_int(act(JOURNAL_DELETE, "l", "c"), 0);
	ok(lstat(version(), &after) == 0 && S_ISLNK(after.st_mode), "a link, not what it names");
	is_int(act(JOURNAL_DELETE, "f", "c"), 0);
	ok(lstat(version(), &after) == 0 && S_ISFIFO(after.st_mode), "a fifo");
	end();
}

T_CASE(empty_directories)
{
	struct timespec times[2] = { { 1000, 5 }, { 2000, 7 } };
	struct stat st;

	if (!begin("/tmp"))
		return;
	ok(mkdir(at("d"), 0750) == 0);
	put("d/x", "");
	is_int(act(JOURNAL_RMDIR, "d", "c"), ENOTEMPTY);
	is_int(versions(), 0, "what was not removed is not kept");
	ok(unlink(at("d/x")) == 0 && utimensat(AT_FDCWD, at("d"), times, 0) == 0);
	is_int(act(JOURNAL_RMDIR, "d", "c"), 0);
	ok(stat(version(), &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & 07777) == 0750 &&
	           st.st_mtim.tv_sec == 2000,
	   "kept with mode and times");
	put("a", "");
	is_int(act(JOURNAL_RMDIR, "a", "c"), ENOTDIR);
	end();
}

T_CASE(written_files_are_copied_once)
{
	struct stat st;

	if (!begin("/tmp"))
		return;
	put("a", "one");
	ok(setxattr(at("a"), "user.x", "y", 1, 0) == 0 || errno == ENOTSUP);
	ok(chmod(at("a"), 0640) == 0);
	is_int(act(JOURNAL_WRITE, "a", "c1"), 0);
	ok(holds(version(), "one") && stat(version(), &st) == 0 && (st.st_mode & 07777) == 0640);
	put("a", "two");
	is_int(act(JOURNAL_TRUNCATE, "a", "c1"), 0);
	is_str(token, "", "once for a command");
	is_int(act(JOURNAL_WRITE, "a", "c2"), 0);
	ok(holds(version(), "two"), "and for the next");
	put("a", "three");
	is_int(act(JOURNAL_WRITE, "a", "c1"), 0);
	ok(holds(version(), "three"), "also for the first, when another wrote in between");
	journal_acted(log_, token, false);
	is_int(access(version(), F_OK), -1, "an act that failed leaves nothing");
	is_int(act(JOURNAL_WRITE, "a", "c1"), 0);
	ok(holds(version(), "three"), "and is kept the next time");
	end();
}

T_CASE(the_object_itself)
{
	struct journal_act a = { .kind = JOURNAL_TRUNCATE, .name = "", .command = "c", .path = "/x" };

	if (!begin("/tmp"))
		return;
	put("a", "one");
	a.dirfd = open(at("a"), O_PATH);
	ok(journal_act(log_, &a, token, NULL) == 0 && holds(version(), "one"));
	a.kind = JOURNAL_ATTRIBUTES;
	a.command = "d";
	ok(journal_act(log_, &a, token, NULL) == 0 && token[0]);
	fd_close(&a.dirfd);
	end();
}

T_CASE(large_files)
{
	if (!begin("/tmp"))
		return;
	put("a", "");
	ok(truncate(at("a"), 2000) == 0);
	is_int(act(JOURNAL_WRITE, "a", "c"), 0, "written all the same");
	is_int(versions(), 0);
	options.strict = true;
	again();
	is_int(act(JOURNAL_WRITE, "a", "c"), EFBIG, "but not when it must be kept");
	is_int(act(JOURNAL_DELETE, "a", "c"), 0, "to move it, its size does not matter");
	end();
}

T_CASE(replaced_files_keep_a_name)
{
	struct stat before, after;

	if (!begin("/tmp"))
		return;
	put("a", "old");
	put("b", "new");
	ok(stat(at("a"), &before) == 0);
	is_int(act(JOURNAL_OVERWRITE, "a", "c"), 0);
	ok(rename(at("b"), at("a")) == 0 && holds(at("a"), "new") && holds(version(), "old"));
	ok(stat(version(), &after) == 0 && before.st_ino == after.st_ino);
	ok(mkdir(at("d"), 0711) == 0);
	is_int(act(JOURNAL_OVERWRITE, "d", "c"), 0);
	ok(stat(version(), &after) == 0 && S_ISDIR(after.st_mode) && (after.st_mode & 0777) == 0711);
	end();
}

T_CASE(other_mounts_have_stores_of_their_own)
{
	char name[] = "/dev/shm/agentsh-test-XXXXXX", path[80];
	struct arena found = { .blocks = NULL };
	struct journal_entry en = { .kind = 0 };
	struct journal home;
	struct stat a, b;
	int fd;

	if (!begin("/tmp"))
		return;
	ok(stat("/tmp", &a) == 0 && stat("/dev/shm", &b) == 0);
	options.hash_up_to = 100;
	again();
	fd = mkstemp(name);
	if (fd < 0 || a.st_dev == b.st_dev) {
		t_skip("no other file system");
		end();
		return;
	}
	ok(fd_write(fd, "far", 3) == 0 && stat(name, &a) == 0);
	close(fd);
	fd = dir;
	dir = open("/dev/shm", O_PATH | O_DIRECTORY);
	is_int(act(JOURNAL_DELETE, name + 9, "c"), 0);
	close(dir);
	dir = fd;
	snprintf(path, sizeof path, "/dev/shm/" JOURNAL_STORE "-%d/payload/%s", (int)geteuid(), token);
	ok(stat(path, &b) == 0 && a.st_ino == b.st_ino, "%s", path);
	ok(journal_below(journal_home(log_), path) && !journal_below(journal_home(log_), name));
	is_str(journal_below(NULL, at(JOURNAL_STORE)), "");
	journal_settle(log_, 100);
	ok(journal_open(&home, at(JOURNAL_STORE), false, NULL) == 0 &&
	           journal_find(&home, &found, token, &en, NULL) == 0,
	   "and known at home");
	ok(en.store && path_within(path, en.store) && strlen(en.hash) == 64, "where it is, and its hash");
	arena_release(&found);
	journal_close(&home);
	ok(unlink(path) == 0);
	snprintf(path, sizeof path, "/dev/shm/" JOURNAL_STORE "-%d/manifest/%s.json", (int)geteuid(), token);
	ok(unlink(path) == 0, "with a manifest of its own");
	end();
}

T_CASE(quota)
{
	if (!begin("/tmp"))
		return;
	options.quota = 10000;
	again();
	put("victim", "precious");
	is_int(act(JOURNAL_DELETE, "victim", "c"), 0);
	for (int i = 0, rc = 0; i < 20 && rc == 0; i++) {
		put("junk", "x");
		rc = act(JOURNAL_DELETE, "junk", "c");
		if (rc)
			is_int(rc, ENOSPC, "full at %d", i);
	}
	ok(holds(at("junk"), "x"), "what finds no room is not deleted");
	ok(versions() > 4 && versions() < 10);
	again();
	is_int(act(JOURNAL_DELETE, "junk", "c"), ENOSPC, "the next writer knows");
	end();
}

T_CASE(quota_gives_up_the_old)
{
	int rc = 0;

	if (!begin("/tmp"))
		return;
	options.quota = 10000;
	options.ttl_ns = 50000000;
	again();
	for (int i = 0; i < 5; i++) {
		put("junk", "x");
		rc |= act(JOURNAL_DELETE, "junk", "c");
	}
	is_int(rc, 0);
	nanosleep(&(struct timespec){ .tv_nsec = 60000000 }, NULL);
	for (int i = 0; i < 8; i++) {
		put("junk", "x");
		rc |= act(JOURNAL_DELETE, "junk", "c");
	}
	is_int(rc, 0, "older than the time to live: it makes room");
	ok(versions() <= 9);
	end();
}

/* FU-10: several writers, each with what costs the least. */
T_CASE(a_store_that_is_filled_to_drive_something_out)
{
	struct journal_log *other = NULL, *own;
	struct journal_limits all = { .ttl_ns = -1, .quota = 0 };
	static char to[JOURNAL_PATH];
	char precious[JOURNAL_TOKEN];
	int refused = 0, kept = 0;
	struct journal j;

	if (!begin("/tmp"))
		return;
	options.quota = 300000;
	options.ttl_ns = 3600 * INT64_C(1000000000);
	again();
	ok(journal_log_open(&other, &options, NULL) == 0);
	put("victim", "precious");
	is_int(act(JOURNAL_DELETE, "victim", "c"), 0);
	strcpy(precious, token);
	for (int i = 0; i < 2000; i++) {
		bool is_dir = i % 3 == 1;
		int rc;

		if (is_dir)
			(void)!mkdir(at("junk"), 0700);
		else
			put("junk", i % 3 ? "x" : "");
		own = log_;
		log_ = i % 2 ? other : log_;
		rc = act(is_dir ? JOURNAL_RMDIR : JOURNAL_DELETE, "junk", "c");
		log_ = own;
		if (rc == ENOSPC && access(at("junk"), F_OK) == 0)
			refused += remove(at("junk")) == 0;
		kept += rc == 0;
	}
	ok(kept > 200 && kept < 300 && refused == 2000 - kept && versions() == (size_t)kept + 1,
	   "%d kept, %d refused, nothing was driven out", kept, refused);
	ok(journal_open(&j, at(JOURNAL_STORE), false, NULL) == 0);
	is_int(journal_put_back(&j, precious, &(struct journal_restore){ .force = false }, to, NULL), 0);
	ok(holds(at("victim"), "precious"));
	ok(journal_purge(&j, &all, NULL) > 200);
	journal_close(&j);
	put("junk", "x");
	is_int(act(JOURNAL_DELETE, "junk", "c"), 0, "an operator makes room, and it is known at once");
	journal_log_close(other);
	end();
}

T_CASE(changed_after_it_was_deleted)
{
	struct journal_restore how = { .force = false };
	static char to[JOURNAL_PATH];
	struct journal j;
	struct err e;
	int fd;

	if (!begin("/tmp"))
		return;
	put("a", "one");
	fd = open(at("a"), O_WRONLY);
	options.hash_up_to = 100;
	again();
	is_int(act(JOURNAL_DELETE, "a", "c"), 0);
	ok(!journal_settle(log_, 100), "its hash is known");
	ok(write(fd, "two more", 8) == 8 && journal_open(&j, at(JOURNAL_STORE), false, NULL) == 0);
	fd_close(&fd);
	is_int(journal_put_back(&j, token, &how, to, &e), -1);
	ok(strstr(e.text, "changed after it was deleted") != NULL, "%s", e.text);
	how.force = true;
	is_int(journal_put_back(&j, token, &how, to, &e), 0);
	ok(holds(at("a"), "two more"));
	journal_close(&j);
	end();
}

T_CASE(planted_stores)
{
	struct err e;

	if (!begin("/tmp"))
		return;
	ok(mkdir(at("other"), 0755) == 0 && symlink("other", at("link")) == 0);
	journal_log_close(log_);
	options.store = "link";
	is_int(journal_log_open(&log_, &options, &e), -1, "a link is no store");
	is_int(access(at("other/payload"), F_OK), -1);
	ok(mkdir(at("open"), 0777) == 0 && chmod(at("open"), 0777) == 0);
	options.store = "open";
	is_int(journal_log_open(&log_, &options, &e), -1, "nor is what others can write");
	end();
}

/* No byte can be written, as on a full disk; root's neither. */
T_CASE(a_store_that_fails)
{
	struct rlimit all, none;
	int deleted, written;

	if (!begin("/tmp"))
		return;
	put("a", "one");
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &all);
	none = (struct rlimit){ 0, all.rlim_max };
	setrlimit(RLIMIT_FSIZE, &none);
	deleted = act(JOURNAL_DELETE, "a", "c");
	written = act(JOURNAL_WRITE, "a", "c");
	setrlimit(RLIMIT_FSIZE, &all);
	ok(deleted != 0 && written != 0, "refused");
	ok(holds(at("a"), "one"), "nothing is destroyed");
	is_int(act(JOURNAL_DELETE, "a", "c"), 0, "when there is room again");
	end();
}

T_CASE(a_store_that_is_removed)
{
	if (!begin("/tmp"))
		return;
	put("a", "one");
	put("b", "two");
	is_int(act(JOURNAL_DELETE, "a", "c"), 0);
	ok(tree_remove(dir_of_top(), JOURNAL_STORE, NULL) == 0, "an operator cleans up");
	is_int(act(JOURNAL_DELETE, "b", "c"), 0, "it is made anew");
	ok(holds(version(), "two"), "and holds what comes");
	end();
}

T_CASE(names)
{
	char name[256];

	if (!begin("/tmp"))
		return;
	memset(name, 'n', 255);
	name[255] = 0;
	put(name, "1");
	is_int(act(JOURNAL_DELETE, name, "c"), 0);
	memcpy(name, "\n\t\\\xff\xfe.json-", 10);
	put(name, "2");
	is_int(act(JOURNAL_DELETE, name, "c"), 0);
	put("..name", "3");
	is_int(act(JOURNAL_DELETE, "..name", "c"), 0);
	is_int(versions(), 3);
	end();
}

/* Bytes of all lines. */
static off_t lines(void)
{
	DIR *d = opendir(at(JOURNAL_STORE "/acts"));
	const struct dirent *e;
	struct stat st;
	off_t n = 0;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.' && fstatat(dirfd(d), e->d_name, &st, 0) == 0)
			n += st.st_size;
	if (d)
		closedir(d);
	return n;
}

T_CASE(what_is_made_waits_for_its_line)
{
	off_t before;

	if (!begin("/tmp"))
		return;
	options.batch = true;
	again();
	is_int(act(JOURNAL_CREATE, "a", "c"), 0);
	ok(token[0] && lines() == 0, "in memory");
	journal_acted(log_, token, false);
	put("b", "x");
	is_int(act(JOURNAL_DELETE, "b", "c"), 0);
	before = lines();
	is_int(act(JOURNAL_CREATE, "a", "c"), 0);
	is_int(lines(), before);
	put("a", "x");
	is_int(act(JOURNAL_DELETE, "a", "c"), 0);
	ok(lines() > before + 100, "written before what comes after it");
	is_int(act(JOURNAL_MKDIR, "d", "c"), 0);
	before = lines();
	ok(!journal_settle(log_, 100) && lines() > before, "and when there is time");
	is_int(act(JOURNAL_SYMLINK, "l", "c"), 0);
	before = lines();
	journal_ended(log_, "c");
	ok(lines() > before, "and at the end of the command");
	before = lines();
	for (int i = 0; i < 1000; i++)
		act(JOURNAL_CREATE, "a", "c");
	ok(lines() > before, "not too many of them");
	before = lines();
	act(JOURNAL_CREATE, "a", "c");
	journal_log_close(log_);
	log_ = NULL;
	ok(lines() > before, "nor longer than the writer");
	end();
}

static bool was_made(const char *name, const char *command)
{
	struct at_facts facts;

	return at_facts(dir, name, AT_SYMLINK_NOFOLLOW, &facts) == 0 &&
	       journal_was_made(log_, &facts, command);
}

static void make(const char *name)
{
	int fd = open(at(name), O_RDWR | O_CREAT | O_EXCL, 0600);
	struct at_facts facts;

	ok(fd >= 0 && at_facts(fd, "", AT_EMPTY_PATH, &facts) == 0, "%s", name);
	journal_made(log_, &facts, "c");
	close(fd);
}

T_CASE(what_the_command_made_needs_no_version)
{

	if (!begin("/tmp"))
		return;
	make("a");
	is_int(act(JOURNAL_ATTRIBUTES, "a", "c"), 0);
	is_str(token, "");
	is_int(act(JOURNAL_TRUNCATE, "a", "c"), 0);
	is_str(token, "");
	is_int(act(JOURNAL_WRITE, "a", "d"), 0);
	ok(token[0], "for another it does");
	is_int(act(JOURNAL_WRITE, "a", "c"), 0);
	ok(token[0], "and for itself, when that one wrote to it");
	ok(!was_made("a", "c"), "nor is it known as its own any more");
	make("b");
	ok(was_made("b", "c") && !was_made("b", "d"));
	/* The number of a file that is gone goes to the next. */
	for (int i = 0; i < 20; i++) {
		ok(unlink(at("b")) == 0);
		put("b", "another");
		ok(!was_made("b", "c"));
		is_int(act(JOURNAL_WRITE, "b", "c"), 0);
		ok(token[0], "a file of the same name, or number");
	}
	end();
}

T_CASE(a_store_that_is_removed_between_two_deletions)
{
	if (!begin("/tmp"))
		return;
	put("a", "one");
	put("b", "two");
	is_int(act(JOURNAL_DELETE, "a", "c"), 0);
	ok(tree_remove(dir_of_top(), JOURNAL_STORE, NULL) == 0);
	is_int(act(JOURNAL_DELETE, "b", "c"), 0);
	ok(holds(version(), "two"), "into a new one");
	end();
}

/* Some thousand lines, of more than one file and with names that look like them: each is found. */
T_CASE(where_a_version_came_from)
{
	enum { FILES = 2000, SAMPLE = 97 };
	char tokens[FILES / SAMPLE + 1][JOURNAL_TOKEN], was[PATH_MAX], name[NAME_MAX];

	if (!begin("/tmp"))
		return;
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "%0*d", 1 + i % 200, i);
		put(name, "");
		ok(act(JOURNAL_DELETE, name, "c") == 0);
		if (i % SAMPLE == 0)
			strcpy(tokens[i / SAMPLE], token);
		if (i == FILES / 2)
			again();
	}
	for (int i = 0; i < FILES; i += SAMPLE) {
		snprintf(name, sizeof name, "%0*d", 1 + i % 200, i);
		ok(journal_origin(log_, tokens[i / SAMPLE], was, sizeof was), "%d", i);
		is_str(was, at(name));
	}
	snprintf(name, sizeof name, "x\nD\t%d\tc", 17);
	put(name, "");
	is_int(act(JOURNAL_DELETE, name, "c"), 0);
	ok(journal_origin(log_, token, was, sizeof was));
	is_str(was, at(name));
	ok(!journal_origin(log_, "17", was, sizeof was), "no line, a name");
	ok(!journal_origin(log_, token + 1, was, sizeof was), "a part of one");
	end();
}
