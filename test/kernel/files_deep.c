/* files_deep - directories whose names are longer than the kernel tells (PATH_MAX): what can be done natively
 * can be done, by the rules that hold higher up, too, and what they deny does not happen. */
#include "test/kernel/files_tree.h"

enum { ALL = FILTER_READS | FILTER_WRITES | FILTER_NAMES | FILTER_ATTRIBUTES, DEPTH = 40 };

static const char policy[] = "version: 1\nname: deep\nfile_rules:\n"
                             "  - name: deny-env\n    paths: [\"**/.env\"]\n"
                             "    operations: [\"*\"]\n    decision: deny\n"
                             "  - name: deny-middle\n    paths: [\"@/w/**/closed/**\"]\n"
                             "    operations: [\"*\"]\n    decision: deny\n"
                             "  - name: deny-virtual\n    paths: [\"/workspace/**/virtual/**\"]\n"
                             "    operations: [\"*\"]\n    decision: deny\n"
                             "  - name: allow-own\n    paths: [\"@/w\", \"@/w/**\"]\n"
                             "    operations: [\"*\"]\n    decision: allow\n";
static char top[64];

static uid_t user(void)
{
	return 30000 + (uid_t)getpid() % 30000;
}

static void say(const char *what, long rc)
{
	fl_say("%s: %s\n", what, rc < 0 ? strerror(errno) : "0");
	if (rc > 2)
		close((int)rc);
}

/* Natively. One of the directories in the middle is called so, and below it all is as deep again. */
static void dig(const char *middle, uid_t uid)
{
	char name[NAME_MAX + 1];

	fl_need(chdir(top) == 0 && chdir("w") == 0, "w");
	for (int i = 0; i < DEPTH; i++) {
		memset(name, 'a' + i % 26, NAME_MAX);
		name[NAME_MAX] = 0;
		if (i == 1 && middle)
			strcpy(name, middle);
		fl_need(mkdir(name, 0755) == 0 && chown(name, uid, uid) == 0 && chdir(name) == 0, "dig");
		if (i == DEPTH / 2) /* others beside it */
			for (int k = 0; k < 300; k++) {
				snprintf(name, sizeof name, "%d", k);
				fl_need(mkdir(name, 0755) == 0, "beside");
			}
	}
	tree_put("f", "content", 0644);
	tree_put(".env", "secret", 0644);
	tree_put("g", "content", 0200);
	tree_put("line\nend", "content", 0644);
	tree_put("line\\012", "content", 0644);
	for (const char *n = "f\0.env\0g\0line\nend\0line\\012\0"; *n; n += strlen(n) + 1)
		fl_need(chown(n, uid, uid) == 0, n);
}

/* Where it is, is where the driver was. */
static void everything(void *arg)
{
	const struct timespec times[2] = { { 1, 2 }, { 3, 4 } };
	char path[64], text[16];
	int fd, at;

	(void)arg;
	at = open(".", O_RDONLY | O_DIRECTORY);
	say("open a directory", at < 0 ? -1 : 0);
	say("read", fd = open("f", O_RDONLY));
	say("read .env", open(".env", O_RDONLY));
	say("read by descriptor", openat(at, "f", O_RDONLY));
	say("read ../NAME/f", openat(at, "./.././f", O_RDONLY));
	say("create", fd = open("new", O_RDWR | O_CREAT | O_EXCL, 0600));
	fd = open("new", O_RDWR);
	say("write", write(fd, "x", 1) == 1 ? 0 : -1);
	say("fchmod", fchmod(fd, 0640));
	say("futimens", futimens(fd, times));
	say("fsetxattr", fsetxattr(fd, "user.x", "y", 1, 0));
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	say("again", open(path, O_RDONLY));
	close(fd);
	fd = open("line\nend", O_RDONLY);
	say("fchmod of an odd name", fchmod(fd, 0600));
	close(fd);
	fd = open("line\\012", O_RDONLY);
	say("fchmod of another", fchmod(fd, 0600));
	say("fchmod of a directory", fchmod(at, 0755));
	close(fd);
	say("create .env", openat(at, "./.env", O_WRONLY | O_CREAT, 0600));
	say("truncate", truncate("new", 0));
	say("chmod .env", chmod(".env", 0600));
	say("mkdir", mkdir("d", 0700));
	say("mkdirat", mkdirat(at, "d/e", 0700));
	say("symlink", symlink("f", "s"));
	say("through a link", open("s", O_RDONLY));
	say("link", link("f", "l"));
	say("link .env", link(".env", "l2"));
	say("rename", rename("new", "d/old"));
	say("rename .env", rename(".env", "env"));
	say("another", openat(at, "l3", O_WRONLY | O_CREAT, 0600));
	say("rename to .env", rename("l3", ".env"));
	say("rename over", rename("l", "d/old"));
	say("mknod", mknod("p", S_IFIFO | 0600, 0));
	say("unnamed", open(".", O_TMPFILE | O_RDWR, 0600));
	say("rmdir", rmdir("d"));
	say("unlink", unlinkat(at, "d/old", 0));
	say("unlink .env", unlink(".env"));
	say("rmdir", rmdir("d/e"));
	say("chdir", chdir("d"));
	say("rmdir itself", rmdir("../d"));
	say("create in what is gone", open("x", O_WRONLY | O_CREAT, 0600));
	say("back", fchdir(at));
	fd = open("f", O_RDONLY);
	say("read", read(fd, text, sizeof text) == 7 ? 0 : -1);
}

