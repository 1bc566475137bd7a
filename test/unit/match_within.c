/* Inclusion of globs: by hand, and against matching on random patterns and texts. */
#include "match/within.h"
#include "test/t.h"

static bool within(const char *a, const char *const *b, char separator)
{
	AUTO_ARENA arena = { 0 };
	struct glob one, many[8];
	const struct glob *list[8];
	size_t n = 0;

	if (glob_compile(&arena, a, separator, &one, NULL) < 0)
		return false;
	for (; b[n]; n++) {
		if (glob_compile(&arena, b[n], separator, &many[n], NULL) < 0)
			return false;
		list[n] = &many[n];
	}
	return glob_within(&one, list, n, NULL);
}

#define WITHIN(a, ...) \
	ok(within(a, (const char *const[]){ __VA_ARGS__, NULL }, '/'), a " within " #__VA_ARGS__)
#define OUTSIDE(a, ...) \
	ok(!within(a, (const char *const[]){ __VA_ARGS__, NULL }, '/'), a " not within " #__VA_ARGS__)

T_CASE(by_hand)
{
	WITHIN("/a", "/a");
	WITHIN("/a/b", "/a/*");
	WITHIN("/a/*", "/a/**");
	WITHIN("/a/**", "**");
	WITHIN("/a/**", "/**");
	WITHIN("/a/b/**", "/a/**");
	WITHIN("/a/{b,c}", "/a/b", "/a/c");
	WITHIN("/a/?", "/a/*");
	WITHIN("/a/[bc]", "/a/[a-d]");
	WITHIN("/a/[a-d]", "/a/[ab]", "/a/[cd]");
	OUTSIDE("/a/[!b]", "/a/?"); /* [!b] takes a slash */
	WITHIN("**/.env", "**/.e*", "/x");
	WITHIN("/home/*/.ssh/**", "/home/**");
	WITHIN("*", "*a*", "[!a]*", "");
	WITHIN("**/x/**", "**/{x,y}/**");
	OUTSIDE("/a", "/b");
	OUTSIDE("/a/**", "/a/*");
	OUTSIDE("**", "/**");
	OUTSIDE("/a", "/a/**");
	OUTSIDE("/a/[!b]", "/a/[cd]");
	OUTSIDE("/a/?", "/a/[!b]");
	OUTSIDE("/a/[a-d]", "/a/[ab]", "/a/[d-z]");
	OUTSIDE("/a{b", "**");
	OUTSIDE("/a/*", "/a/*b", "/a/b*");
	ok(within("*_TOKEN", (const char *const[]){ "*TOKEN*", NULL }, 0), "names");
	ok(!within("*.a.b", (const char *const[]){ "*.b", NULL }, '.'), "labels");
	ok(within("*.a.b", (const char *const[]){ "**.b", NULL }, '.'), "any depth");
}

static unsigned next(unsigned *seed)
{
	return *seed = *seed * 1103515245 + 12345, *seed >> 16 & 0x7fff;
}

static void random_pattern(unsigned *seed, char *out)
{
	static const char *const parts[] = { "a", "b", "/", "*", "**", "?", "[ab]", "[!a]", "{a,b/}", "a/" };
	int n = 1 + (int)(next(seed) % 4);

	for (*out = 0; n--;)
		strcat(out, parts[next(seed) % (sizeof parts / sizeof *parts)]);
}

T_CASE(budget)
{
	AUTO_ARENA arena = { .blocks = NULL };
	struct glob a, b;
	const struct glob *list[] = { &b };
	size_t budget = 1000000, left;

	glob_compile(&arena, "**/a*b*c*d*", '/', &a, NULL);
	glob_compile(&arena, "**/*a*b*c*", '/', &b, NULL);
	ok(glob_within(&a, list, 1, &budget), "enough");
	ok(budget > 0 && budget < 1000000, "%zu left", budget);
	left = 6000;
	ok(!glob_within(&a, list, 1, &left), "not enough: no");
	is_int(left, 0);
	ok(!glob_within(&a, list, 1, &left), "nothing left");
}

/* "Within" must agree with matching every text of up to 5 characters. */
T_CASE(agrees_with_matching)
{
	unsigned seed = 7, yes = 0, wrong = 0, missed = 0;

	for (int round = 0; round < 3000; round++) {
		AUTO_ARENA arena = { 0 };
		char pattern[3][64];
		struct glob g[3];
		const struct glob *list[] = { &g[1], &g[2] };
		bool seen = true;

		for (int i = 0; i < 3; i++) {
			random_pattern(&seed, pattern[i]);
			glob_compile(&arena, pattern[i], '/', &g[i], NULL);
		}
		for (int code = 0; code < 4 * 4 * 4 * 4 * 4 * 2 && seen; code++) {
			char text[6];
			int len = 0;

			for (int rest = code + 1; rest > 1 && len < 5; rest /= 4)
				text[len++] = "ab/c"[rest % 4];
			seen = !glob_match(&g[0], text, (size_t)len) ||
			       glob_match(&g[1], text, (size_t)len) || glob_match(&g[2], text, (size_t)len);
		}
		bool said = glob_within(&g[0], list, 2, NULL);
		yes += said;
		wrong += said && !seen;
		missed += !said && seen;
	}
	is_int(wrong, 0, "never says yes wrongly");
	ok(yes > 300, "%u times yes", yes);
	ok(missed < 200, "%u times no where no short text shows why", missed);
}
