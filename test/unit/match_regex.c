#include "match/regex.h"

#include "test/t.h"

static const struct row {
	const char *pattern, *words[4];
	bool want;
} rows[] = {
	{ ".*-r.*", { "-rf", "x" }, true },
	{ ".*-r.*", { "my-report.txt" }, true },
	{ ".*-r.*", { "-fr" }, false },
	{ "^install.*", { "install", "x" }, true },
	{ "^install.*", { "x", "install" }, false },
	{ "-r", { "a", "b-r" }, true },
	{ "push.*(--force|-f)", { "push", "-f" }, true },
	{ "push.*(--force|-f)", { "push", "origin" }, false },
	{ "push.*(origin\\s+)?(main|master)", { "push", "origin", "main" }, true },
	{ "push.*(origin\\s+)?(main|master)", { "push", "feature" }, false },
	{ "reset.*--hard", { "reset", "x\ny", "--hard" }, true },
	{ "reset.*--hard", { "--hard", "reset" }, false },
	{ "(?i)RESET", { "ReSeT" }, true },
	{ "(?i)[r]eset\\d", { "RESET5" }, true },
	{ "RESET", { "reset" }, false },
	{ "^a.*b$", { "a", "b" }, true },
	{ "^a.*b$", { "a", "bc" }, false },
	{ "^ab$", { "ab" }, true },
	{ "^ab$", { "abab" }, false },
	{ "^ab$", { "b" }, false },
	{ "^ab.*b$", { "ab" }, false },
	{ "a.*?$", { "ab" }, true },
	{ "a.*$", { "ab" }, true },
	{ "^.*?b", { "ab" }, true },
	{ "^.*b$", { "ab" }, true },
	{ "^.*b$", { "ba" }, false },
	{ "^.*$", { "ba" }, true },
	{ "a\\.*$", { "a..b" }, false },
	{ "a.*b.*$", { "a", "b", "c" }, true },
	{ "^$", { NULL }, true },
	{ "^$", { "x" }, false },
	{ "", { "x" }, true },
	{ ".*", { NULL }, true },
	{ "a b", { "a", "b" }, true },
	{ "^a  b$", { "a", "", "b" }, true },
	{ "x$", { "x", "" }, false },
	{ "[\\w.-]+@[^@]x", { "me.x-y@yx" }, true },
	{ "^[]a^-]+$", { "]^-a" }, true },
	{ "^[^]a]+$", { "b]" }, false },
	{ "^[[:digit:]]{2,3}$", { "12" }, true },
	{ "^[[:digit:]]{2,3}$", { "1234" }, false },
	{ "a{,2}", { "a{,2}" }, true },
	{ "a.c", { "abc" }, true },
	{ "a\\.c", { "abc" }, false },
	{ "a\\.c", { "a.c" }, true },
	{ "\\bfoo\\b", { "a", "foo" }, true },
	{ "\\bfoo\\b", { "afoo" }, false },
	{ "(?:ab)+?c", { "ababc" }, true },
	{ "\\x41\\x{42}", { "AB" }, true },
	{ "\xc3\xa9+$", { "\xc3\xa9\xc3\xa9" }, true },
	{ "^\xc3\xa9?$", { "\xc3" }, false },
	{ "a\xff?b$",
	  { "a\xff"
	    "b" },
	  true },
	{ "b$",
	  { "a\xff"
	    "b" },
	  true },
	{ "a|b", { "b" }, true },
	{ "^(a|b)$|^c$", { "c" }, true },
	{ "\\Aab\\z", { "ab" }, true },
	{ "[.]x|[*]y", { "*y" }, true },
	{ "(^| )--force( |$)", { "push", "--force", "x" }, true },
	{ "(^| )--force( |$)", { "push", "x--force" }, false },
	{ "(^| )--force( |$)", { "push", "--forced", "--force" }, true },
	{ "(^| )--force( |$)", { "--force" }, true },
	{ "(?i)(?:^| )-x(?: |$)", { "-X" }, true },
	{ "^-n5( |$)", { "-n55" }, false },
	{ "^-n5( |$)", { "-n5", "" }, true },
	{ "(^| )a.*b( |$)", { "ca", "b" }, false },
	{ "(^| )a.*b( |$)", { "ca", "a", "bb", "x" }, true },
	{ "(^| )a$", { "ba", "a" }, true },
	{ "(^| )a$", { "ba" }, false },
	{ "( |$)", { "x" }, true },
	{ "(^| )( |$)", { "x" }, false },
	{ "(^| )$", { "x" }, false },
	{ "(^| )$", { "x", "" }, true },
	{ "(^| ){1}x", { "ax" }, false },
	{ "(^| )", { "x" }, true },
	{ "(^| ).x", { "a", "bx" }, true },
	{ "(^| )(a|b)", { "ca" }, false },
	{ "(^| )[ab]", { "ca" }, false },
	{ "x( |$)+", { "x" }, true },
	{ "x( |$)y", { "x", "y" }, true },
	{ "(^| ).*x( |$)", { "ax" }, true },
	{ "(^| )a|b( |$)", { "xb" }, true },
};

