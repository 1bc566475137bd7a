/* files_known - what the supervisor remembers for half a millisecond (which directory is where, what was just
 * made) is right whenever it is used: a session moves directories below itself, changes its directory from
 * another thread, puts other files behind its descriptors. FS-10, FS-11. */
#include "test/kernel/files_tree.h"

#include <linux/fs.h>
#include <pthread.h>

static const char policy[] = "version: 1\nname: known\nfile_rules:\n"
                             "  - name: closed\n    paths: [\"@/w/closed/**\"]\n"
                             "    operations: [create, delete, chmod]\n    decision: deny\n"
                             "  - name: soft\n    paths: [\"@/w/**\"]\n"
                             "    operations: [delete, rmdir]\n    decision: soft_delete\n"
                             "  - name: allow-own\n    paths: [\"@\", \"@/**\"]\n"
                             "    operations: [\"*\"]\n    decision: allow\n";

enum { WARM = 8, ROUNDS = 30, MS = 400 };
static char top[64], store[100];
static int (*way)(void); /* how the directory comes to lie in what is closed, and -1: how it gets out again */

static bool makes(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void say(const char *what, long rc)
{
	fl_say("%s: %s\n", what, rc < 0 ? strerror(errno) : "0");
}

static int move_itself(void)
{
	return rename("../../open/a", "../../closed/a");
}

static int move_parent(void)
{
	return rename("../../open", "../../closed/open");
}

static int exchange(void)
{
	return renameat2(AT_FDCWD, "../../open", AT_FDCWD, "../../closed/b", RENAME_EXCHANGE);
}

/* In w/open/a as its own directory, all that is remembered is used again and again; then it lies in w/closed.
 * Each round has a tree of its own. */
static void one_round(int n)
{
	char name[16], dir[100];
	int fd = -1, here;

	snprintf(dir, sizeof dir, "%s/w.%d", top, n);
	if (chdir(top) < 0 || mkdir(dir, 0755) < 0 || rename(dir, "w") < 0 || mkdir("w/open", 0755) < 0 ||
	    mkdir("w/open/a", 0755) < 0 || mkdir("w/closed", 0755) < 0 || mkdir("w/closed/b", 0755) < 0 ||
	    chdir("w/open/a") < 0)
		_exit(91);
	here = open(".", O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < WARM; i++) {
		snprintf(name, sizeof name, "f%d", i);
		close(fd);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (fd < 0 || fchmod(fd, 0640) < 0 || (i < WARM - 2 && unlinkat(here, name, 0) < 0))
			_exit(92);
	}
	if (way() < 0)
		_exit(93);
	say("made", makes("new") ? 0 : -1);
	say("mode", fchmod(fd, 0777));
	say("removed", unlinkat(here, "f7", 0));
	say("by name", unlink("f6"));
	close(fd);
	close(here);
	snprintf(dir, sizeof dir, "%s/over.%d", top, n);
	if (chdir(top) < 0 || rename("w", dir) < 0)
		_exit(94);
}

static void moved(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++)
		one_round(i);
}

static void run(void (*program)(void *), int lines)
{
	static char text[sizeof policy + 300];
	const uid_t user = 30000 + (uid_t)getpid() % 30000;
	struct fl_run r = { .policy = text,
		            .program = program,
		            .real = FL_ALL,
		            .workspace = top,
		            .uid = user,
		            .store = store,
		            .keep = (1u << JOURNAL_KINDS) - 1,
		            .inexact = ~0u };
	size_t n = 0;
	int status;

	if (geteuid() != 0)
		t_skip_all("not root");
	snprintf(top, sizeof top, "/dev/shm/files-known.%d", (int)getpid());
	snprintf(store, sizeof store, "%s/.agentsh_trash", top);
	for (const char *p = policy; *p; p++)
		n += (size_t)snprintf(text + n, sizeof text - n, *p == '@' ? "%s" : "%.1s",
		                      *p == '@' ? top : p);
	fl_need((mkdir(top, 0755) == 0 || errno == EEXIST) && chown(top, user, user) == 0, top);
	status = fl_run(&r);
	is_int(status, 0);
	n = 0;
	for (const char *p = fl->out; (p = strchr(p, '\n')); p++)
		n++;
	is_int((int)n, lines, "all was tried");
}

static void gone(void)
{
	char path[sizeof top];

	strcpy(path, top);
	fl_need(chdir("/") == 0, "/");
	tree_gone(path);
}

