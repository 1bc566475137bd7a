/* files_denied - FS-04, FS-05, FS-12 to FS-15, FS-22, FU-06, FU-13, FU-19: what may not happen to protected
 * files by their names and attributes. Each is done twice: native, where it must happen, and governed, where
 * the canary is as it was, with errno and an event that names the rule. Beside them what must go on working.
 */
#include "test/kernel/files_denied.h"

#include "sys/at.h"

#include <linux/fs.h>
#include <pthread.h>
#include <utime.h>

/* "@" is the directory it all lies in. */
static const char policy[] =
        "version: 1\nname: denied\nfile_rules:\n"
        "  - name: deny-secrets\n    paths: [\"@/secret\", \"@/secret/**\", \"**/.env\"]\n"
        "    operations: [\"*\"]\n    decision: deny\n    message: \"{{.Path}} is closed\"\n"
        "  - name: deny-startup\n    paths: [\"@/home/.bashrc\"]\n"
        "    operations: [write, create, delete, rename, chmod, link, truncate]\n    decision: deny\n"
        "  - name: deny-reading\n    paths: [\"@/w/*.key\"]\n    operations: [read, open]\n"
        "    decision: deny\n"
        "  - name: deny-writing\n    paths: [\"@/w/frozen\"]\n    operations: [write]\n    decision: deny\n"
        "  - name: allow-read\n    paths: [\"@/out\", \"@/out/**\"]\n"
        "    operations: [read, open, list, stat]\n    decision: allow\n"
        "  - name: allow-own\n"
        "    paths: [\"@/w\", \"@/w/**\", \"@/home\", \"@/home/**\", \"@/store\", \"@/store/**\"]\n"
        "    operations: [\"*\"]\n    decision: allow\n";

/* ---- FS-04, FU-13: hard links -------------------------------------------------------------------------- */

static long link_out(void)
{
	return syscall(__NR_linkat, AT_FDCWD, "secret/key", AT_FDCWD, "w/key", 0);
}

static long link_by_fd(void)
{
	char path[40];

	snprintf(path, sizeof path, "/proc/self/fd/%d", open("secret/key", O_PATH));
	return linkat(AT_FDCWD, path, AT_FDCWD, "w/key", AT_SYMLINK_FOLLOW);
}

static long link_by_link(void)
{
	return linkat(AT_FDCWD, "w/to-secret", AT_FDCWD, "w/key", AT_SYMLINK_FOLLOW);
}

static long link_readable(void)
{
	return linkat(AT_FDCWD, "out/file", AT_FDCWD, "w/file", 0);
}

static long link_away(void)
{
	return linkat(AT_FDCWD, "w/own", AT_FDCWD, "out/own", 0);
}

static long link_in(void)
{
	return linkat(AT_FDCWD, "w/own", AT_FDCWD, "secret/own", 0);
}

/* ---- FS-05, FS-15: renames ----------------------------------------------------------------------------- */

static long rename_out(void)
{
	return syscall(__NR_renameat2, AT_FDCWD, "secret/key", AT_FDCWD, "w/key", 0);
}

static long rename_over(void)
{
	return syscall(__NR_renameat2, AT_FDCWD, "w/own", AT_FDCWD, "secret/key", 0);
}

static long rename_dir(void)
{
	return syscall(__NR_renameat2, AT_FDCWD, "secret", AT_FDCWD, "w/secret", 0);
}

static long rename_dots(void)
{
	return syscall(__NR_renameat2, AT_FDCWD, "w/../secret//./key", AT_FDCWD, "w/dir/../key", 0);
}

/* What holds something protected; below a link to it, too. */
static long rename_holder(void)
{
	return syscall(__NR_renameat2, AT_FDCWD, "w/project", AT_FDCWD, "w/elsewhere", 0);
}

static long rename_deep(void)
{
	return syscall(__NR_renameat2, AT_FDCWD, "w/deep", AT_FDCWD, "w/elsewhere", 0);
}

static long rename_workspace(void)
{
	return syscall(__NR_renameat2, AT_FDCWD, "home", AT_FDCWD, "w/home", 0);
}

static long exchange(void)
{
	return syscall(__NR_renameat2, AT_FDCWD, "w/own", AT_FDCWD, "secret/key", RENAME_EXCHANGE);
}

static long exchange_back(void)
{
	return syscall(__NR_renameat2, AT_FDCWD, "secret/key", AT_FDCWD, "w/own", RENAME_EXCHANGE);
}