/* The same patterns, spelled so that TRE matches them. */
T_CASE(words_are_found_as_by_the_engine)
{
	static const char *const pairs[][2] = {
		{ "(^| )ab( |$)", "(^|[ ])ab([ ]|$)" },
		{ "(^| )aba", "(^|[ ])aba" },
		{ "ab( |$)", "ab([ ]|$)" },
		{ "^a( |$)", "^a([ ]|$)" },
		{ "(^| )a.*b( |$)", "(^|[ ])a.*b([ ]|$)" },
		{ "(^| )a b$", "(^|[ ])a b$" },
		{ "^a.*aa.*b( |$)", "^a.*aa.*b([ ]|$)" },
		{ "(?i)(^| )A.*a", "(?i)(^|[ ])A.*a" },
	};
	unsigned seed = 1, different = 0;
	AUTO_ARENA a = { 0 };

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct regex own, tre;

		if (!ok(!regex_compile(&a, pairs[i][0], &own, NULL) && !own.tre, "%s", pairs[i][0]) ||
		    !ok(!regex_compile(&a, pairs[i][1], &tre, NULL) && tre.tre))
			continue;
		for (int k = 0; k < 3000; k++) {
			char text[2][8];
			const char *words[] = { text[0], text[1] };

			for (int n = 0; n < 2; n++)
				for (int at = 0; at < 8; at++) {
					seed = seed * 1103515245u + 12345u;
					text[n][at] = at < 7 ? "aabb  ac"[seed >> 20 & 7] : 0;
					if ((seed >> 26 & 7) == 0)
						text[n][at] = 0;
				}
			different += regex_match(&own, words, 2) != regex_match(&tre, words, 2);
		}
		regex_release(&tre);
	}
	is_int(different, 0);
}

T_CASE(table)
{
	AUTO_ARENA a = { 0 };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct regex r;
		struct err e = { 0 };
		size_t n = 0;

		while (n < 4 && rows[i].words[n])
			n++;
		if (!ok(!regex_compile(&a, rows[i].pattern, &r, &e), "'%s' compiles %s", rows[i].pattern,
		        e.text))
			continue;
		ok(regex_match(&r, rows[i].words, n) == (rows[i].want ? REGEX_YES : REGEX_NO), "'%s' %zu",
		   rows[i].pattern, i);
		regex_release(&r);
	}
}

/* What the engine overlooks counts as not known, never as no match. */
T_CASE(ways_to_match_nothing)
{
	static const struct {
		const char *pattern, *text;
		enum regex_result want;
	} known[] = {
		{ "(^| )?x", "ax", REGEX_UNKNOWN },      { "(^| )*x", "ax", REGEX_UNKNOWN },
		{ "(^|b){0,2}x", "ax", REGEX_UNKNOWN },  { "(\\b)?x", "ax", REGEX_UNKNOWN },
		{ "x($| )?y", "xy", REGEX_UNKNOWN },     { "(^|\\b)x", "a x", REGEX_UNKNOWN },
		{ "((^)|\\b)x", "a x", REGEX_UNKNOWN },  { "((^| )|)x", "ax", REGEX_UNKNOWN },
		{ "((^| )?)x", "ax", REGEX_UNKNOWN },    { "(^a*|b?)x", "cx", REGEX_UNKNOWN },
		{ "(^| )?x", "x", REGEX_YES },           { "(^|\\b)x", "x", REGEX_YES },
		{ "(^|[ ])x", "ax", REGEX_NO },          { "(^a|b)?x", "c", REGEX_NO },
		{ "^(-.* )?(a|b)", "x", REGEX_NO },      { "(a|b?)x$", "c", REGEX_NO },
		{ "(^| )x[a-z]*( |$)", "ax", REGEX_NO }, { "^(a|b)$|^c$", "x", REGEX_NO },
	};
	AUTO_ARENA a = { 0 };

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		struct regex r;

		if (!ok(!regex_compile(&a, known[i].pattern, &r, NULL)))
			continue;
		ok(regex_match(&r, &known[i].text, 1) == known[i].want, "%s", known[i].pattern);
		regex_release(&r);
	}
}

