#include "enforce/files/spell.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/path.h"
#include "base/room.h"
#include "enforce/exec/fixed.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KNOWN = 128, KNOWN_PATH = 192 };
#define BELIEVED_NS 1000000000LL

/* Links in the root directory, where distributions have merged others' directories into /usr. */
static const char *const merged[] = { "lib", "lib64", "bin", "sbin", "lib32", "libx32" };
enum { MERGED = sizeof merged / sizeof *merged };

struct direct {
	struct {
		char given[KNOWN_PATH], path[KNOWN_PATH]; /* "" = none */
		int64_t until_ns;                         /* then it is looked at again */
	} known[KNOWN];
	int64_t merged_until_ns[MERGED]; /* 0 = not known to be a link, or not any more */
};

static struct direct *table_of(struct files *f)
{
	if (!f->direct)
		f->direct = calloc(1, sizeof *f->direct);
	return f->direct;
}

/* Copies `a`, then `b`, where both fit. */
static bool put(char *out, const char *a, size_t na, const char *b)
{
	size_t nb = strlen(b) + 1;

	if (na + nb > PATH_MAX)
		return false;
	memcpy(out, a, na);
	memcpy(out + na, b, nb);
	return true;
}

static bool has_dots(const char *path)
{
	return strstr(path, "/..");
}

/* ---- links in the root directory ---------------------------------------------------------------------- */

/* "/lib" -> "usr/lib", in a directory in which only root makes names; of root's sessions, nobody:
 * enforce/landlock. */
static bool is_merged(const char *name)
{
	char link[16], to[24], want[24];
	struct stat st;
	ssize_t n;

	snprintf(link, sizeof link, "/%s", name);
	snprintf(want, sizeof want, "usr/%s", name);
	n = readlink(link, to, sizeof to - 1);
	if (n < 0)
		return false;
	to[n] = 0;
	return !strcmp(to, want) && lstat("/", &st) == 0 && st.st_uid == 0 && !(st.st_mode & 022);
}

static bool leads_to_usr(struct act *a, size_t i)
{
	struct direct *d = table_of(a->f);
	int64_t now = clock_mono_ns();

	if (!d)
		return false;
	if (!a->caller.changes && d->merged_until_ns[i] > now)
		return true;
	d->merged_until_ns[i] = is_merged(merged[i]) ? now + BELIEVED_NS : 0;
	return d->merged_until_ns[i];
}

/* Which of the links a path begins with; -1: none. */
static int merged_in(const char *path)
{
	for (size_t i = 0; i < MERGED; i++) {
		size_t len = strlen(merged[i]);

		if (!strncmp(path + 1, merged[i], len) && (!path[len + 1] || path[len + 1] == '/'))
			return (int)i;
	}
	return -1;
}

/* ---- the caller's words ----------------------------------------------------------------------------------
 */

/* "/proc/self/maps": that of the caller. What is a link there is walked. */
static bool spell_own(const struct act *a, const struct opening *o, struct spelling *s)
{
	char dir[32];
	int n = snprintf(dir, sizeof dir, "/proc/%d", (int)a->caller.pid);

	s->own = true;
	return !has_dots(o->path) && put(s->open, dir, (size_t)n, o->path + 10) &&
	       path_clean(s->open, s->clean, sizeof s->clean) > 0 &&
	       put(s->given, "/proc/self", 10, s->clean + n);
}

static bool spell_absolute(struct act *a, const struct opening *o, struct spelling *s)
{
	int i = merged_in(o->path);
	const char *rest = i < 0 ? "" : o->path + 1 + strlen(merged[i]);

	s->aliased = i >= 0 && !has_dots(o->path) && (*rest || !(o->how.flags & O_NOFOLLOW)) &&
	             leads_to_usr(a, (size_t)i);
	if (!s->aliased)
		return put(s->open, "", 0, o->path) && path_clean(o->path, s->clean, sizeof s->clean) > 0;
	return put(s->open, "/usr", 4, o->path) && path_clean(s->open, s->clean, sizeof s->clean) > 0 &&
	       put(s->given, "", 0, s->clean + 4);
}

/* Names are told by the kernel as of now; what is opened by them is what is judged, wherever the caller's
 * directory is by then. */
static bool spell_relative(struct act *a, const struct opening *o, struct spelling *s)
{
	char link[24] = "cwd";
	ssize_t n;

	if (o->dirfd != AT_FDCWD)
		snprintf(link, sizeof link, "fd/%d", o->dirfd);
	n = act_link(a, link, s->open, sizeof s->open);
	/* A deleted directory can still be opened, as ".". */
	if (n <= 0 || s->open[0] != '/' || (n > 10 && !strcmp(s->open + n - 10, " (deleted)")))
		return false;
	if ((size_t)n + 1 + strlen(o->path) >= sizeof s->open)
		return false;
	s->open[n] = '/';
	strcpy(s->open + n + 1, o->path);
	return path_clean(s->open, s->clean, sizeof s->clean) > 0;
}

