#include "shell/named.h"

#include "base/path.h"

#include <limits.h>
#include <string.h>

/* What stands between words, in shells and in the languages whose programs they are given. */
static const char between[] = " \t\r\n'\"@`;&|<>()=,:#\\!";
/* What begins something whose name is not known. */
static const char unknown[] = "*?[]{}$";

struct scan {
	const struct named_place *at;
	bool (*found)(void *arg, const char *path);
	void *arg;
	size_t left; /* bytes that are still looked at */
	int words;
};

static size_t prefix(const char *word, size_t len, const char *text)
{
	size_t n = strlen(text);

	return len >= n && !memcmp(word, text, n) && (len == n || word[n] == '/') ? n : 0;
}

/* How much of the word stands for the home directory. */
static size_t home_length(const struct scan *s, const char *word, size_t len)
{
	size_t n = prefix(word, len, "~");

	if (!s->at->home)
		return 0;
	if (!n)
		n = prefix(word, len, "$HOME");
	return n ? n : prefix(word, len, "${HOME}");
}

static bool look(struct scan *s, const char *word, size_t len)
{
	const char *glued = *word == '-' ? memchr(word, '/', len) : NULL; /* -C/root */
	char text[PATH_MAX], path[PATH_MAX];
	size_t home, known = 0;
	const char *slash;

	if (glued) {
		len -= (size_t)(glued - word);
		word = glued;
	}
	home = home_length(s, word, len);
	if (++s->words > NAMED_WORDS || (len > 1 && word[0] == '/' && word[1] == '/'))
		return false; /* the rest of a URL */
	if (!home && *word != '.' && !memchr(word, '/', len))
		return false;
	while (home + known < len && !strchr(unknown, word[home + known]))
		known++;
	if ((home ? strlen(s->at->home) : 0) + known + 2 >= sizeof text)
		return false;
	strcpy(text, home ? s->at->home : "");
	strncat(text, word + home, known);
	if (home + known < len) {
		slash = strrchr(text, '/');
		text[slash ? slash - text + 1 : 0] = 0;
		strcat(text, "x");
	}
	return path_join(s->at->cwd, text, path, sizeof path) && s->found(s->arg, path);
}

/* A brace may belong to "${HOME}". */
static bool scan_text(struct scan *s, const char *text)
{
	while (*text && s->left && s->words < NAMED_WORDS) {
		size_t gap = strspn(text, between), len = strcspn(text + gap, between);

		text += gap;
		if (len && look(s, text, len))
			return true;
		text += len;
		s->left -= gap + len < s->left ? gap + len : s->left;
	}
	return false;
}

bool named_files(const char *const *args, const struct named_place *at,
                 bool (*found)(void *arg, const char *path), void *arg)
{
	struct scan s = { .at = at, .found = found, .arg = arg, .left = NAMED_TEXT };

	for (; *args && s.left; args++)
		if (scan_text(&s, *args))
			return true;
	return false;
}