/* `closed`: all of it is refused, each time. */
static void check_moved(int (*how)(void), const char *rule)
{
	static const char each[] = "made: Permission denied\nmode: Permission denied\n"
	                           "removed: Permission denied\nby name: Permission denied\n";
	const char *p = fl ? fl->out : "";
	int n = 0;

	way = how;
	run(moved, 4 * ROUNDS);
	for (p = fl->out; !strncmp(p, each, sizeof each - 1); p += sizeof each - 1)
		n++;
	is_int(n, ROUNDS, "%.120s", p);
	ok(fl_event("file_create", rule, "/w/closed/"), "event");
	gone();
}

T_CASE(a_directory_that_moves)
{
	check_moved(move_itself, "\"rule\":\"closed\"");
}

T_CASE(one_above_it_moves)
{
	check_moved(move_parent, "\"rule\":\"closed\"");
}

T_CASE(two_change_places)
{
	check_moved(exchange, "\"rule\":\"closed\"");
}

/* ---- threads
 * ------------------------------------------------------------------------------------------------ */

static volatile bool over;
static int dirs[2];

static void *change_directory(void *arg)
{
	(void)arg;
	for (unsigned i = 0; !over; i++)
		if (fchdir(dirs[i & 1]) < 0)
			_exit(95);
	return NULL;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void set_up(void)
{
	if (chdir(top) < 0 || mkdir("w", 0755) < 0 || mkdir("w/closed", 0755) < 0 ||
	    mkdir("w/closed/d", 0755) < 0 || mkdir("w/open", 0755) < 0)
		_exit(91);
	dirs[0] = open("w/open", O_RDONLY | O_DIRECTORY);
	dirs[1] = open("w/closed/d", O_RDONLY | O_DIRECTORY);
}

/* What is made and removed by a relative name, while the directory it is relative to flips. */
static void flip_directory(void *arg)
{
	int64_t end = now_ms() + MS;
	int n = 0, good = 0;
	pthread_t t;
	char name[32];

	(void)arg;
	set_up();
	if (fchdir(dirs[0]) < 0 || !makes("victim") || rename("victim", "../closed/d/victim") < 0 ||
	    pthread_create(&t, NULL, change_directory, NULL))
		_exit(92);
	for (; now_ms() < end; n++) {
		snprintf(name, sizeof name, "n%d", n);
		good += makes(name);
		unlink("victim");
		unlink(name);
	}
	over = true;
	pthread_join(t, NULL);
	fl_say("%d made\n", good && good < n);
}

/* How many names are in it. */
static int count(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	for (struct dirent *e; d && (e = readdir(d));)
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

T_CASE(another_thread_changes_the_directory)
{
	char path[100];

	run(flip_directory, 1);
	is_str(fl->out, "1 made\n", "sometimes");
	snprintf(path, sizeof path, "%s/w/closed/d", top);
	is_int(count(path), 1, "never where it is closed: what is there stays, and nothing is made");
	gone();
}

static int files[2], flipping;

static void *change_descriptor(void *arg)
{
	(void)arg;
	for (unsigned i = 0; !over; i++)
		if (dup2(files[i & 1], flipping) < 0)
			_exit(95);
	return NULL;
}

/* A file that was made before it came to lie where its mode must not change. */
static void flip_descriptor(void *arg)
{
	int64_t end = now_ms() + MS;
	int n = 0, good = 0;
	pthread_t t;

	(void)arg;
	set_up();
	files[0] = open("w/open/file", O_RDWR | O_CREAT | O_EXCL, 0600);
	files[1] = open("w/open/key", O_RDWR | O_CREAT | O_EXCL, 0600);
	flipping = dup(files[0]);
	if (flipping < 0 || rename("w/open/key", "w/closed/key") < 0 ||
	    pthread_create(&t, NULL, change_descriptor, NULL))
		_exit(92);
	for (; now_ms() < end; n++)
		good += fchmod(flipping, 0666) == 0;
	over = true;
	pthread_join(t, NULL);
	fl_say("%d changed\n", good && good < n);
}

T_CASE(another_thread_puts_another_file_there)
{
	struct stat st;
	char path[100];

	run(flip_descriptor, 1);
	is_str(fl->out, "1 changed\n", "sometimes");
	snprintf(path, sizeof path, "%s/w/closed/key", top);
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "never the one that is closed");
	snprintf(path, sizeof path, "%s/w/open/file", top);
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0666, "the other was");
	gone();
}

/* ---- what is kept
 * ------------------------------------------------------------------------------------------- */

