/* files_names - unlink, rmdir, mkdir, mknod, symlink, link, rename in every spelling: governed as native, and
 * FS-04, FS-05, FS-14, FS-15, FS-22, FU-13, FU-19 with canary, errno and event. */
#include "test/kernel/files_lab.h"
#include "test/kernel/files_tree.h"

#include <linux/fs.h>

/* ---- the same sequence, governed and native ------------------------------------------------------------ */

static const char *const spellings[] = {
	"f",          "f/",     "./f",   "d",        "d/",        "d//",
	"e",          "e/",     "d/g",   "d/../f",   "missing",   "missing/",
	"d/new",      "d/new/", "no/f",  "f/x",      "lf",        "lf/",
	"ld",         "ld/",    "ld/g",  "dangling", "dangling/", "loop",
	"loop/x",     ".",      "..",    "./",       "d/.",       "d/..",
	"/",          "",       "//",    "ro/x",     "ro/new",    "sticky/other",
	"sticky/own", "p",      "d/sub", "ld/../f",
};
enum { N_SPELLINGS = sizeof spellings / sizeof *spellings };

static const unsigned rename_flags[] = {
	0, RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT, 8, RENAME_EXCHANGE | RENAME_NOREPLACE
};

static void result(const char *what, const char *a, const char *b, long rc)
{
	int error = rc < 0 ? errno : 0;

	fl_say("%s '%.20s' '%.20s': %s | ", what, tree_text(a), tree_text(b), error ? strerror(error) : "0");
	if (tree_say())
		tree_reset();
	fl_say("\n");
}

/* Each by the number that architectures have; the old spelling where there is one. */
static void one_path(const char *p)
{
	int d;

#ifdef __NR_unlink
	result("unlink", p, "", syscall(__NR_unlink, p));
	result("rmdir", p, "", syscall(__NR_rmdir, p));
	result("mkdir", p, "", syscall(__NR_mkdir, p, 0777));
	result("mknod fifo", p, "", syscall(__NR_mknod, p, S_IFIFO | 0666, 0));
	result("symlink", p, "", syscall(__NR_symlink, "f", p));
#endif
	d = open("d", O_PATH | O_DIRECTORY);
	result("unlinkat", p, "", syscall(__NR_unlinkat, AT_FDCWD, p, 0));
	result("unlinkat dir", p, "", syscall(__NR_unlinkat, AT_FDCWD, p, AT_REMOVEDIR));
	result("unlinkat 1", p, "", syscall(__NR_unlinkat, AT_FDCWD, p, 1));
	result("unlinkat d", p, "", syscall(__NR_unlinkat, d, p, 0));
	result("unlinkat fd", p, "", syscall(__NR_unlinkat, 99, p, 0));
	close(d);
	d = open("d", O_PATH | O_DIRECTORY);
	result("mkdirat", p, "", syscall(__NR_mkdirat, d, p, 02777));
	result("mkdirat 0", p, "", syscall(__NR_mkdirat, AT_FDCWD, p, 0));
	result("mknodat reg", p, "", syscall(__NR_mknodat, AT_FDCWD, p, 0640, 0));
	result("mknodat suid", p, "", syscall(__NR_mknodat, AT_FDCWD, p, S_IFREG | 06777, 0));
	result("mknodat sock", p, "", syscall(__NR_mknodat, AT_FDCWD, p, S_IFSOCK | 0777, 0));
	result("mknodat dir", p, "", syscall(__NR_mknodat, AT_FDCWD, p, S_IFDIR | 0777, 0));
	result("mknodat bad", p, "", syscall(__NR_mknodat, AT_FDCWD, p, 030000 | 0777, 0));
	if (geteuid())
		result("mknodat chr", p, "", syscall(__NR_mknodat, AT_FDCWD, p, S_IFCHR | 0777, 0x103));
	result("symlinkat", p, "", syscall(__NR_symlinkat, "../somewhere/else", AT_FDCWD, p));
	result("symlinkat empty", p, "", syscall(__NR_symlinkat, "", AT_FDCWD, p));
	close(d);
	d = open("d", O_PATH | O_DIRECTORY);
	result("symlinkat d", p, "", syscall(__NR_symlinkat, "x", d, p));
	close(d);
}

static void two_paths(const char *p, const char *q)
{
	for (size_t i = 0; i < sizeof rename_flags / sizeof *rename_flags; i++) {
		char what[32];

		snprintf(what, sizeof what, "renameat2 %x", rename_flags[i]);
		result(what, p, q, syscall(__NR_renameat2, AT_FDCWD, p, AT_FDCWD, q, rename_flags[i]));
	}
#ifdef __NR_rename
	result("rename", p, q, syscall(__NR_rename, p, q));
	result("link", p, q, syscall(__NR_link, p, q));
#endif
#ifdef __NR_renameat
	result("renameat", p, q, syscall(__NR_renameat, AT_FDCWD, p, AT_FDCWD, q));
#endif
	result("linkat", p, q, syscall(__NR_linkat, AT_FDCWD, p, AT_FDCWD, q, 0));
	result("linkat follow", p, q, syscall(__NR_linkat, AT_FDCWD, p, AT_FDCWD, q, AT_SYMLINK_FOLLOW));
	result("linkat 1", p, q, syscall(__NR_linkat, AT_FDCWD, p, AT_FDCWD, q, 1));
}