T_CASE(refused)
{
	static const char *const bad[] = { "(",          ")",           "*",           "a**",
		                           "a{1}{2}",    "(a)\\1",      "\\0",         "(?=a)",
		                           "(?P<x>",     "[a",          "[z-a]",       "a\\",
		                           "\\Q.\\E",    "\\p{L}",      "a{9999}b{9}", "a{1}b{1}c{1}d{1}",
		                           "[^\\x00]",   "\\x{110000}", "(?",          "[[:no:]]",
		                           "[\xc3\xa9]", "^*",          "|*",          "(*a)",
		                           "a{3,2}" };
	AUTO_ARENA a = { 0 };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct regex r;
		struct err e = { 0 };
		bool refused = regex_compile(&a, bad[i], &r, &e) < 0;

		ok(refused, "'%s': %s", bad[i], e.text);
		if (!refused)
			regex_release(&r);
	}
}

/* CF-05: the weight is what the matcher may do for a byte; what is too heavy does not compile. */
T_CASE(weights)
{
	static const struct {
		const char *pattern;
		size_t least, most;
	} known[] = { { "abc", 3, 3 },
		      { "^push.*--force$", 7, 7 },
		      { "(^| )push.*--force( |$)", 7, 7 },
		      { "a|b", 8, 40 },
		      { "(a+)+$", 8, 40 },
		      { "push.*(--force|-f)$", 40, 200 },
		      { "(a?){1,60}b", 4 * 1700, 4 * 2200 },
		      { "[^b]{1,255}z", 4 * 500, 4 * 2500 } };
	static const char *const heavy[] = { "(a?){1,255}b", "(.?.?.?.?.?.?.?.?.?.?){1,25}z",
		                             "(a?b?c?d?){1,99}" };
	AUTO_ARENA a = { 0 };

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		struct regex r;

		if (!ok(!regex_compile(&a, known[i].pattern, &r, NULL)))
			continue;
		ok(r.weight >= known[i].least && r.weight <= known[i].most, "'%s' weighs %u",
		   known[i].pattern, r.weight);
		regex_release(&r);
	}
	for (size_t i = 0; i < sizeof heavy / sizeof *heavy; i++) {
		struct regex r;
		struct err e = { 0 };

		ok(regex_compile(&a, heavy[i], &r, &e) < 0 && strstr(e.text, "takes too much work"), "%s",
		   e.text);
	}
}

T_CASE(long_arguments)
{
	AUTO_ARENA a = { 0 };
	const char *words[200];
	char *big = malloc(50001);
	struct regex r;

	if (!ok(big != NULL))
		return;
	memset(big, 'a', 50000);
	big[50000] = 0;
	ok(!regex_compile(&a, "(a+)+$x", &r, NULL));
	ok(regex_match(&r, (const char *const[]){ big }, 1) == REGEX_NO);
	regex_release(&r);
	for (int i = 0; i < 200; i++)
		words[i] = "some-longer-word-in-here";
	words[199] = "--force";
	words[100] = "push";
	ok(!regex_compile(&a, "push.*(--force|-f)$", &r, NULL));
	ok(regex_match(&r, words, 200) == REGEX_YES, "beyond what is joined");
	words[199] = "--forc";
	ok(regex_match(&r, words, 200) == REGEX_NO);
	regex_release(&r);
	ok(!regex_compile(&a, "push.*--forc$", &r, NULL) && !r.tre);
	ok(regex_match(&r, words, 200) == REGEX_YES);
	regex_release(&r);
	free(big);
}
