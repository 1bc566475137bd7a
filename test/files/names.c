/* names - paths in every spelling: relative, absolute, by descriptor, through /proc, with dots and slashes.
 */
#include "test/files/fsops.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096 };

static const char *const dirs[] = { "d0", "d1", "d2" };
static const char *const files[] = {
	"a", "b", "c", "e f", "-x", "n\nl", "\xff\xfe", "..name", ".h", "z\"\\"
};

static char long_name(char text[static 300], size_t len, char end)
{
	memset(text, 'L', len);
	text[len - 1] = end;
	text[len] = 0;
	return end;
}

static void component(struct op *o, char text[static 300], bool last)
{
	uint32_t n = pick(o, 100);

	if (n < (!last ? 92 : o->dir ? 75 : 5))
		strcpy(text, dirs[pick(o, 3)]);
	else if (n < 95)
		strcpy(text, files[pick(o, n < 82 ? 3 : 10)]);
	else if (n < 97)
		long_name(text, 255, (char)('a' + pick(o, 2)));
	else if (n < 98)
		long_name(text, 256, 'x');
	else
		strcpy(text, n < 99 ? "." : "..");
}

/* "d0/d1/a", with what makes spellings differ put in between. */
static void tail(struct op *o, char *text)
{
	int depth = (int)pick(o, 10);
	int ups = 2;

	depth = depth < 5 ? 0 : depth < 9 ? 1 : 2;
	for (int i = 0; i <= depth; i++) {
		char name[300];

		component(o, name, i == depth);
		if (!strcmp(name, "..") && ups-- <= 0)
			strcpy(name, "b");
		text += sprintf(text, "%s", name);
		if (i == depth)
			break;
		text += sprintf(text, "%s", chance(o, 6) ? "//" : chance(o, 4) ? "/./" : "/");
		if (chance(o, 5) && ups-- > 0)
			text += sprintf(text, "../");
	}
	if (chance(o, o->dir ? 8 : 3))
		strcpy(text, chance(o, 60) ? "/" : chance(o, 50) ? "/." : "/..");
}

int any_slot(struct op *o)
{
	int i = (int)pick(o, SLOTS), j = (int)pick(o, SLOTS);

	return world.slot[i] >= 0 ? i : j;
}

void put_slot(struct op *o, long fd)
{
	int i = (int)pick(o, SLOTS);

	if (fd < 0)
		return;
	if (world.slot[i] >= 0)
		close(world.slot[i]);
	world.slot[i] = (int)fd;
}

static const char *self(struct op *o)
{
	static const char *const ways[] = { "/proc/self", "/proc/thread-self", "/proc/self/task/../../self" };

	return ways[pick(o, chance(o, 80) ? 1 : 3)];
}

static void by_descriptor(struct op *o, struct spelling *s, bool alone)
{
	int fd = world.slot[any_slot(o)];
	int n = chance(o, 20) ? sprintf(s->text, "/dev/fd/%d", fd)
	                      : sprintf(s->text, "%s/fd/%d", self(o), fd);

	if (!alone) {
		s->text[n] = '/';
		tail(o, s->text + n + 1);
	}
}

/* What is no path at all, or one too long, or one that ends where memory does. */
static void odd(struct op *o, struct spelling *s)
{
	size_t n;

	switch (pick(o, 7)) {
	case 0:
		s->text[0] = 0;
		return;
	case 1:
		s->path = NULL;
		return;
	case 2:
		s->path = (const char *)16;
		return;
	case 3: /* not ended before the page is */
		memset(world.edge - 5, 'a', 5);
		s->path = world.edge - 5;
		return;
	case 4: /* ended with the page's last byte */
		memcpy(world.edge - 5, "d0/b", 5);
		s->path = world.edge - 5;
		return;
	case 5: /* as long as can be, and one more */
		n = PAGE - 1 + pick(o, 2);
		memset(s->text, '/', n);
		memcpy(s->text, "./", 2);
		s->text[n - 1] = 'a';
		s->text[n] = 0;
		return;
	default: /* in a page of a file of the tree */
		tail(o, s->text);
		strcpy(world.mapped, s->text);
		s->path = world.mapped;
	}
}

static void show(struct op *o, const struct spelling *s)
{
	if (s->dirfd != AT_FDCWD)
		say(o, " [%d]", s->dirfd);
	if (s->path == s->text || s->path == world.mapped) {
		say(o, " ");
		say_bytes(o, s->path, strlen(s->path));
	} else {
		say(o, s->path && s->path > (char *)PAGE ? " (edge)" : " (fault)");
	}
}

void spell(struct op *o, struct spelling *s, bool may_be_relative_to_fd)
{
	uint32_t n = pick(o, 100);

	s->dirfd = AT_FDCWD;
	s->path = s->text;
	if (n < 42) {
		tail(o, s->text);
	} else if (n < 68 || (n < 84 && !may_be_relative_to_fd)) {
		tail(o, s->text + sprintf(s->text, "%s/", world.base));
	} else if (n < 84) {
		s->dirfd = world.slot[any_slot(o)];
		tail(o, s->text);
	} else if (n < 88) {
		tail(o, s->text + sprintf(s->text, "%s/cwd/", self(o)));
	} else if (n < 91) {
		tail(o, s->text + sprintf(s->text, "%s/root%s/", self(o), world.base));
	} else if (n < 97) {
		by_descriptor(o, s, n >= 94 && !o->moves);
	} else {
		odd(o, s);
	}
	show(o, s);
}

const char *link_text(struct op *o, char text[static 4400])
{
	uint32_t n = pick(o, 100);

	if (n < 60)
		component(o, text, true);
	else if (n < 75)
		sprintf(text, "../%s", dirs[pick(o, 3)]);
	else if (n < 90)
		tail(o, text + sprintf(text, "%s/", world.base));
	else if (n < 95)
		sprintf(text, "/proc/self/fd/%d", world.slot[any_slot(o)]);
	else
		strcpy(text, n < 97 ? "" : n < 98 ? "nowhere/at/all" : "./d0//d1/");
	say(o, " '");
	say_bytes(o, text, strlen(text));
	say(o, "'");
	return text;
}
