#include "match/glob.h"
#include "match/globset.h"

#include "test/t.h"

/* "pattern", separator, texts that match, texts that do not; as existing engines answer. */
static const struct row {
	const char *pattern;
	char separator;
	const char *yes[4], *no[4];
} rows[] = {
	{ "/tmp/**", '/', { "/tmp/", "/tmp/a", "/tmp/a/b" }, { "/tmp", "/tmpx/a" } },
	{ "/tmp/*", '/', { "/tmp/a", "/tmp/", "/tmp/.hid" }, { "/tmp/a/b" } },
	{ "**", '/', { "", "a", "/a/b" }, { NULL } },
	{ "*", '/', { "a", "" }, { "/a", "a/b" } },
	{ "**/.env", '/', { "/a/.env", "/.env", "/a/b/.env" }, { ".env", "/a/.envx", "x.env" } },
	{ "**/.env.*", '/', { "/a/.env.local", "/a/.env." }, { "/a/.env.a/b" } },
	{ "**/secrets/**", '/', { "/a/secrets/b", "/secrets/b" }, { "secrets/b", "/a/secrets" } },
	{ "/home/**/.ssh/**", '/', { "/home/u/.ssh/id", "/home/a/b/.ssh/k" }, { "/home/.ssh/id" } },
	{ "/home/*/.ssh/**", '/', { "/home/u/.ssh/id" }, { "/home/.ssh/id", "/home/a/b/.ssh/k" } },
	{ "/usr/*/sh", '/', { "/usr/bin/sh" }, { "/usr/local/bin/sh" } },
	{ "/usr/bin/python?", '/', { "/usr/bin/python3" }, { "/usr/bin/python", "/usr/bin/python/" } },
	{ "/usr/bin/python[23]", '/', { "/usr/bin/python3" }, { "/usr/bin/python4" } },
	{ "/usr/bin/python[!23]", '/', { "/usr/bin/python4" }, { "/usr/bin/python3" } },
	{ "/usr/bin/python[0-9]", '/', { "/usr/bin/python3" }, { "/usr/bin/pythonx" } },
	{ "/a/{b,c}/d", '/', { "/a/b/d", "/a/c/d" }, { "/a/{b,c}/d", "/a/e/d" } },
	{ "/a/{b*,**}/d", '/', { "/a/bx/d", "/a/x/y/d" }, { NULL } },
	{ "${PROJECT_ROOT}/**", '/', { "$PROJECT_ROOT/x" }, { "${PROJECT_ROOT}/x", "/x" } },
	{ "/a/\\*", '/', { "/a/*" }, { "/a/x" } },
	{ "/A/b", '/', { "/A/b" }, { "/a/b" } },
	{ "/a/", '/', { "/a/" }, { "/a" } },
	{ "/dev/null", '/', { "/dev/null" }, { "/dev/null/" } },
	{ "*", '.', { "com", "::1", "" }, { "evil.com", "127.0.0.1" } },
	{ "**", '.', { "com", "evil.com", "127.0.0.1" }, { NULL } },
	{ "*.evil.com", '.', { "a.evil.com", ".evil.com" }, { "a.b.evil.com", "evil.com" } },
	{ "**.evil.com", '.', { "a.evil.com", "a.b.evil.com" }, { "evil.com" } },
	{ "*.github.com", '.', { "api.github.com" }, { NULL } },
	{ "LC_*", 0, { "LC_ALL", "LC_" }, { "XLC_A" } },
	{ "*_KEY", 0, { "A_KEY", "_KEY" }, { "A_KEYS" } },
	{ "*", 0, { "", "a", "a/b" }, { NULL } },
	{ "go*", 0, { "go", "gofmt" }, { "ago" } },
	{ "a{b", '/', { NULL }, { "x", "ab", "a{b", "a" } },
	{ "", '/', { "" }, { "x" } },
	{ "a}b", '/', { "a}b" }, { NULL } },
	{ "a,b", '/', { "a,b" }, { NULL } },
	{ "/a/{b}", '/', { "/a/b" }, { "/a/{b}" } },
	/* beyond the table */
	{ "{a,{b,c}d}e", '/', { "ae", "bde", "cde" }, { "be", "de" } },
	{ "*[!x]*z", '/', { "a/z", "az" }, { "x/y/z" } },
	{ "?", '/', { "\xc3\xa9", "a", "\xff" }, { "\xc3\xa9x", "/", "" } },
	{ "[\xc3\xa9]x", '/', { "\xc3\xa9x" }, { "\xc3x", "x" } },
	{ "[a-cx-z]", '/', { "b", "y" }, { "-", "d" } },
	{ "[ab-]", '/', { "-", "b" }, { "c" } },
	{ "**a**b**", '/', { "x/ay/b/", "ab" }, { "ba" } },
	{ "/x/**/*.c", '/', { "/x/a/b.c", "/x//b.c" }, { "/x/b.c", "/x/a/b.h" } },
	{ "***", '/', { "", "a/b" }, { NULL } },
};

