/* root, swap: links below a root directory, and how a shim is known. */
#include "shell/root.h"

#include "shell/swap.h"
#include "test/t.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_root(char *folder)
{
	int root = mkdtemp(folder) ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	mkdirat(root, "usr", 0755);
	mkdirat(root, "usr/bin", 0755);
	close(openat(root, "usr/bin/dash", O_CREAT | O_WRONLY | O_CLOEXEC, 0755));
	symlinkat("usr/bin", root, "bin");
	symlinkat("dash", root, "usr/bin/sh");
	symlinkat("/bin/sh", root, "usr/bin/absolute");
	symlinkat("../../../../bin/./sh", root, "usr/bin/up");
	symlinkat("loop", root, "usr/bin/loop");
	symlinkat("/etc/passwd", root, "usr/bin/outside");
	return root;
}

static void remove_root(const char *folder)
{
	char command[PATH_MAX];

	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	ok(system(command) == 0, "removed");
}

T_CASE(links_stay_below_the_root)
{
	static const char *const cases[][2] = {
		{ "/", "/" },
		{ "", "/" },
		{ "/..", "/" },
		{ "/bin", "/usr/bin" },
		{ "bin//sh", "/usr/bin/dash" },
		{ "/bin/absolute", "/usr/bin/dash" },
		{ "/bin/up", "/usr/bin/dash" },
		{ "/bin/../bin/sh", "/usr/bin/dash" },
	};
	char folder[] = "/tmp/shell-root-XXXXXX", out[PATH_MAX];
	struct err e = { 0 };
	int root = make_root(folder);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ok(root_resolve(root, cases[i][0], out, sizeof out, &e) == 0, "%s", cases[i][0]);
		is_str(out, cases[i][1]);
	}
	ok(root_resolve(root, "/bin/loop", out, sizeof out, &e) < 0 && e.code == ELOOP, "loop");
	ok(root_resolve(root, "/bin/outside", out, sizeof out, &e) < 0 && e.code == ENOENT, "outside");
	ok(root_resolve(root, "/bin/dash/x", out, sizeof out, &e) < 0 && e.code == ENOTDIR, "below a file");
	ok(root_resolve(root, "/bin/sh", out, 5, &e) < 0, "no room");
	ok(root_open(root, "/usr/bin/sh", O_RDONLY, &e) < 0 && e.code == ELOOP, "open follows nothing");
	close(root);
	remove_root(folder);
}

T_CASE(names_that_are_too_long)
{
	static char path[3 * PATH_MAX];
	char folder[] = "/tmp/shell-root-XXXXXX", out[PATH_MAX];
	struct err e = { 0 };
	int root = make_root(folder);

	memset(path, '/', PATH_MAX + 10);
	ok(root_resolve(root, path, out, sizeof out, &e) < 0, "slashes");
	memset(path, 'x', PATH_MAX - 2);
	path[PATH_MAX - 2] = 0;
	ok(root_resolve(root, path, out, sizeof out, &e) < 0 && e.code == ENAMETOOLONG, "one word");
	close(root);
	remove_root(folder);
}

T_CASE(a_shim_is_known_by_its_bytes)
{
	char bytes[] = "\177ELF...agentsh-shell-shim...";
	struct buf b = { .data = bytes, .len = sizeof bytes - 1 };

	ok(swap_is_shim(&b), "shim");
	b.len -= 4;
	ok(!swap_is_shim(&b), "cut");
	b.len = 0;
	ok(!swap_is_shim(&b), "empty");
}
