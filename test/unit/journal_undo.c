#include "journal/undo.h"

#include "base/fd.h"
#include "journal/record.h"
#include "journal/tree.h"
#include "sys/rename.h"
#include "test/t.h"
#include "test/unit/journal_world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* Kills for each of doing and undoing; more by JOURNAL_KILLS (make kills). */
enum { KILLS = 6, OPERATIONS = 150 };

static int dir = -1;
static struct journal_log *journal;
static const char *command = "c";
static unsigned seed = 1;
static size_t n_conflicts;
static bool batch;

static bool open_log(void)
{
	struct journal_log_options o = { .at = dir,
		                         .store = JOURNAL_STORE,
		                         .session = "s",
		                         .copy_max = 1 << 20,
		                         .batch = batch,
		                         .quota = -1,
		                         .ttl_ns = -1 };

	return journal_log_open(&journal, &o, NULL) == 0;
}

static bool begin(void)
{
	if (!make_top("/tmp"))
		return false;
	dir = open(top, O_RDONLY | O_DIRECTORY);
	return ok(open_log());
}

static void end(void)
{
	journal_log_close(journal);
	journal = NULL;
	fd_close(&dir);
	remove_top();
}

static bool has(const char *name, const char *text)
{
	return holds(at(name), text);
}

/* ---- acts, recorded as their enforcers do
 * ------------------------------------------------------------------ */

/* Recorded paths have no links on the way. */
static int open_above(const char *path)
{
	char above[PATH_MAX], real[PATH_MAX];

	snprintf(above, sizeof above, "%.*s", (int)(strrchr(path, '/') - path), path);
	if (!realpath(above, real) || strcmp(real, above) != 0)
		return -1;
	return open(above, O_PATH | O_DIRECTORY);
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(at(path), &st) == 0;
}

static int act(enum journal_kind kind, const char *path, const char *to, char *token)
{
	char full[PATH_MAX], to_full[PATH_MAX];
	struct journal_act a = { .kind = kind,
		                 .dirfd = -1,
		                 .name = strrchr(path, '/'),
		                 .path = full,
		                 .to_dirfd = -1,
		                 .command = command };
	int rc;

	snprintf(full, sizeof full, "%s/%s", top, path);
	a.name = a.name ? a.name + 1 : path;
	if (to) {
		snprintf(to_full, sizeof to_full, "%s/%s", top, to);
		a.to_path = to_full;
		a.to_dirfd = open_above(to_full);
	}
	a.dirfd = open_above(full);
	rc = a.dirfd < 0 || (to && a.to_dirfd < 0) ? -1 : journal_act(journal, &a, token, NULL);
	fd_close(&a.dirfd);
	fd_close(&a.to_dirfd);
	return rc;
}

static void did(const char *token, int rc)
{
	journal_acted(journal, token, rc >= 0);
}

static void op_write(const char *path, bool truncate_it)
{
	char token[JOURNAL_TOKEN];
	int fd, n = rand_r(&seed) % 5;

	if (is_there(path)) {
		if (act(truncate_it ? JOURNAL_TRUNCATE : JOURNAL_WRITE, path, NULL, token) < 0)
			return;
		fd = open(at(path), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | (truncate_it ? O_TRUNC : O_APPEND));
	} else {
		if (act(JOURNAL_CREATE, path, NULL, token) < 0)
			return;
		fd = open(at(path), O_WRONLY | O_CREAT | O_EXCL, 0644);
	}
	did(token, fd);
	while (fd >= 0 && n--)
		(void)!write(fd, "more than before\n", 17);
	fd_close(&fd);
}

static void op_rename(const char *from, const char *to)
{
	char over[JOURNAL_TOKEN] = "", token[JOURNAL_TOKEN];
	int rc;

	if (is_there(to) && act(JOURNAL_OVERWRITE, to, NULL, over) < 0)
		return;
	rc = act(JOURNAL_RENAME, from, to, token);
	if (rc == 0)
		did(token, rc = rename(at(from), at(to)));
	did(over, rc);
}

