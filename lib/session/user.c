/* The password file, read by ourselves: no name service, no sockets, no environment. */
#include "session/impl.h"

#include "base/fd.h"
#include "base/num.h"
#include "base/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PASSWD_MAX = 1 << 20 };

/* Field `i` of a line that ends at `end`, copied; NULL when there is none. */
static char *field(const char *line, const char *end, int i)
{
	const char *stop;

	for (; i > 0; i--) {
		line = memchr(line, ':', (size_t)(end - line));
		if (!line)
			return NULL;
		line++;
	}
	stop = memchr(line, ':', (size_t)(end - line));
	return strndup(line, (size_t)((stop ? stop : end) - line));
}

bool user_find(const char *passwd, uid_t uid, char **home, char **name)
{
	char clean[4096];

	*home = *name = NULL;
	for (const char *line = passwd, *end; *line; line = *end ? end + 1 : end) {
		char *id, *dir;
		uint64_t number;
		bool same;

		end = strchrnul(line, '\n');
		id = field(line, end, 2);
		same = id && num_u64(id, 0, 0xffffffff, &number) && number == uid;
		free(id);
		if (!same)
			continue;
		dir = field(line, end, 5);
		*name = field(line, end, 0);
		if (dir && path_clean(dir, clean, sizeof clean))
			*home = strdup(clean);
		free(dir);
		return *name != NULL;
	}
	return false;
}

bool user_lookup(uid_t uid, char **home, char **name)
{
	AUTO_BUF text = { 0 };

	*home = *name = NULL;
	return fd_slurp_file("/etc/passwd", PASSWD_MAX, &text, NULL) == 0 &&
	       user_find(buf_text(&text), uid, home, name);
}
