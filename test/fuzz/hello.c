/* hello - a TLS client's first bytes, whole and cut: what is said of a part must hold of the whole. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct net_hello whole, part;

	net_hello_read(data, size, &whole);
	if (whole.has_name && (whole.state != HELLO_WHOLE || !*whole.name || strlen(whole.name) > 255))
		abort();
	for (size_t n = 0; n < size; n += 1 + size / 64) {
		net_hello_read(data, n, &part);
		/* Once something is known, more bytes do not change it. */
		if (part.state != HELLO_MORE && part.state != whole.state)
			abort();
		if (part.state == HELLO_WHOLE && strcmp(part.name, whole.name))
			abort();
	}
	return 0;
}