static long exchange_holder(void)
{
	return syscall(__NR_renameat2, AT_FDCWD, "w/dir", AT_FDCWD, "w/project", RENAME_EXCHANGE);
}

static long exchange_outside(void)
{
	return syscall(__NR_renameat2, AT_FDCWD, "w/own", AT_FDCWD, "out/file", RENAME_EXCHANGE);
}

static long exchange_names(void)
{
	return syscall(__NR_renameat2, AT_FDCWD, "w/own", AT_FDCWD, "w/a.key", RENAME_EXCHANGE);
}

static long whiteout(void)
{
	return syscall(__NR_renameat2, AT_FDCWD, "secret/key", AT_FDCWD, "w/key", RENAME_WHITEOUT);
}

/* Names are allowed, but what has the name may not be read, or written, by it. */
static long rename_to_read(void)
{
	return syscall(__NR_renameat2, AT_FDCWD, "w/a.key", AT_FDCWD, "w/readable", 0);
}

static long rename_to_write(void)
{
	return syscall(__NR_renameat2, AT_FDCWD, "w/frozen", AT_FDCWD, "w/thawed", 0);
}

static long rename_onto_frozen(void)
{
	return syscall(__NR_renameat2, AT_FDCWD, "w/own", AT_FDCWD, "w/frozen", 0);
}

/* FS-22 */
static long rename_onto_startup(void)
{
	return syscall(__NR_renameat2, AT_FDCWD, "w/own", AT_FDCWD, "home/.bashrc", 0);
}

static long unlink_startup(void)
{
	return unlink("home/.bashrc");
}

/* ---- FS-14: new names ---------------------------------------------------------------------------------- */

static long make_dir(void)
{
	return mkdirat(AT_FDCWD, "secret/new", 0755);
}

static long make_fifo(void)
{
	return syscall(__NR_mknodat, AT_FDCWD, "secret/new", S_IFIFO | 0600, 0);
}

static long make_file(void)
{
	return syscall(__NR_mknodat, AT_FDCWD, "secret/new", S_IFREG | 0600, 0);
}

static long make_socket(void)
{
	return syscall(__NR_mknodat, AT_FDCWD, "secret/new", S_IFSOCK | 0600, 0);
}

static long make_link(void)
{
	return symlinkat("../w/own", AT_FDCWD, "secret/new");
}

static long make_by_link(void)
{
	return mkdirat(AT_FDCWD, "w/to-dir/new", 0755);
}

static long make_by_dirfd(void)
{
	return mkdirat(open("secret", O_PATH | O_DIRECTORY), "new", 0755);
}

static long make_from_inside(void)
{
	return chdir("secret") < 0 ? 0 : mkdirat(AT_FDCWD, "./new", 0755);
}

static long make_tmpfile(void)
{
	char path[40];

	snprintf(path, sizeof path, "/proc/self/fd/%d", open("w", O_TMPFILE | O_RDWR, 0600));
	return linkat(AT_FDCWD, path, AT_FDCWD, "secret/new", AT_SYMLINK_FOLLOW);
}

static long remove_key(void)
{
	return unlinkat(AT_FDCWD, "secret/key", 0);
}

static long remove_dir(void)
{
	return unlinkat(AT_FDCWD, "secret/empty", AT_REMOVEDIR);
}

/* ---- FS-12, FS-13: the object ---------------------------------------------------------------------------
 */

static const struct timespec past[2] = { { 1, 0 }, { 2, 0 } };

static long cut(void)
{
	return truncate("secret/key", 1);
}

static long cut_by_link(void)
{
	return truncate("w/to-secret", 0);
}

static long mode_by_path(void)
{
	return syscall(__NR_fchmodat, AT_FDCWD, "secret/key", 0666);
}

static long mode_of_fd(void)
{
	return fchmod(open("secret/key", O_RDONLY), 0666);
}

static long mode_by_magic(void)
{
	char path[40];

	snprintf(path, sizeof path, "/proc/self/fd/%d", open("secret/key", O_PATH));
	return syscall(__NR_fchmodat, AT_FDCWD, path, 0666);
}

static long mode_of_path_fd(void)
{
	return syscall(__NR_fchmodat2, open("secret/key", O_PATH), "", 0666, AT_EMPTY_PATH);
}

