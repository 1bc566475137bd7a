/* Paths that only root can lead elsewhere. */
#include "enforce/exec/fixed.h"

#include "test/t.h"

#include <fcntl.h>
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
	unlink(file);
	unlink(link);
	rmdir(dir);
}
