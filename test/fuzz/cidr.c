/* cidr: what parses holds its own address and is found by the index. */
#include "match/cidr.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = { .max = 1 << 20 };
	struct query q = { .bit = 1, .best = QUERY_NONE };
	struct cidrset *s = cidrset_new(&a);
	struct cidr c;
	char text[128];

	if (size >= sizeof text)
		size = sizeof text - 1;
	memcpy(text, data, size);
	text[size] = 0;
	if (s && !cidr_parse(text, &c, NULL)) {
		if (!cidr_holds(&c, c.addr, c.len) || cidrset_add(s, &c, 5, 1, NULL) < 0)
			__builtin_trap();
		cidrset_find(s, c.addr, c.len, &q);
		if (q.best != 5)
			__builtin_trap();
	}
	arena_release(&a);
	return 0;
}