static void all_single(void *arg)
{
	tree_enter(arg);
	for (size_t i = 0; i < N_SPELLINGS; i++)
		one_path(spellings[i]);
	one_path(tree_long_name());
	one_path(tree_long_path());
	one_path(NULL);
	one_path((const char *)16);
}

static void all_double(void *arg)
{
	static const char *const ends[] = { "f",     "d",    "e/", "d/g",          "missing", "missing/",
		                            "d/new", "no/f", "lf", "ld/",          "loop",    "d/..",
		                            "/",     "ro/x", "p",  "sticky/other", "d/sub" };
	enum { N = sizeof ends / sizeof *ends };

	tree_enter(arg);
	for (size_t i = 0; i < N; i++)
		for (size_t k = 0; k < N; k++)
			two_paths(ends[i], ends[k]);
	two_paths("f", NULL);
	two_paths(NULL, "f");
	two_paths("f", tree_long_name());
	two_paths(tree_long_path(), "f");
}

/* Masks, set-group-id directories, descriptors, files without a name. */
static void all_special(void *arg)
{
	char path[64], middle[300];
	int fd;

	tree_enter(arg);
	for (int mask = 0; mask <= 0777; mask += 0111) {
		umask((mode_t)mask);
		result("mkdirat mask", "new", "", syscall(__NR_mkdirat, AT_FDCWD, "new", 07777));
		result("mknodat mask", "new", "", syscall(__NR_mknodat, AT_FDCWD, "new", S_IFIFO | 07777, 0));
		result("mkdirat setgid", "sg/new", "", syscall(__NR_mkdirat, AT_FDCWD, "sg/new", 0777));
		result("mknodat setgid", "sg/new", "", syscall(__NR_mknodat, AT_FDCWD, "sg/new", 02777, 0));
	}
	umask(022);
	fd = open("f", O_RDONLY);
	result("linkat empty", "f", "new", syscall(__NR_linkat, fd, "", AT_FDCWD, "new", 0));
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	result("linkat proc", "f", "new",
	       syscall(__NR_linkat, AT_FDCWD, path, AT_FDCWD, "new", AT_SYMLINK_FOLLOW));
	result("linkat proc itself", "f", "new", syscall(__NR_linkat, AT_FDCWD, path, AT_FDCWD, "new", 0));
	close(fd);
	fd = open(".", O_TMPFILE | O_RDWR, 0600);
	snprintf(path, sizeof path, "/proc/thread-self/fd/%d", fd);
	result("linkat tmpfile", "", "new",
	       syscall(__NR_linkat, AT_FDCWD, path, AT_FDCWD, "new", AT_SYMLINK_FOLLOW));
	close(fd);
	fd = open("f", O_RDONLY);
	unlink("f");
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	result("linkat deleted", "", "new",
	       syscall(__NR_linkat, AT_FDCWD, path, AT_FDCWD, "new", AT_SYMLINK_FOLLOW));
	close(fd);
	result("rename over mount", "f", "/tmp/files-lab.no",
	       syscall(__NR_renameat2, AT_FDCWD, "f", AT_FDCWD, "/tmp/files-lab.no", 0));
	result("link over mount", "f", "/tmp/files-lab.no",
	       syscall(__NR_linkat, AT_FDCWD, "f", AT_FDCWD, "/tmp/files-lab.no", 0));
	fd = open("e", O_PATH | O_DIRECTORY);
	rmdir("e");
	snprintf(middle, sizeof middle, "d/%s/x", tree_long_name());
	for (int i = 0; i < 3; i++) {
		const char *other = i == 0 ? middle : i == 1 ? tree_long_path() : "d/new";

		result("rename in a removed one", tree_long_name(), other,
		       syscall(__NR_renameat2, fd, tree_long_name(), AT_FDCWD, other, 0));
		result("rename to a removed one", other, tree_long_name(),
		       syscall(__NR_renameat2, AT_FDCWD, other, fd, tree_long_name(), 0));
		result("link to a removed one", other, tree_long_name(),
		       syscall(__NR_linkat, AT_FDCWD, other, fd, tree_long_name(), 0));
	}
	close(fd);
	rename("d", "gone");
	result("rename back", "gone", "d", syscall(__NR_renameat2, AT_FDCWD, "gone", AT_FDCWD, "d", 0));
}

T_CASE(one_path_governed_as_native)
{
	tree_compare("single", all_single);
}

T_CASE(two_paths_governed_as_native)
{
	tree_compare("double", all_double);
}

T_CASE(special_governed_as_native)
{
	tree_compare("special", all_special);
}
