/* Paths that only root can lead elsewhere. */
#include "enforce/exec/fixed.h"

#include "base/path.h"
#include "test/t.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

T_CASE(system_programs)
{
	struct stat st;

	ok(fixed_path("/usr/bin/env", "/usr/bin/env"));
	if (lstat("/bin", &st) == 0 && S_ISLNK(st.st_mode))
		ok(fixed_path("/bin/env", "/usr/bin/env"), "a merged /usr");
	ok(!fixed_path("/usr/bin/env", "/usr/bin/true"), "another file");
	ok(!fixed_path("/usr/bin/true", "/bin/env"));
	ok(!fixed_path("/usr/bin/no-such-program", "/usr/bin/no-such-program"));
	ok(!fixed_path("/usr/bin", "/usr/bin"), "a directory");
}

T_CASE(spellings)
{
	ok(!fixed_path("env", "/usr/bin/env"));
	ok(!fixed_path("/usr/bin/../bin/env", "/usr/bin/env"));
	ok(!fixed_path("/usr//bin/env", "/usr/bin/env"));
	ok(!fixed_path("/usr/./bin/env", "/usr/bin/env"));
	ok(!fixed_path("", ""));
}

T_CASE(links_beside)
{
	char to[64];
	ssize_t n = readlink("/usr/bin/awk", to, sizeof to - 1);

	if (n > 0) {
		to[n] = 0;
		ok(!fixed_path("/usr/bin/awk", "/usr/bin/mawk"), "by way of %s", to);
	}
	ok(!fixed_path("/proc/self/exe", "/usr/bin/env"));
}

/* Whatever there is on this machine. */
T_CASE(links_elsewhere)
{
	static const char *const links[] = { "/etc/localtime", "/etc/os-release", "/usr/bin/python3",
		                             "/etc/mtab", "/usr/share/locale/locale.alias" };
	char to[PATH_MAX], said[PATH_MAX], dir[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
		ssize_t n = readlink(links[i], to, sizeof to - 1);

		if (n <= 0)
			continue;
		to[n] = 0;
		snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(links[i], '/') - links[i]), links[i]);
		if (!path_join(dir, to, said, sizeof said) || lstat(said, &st) < 0)
			continue;
		is_int(fixed_link(links[i], said), S_ISREG(st.st_mode) && strncmp(said, "/proc", 5) != 0,
		       "%s", links[i]);
		ok(!fixed_link(links[i], "/usr/bin/env"), "elsewhere");
		ok(!fixed_link(said, said), "no link");
	}
	ok(!fixed_link("/usr/bin/env", "/usr/bin/env"));
	ok(!fixed_link("/proc/self/exe", "/usr/bin/env"));
	ok(!fixed_link("/bin", "/usr/bin"), "a directory");
	ok(!fixed_link("", ""));
}

T_CASE(places_of_others)
{
	char dir[] = "/tmp/fixed.XXXXXX", file[64], link[64];
	int fd;

	if (!ok(mkdtemp(dir) != NULL))
		return;
	snprintf(file, sizeof file, "%s/prog", dir);
	snprintf(link, sizeof link, "%s/env", dir);
	fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	ok(fd >= 0);
	close(fd);
	ok(symlink("/usr/bin/env", link) == 0);
	ok(!fixed_path(file, file), "/tmp is everybody's");
	ok(!fixed_path(link, "/usr/bin/env"), "a link there");
	ok(!fixed_link(link, "/usr/bin/env"), "whatever it says");
	unlink(file);
	unlink(link);
	rmdir(dir);
}