static long mode_by_link(void)
{
	return syscall(__NR_fchmodat, AT_FDCWD, "w/to-secret", 0666);
}

static long owner(void)
{
	return fchownat(AT_FDCWD, "secret/key", getuid() ? getuid() : 1, getuid() ? getgid() : 1, 0);
}

static long owner_of_fd(void)
{
	return fchown(open("secret/key", O_RDONLY), getuid() ? getuid() : 1, getuid() ? getgid() : 1);
}

static long times(void)
{
	return utimensat(AT_FDCWD, "secret/key", past, 0);
}

static long times_of_fd(void)
{
	return futimens(open("secret/key", O_RDONLY), past);
}

static long xattr(void)
{
	return setxattr("secret/key", "user.x", "v", 1, 0);
}

static long xattr_of_fd(void)
{
	return fsetxattr(open("secret/key", O_RDONLY), "user.x", "v", 1, 0);
}

static long xattr_at(void)
{
	struct at_xattr_args args = { (uintptr_t) "v", 1, 0 };

	return syscall(__NR_setxattrat, AT_FDCWD, "secret/key", 0, "user.x", &args, sizeof args);
}

static long xattr_of_link(void)
{
	return lsetxattr("secret/key", "user.x", "v", 1, 0);
}

static long no_xattr(void)
{
	return removexattr("secret/key", "user.x");
}

static long no_xattr_of_link(void)
{
	return lremovexattr("secret/key", "user.x");
}

static long no_xattr_of_fd(void)
{
	return fremovexattr(open("secret/key", O_RDONLY), "user.x");
}

static long no_xattr_at(void)
{
	return syscall(__NR_removexattrat, AT_FDCWD, "secret/key", 0, "user.x");
}

static long flags(void)
{
	uint64_t attr[3] = { 0x80 /* FS_XFLAG_NODUMP */, 0, 0 };

	return syscall(__NR_file_setattr, AT_FDCWD, "secret/key", attr, sizeof attr, 0);
}

#ifdef __NR_chmod
static long old_link(void)
{
	return syscall(__NR_link, "secret/key", "w/key");
}

static long old_rename(void)
{
	return syscall(__NR_rename, "secret/key", "w/key");
}

static long old_renameat(void)
{
	return syscall(__NR_renameat, AT_FDCWD, "secret/key", AT_FDCWD, "w/key");
}

static long old_symlink(void)
{
	return syscall(__NR_symlink, "../w/own", "secret/new");
}

static long old_mknod(void)
{
	return syscall(__NR_mknod, "secret/new", S_IFIFO | 0600, 0);
}

static long old_unlink(void)
{
	return syscall(__NR_unlink, "secret/key");
}

static long old_rmdir(void)
{
	return syscall(__NR_rmdir, "secret/empty");
}

static long old_mkdir(void)
{
	return syscall(__NR_mkdir, "secret/new", 0755);
}

static long old_chmod(void)
{
	return syscall(__NR_chmod, "secret/key", 0666);
}

static long old_chown(void)
{
	return syscall(__NR_chown, "secret/key", getuid() ? getuid() : 1, -1);
}

static long old_lchown(void)
{
	return syscall(__NR_lchown, "secret/key", getuid() ? getuid() : 1, -1);
}

static long old_utime(void)
{
	struct utimbuf buf = { 1, 2 };

	return syscall(__NR_utime, "secret/key", &buf);
}

static long old_utimes(void)
{
	struct timeval tv[2] = { { 1, 0 }, { 2, 0 } };

	return syscall(__NR_utimes, "secret/key", tv);
}

static long old_futimesat(void)
{
	struct timeval tv[2] = { { 1, 0 }, { 2, 0 } };

	return syscall(__NR_futimesat, open("secret", O_RDONLY | O_DIRECTORY), "key", tv);
}
#endif

/* ---- FU-06: the store -----------------------------------------------------------------------------------
 */

static long store_make(void)
{
	return mkdirat(AT_FDCWD, "store/.agentsh_trash/new", 0755);
}

static long store_rename(void)
{
	return syscall(__NR_renameat2, AT_FDCWD, "store/.agentsh_trash", AT_FDCWD, "w/t", 0);
}

static long store_parent(void)
{
	return syscall(__NR_renameat2, AT_FDCWD, "store", AT_FDCWD, "w/t", 0);
}

static long store_mode(void)
{
	return syscall(__NR_fchmodat, AT_FDCWD, "store/.agentsh_trash", 0755);
}

