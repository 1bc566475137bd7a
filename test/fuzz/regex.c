/* regex: "pattern NUL text": nothing that compiles may read outside, hang or leak. */
#include "match/regex.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = { .max = 1 << 20 };
	char *copy = malloc(size + 2), *text;
	struct regex r;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	copy[size] = copy[size + 1] = 0;
	text = copy + strlen(copy) + 1;
	if (!regex_compile(&a, copy, &r, NULL)) {
		const char *const words[] = { text, "two", text };

		regex_match(&r, words, 3);
		regex_match(&r, NULL, 0);
		regex_release(&r);
	}
	free(copy);
	arena_release(&a);
	return 0;
}