bool spell(struct act *a, const struct opening *o, struct spelling *s)
{
	s->own = s->aliased = false;
	if (!strncmp(o->path, "/proc/self/", 11))
		return spell_own(a, o, s);
	return o->path[0] == '/' ? spell_absolute(a, o, s) : spell_relative(a, o, s);
}

/* ---- links elsewhere --------------------------------------------------------------------------------------
 */

static size_t slot_of(const char *path)
{
	return map_hash(path, strlen(path)) % KNOWN;
}

/* It led there before, through root's links. */
static bool recall(const struct act *a, struct spelling *s)
{
	struct direct *d = a->f->direct;
	size_t i = slot_of(s->clean);

	if (!d || a->caller.changes || strcmp(d->known[i].given, s->clean) != 0)
		return false;
	if (clock_mono_ns() >= d->known[i].until_ns) {
		if (!fixed_link(s->clean, d->known[i].path)) {
			d->known[i].given[0] = 0;
			return false;
		}
		d->known[i].until_ns = clock_mono_ns() + BELIEVED_NS;
	}
	if (!s->aliased)
		strcpy(s->given, s->clean);
	s->aliased = true;
	strcpy(s->open, d->known[i].path);
	strcpy(s->clean, d->known[i].path);
	return true;
}

static void learn(struct act *a, const char *given, const char *path)
{
	struct direct *d = table_of(a->f);
	size_t i = slot_of(given);

	if (!d || strlen(given) >= KNOWN_PATH || strlen(path) >= KNOWN_PATH)
		return;
	strcpy(d->known[i].given, given);
	strcpy(d->known[i].path, path);
	d->known[i].until_ns = clock_mono_ns() + BELIEVED_NS;
}

/* Whose links: of what can the caller make others, so that they are no names that count; or which may it not
 * follow (fs/namei.c, may_follow_link())? */
enum whose { NOBODYS, ITS_OWN, ROOTS };

static enum whose whose_link(const struct act *a, const char *path, const char *base)
{
	ROOM char dir[PATH_MAX];
	struct stat link, st;

	if (lstat(path, &link) < 0 || !S_ISLNK(link.st_mode) ||
	    (link.st_uid && link.st_uid != a->caller.uid) || base == path + 1)
		return NOBODYS;
	memcpy(dir, path, (size_t)(base - path));
	dir[base - path] = 0;
	if (stat(dir, &st) < 0)
		return NOBODYS;
	return a->caller.changes || st.st_uid || st.st_mode & 022 ? ITS_OWN : ROOTS;
}

/* Its directory's name is put in front of what the link says: where that name has links of its own, opening
 * by it fails again. */
static bool follow(struct act *a, struct spelling *s)
{
	const char *base = path_base(s->clean);
	size_t len = strlen(s->open);
	ROOM char to[PATH_MAX], clean[PATH_MAX];
	enum whose whose;
	ssize_t n;

	/* "link/", "link/." */
	if (!len || s->open[len - 1] == '/' || s->open[len - 1] == '.' || path_within(s->clean, "/proc"))
		return false;
	whose = whose_link(a, s->clean, base);
	n = whose == NOBODYS ? -1 : readlink(s->clean, to, sizeof to - 1);
	if (n <= 0)
		return false;
	to[n] = 0;
	if (!put(s->open, s->clean, to[0] == '/' ? 0 : (size_t)(base - s->clean), to) ||
	    !path_clean(s->open, clean, sizeof clean) || direct_is_elsewhere(clean))
		return false;
	if (whose == ROOTS) {
		if (!fixed_link(s->clean, clean))
			return false;
		learn(a, s->clean, clean);
		if (!s->aliased)
			strcpy(s->given, s->clean);
	}
	s->aliased = whose == ROOTS;
	strcpy(s->clean, clean);
	return true;
}

bool spell_on(struct act *a, const struct opening *o, struct spelling *s)
{
	return !(o->how.flags & O_NOFOLLOW) && !s->own && (recall(a, s) || follow(a, s));
}

void spell_place(const struct spelling *s, struct place *p)
{
	resolve_clear(p);
	strcpy(p->path, s->clean);
	if (s->aliased || s->own)
		strcpy(p->alias, s->given);
	p->own = s->own;
}
