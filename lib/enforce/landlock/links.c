#include "enforce/landlock/links.h"

#include "base/path.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HOPS = 16 };

struct walk {
	char at[PATH_MAX];   /* walked already; "" is the root directory */
	char rest[PATH_MAX]; /* still to go, without a slash in front */
	int hops;
	bool loose; /* somebody else can put another directory in the place of one on the way */
};

static bool only_roots(const char *dir)
{
	struct stat st;

	return lstat(*dir ? dir : "/", &st) == 0 && st.st_uid == 0 && !(st.st_mode & 022);
}

static void up(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = 0;
}

/* Put the link's text in front of the rest. */
static bool hop(struct walk *w, const char *link)
{
	char text[PATH_MAX], joined[PATH_MAX];
	ssize_t n = readlink(link, text, sizeof text - 1);

	if (n <= 0 || ++w->hops > HOPS)
		return false;
	text[n] = 0;
	if (*text == '/') {
		*w->at = 0;
		w->loose = false;
	}
	if (snprintf(joined, sizeof joined, "%s/%s", text, w->rest) >= PATH_MAX)
		return false;
	memcpy(w->rest, joined, sizeof joined);
	return true;
}

/* The next part of the name. LINKS_HERE: go on. */
static enum links_end step(struct walk *w, links_fn *settled, void *arg)
{
	size_t skip = strspn(w->rest, "/"), len = strcspn(w->rest + skip, "/");
	char name[NAME_MAX + 1], next[PATH_MAX];
	struct stat st;

	if (len > NAME_MAX)
		return LINKS_UNSETTLED;
	memcpy(name, w->rest + skip, len);
	name[len] = 0;
	memmove(w->rest, w->rest + skip + len, strlen(w->rest + skip + len) + 1);
	if (!*name || !strcmp(name, "."))
		return LINKS_HERE;
	if (!strcmp(name, "..")) {
		up(w->at);
		return LINKS_HERE;
	}
	if (snprintf(next, sizeof next, "%s/%s", w->at, name) >= PATH_MAX || !strcmp(next, "/proc"))
		return LINKS_UNSETTLED;
	if (lstat(next, &st) < 0)
		return LINKS_MISSING;
	w->loose |= !only_roots(w->at);
	if (S_ISLNK(st.st_mode))
		return !w->loose && (!settled || settled(arg, next)) && hop(w, next) ? LINKS_HERE
		                                                                     : LINKS_UNSETTLED;
	if (w->hops && w->loose)
		return LINKS_UNSETTLED;
	memcpy(w->at, next, sizeof next);
	return LINKS_HERE;
}

enum links_end links_follow(const char *name, links_fn *settled, void *arg, char out[PATH_MAX])
{
	struct walk w = { .hops = 0 };
	enum links_end end = LINKS_HERE;

	if (*name != '/' || snprintf(w.rest, sizeof w.rest, "%s", name) >= PATH_MAX)
		return LINKS_UNSETTLED;
	while (end == LINKS_HERE && *w.rest)
		end = step(&w, settled, arg);
	memcpy(out, *w.at ? w.at : "/", *w.at ? sizeof w.at : 2);
	return end == LINKS_HERE && w.hops ? LINKS_ELSEWHERE : end;
}