static void op_attributes(const char *path)
{
	struct timespec times[2] = { { 1000 + rand_r(&seed) % 1000, 1 }, { 5000 + rand_r(&seed) % 1000, 2 } };
	char token[JOURNAL_TOKEN];
	struct stat st;

	if (lstat(at(path), &st) < 0 || S_ISLNK(st.st_mode) || act(JOURNAL_ATTRIBUTES, path, NULL, token) < 0)
		return;
	did(token, 0);
	(void)!chmod(at(path), S_ISDIR(st.st_mode) ? 0755 : 0600 + rand_r(&seed) % 0100);
	(void)!utimensat(AT_FDCWD, at(path), times, 0);
	if (S_ISREG(st.st_mode))
		(void)!setxattr(at(path), "user.test", &seed, sizeof seed, 0);
}

static void op_make(enum journal_kind kind, const char *path, const char *other)
{
	char token[JOURNAL_TOKEN];
	int rc;

	if (act(kind, path, NULL, token) < 0)
		return;
	if (kind == JOURNAL_MKDIR)
		rc = mkdir(at(path), 0755);
	else if (kind == JOURNAL_SYMLINK)
		rc = symlink("nowhere", at(path));
	else if (kind == JOURNAL_LINK)
		rc = link(at(other), at(path));
	else
		rc = mkfifo(at(path), 0640);
	did(token, rc);
}

static void op_exchange(const char *a, const char *b)
{
	char token[JOURNAL_TOKEN];

	if (act(JOURNAL_EXCHANGE, a, b, token) == 0)
		did(token, rename_how(AT_FDCWD, at(a), AT_FDCWD, at(b), RENAME_BOTH));
}

static const char *some(char *out)
{
	static const char *const names[] = { "a", "b", "c", "d", "\n\t\\\xff" };
	int depth = rand_r(&seed) % 3;

	*out = 0;
	for (int i = 0; i <= depth; i++)
		sprintf(out + strlen(out), "%s%s", i ? "/" : "", names[rand_r(&seed) % 5]);
	return out;
}

static void operate(void)
{
	char a[64], b[64], token[JOURNAL_TOKEN];

	some(a);
	some(b);
	switch (rand_r(&seed) % 14) {
	case 0 ... 1:
		op_write(a, false);
		break;
	case 2:
		op_write(a, true);
		break;
	case 3 ... 4:
		act(JOURNAL_DELETE, a, NULL, token);
		break;
	case 5:
		act(JOURNAL_RMDIR, a, NULL, token);
		break;
	case 6 ... 7:
		op_rename(a, b);
		break;
	case 8:
		op_attributes(a);
		break;
	case 9:
		op_make(JOURNAL_SYMLINK, a, NULL);
		break;
	case 10:
		op_make(JOURNAL_LINK, a, b);
		break;
	case 11:
		op_make(JOURNAL_CREATE, a, NULL);
		break;
	case 12:
		op_exchange(a, b);
		break;
	default:
		op_make(JOURNAL_MKDIR, a, NULL);
	}
}

/* ---- what a tree is like
 * ----------------------------------------------------------------------------------- */

static bool same(struct buf *before, const char *what)
{
	struct buf now = { 0 };
	bool good;

	describe(".", &now);
	good = now.len == before->len && !memcmp(buf_text(&now), buf_text(before), now.len);
	if (!ok(good, "%s (seed %u)", what, seed))
		printf("# want:\n%s# got:\n%s", buf_text(before), buf_text(&now));
	buf_release(&now);
	return good;
}

static void print(void *arg, enum undo_outcome outcome, const char *verb, const char *path, const char *why)
{
	(void)arg;
	if (outcome == UNDO_DONE)
		return;
	n_conflicts++;
	printf("# %s %s: %s\n", verb, path, why);
}

static int undo_with(struct undo_request request)
{
	struct journal j;
	struct undo_result result;
	struct err e = { 0 };
	int rc = -1;

	n_conflicts = 0;
	if (journal_open(&j, at(JOURNAL_STORE), false, &e) == 0) {
		rc = journal_undo(&j, &request, print, NULL, &result, &e);
		journal_close(&j);
	}
	if (rc < 0)
		printf("# undo: %s\n", e.text);
	return rc;
}

static void fill(void)
{
	journal_log_close(journal);
	journal = NULL;
	ok(mkdir(at("a"), 0755) == 0 && mkdir(at("a/b"), 0750) == 0 && mkdir(at("b"), 0755) == 0);
	put("a/a", "one\n");
	put("a/b/c", "two\n");
	put("b/a", "three\n");
	put("c", "four\n");
	ok(link(at("c"), at("b/c")) == 0 && symlink("c", at("d")) == 0);
	ok(open_log());
}

