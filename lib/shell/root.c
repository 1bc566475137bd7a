#include "shell/root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_LINKS = 40 };

/* Resolving: `done` is free of links and starts with a slash unless empty, `todo` is what follows. */
struct walk {
	int root;
	int links;
	char done[PATH_MAX];
	char todo[PATH_MAX];
};

/* Take the next word of todo. False at the end. */
static bool walk_word(struct walk *w, char *word)
{
	size_t skip = strspn(w->todo, "/");
	size_t len = strcspn(w->todo + skip, "/");

	memcpy(word, w->todo + skip, len);
	word[len] = 0;
	memmove(w->todo, w->todo + skip + len, strlen(w->todo + skip + len) + 1);
	return len > 0;
}

static void walk_up(struct walk *w)
{
	char *slash = strrchr(w->done, '/');

	if (slash)
		*slash = 0;
}

/* done names a link: put its text in front of todo. */
static int walk_link(struct walk *w, struct err *e)
{
	char text[PATH_MAX], rest[PATH_MAX];
	ssize_t n = readlinkat(w->root, w->done + 1, text, sizeof text - 1);

	if (n < 0)
		return err_sys(e, "read link '%s'", w->done);
	text[n] = 0;
	if (++w->links > MAX_LINKS) {
		errno = ELOOP;
		return err_sys(e, "'%s'", w->done);
	}
	strcpy(rest, w->todo);
	if ((size_t)snprintf(w->todo, sizeof w->todo, "%s%s", text, rest) >= sizeof w->todo)
		return err_set(e, "'%s' leads to a name that is too long", w->done);
	if (text[0] == '/')
		w->done[0] = 0;
	else
		walk_up(w);
	return 0;
}

static int walk_into(struct walk *w, const char *word, struct err *e)
{
	size_t len = strlen(w->done);
	struct stat st;

	if ((size_t)snprintf(w->done + len, sizeof w->done - len, "/%s", word) >= sizeof w->done - len)
		return err_set(e, "'%s' is followed by a name that is too long", w->done);
	if (fstatat(w->root, w->done + 1, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "'%s'", w->done);
	return S_ISLNK(st.st_mode) ? walk_link(w, e) : 0;
}

int root_resolve(int root, const char *path, char *out, size_t size, struct err *e)
{
	struct walk w = { .root = root };
	char word[PATH_MAX];

	if ((size_t)snprintf(w.todo, sizeof w.todo, "%s", path) >= sizeof w.todo)
		return err_set(e, "a name that is too long");
	while (walk_word(&w, word)) {
		if (strcmp(word, ".") == 0)
			continue;
		if (strcmp(word, "..") == 0)
			walk_up(&w);
		else if (walk_into(&w, word, e) < 0)
			return -1;
	}
	if ((size_t)snprintf(out, size, "%s", w.done[0] ? w.done : "/") >= size)
		return err_set(e, "a name that is too long");
	return 0;
}

int root_open(int root, const char *resolved, int flags, struct err *e)
{
	int fd = openat(root, resolved[1] ? resolved + 1 : ".",
	                flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? err_sys(e, "open '%s'", resolved) : fd;
}