static const char *said(const char *what)
{
	static char line[200];
	const char *at = strstr(fl->out, what);

	snprintf(line, sizeof line, "%.*s", at ? (int)strcspn(at, "\n") : 0, at ? at : "");
	return line + (at ? strlen(what) + 2 : 0);
}

static void lay_out(uid_t uid)
{
	if (geteuid() != 0)
		t_skip_all("not root");
	snprintf(top, sizeof top, "/dev/shm/files-deep.%d", (int)getpid());
	fl_need(mkdir(top, 0755) == 0 && chmod(top, 0755) == 0 && chdir(top) == 0, top);
	fl_need(mkdir("w", 0755) == 0 && chown("w", uid, uid) == 0, "w");
}

static void clear_away(void)
{
	char command[100];

	fl_need(chdir("/") == 0, "/");
	snprintf(command, sizeof command, "rm -rf %s", top);
	ok(system(command) == 0, "removed");
}

static struct fl_run prepare(const char *middle, uid_t uid)
{
	struct fl_run r = {
		.program = everything, .uid = uid, .inexact = ~0u, .real = ALL, .workspace = "/dev/shm"
	};
	static char ws[80];

	lay_out(uid);
	dig(middle, uid);
	snprintf(ws, sizeof ws, "%s/w", top);
	r.workspace = ws;
	r.virtual_root = "/workspace";
	r.policy = tree_policy(policy, top);
	return r;
}

static void allowed_as_natively(uid_t uid)
{
	static const char *const denied[] = { "read .env",   "create .env", "chmod .env",    "link .env",
		                              "rename .env", "unlink .env", "rename to .env" };
	struct fl_run r = prepare(NULL, uid);
	static char native[8192], judged[8192];
	struct stat st;

	r.native = true;
	is_int(fl_run(&r), 0, "natively");
	snprintf(native, sizeof native, "%.8000s", fl->out);
	clear_away();
	r = prepare(NULL, uid);
	is_int(fl_run(&r), 0, "judged");
	snprintf(judged, sizeof judged, "%.8000s", fl->out);
	for (size_t i = 0; i < sizeof denied / sizeof *denied; i++)
		is_str(said(denied[i]), "Permission denied", "uid %d: %s", (int)uid, denied[i]);
	ok(fl_event("\"file_delete\"", "\"denied\"", "\"rule\":\"deny-env\""), "an event names the rule");
	ok(stat(".env", &st) == 0 && st.st_size == 6 && (st.st_mode & 0777) == 0644 && st.st_nlink == 1,
	   "what is closed is as it was");
	/* All others alike. */
	for (char *a = native, *b = judged, *na, *nb; *a && *b; a = na, b = nb) {
		na = a + strcspn(a, "\n");
		nb = b + strcspn(b, "\n");
		na += *na != 0;
		nb += *nb != 0;
		if (!memmem(a, (size_t)(na - a), ".env", 4))
			ok(na - a == nb - b && !memcmp(a, b, (size_t)(na - a)), "uid %d: %.*s, judged %.*s",
			   (int)uid, (int)strcspn(a, "\n"), a, (int)strcspn(b, "\n"), b);
	}
	clear_away();
}

T_CASE(allowed)
{
	allowed_as_natively(user());
	allowed_as_natively(0);
}

static void closed_above(const char *middle, const char *rule)
{
	struct fl_run r = prepare(middle, user());
	char want[80];

	is_int(fl_run(&r), 0);
	snprintf(want, sizeof want, "\"rule\":\"%s\"", rule);
	is_str(said("read"), "Permission denied", "below %s", middle);
	is_str(said("create"), "Permission denied");
	is_str(said("unlink .env"), "Permission denied");
	is_str(said("symlink"), "Permission denied");
	ok(fl_event("\"file_create\"", "\"denied\"", want), "an event names %s", rule);
	ok(access("new", F_OK) < 0 && access("s", F_OK) < 0 && access("f", F_OK) == 0, "nothing happened");
	clear_away();
}

T_CASE(names_in_the_middle_count)
{
	closed_above("closed", "deny-middle");
	closed_above("virtual", "deny-virtual");
}
