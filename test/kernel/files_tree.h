/* files_tree - a small tree with one of everything, and the same program run in two of them: governed and
 * native. */
#pragma once

#include "test/kernel/files_lab.h"

#include <dirent.h>
#include <limits.h>
#include <sys/xattr.h>

struct tree {
	char top[64];
	int helper;
};
static const struct tree *tree; /* the program's own */

static void tree_put(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) < 0 || fchmod(fd, mode) < 0)
		fl_say("put %s: %s ", path, strerror(errno));
	close(fd);
}

static void tree_clear(int dirfd)
{
	DIR *dir = fdopendir(dirfd);
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (unlinkat(dirfd, e->d_name, 0) < 0) {
			fchmodat(dirfd, e->d_name, 0700, 0);
			tree_clear(openat(dirfd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
			unlinkat(dirfd, e->d_name, AT_REMOVEDIR);
		}
	}
	if (dir)
		closedir(dir);
}

static void tree_roots(void)
{
	tree_put("ro/x", "root's", 0644);
	tree_put("sticky/other", "root's", 0666);
}

/* Where the program works: "w" of its top; what is root's stands beside it and stays. */
static void tree_rebuild(void)
{
	umask(022);
	if (chdir(tree->top) < 0)
		_exit(90);
	fchmodat(AT_FDCWD, "w", 0755, 0);
	tree_clear(open("w", O_RDONLY | O_DIRECTORY));
	tree_clear(open("sticky", O_RDONLY | O_DIRECTORY)); /* as a user, its own only */
	tree_clear(open("ro", O_RDONLY | O_DIRECTORY));
	if (geteuid() == 0)
		tree_roots();
	if (chdir("w") < 0)
		_exit(90);
	mkdir("d", 0755);
	mkdir("d/sub", 0755);
	mkdir("e", 0755);
	tree_put("f", "content of f", 0644);
	tree_put("d/g", "g", 0600);
	symlink("f", "lf");
	symlink("d", "ld");
	symlink("nowhere", "dangling");
	symlink("loop", "loop");
	mkfifo("p", 0644);
	symlink("../ro", "ro");
	symlink("../sticky", "sticky");
	mkdir("sg", 0755);
	chmod("sg", 02775);
}

/* By a process of the same user that is not governed. */
static void tree_reset(void)
{
	char c = 'r';

	if (write(tree->helper, &c, 1) != 1 || read(tree->helper, &c, 1) != 1 || chdir(tree->top) < 0 ||
	    chdir("w") < 0)
		_exit(92);
}

FL_UNUSED static pid_t tree_helper(struct tree *t, uid_t uid)
{
	int sock[2];
	gid_t gid = uid;
	pid_t pid;
	char c;

	fl_need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock) == 0, "socketpair");
	pid = fork();
	if (pid == 0) {
		close(sock[0]);
		tree = t;
		fl_need(!uid || (setgroups(1, &gid) == 0 && setresgid(gid, gid, gid) == 0 &&
		                 setresuid(uid, uid, uid) == 0),
		        "user");
		while (read(sock[1], &c, 1) == 1) {
			tree_rebuild();
			if (write(sock[1], &c, 1) != 1)
				break;
		}
		_exit(0);
	}
	close(sock[1]);
	t->helper = sock[0];
	return pid;
}

