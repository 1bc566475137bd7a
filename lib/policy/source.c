#include "policy/source.h"

#include "base/fd.h"
#include "base/path.h"
#include "policy/embedded.h"
#include "yaml/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int policy_name_ok(const char *name)
{
	return path_name_ok(name, 127);
}

static int slurp(int fd, struct buf *text, const char *shown, struct err *e)
{
	text->max = YAML_MAX;
	return fd_slurp(fd, text, e) < 0 ? err_in(e, "%s", shown) : 0;
}

static int open_file(const char *path, struct buf *text, struct err *e)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "%s", path);
	if (S_ISDIR(st.st_mode))
		return err_set(e, "%s: is a directory; name a file in it", path);
	return slurp(fd, text, path, e);
}

static int find(const char *dir, const char *name, char *path, size_t size, struct err *e)
{
	static const char *const ends[] = { ".yaml", ".yml", "" };

	for (int i = 0; i < 3; i++)
		if (snprintf(path, size, "%s/%s%s", dir, name, ends[i]) < (int)size &&
		    access(path, F_OK) == 0)
			return 0;
	return err_set(e, "policy \"%s\" not found in \"%s\"", name, dir);
}

static int is_file_name(const char *what)
{
	size_t len = strlen(what);

	return strchr(what, '/') || (len > 5 && strcmp(what + len - 5, ".yaml") == 0) ||
	       (len > 4 && strcmp(what + len - 4, ".yml") == 0);
}

int policy_source(const char *dir, const char *what, struct buf *text, char *shown, size_t size,
                  struct err *e)
{
	char path[4096];

	if (strcmp(what, "-") == 0) {
		snprintf(shown, size, "<stdin>");
		return slurp(STDIN_FILENO, text, shown, e);
	}
	snprintf(shown, size, "%s", what);
	if (is_file_name(what))
		return open_file(what, text, e);
	if (!policy_name_ok(what))
		return err_set(e, "\"%s\": invalid policy name", what);
	if ((!dir || access(dir, F_OK) < 0) && strcmp(what, "default") == 0) {
		size_t len;
		const char *built_in = policy_embedded(&len);

		buf_add(text, built_in, len);
		snprintf(shown, size, "%s", POLICY_EMBEDDED_NAME);
		return text->failed ? err_set(e, "out of memory") : 0;
	}
	if (!dir)
		return err_set(e, "policy \"%s\" not found: no policy directory is configured", what);
	if (find(dir, what, path, sizeof path, e) < 0)
		return -1;
	snprintf(shown, size, "%s", path);
	return open_file(path, text, e);
}

struct policy *policy_read(const char *path, const struct policy_options *options, struct err *e)
{
	struct policy_problems problems = { 0 };
	AUTO_BUF text = { 0 };
	struct policy *p;

	if (fd_slurp_file(path, YAML_MAX, &text, e) < 0)
		return NULL;
	p = policy_load(text.data, text.len, path_base(path), options, &problems);
	if (!p)
		err_set(e, "policy %s:%d: %s", path, problems.n ? problems.items[0].line : 0,
		        problems.n ? problems.items[0].text : "unusable");
	policy_problems_release(&problems);
	return p;
}