/* ---- cases
 * ------------------------------------------------------------------------------------------------- */

T_CASE(anything_is_undone_and_redone)
{
	for (unsigned round = 1; round <= 20; round++) {
		struct buf before = { 0 }, after = { 0 };

		batch = round % 2;
		if (!begin())
			return;
		seed = round * 7919;
		fill();
		describe(".", &before);
		for (int i = 0; i < OPERATIONS; i++)
			operate();
		journal_ended(journal, command);
		describe(".", &after);
		is_int(undo_with((struct undo_request){ 0 }), 0);
		is_int(n_conflicts, 0);
		if (same(&before, "undone")) {
			is_int(undo_with((struct undo_request){ .redo = true }), 0);
			same(&after, "redone");
			is_int(undo_with((struct undo_request){ .command = "c" }), 0);
			same(&before, "undone again");
			is_int(undo_with((struct undo_request){ .command = "c" }), -1, "once");
		}
		buf_release(&before);
		buf_release(&after);
		end();
	}
	batch = false;
}

static void nap(unsigned us)
{
	struct timespec t = { .tv_nsec = us * 1000L };

	nanosleep(&t, NULL);
}

static void kill_after(pid_t pid, unsigned us)
{
	nap(us);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static pid_t act_in_child(void)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	journal = NULL;
	if (open_log())
		for (int i = 0; i < 100000; i++)
			operate();
	_exit(0);
}

static pid_t undo_in_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)!freopen("/dev/null", "w", stdout);
		undo_with((struct undo_request){ .command = "c" });
		_exit(0);
	}
	return pid;
}

T_CASE(kills)
{
	const char *asked = getenv("JOURNAL_KILLS");
	int n = asked ? atoi(asked) : KILLS;
	unsigned random = asked ? (unsigned)time(NULL) : 4711;

	for (int i = 0; i < n; i++) {
		struct buf before = { 0 };

		if (!begin())
			return;
		fill();
		describe(".", &before);
		seed = random + (unsigned)i;
		kill_after(act_in_child(), (unsigned)rand_r(&random) % 20000);
		if (i % 2)
			kill_after(undo_in_child(), (unsigned)rand_r(&random) % 8000);
		is_int(undo_with((struct undo_request){ .command = "c", .force = true }) < 0 ? 0
		                                                                             : n_conflicts,
		       0);
		same(&before, "nothing is lost");
		buf_release(&before);
		end();
	}
}

/* Does any file hold this and nothing else, in the tree or in the store? */
static bool survives(const char *text)
{
	AUTO_BUF tree = { 0 };
	struct journal j;
	struct dirent *e;
	bool found = false;
	char name[300];
	DIR *d;

	describe(".", &tree);
	snprintf(name, sizeof name, " %s", text);
	for (const char *p = buf_text(&tree); !found && (p = strstr(p, name)); p++)
		found = strncmp(p + strlen(name), "more", 4) != 0;
	if (found || journal_open(&j, at(JOURNAL_STORE), false, NULL) < 0)
		return found;
	d = opendir(at(JOURNAL_STORE "/payload"));
	while (d && !found && (e = readdir(d))) {
		snprintf(name, sizeof name, JOURNAL_STORE "/payload/%s", e->d_name);
		found = e->d_name[0] != '.' && has(name, text);
	}
	if (d)
		closedir(d);
	journal_close(&j);
	return found;
}

/* What was made may be forgotten with the writer, but nothing that was there. */
T_CASE(kills_of_one_who_puts_off)
{
	const char *asked = getenv("JOURNAL_KILLS");
	int n = (asked ? atoi(asked) : KILLS) / 2;
	unsigned random = asked ? (unsigned)time(NULL) : 4711;

	batch = true;
	for (int i = 0; i < n; i++) {
		if (!begin())
			return;
		fill();
		seed = random + (unsigned)i;
		kill_after(act_in_child(), (unsigned)rand_r(&random) % 20000);
		undo_with((struct undo_request){ .command = "c", .force = true });
		ok(survives("one\n") && survives("two\n") && survives("three\n") && survives("four\n"),
		   "nothing is lost (seed %u)", seed);
		end();
	}
	batch = false;
}