static int tree_by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Times only where somebody set them. */
static void tree_say_one(const char *name, const struct stat *st, const char *text)
{
	bool dir = S_ISDIR(st->st_mode);
	char value[64];
	ssize_t n = lgetxattr(name, "user.x", value, sizeof value);

	fl_say("%.20s %o n%d %d:%d s%lld %s", name, st->st_mode, dir ? 0 : (int)st->st_nlink, (int)st->st_uid,
	       (int)st->st_gid, dir ? 0LL : (long long)st->st_size, text);
	if (st->st_mtim.tv_sec < 1000000000)
		fl_say(" m%lld.%ld", (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
	if (st->st_atim.tv_sec < 1000000000)
		fl_say(" a%lld.%ld", (long long)st->st_atim.tv_sec, st->st_atim.tv_nsec);
	if (n >= 0)
		fl_say(" x%.*s", (int)n, value);
	fl_say(";");
}

/* A store is not part of it. */
static bool tree_is_part(const char *name)
{
	return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, ".agentsh_trash") != 0;
}

/* All that is in a directory, in a line. */
/* Of any pointer. */
FL_UNUSED static const char *tree_text(const char *p)
{
	return (uintptr_t)p < 4096 ? "(fault)" : p;
}

static void tree_say_dir(const char *path)
{
	struct dirent **list;
	int n = scandir(path, &list, NULL, tree_by_name);

	for (int i = 0; i < n; i++) {
		char name[PATH_MAX], text[300] = "";
		struct stat st;

		snprintf(name, sizeof name, "%s/%s", path, list[i]->d_name);
		if (tree_is_part(list[i]->d_name) && lstat(name, &st) == 0) {
			if (S_ISLNK(st.st_mode) && readlink(name, text, sizeof text - 1) < 0)
				strcpy(text, "?");
			tree_say_one(name, &st, text);
			if (S_ISDIR(st.st_mode))
				tree_say_dir(name);
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

/* Says so; has it changed? */
static bool tree_say(void)
{
	static char last[1 << 16];
	size_t at = fl->out_len;

	tree_say_dir(".");
	tree_say_dir("../sticky");
	tree_say_dir("../ro");
	/* As before is the rule, and long. */
	if (!strncmp(last, fl->out + at, sizeof last - 1)) {
		fl->out_len = at;
		fl_say("=");
		return false;
	}
	if (!*last) {
		snprintf(last, sizeof last, "%s", fl->out + at);
		return false;
	}
	return true;
}

FL_UNUSED static void tree_enter(const struct tree *t)
{
	tree = t;
	umask(022);
	if (chdir(t->top) < 0)
		_exit(91);
	tree_reset();
	tree_say();
}

FL_UNUSED static const char *tree_long_name(void)
{
	static char name[258];

	memset(name, 'n', 256);
	return name;
}

FL_UNUSED static const char *tree_long_path(void)
{
	static char path[5000];

	for (size_t i = 0; i < 4500; i++)
		path[i] = i % 2 ? '/' : '.';
	return path;
}

FL_UNUSED static void tree_make(struct tree *t, const char *name, uid_t uid)
{
	char path[160];

	snprintf(t->top, sizeof t->top, "/dev/shm/files-tree.%d.%s", (int)getpid(), name);
	fl_need(mkdir(t->top, 0755) == 0 && chmod(t->top, 0755) == 0, t->top);
	snprintf(path, sizeof path, "%s/w", t->top);
	fl_need(mkdir(path, 0755) == 0 && chown(path, uid, uid) == 0, path);
	snprintf(path, sizeof path, "%s/ro", t->top);
	fl_need(mkdir(path, 0755) == 0, path);
	snprintf(path, sizeof path, "%s/sticky", t->top);
	fl_need(mkdir(path, 01777) == 0 && chmod(path, 01777) == 0 && chdir(t->top) == 0, path);
	tree_roots();
}

static void tree_gone(const char *top)
{
	char command[100];

	snprintf(command, sizeof command, "rm -rf '%s'", top);
	if (chdir("/") < 0 || system(command) != 0)
		printf("# could not remove %s\n", top);
}

/* Allows all there is to allow; what is denied is elsewhere, and keeps names from being the whole answer. */
#define TREE_POLICY                                                                                         \
	"version: 1\nname: tree\nfile_rules:\n"                                                             \
	"  - name: deny-elsewhere\n    paths: [\"**/.env\"]\n    operations: [\"*\"]\n    decision: deny\n" \
	"  - name: allow-all\n    paths: [\"/**\", \"/\"]\n    operations: [\"*\"]\n    decision: allow\n"

/* The text with every "@" replaced. */
FL_UNUSED static const char *tree_policy(const char *text, const char *top)
{
	static char whole[8192];
	char *to = whole;

	for (const char *from = text; *from; from++)
		to += sprintf(to, *from == '@' ? "%s" : "%.1s", *from == '@' ? top : from);
	return whole;
}

/* The first lines that differ, if any. */
FL_UNUSED static bool tree_same(const char *what, char *a, char *b)
{
	int n = 0, bad = 0;

	while (*a && *b) {
		char *a_end = strchr(a, '\n'), *b_end = strchr(b, '\n');

		if (!a_end || !b_end)
			break;
		*a_end = *b_end = 0;
		if (strcmp(a, b) != 0 && bad++ < 10)
			printf("# native   %.200s\n# governed %.200s\n", a, b);
		n++;
		a = a_end + 1;
		b = b_end + 1;
	}
	printf("# %s: %d lines, %d differ\n", what, n, bad);
	return !bad && !*a && !*b && n > 0;
}

FL_UNUSED static void tree_replace(char *text, const char *from, const char *to)
{
	char *at;

	while ((at = strstr(text, from)))
		memcpy(at, to, strlen(to));
}

FL_UNUSED static void tree_compare_as(const char *name, void (*program)(void *), uid_t uid)
{
	struct tree native = { "", -1 }, governed = { "", -1 };
	struct fl_run r = { .policy = TREE_POLICY, .program = program, .uid = uid, .inexact = ~0u };
	char *out;

	tree_make(&native, "native00", uid);
	tree_make(&governed, "governed", uid);
	tree_helper(&native, uid);
	tree_helper(&governed, uid);
	r.native = true;
	r.arg = &native;
	is_int(fl_run(&r), 0, "native ends");
	out = strdup(fl->out);
	r.native = false;
	r.arg = &governed;
	is_int(fl_run(&r), 0, "governed ends");
	ok(fl->answered > 0, "%d calls answered", fl->answered);
	tree_replace(fl->out, "governed", "native00");
	ok(tree_same(name, out, fl->out), "%s as uid %d: as native", name, (int)uid);
	free(out);
	close(native.helper);
	close(governed.helper);
	while (wait(NULL) > 0)
		;
	tree_gone(native.top);
	tree_gone(governed.top);
}

FL_UNUSED static void tree_compare(const char *name, void (*program)(void *))
{
	if (geteuid() != 0)
		t_skip_all("not root");
	tree_compare_as(name, program, 30000 + (uid_t)getpid() % 30000);
	tree_compare_as(name, program, 0);
}
