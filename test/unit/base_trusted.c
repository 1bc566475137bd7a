#include "base/trusted.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/t.h"

static char dir[] = "/tmp/agentsh-test-XXXXXX", path[100], other[100];

static bool opens(const char *file, const char *want)
{
	struct err e = { 0 };
	struct stat st;
	int fd = trusted_open(file, &st, &e);

	if (fd >= 0)
		close(fd);
	if (fd < 0 && (!want || !strstr(e.text, want)))
		printf("# %s\n", e.text);
	return want ? fd < 0 && strstr(e.text, want) : fd >= 0;
}

static bool begin(void)
{
	strcpy(dir, "/tmp/agentsh-test-XXXXXX");
	if (!ok(mkdtemp(dir) != NULL))
		return false;
	snprintf(path, sizeof path, "%s/a", dir);
	mkdir(path, 0755);
	snprintf(path, sizeof path, "%s/b", dir);
	mkdir(path, 0755);
	snprintf(other, sizeof other, "%s/b/link", dir);
	snprintf(path, sizeof path, "%s/a/file", dir);
	close(open(path, O_CREAT | O_WRONLY, 0644));
	return ok(!symlink("../a/file", other));
}

static void end(void)
{
	static const char *const names[] = { "b/link", "b", "a/file", "a", "" };
	char name[200];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(name, sizeof name, "%s/%s", dir, names[i]);
		remove(name);
	}
}

static void mode(const char *name, mode_t bits)
{
	char what[200];

	snprintf(what, sizeof what, "%s/%s", dir, name);
	ok(!chmod(what, bits));
}

T_CASE(modes)
{
	if (!begin())
		return;
	ok(opens(path, NULL) && opens(other, NULL), "ours, below a sticky /tmp, also by a link");
	mode("a/file", 0646);
	ok(opens(path, "file can be written by others (mode 0646); use chmod o-w"));
	mode("a/file", 0664);
	ok(opens(path, NULL), "our own group is ourselves");
	mode("a/file", 0644);
	mode("a", 0777);
	ok(opens(path, "/a can be written by others"), "a directory of everybody");
	ok(opens(other, "/a can be written by others"), "to which a link leads");
	mode("a", 01777);
	ok(opens(path, NULL), "sticky: what is ours stays there");
	mode("a", 0755);
	mode("b", 0777);
	ok(opens(path, NULL) && opens(other, "/b can be written by others"), "in which the link lies");
	ok(opens(dir, "not a regular file") && opens("/dev/null", "not a regular file"));
	ok(opens("/nonexistent/x", "No such file"));
	end();
}

T_CASE(owners)
{
	char name[200];

	if (getuid() != 0) {
		t_skip("needs root to give files away");
		return;
	}
	if (!begin())
		return;
	ok(!chown(path, 65534, 0) && opens(path, "file belongs to uid 65534"));
	ok(!chown(path, 0, 65534) && opens(path, NULL), "a group that may only read");
	mode("a/file", 0664);
	ok(opens(path, "use chmod g-w"), "one that may write");
	mode("a/file", 0644);
	snprintf(name, sizeof name, "%s/a", dir);
	ok(!chown(name, 65534, 0) && opens(path, "/a belongs to uid 65534") && opens(other, "/a belongs to"),
	   "he could put another file there");
	end();
}
