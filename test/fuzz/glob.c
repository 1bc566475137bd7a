/* glob: "separator pattern NUL text": the pattern alone and the set of it must agree. */
#include "match/globset.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(struct arena *a, const struct glob *g, const char *text, size_t len)
{
	struct globset *s = globset_new(a, a, g->separator, GLOBSET_ORDERED);
	struct query q = { .bit = 1, .best = QUERY_NONE };
	struct globset_cache *c;

	if (!s || globset_add(s, g, 3, 1, NULL) < 0 || globset_finish(s, NULL) < 0)
		return;
	c = globset_cache_new(s);
	if (!c)
		return;
	globset_find(s, c, text, len, &q);
	if ((q.best == 3) != glob_match(g, text, len))
		__builtin_trap();
	globset_cache_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = { .max = 32 << 20 };
	char *copy = malloc(size + 1), *text;
	struct glob g;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	copy[size] = 0;
	if (size >= 2) {
		static const char separators[] = { '/', '.', 0 };

		text = memchr(copy + 1, 0, size);
		text += text < copy + size;
		if (!glob_compile(&a, copy + 1, separators[data[0] % 3], &g, NULL))
			compare(&a, &g, text, (size_t)(copy + size - text));
	}
	free(copy);
	arena_release(&a);
	return 0;
}
