/* tree - what changes names: link, rename, remove, make. In the old spellings and the new. */
#include "test/files/fsops.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* The old call where the machine has it, for one path without a descriptor. */
#ifdef SYS_unlink
#define OLD(name, ...) syscall(SYS_##name, __VA_ARGS__)
enum { HAS_OLD = 1 };
#else
#define OLD(name, ...) -1L
enum { HAS_OLD = 0 };
#endif

static bool old(struct op *o)
{
	return HAS_OLD && chance(o, 40);
}

static void do_mkdir(struct op *o)
{
	static const mode_t modes[] = { 0755, 0777, 0700, 01777, 02775, 0500 };
	struct spelling s;
	mode_t mode = modes[pick(o, chance(o, 80) ? 2 : 6)];
	bool plain = old(o);

	o->dir = true;
	say(o, "mkdir %o", mode);
	spell(o, &s, !plain);
	got(o, plain ? OLD(mkdir, s.path, mode) : syscall(SYS_mkdirat, s.dirfd, s.path, mode));
}

static void do_rmdir(struct op *o)
{
	struct spelling s;
	bool plain = old(o);

	o->dir = true;
	o->moves = true;
	say(o, "rmdir");
	spell(o, &s, !plain);
	got(o, plain ? OLD(rmdir, s.path) : syscall(SYS_unlinkat, s.dirfd, s.path, AT_REMOVEDIR));
}

static void do_unlink(struct op *o)
{
	struct spelling s;
	bool plain = old(o);
	int flags = chance(o, 3) ? 1 << pick(o, 13) : 0;

	o->moves = true;
	say(o, "unlink %x", (unsigned)flags);
	spell(o, &s, !plain);
	got(o, plain ? OLD(unlink, s.path) : syscall(SYS_unlinkat, s.dirfd, s.path, flags));
}

static void do_rename(struct op *o)
{
	struct spelling from, to;
	uint32_t how = pick(o, 10);
	bool plain = HAS_OLD && how < 4, at = how < 6 && !plain;
	unsigned flags = how < 6        ? 0
	                 : chance(o, 4) ? 8u << pick(o, 5)
	                 : how == 9     ? RENAME_EXCHANGE | RENAME_NOREPLACE
	                 : how == 8     ? RENAME_EXCHANGE
	                 : how == 7     ? RENAME_NOREPLACE
	                                : 0;

	o->dir = chance(o, 40);
	o->moves = true;
	say(o, "rename%u %x", how, flags);
	spell(o, &from, !plain);
	spell(o, &to, !plain);
	if (plain)
		got(o, OLD(rename, from.path, to.path));
#ifdef SYS_renameat
	else if (at)
		got(o, syscall(SYS_renameat, from.dirfd, from.path, to.dirfd, to.path));
#endif
	else
		got(o, syscall(SYS_renameat2, from.dirfd, from.path, to.dirfd, to.path, flags));
	(void)at;
}

static void do_link(struct op *o)
{
	struct spelling from, to;
	bool plain = old(o);
	int flags = chance(o, 30) ? AT_SYMLINK_FOLLOW : chance(o, 3) ? 0x8000 : 0;

	o->moves = true;
	say(o, "link %x", (unsigned)flags);
	spell(o, &from, !plain);
	spell(o, &to, !plain);
	got(o, plain ? OLD(link, from.path, to.path)
	             : syscall(SYS_linkat, from.dirfd, from.path, to.dirfd, to.path, flags));
}

static void do_symlink(struct op *o)
{
	struct spelling to;
	char text[4400];
	bool plain = old(o);

	say(o, "symlink");
	link_text(o, text);
	spell(o, &to, !plain);
	got(o, plain ? OLD(symlink, text, to.path) : syscall(SYS_symlinkat, text, to.dirfd, to.path));
}

/* Devices are another matter (Landlock, capabilities): not here. */
static void do_mknod(struct op *o)
{
	static const mode_t types[] = { S_IFIFO, S_IFREG, S_IFSOCK, S_IFDIR, 0 };
	mode_t mode = types[pick(o, chance(o, 95) ? 3 : 5)] | (chance(o, 70) ? 0644 : 0600);
	struct spelling s;
	bool plain = old(o);

	say(o, "mknod %o", mode);
	spell(o, &s, !plain);
	got(o, plain ? OLD(mknod, s.path, mode, 0) : syscall(SYS_mknodat, s.dirfd, s.path, mode, 0));
}

static void do_bind(struct op *o)
{
	static const char *const names[] = { "a", "b", "d0/s", "d1/a", "./s", "d0", "s/", "d2/../s" };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, names[pick(o, 8)]);
	say(o, "bind %s", address.sun_path);
	got(o, bind(fd, (struct sockaddr *)&address, sizeof address));
	close(fd);
}

/* As editors do it: written beside, then renamed over. */
static void do_save(struct op *o)
{
	struct spelling s;
	char beside[4500];
	int fd;

	say(o, "save");
	spell(o, &s, false);
	if (s.path != s.text || strlen(s.text) > 4000)
		return;
	snprintf(beside, sizeof beside, "%s.tmp", s.text);
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (got(o, fd) < 0)
		return;
	say(o, " write=%zd", write(fd, "saved\n", 6));
	close(fd);
	if (got(o, rename(beside, s.text)) < 0)
		got(o, unlink(beside));
}

static void do_chdir(struct op *o)
{
	struct spelling s;
	char text[4400];
	uint32_t how = pick(o, 10);

	o->dir = true;
	say(o, "chdir%u", how);
	if (how < 2) {
		got(o, chdir(world.base));
	} else if (how < 4) {
		got(o, fchdir(world.slot[any_slot(o)]));
	} else {
		spell(o, &s, false);
		got(o, chdir(s.path));
	}
	long n = syscall(SYS_getcwd, text, sizeof text);
	if (got(o, n < 0 ? -1 : 0) == 0)
		say_place(o, text, (size_t)n - 1);
	/* Not deeper and deeper. */
	if (n > 1000 || n < 0)
		got(o, chdir(world.base));
}

static void do_umask(struct op *o)
{
	static const mode_t masks[] = { 022, 022, 077, 0, 027, 0777 };
	mode_t mask = masks[pick(o, chance(o, 90) ? 5 : 6)];

	say(o, "umask %o", mask);
	got(o, (long)umask(mask));
}

const struct deed deeds_tree[] = {
	{ do_mkdir, 70, false },  { do_rmdir, 25, false }, { do_unlink, 60, false },
	{ do_rename, 80, false }, { do_link, 40, false },  { do_symlink, 35, false },
	{ do_mknod, 12, false },  { do_bind, 5, false },   { do_save, 25, false },
	{ do_chdir, 15, true },   { do_umask, 3, true },   { NULL, 0, false },
};