/* The same question to the pattern alone, to a set, and to a reversed set. */
static bool ask_set(struct arena *a, const struct row *row, const char *text, bool reversed)
{
	struct glob g;
	struct globset *s = globset_new(a, a, row->separator, reversed ? GLOBSET_REVERSED : GLOBSET_ORDERED);
	struct globset_cache *c;
	struct query q = { .bit = 1, .best = QUERY_NONE };
	char back[256];
	size_t len = strlen(text);

	glob_compile(a, row->pattern, row->separator, &g, NULL);
	globset_add(s, &g, 7, 1, NULL);
	globset_finish(s, NULL);
	c = globset_cache_new(s);
	for (size_t i = 0; i < len; i++)
		back[i] = text[len - 1 - i];
	globset_find(s, c, reversed ? back : text, len, &q);
	globset_cache_free(c);
	return q.best == 7;
}

static void check(const struct row *row, const char *text, bool want)
{
	AUTO_ARENA a = { 0 };
	struct glob g;
	struct err e;
	bool ascii = true;

	for (const char *p = text; *p; p++)
		ascii = ascii && (unsigned char)*p < 0x80;
	if (!ok(!glob_compile(&a, row->pattern, row->separator, &g, &e), "'%s' compiles", row->pattern))
		return;
	ok(glob_match(&g, text, strlen(text)) == want, "'%s' %s '%s'", row->pattern,
	   want ? "takes" : "refuses", text);
	ok(ask_set(&a, row, text, false) == want, "set '%s' '%s'", row->pattern, text);
	if (ascii)
		ok(ask_set(&a, row, text, true) == want, "reversed set '%s' '%s'", row->pattern, text);
}

T_CASE(golden)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (size_t k = 0; k < 4 && rows[i].yes[k]; k++)
			check(&rows[i], rows[i].yes[k], true);
		for (size_t k = 0; k < 4 && rows[i].no[k]; k++)
			check(&rows[i], rows[i].no[k], false);
	}
}

T_CASE(refused)
{
	static const char *const bad[] = { "[", "a[", "a[b", "[z-a]", "[]", "[!]", "a\\", "[a-", "{[,a}" };
	static const char many[] = "{a,b,c,d,e,f,g,h}{a,b,c,d,e,f,g,h}{a,b,c,d,e,f,g,h}{a,b,c,d,e,f,g,h}";
	AUTO_ARENA a = { 0 };
	struct glob g;
	struct err e;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ok(glob_compile(&a, bad[i], '/', &g, &e) < 0, "'%s' does not compile: %s", bad[i], e.text);
	ok(glob_compile(&a, many, '/', &g, &e) < 0, "4096 alternatives: %s", e.text);
	ok(!glob_compile(&a, "a{b", '/', &g, &e) && g.never);
}

T_CASE(escaped_is_itself)
{
	AUTO_ARENA a = { 0 };
	const char *text = "/a*?[x]{b,c}\\!\xff";
	char pattern[64];
	struct glob g;

	ok(glob_escape(text, pattern, sizeof pattern) > 0);
	ok(!glob_compile(&a, pattern, '/', &g, NULL));
	ok(glob_match(&g, text, strlen(text)));
	ok(!glob_match(&g, "/aX?[x]{b,c}\\!\xff", 16));
	ok(!glob_match(&g, "/a*?[x]{b,c}\\!\xfe", 16), "another invalid byte is another character");
	is_int(glob_escape("****", pattern, 8), 0);
}

/* Many rules and a cache that must be emptied again and again give the answers of one pattern after the
 * other. */
T_CASE(set_agrees_with_single)
{
	enum { N = 400 };
	AUTO_ARENA a = { 0 };
	struct glob globs[N];
	struct globset *s = globset_new(&a, &a, '/', GLOBSET_ORDERED);
	struct globset_cache *c;
	unsigned seed = 1;
	int wrong = 0;

	for (int i = 0; i < N; i++) {
		static const char *const parts[] = { "*", "**",   "?",     "a", "b",
			                             "/", "[!a]", "[a-b]", "x", "\xc3\xa9" };
		char pattern[64] = "";

		for (int k = 0; k < 6; k++)
			strcat(pattern,
			       parts[(seed = seed * 1103515245 + 12345) >> 16 & 7 ? (seed >> 8) % 10 : 5]);
		glob_compile(&a, pattern, '/', &globs[i], NULL);
		globset_add(s, &globs[i], (uint32_t)i, 1u << i % 3, NULL);
	}
	ok(!globset_finish(s, NULL));
	c = globset_cache_new(s);
	for (int round = 0; round < 4000; round++) {
		static const char *const bits[] = { "a", "b", "/", "x", "\xc3\xa9", "\xff", "c", "aa" };
		char text[64] = "";
		uint32_t best = QUERY_NONE;
		struct query q = { .bit = 1u << round % 3, .best = QUERY_NONE };

		for (int k = 0; k < 7; k++)
			strcat(text, bits[(seed = seed * 1103515245 + 12345) >> 16 & 7]);
		for (uint32_t i = 0; i < N && best == QUERY_NONE; i++)
			if ((1u << i % 3 & q.bit) && glob_match(&globs[i], text, strlen(text)))
				best = i;
		globset_find(s, c, text, strlen(text), &q);
		wrong += q.best != best;
	}
	is_int(wrong, 0);
	globset_cache_free(c);
}

T_CASE(long_texts_take_linear_time)
{
	AUTO_ARENA a = { 0 };
	struct glob g;
	size_t len = 1 << 20;
	char *text = malloc(len);

	if (!ok(text != NULL))
		return;
	memset(text, 'a', len);
	ok(!glob_compile(&a, "*a*a*a*a*a*a*a*a*a*b", '/', &g, NULL));
	ok(!glob_match(&g, text, len));
	free(text);
}
