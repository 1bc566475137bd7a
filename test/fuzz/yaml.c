/* yaml: any bytes give a tree or problems, within bounded memory. */
#include "yaml/node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void note(void *to, int line, int column, const char *text)
{
	(void)text;
	*(int *)to += line + column;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { .max = 64 << 20 };
	int sum = 0;
	struct yaml_sink sink = { .problem = note, .to = &sum };

	yaml_parse(&arena, (const char *)data, size, &sink);
	arena_release(&arena);
	return 0;
}