/* What lies in the store by now is no longer its maker's to change. */
static void deleted(void *arg)
{
	int fd;

	(void)arg;
	if (chdir(top) < 0 || mkdir("w", 0755) < 0 || chdir("w") < 0)
		_exit(91);
	for (int i = 0; i < ROUNDS; i++) {
		fd = open("f", O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (fd < 0 || fchmod(fd, 0640) < 0 || unlink("f") < 0)
			_exit(92);
		say("mode", fchmod(fd, 0777));
		close(fd);
	}
}

T_CASE(a_deleted_file_is_the_store_s)
{
	const char *p;
	int n = 0;

	run(deleted, ROUNDS);
	for (p = fl->out; !strncmp(p, "mode: Permission denied\n", 24); p += 24)
		n++;
	is_int(n, ROUNDS, "%.60s", p);
	ok(fl_event("file_chmod", "journal-store", NULL), "event");
	gone();
}

/* ---- what is told
 * ------------------------------------------------------------------------------------------ */

static void times(void *arg)
{
	const struct timespec then[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	int made, there, bare;

	(void)arg;
	if (chdir(top) < 0 || mkdir("w", 0755) < 0 || chdir("w") < 0)
		_exit(91);
	for (int i = 0; i < 2; i++) {
		char name[16];

		snprintf(name, sizeof name, "made%d", i);
		made = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (made < 0 || futimens(made, then) < 0 || fchmod(made, 0640) < 0)
			_exit(92);
		close(made);
	}
	if (rename("made1", "closed") < 0)
		_exit(93);
	bare = open("closed", O_PATH);
	say("bare", futimens(bare, NULL));
	say("bare mode", syscall(__NR_fchmod, bare, 0777));
	close(bare);
	there = open("../there", O_RDONLY);
	say("there", futimens(there, then));
	say("by name", utimensat(AT_FDCWD, "made0", then, 0));
	close(there);
}

T_CASE(times_of_what_was_made_are_not_told)
{
	struct stat st;
	char path[100];
	int fd;

	/* What was there before the command. */
	snprintf(path, sizeof path, "/dev/shm/files-known.%d", (int)getpid());
	fl_need(mkdir(path, 0755) == 0, path);
	strcat(path, "/there");
	fd = open(path, O_CREAT | O_WRONLY, 0644);
	fl_need(fd >= 0 && fchown(fd, 30000 + (uid_t)getpid() % 30000, (gid_t)-1) == 0, path);
	close(fd);
	run(times, 4);
	is_str(fl->out, "bare: Bad file descriptor\nbare mode: Bad file descriptor\nthere: 0\nby name: 0\n");
	ok(fl_event("\"file_create\"", "/w/made0", NULL), "it was made");
	ok(fl_event("\"file_chmod\"", "/w/made0", "\"chmod\""), "its mode was changed");
	ok(!fl_event("\"utimes\"", "/w/made1", NULL), "of its times nothing is told");
	ok(fl_event("\"utimes\"", "/there", NULL), "but of those of others");
	ok(fl_event("\"utimes\"", "/w/made0", NULL), "and when they are named");
	snprintf(path, sizeof path, "%s/w/closed", top);
	ok(stat(path, &st) == 0 && st.st_mtime == 1000, "they are as it gave them");
	gone();
}

static void untold(void *arg)
{
	(void)arg;
	if (chdir(top) < 0 || mkdir("w", 0755) < 0 || chdir("w") < 0 || !makes("before") || !makes("again"))
		_exit(91);
	fl->deaf = true;
	say("made", makes("untold") ? 0 : -1);
	fl->deaf = false;
	say("there", access("untold", F_OK));
	say("told", makes("told") ? 0 : -1);
}

T_CASE(what_cannot_be_told_is_not_made)
{
	char says[100];

	run(untold, 3);
	snprintf(says, sizeof says, "made: %s\nthere: %s\ntold: 0\n", strerror(EACCES), strerror(ENOENT));
	is_str(fl->out, says);
	ok(!fl_event("file_create", "/w/untold", NULL) && fl_event("file_create", "/w/told", NULL), "events");
	gone();
}

/* ---- a full table of descriptors
 * ------------------------------------------------------------------------------ */

static void full(void *arg)
{
	int last = -1;

	(void)arg;
	if (chdir(top) < 0 || mkdir("w", 0755) < 0 || chdir("w") < 0 || !makes("before"))
		_exit(91);
	for (int fd; (fd = dup(0)) >= 0;)
		last = fd;
	say("full", makes("not-made") ? 0 : -1);
	say("new", open("nor-this", O_WRONLY | O_CREAT, 0600));
	close(last);
	say("room", makes("made") ? 0 : -1);
	say("there", access("not-made", F_OK) & access("nor-this", F_OK));
}

T_CASE(a_full_table_leaves_nothing)
{
	char says[200];

	run(full, 4);
	snprintf(says, sizeof says, "full: %s\nnew: %s\nroom: 0\nthere: %s\n", strerror(EMFILE),
	         strerror(EMFILE), strerror(ENOENT));
	is_str(fl->out, says);
	gone();
}
