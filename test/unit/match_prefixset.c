/* Whatever the patterns: what is handed over are those whose beginning the text has, each once, in order. */
#include "match/prefixset.h"

#include "test/t.h"

enum { ITEMS = 400, TEXTS = 2000, LONG = 80 };

struct found {
	uint8_t seen[ITEMS];
	uint32_t last[LONG]; /* by length of the beginning, one more than the item */
	char (*item)[LONG];
	int wrong;
	uint32_t stop;
};

static bool each(void *arg, uint32_t item)
{
	struct found *f = arg;
	size_t len = strlen(f->item[item]);

	f->wrong += f->seen[item]++ || item < f->last[len];
	f->last[len] = item + 1;
	return item != f->stop;
}

/* Few letters, so that beginnings are shared. */
static void word(char *out, size_t max, unsigned *seed)
{
	size_t n = (size_t)rand_r(seed) % max;

	for (size_t i = 0; i < n; i++)
		out[i] = "ab"[rand_r(seed) % 2];
	out[n] = 0;
}

T_CASE(same_as_trying_all)
{
	static char items[ITEMS][LONG];
	AUTO_ARENA a = { .blocks = NULL };
	struct prefixset *s = prefixset_new(&a, ITEMS, ITEMS);
	unsigned seed = 7;
	int wrong = 0;

	for (uint32_t i = 0; i < ITEMS; i++) {
		word(items[i], 7, &seed);
		prefixset_add(s, i, items[i], strlen(items[i]));
	}
	for (int t = 0; t < TEXTS; t++) {
		struct found f = { .item = items, .stop = UINT32_MAX };
		char text[LONG];

		word(text, 10, &seed);
		prefixset_find(s, text, strlen(text), each, &f);
		wrong += f.wrong;
		for (int i = 0; i < ITEMS; i++)
			wrong += f.seen[i] != !strncmp(items[i], text, strlen(items[i]));
	}
	is_int(wrong, 0);
}

T_CASE(nothing_in_it)
{
	AUTO_ARENA a = { .blocks = NULL };
	struct found f = { .stop = UINT32_MAX };

	prefixset_find(prefixset_new(&a, 0, 0), "text", 4, each, &f);
	prefixset_find(prefixset_new(&a, 5, 5), "", 0, each, &f);
	is_int(f.wrong, 0);
}

/* Of a long beginning the first part counts: more may come into question, never fewer. */
T_CASE(long_beginnings)
{
	static char items[2][LONG];
	AUTO_ARENA a = { .blocks = NULL };
	struct prefixset *s = prefixset_new(&a, 2, 2);
	struct found f = { .item = items, .stop = UINT32_MAX };

	memset(items[0], 'x', 70);
	memset(items[1], 'x', 64);
	prefixset_add(s, 0, items[0], 70);
	prefixset_add(s, 1, items[1], 64);
	prefixset_find(s, items[0], 70, each, &f);
	ok(f.seen[0] && f.seen[1], "both");
	f = (struct found){ .item = items, .stop = UINT32_MAX };
	prefixset_find(s, items[0], 62, each, &f);
	ok(!f.seen[0] && !f.seen[1], "neither: the text is shorter");
}

T_CASE(stops_when_told)
{
	static char items[3][LONG] = { "", "", "a" };
	AUTO_ARENA a = { .blocks = NULL };
	struct prefixset *s = prefixset_new(&a, 3, 3);
	struct found f = { .item = items, .stop = 0 };

	for (uint32_t i = 0; i < 3; i++)
		prefixset_add(s, i, items[i], strlen(items[i]));
	prefixset_find(s, "ab", 2, each, &f);
	ok(f.seen[0] && !f.seen[1], "no more of that beginning");
	ok(f.seen[2], "but of others");
}