T_CASE(what_others_changed_stays)
{
	char token[JOURNAL_TOKEN];

	if (!begin())
		return;
	put("a", "one\n");
	put("b", "one\n");
	op_write("a", true);
	op_write("b", true);
	act(JOURNAL_CREATE, "new", NULL, token);
	put("new", "made\n");
	journal_ended(journal, command);
	nap(20000);
	put("a", "by hand\n");
	put("new", "by hand\n");
	is_int(undo_with((struct undo_request){ 0 }), 0);
	is_int(n_conflicts, 2);
	ok(has("a", "by hand\n") && has("new", "by hand\n"), "left");
	ok(has("b", "one\n"), "and the rest is undone");
	is_int(undo_with((struct undo_request){ .command = "c", .force = true }), 0);
	ok(has("a", "one\n") && access(at("new"), F_OK) < 0, "unless it is forced");
	end();
}

T_CASE(what_a_later_command_changed_stays)
{
	if (!begin())
		return;
	put("a", "one\n");
	op_write("a", true);
	command = "later";
	op_write("a", true);
	command = "c";
	is_int(undo_with((struct undo_request){ .command = "c" }), 0);
	is_int(n_conflicts, 1);
	end();
}

T_CASE(parts_and_dry_runs)
{
	char token[JOURNAL_TOKEN], path[PATH_MAX];
	const char *paths[1] = { path };

	if (!begin())
		return;
	put("a", "one");
	put("b", "two");
	act(JOURNAL_DELETE, "a", NULL, token);
	act(JOURNAL_DELETE, "b", NULL, token);
	is_int(undo_with((struct undo_request){ .dry_run = true }), 0);
	ok(access(at("a"), F_OK) < 0, "nothing happened");
	snprintf(path, sizeof path, "%s/a", top);
	is_int(undo_with((struct undo_request){ .paths = paths, .n_paths = 1 }), 0);
	ok(has("a", "one") && access(at("b"), F_OK) < 0, "only that");
	is_int(undo_with((struct undo_request){ 0 }), 0);
	ok(has("b", "two"), "the rest");
	end();
}

T_CASE(links_on_the_way)
{
	char token[JOURNAL_TOKEN];

	if (!begin())
		return;
	ok(mkdir(at("d"), 0755) == 0 && mkdir(at("elsewhere"), 0755) == 0);
	put("d/f", "one");
	act(JOURNAL_DELETE, "d/f", NULL, token);
	ok(rename(at("d"), at("e")) == 0 && symlink("elsewhere", at("d")) == 0);
	is_int(undo_with((struct undo_request){ .force = true }), 0);
	is_int(n_conflicts, 1);
	ok(access(at("elsewhere/f"), F_OK) < 0, "nothing was put where the link leads");
	ok(unlink(at("d")) == 0 && rename(at("e"), at("d")) == 0);
	is_int(undo_with((struct undo_request){ 0 }), 0);
	ok(has("d/f", "one"), "when it is gone, all is well");
	end();
}

T_CASE(forged_stores)
{
	char token[JOURNAL_TOKEN];

	if (!begin())
		return;
	put("a", "one");
	act(JOURNAL_DELETE, "a", NULL, token);
	ok(chmod(at(JOURNAL_STORE), 0777) == 0);
	is_int(undo_with((struct undo_request){ 0 }), -1, "what others can write is not believed");
	ok(chmod(at(JOURNAL_STORE), 0700) == 0);
	is_int(undo_with((struct undo_request){ 0 }), 0);
	end();
}

static int count_change(void *arg, const struct undo_change *c, struct err *e)
{
	struct buf b = { 0 };
	int *n = arg;

	(void)e;
	(*n)++;
	if (c->kind == 'T')
		ok(c->version >= 0 && fd_slurp(c->version, &b, NULL) == 0 && !strcmp(buf_text(&b), "one"));
	buf_release(&b);
	return 0;
}

T_CASE(changes)
{
	struct undo_request request = { 0 };
	char token[JOURNAL_TOKEN];
	struct journal j;
	int n = 0;

	if (!begin())
		return;
	put("a", "one");
	put("b", "two");
	op_write("a", true);
	act(JOURNAL_DELETE, "b", NULL, token);
	ok(journal_open(&j, at(JOURNAL_STORE), false, NULL) == 0);
	is_int(journal_changes(&j, &request, count_change, &n, NULL), 0);
	is_int(n, 2);
	journal_close(&j);
	end();
}
