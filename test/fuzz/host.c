/* host: the canonical form is its own canonical form. */
#include "match/host.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host once, twice;
	char text[512];

	if (size >= sizeof text)
		size = sizeof text - 1;
	memcpy(text, data, size);
	text[size] = 0;
	if (!host_parse(text, &once))
		return 0;
	if (once.len != strlen(once.name) || !host_parse(once.name, &twice) || twice.kind != once.kind ||
	    strcmp(once.name, twice.name) != 0)
		__builtin_trap();
	return 0;
}