static long store_remove(void)
{
	return unlinkat(AT_FDCWD, "store/.agentsh_trash/.gitignore", 0);
}

#define SECRET "deny-secrets", EACCES
static const struct attack attacks[] = {
	{ "FS-04 link", link_out, "file_create", SECRET, 0 },
	{ "FS-04 link by descriptor", link_by_fd, "file_create", SECRET, 0 },
	{ "FS-04 link through a link", link_by_link, "file_create", SECRET, 0 },
	{ "FS-04 link of what is only readable", link_readable, "file_create", "default-deny-files", EACCES,
	  0 },
	{ "FU-13 link to outside", link_away, "file_create", "default-deny-files", EACCES, 0 },
	{ "FS-14 link into", link_in, "file_create", SECRET, 0 },
	{ "FS-05 rename", rename_out, "file_rename", SECRET, 0 },
	{ "FS-05 rename over", rename_over, "file_rename", SECRET, 0 },
	{ "FS-05 the directory", rename_dir, "file_rename", SECRET, 0 },
	{ "FS-05 other spelling", rename_dots, "file_rename", SECRET, 0 },
	{ "FS-05 what holds it", rename_holder, "file_rename", SECRET, 0 },
	{ "FS-05 what holds it further down", rename_deep, "file_rename", SECRET, 0 },
	{ "FS-05 what holds a startup file", rename_workspace, "file_rename", "deny-startup", EACCES, 0 },
	{ "FS-15 exchange", exchange, "file_rename", SECRET, 0 },
	{ "FS-15 exchange, other way", exchange_back, "file_rename", SECRET, 0 },
	{ "FS-15 exchange what holds it", exchange_holder, "file_rename", SECRET, 0 },
	{ "FU-13 exchange with outside", exchange_outside, "file_rename", "default-deny-files", EACCES, 0 },
	{ "FS-15 exchange with what cannot be read", exchange_names, "file_rename", "deny-reading", EACCES,
	  0 },
	{ "FS-05 whiteout", whiteout, "file_rename", SECRET, 0 },
	{ "FS-05 to be read", rename_to_read, "file_rename", "deny-reading", EACCES, 0 },
	{ "FS-05 to be written", rename_to_write, "file_rename", "deny-writing", EACCES, 0 },
	{ "FS-05 instead of writing", rename_onto_frozen, "file_rename", "deny-writing", EACCES, 0 },
	{ "FS-22 rename onto .bashrc", rename_onto_startup, "file_rename", "deny-startup", EACCES, 0 },
	{ "FS-22 unlink .bashrc", unlink_startup, "file_delete", "deny-startup", EACCES, 0 },
	{ "FS-14 mkdir", make_dir, "dir_create", SECRET, 0 },
	{ "FS-14 fifo", make_fifo, "file_create", SECRET, 0 },
	{ "FS-14 mknod", make_file, "file_create", SECRET, 0 },
	{ "FS-14 socket", make_socket, "file_create", SECRET, 0 },
	{ "FS-14 symlink", make_link, "symlink_create", SECRET, 0 },
	{ "FS-14 through a link", make_by_link, "dir_create", SECRET, 0 },
	{ "FS-14 by dirfd", make_by_dirfd, "dir_create", SECRET, 0 },
	{ "FS-14 from inside", make_from_inside, "dir_create", SECRET, 0 },
	{ "FS-14 tmpfile", make_tmpfile, "file_create", SECRET, 0 },
	{ "unlink", remove_key, "file_delete", SECRET, 0 },
	{ "rmdir", remove_dir, "dir_delete", SECRET, 0 },
	{ "FS-12 truncate", cut, "file_write", SECRET, 0 },
	{ "FS-12 truncate through a link", cut_by_link, "file_write", SECRET, 0 },
	{ "FS-13 chmod", mode_by_path, "file_chmod", SECRET, 0 },
	{ "FS-13 fchmod", mode_of_fd, "file_chmod", SECRET, 0 },
	{ "FS-13 chmod by /proc", mode_by_magic, "file_chmod", SECRET, 0 },
	{ "FS-13 chmod of an O_PATH descriptor", mode_of_path_fd, "file_chmod", SECRET, 0 },
	{ "FS-13 chmod through a link", mode_by_link, "file_chmod", SECRET, 0 },
	{ "FS-13 chown", owner, "file_chmod", SECRET, true },
	{ "FS-13 fchown", owner_of_fd, "file_chmod", SECRET, true },
	{ "FS-13 utimensat", times, "file_chmod", SECRET, 0 },
	{ "FS-13 futimens", times_of_fd, "file_chmod", SECRET, 0 },
	{ "FS-13 setxattr", xattr, "file_chmod", SECRET, 0 },
	{ "FS-13 fsetxattr", xattr_of_fd, "file_chmod", SECRET, 0 },
	{ "FS-13 setxattrat", xattr_at, "file_chmod", SECRET, 0 },
	{ "FS-13 lsetxattr", xattr_of_link, "file_chmod", SECRET, 0 },
	{ "FS-13 removexattr", no_xattr, "file_chmod", SECRET, 0 },
	{ "FS-13 lremovexattr", no_xattr_of_link, "file_chmod", SECRET, 0 },
	{ "FS-13 fremovexattr", no_xattr_of_fd, "file_chmod", SECRET, 0 },
	{ "FS-13 removexattrat", no_xattr_at, "file_chmod", SECRET, 0 },
	{ "FS-13 file_setattr", flags, "file_chmod", SECRET, true },
#ifdef __NR_chmod
	{ "FS-04 old link", old_link, "file_create", SECRET, 0 },
	{ "FS-05 old rename", old_rename, "file_rename", SECRET, 0 },
	{ "FS-05 old renameat", old_renameat, "file_rename", SECRET, 0 },
	{ "FS-14 old symlink", old_symlink, "symlink_create", SECRET, 0 },
	{ "FS-14 old mknod", old_mknod, "file_create", SECRET, 0 },
	{ "old unlink", old_unlink, "file_delete", SECRET, 0 },
	{ "old rmdir", old_rmdir, "dir_delete", SECRET, 0 },
	{ "FS-14 old mkdir", old_mkdir, "dir_create", SECRET, 0 },
	{ "FS-13 old chmod", old_chmod, "file_chmod", SECRET, 0 },
	{ "FS-13 old chown", old_chown, "file_chmod", SECRET, true },
	{ "FS-13 old lchown", old_lchown, "file_chmod", SECRET, true },
	{ "FS-13 old utime", old_utime, "file_chmod", SECRET, 0 },
	{ "FS-13 old utimes", old_utimes, "file_chmod", SECRET, 0 },
	{ "FS-13 old futimesat", old_futimesat, "file_chmod", SECRET, 0 },
#endif
	{ "FU-06 make in the store", store_make, "dir_create", "journal-store", EACCES, 0 },
	{ "FU-06 rename the store", store_rename, "file_rename", "journal-store", EACCES, 0 },
	{ "FU-06 rename what holds the store", store_parent, "file_rename", "journal-store", EACCES, 0 },
	{ "FU-06 chmod the store", store_mode, "file_chmod", "journal-store", EACCES, 0 },
	{ "FU-06 unlink in the store", store_remove, "file_delete", "journal-store", EACCES, 0 },
};
enum { N_ATTACKS = sizeof attacks / sizeof *attacks };

static void build(void)
{
	static const char *const dirs[] = { "secret",       "secret/empty", "w",        "w/dir",
		                            "w/project",    "w/deep",       "w/deep/a", "w/deep/a/b",
		                            "w/deep/a/b/c", "out",          "home",     "store" };

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		fl_need(mkdir(dirs[i], 0755) == 0, dirs[i]);
	put("secret/key", "canary", 0600);
	fl_need(setxattr("secret/key", "user.x", "had", 3, 0) == 0, "xattr");
	put("w/own", "own", 0644);
	put("w/project/.env", "canary", 0600);
	put("w/project/main.c", "int main;", 0644);
	put("w/deep/a/b/c/.env", "canary", 0600);
	put("w/a.key", "canary", 0600);
	put("w/frozen", "canary", 0600);
	put("out/file", "canary", 0644);
	put("home/.bashrc", "canary", 0644);
	fl_need(symlink("../secret/key", "w/to-secret") == 0 && symlink("../secret", "w/to-dir") == 0,
	        "links");
}

static void attack_all(uid_t uid)
{
	for (size_t i = 0; i < N_ATTACKS; i++)
		attack(&attacks[i], policy, build, uid);
}

T_CASE(attacks_of_a_user)
{
	fl_start();
	attack_all(user());
}

T_CASE(attacks_of_root)
{
	attack_all(0);
}
