/* hello - a TLS client's first bytes, whole and cut: what is said of a part must hold of the whole. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* With another name it is as whole as it was, and asks for that. */
static void rename_it(const uint8_t *data, size_t size, const struct net_hello *was)
{
	static const char *const names[] = { "a.test",
		                             "a.name.that.is.longer.than.most.of.those.that.are.there.test" };

	for (int i = 0; i < 2; i++) {
		AUTO_BUF out = { 0 };
		struct net_hello is;

		if (!net_hello_rename(data, size, names[i], &out))
			continue;
		net_hello_read((const uint8_t *)buf_text(&out), out.len, &is);
		if (is.state != HELLO_WHOLE || strcmp(is.name, names[i]) || is.has_ech != was->has_ech ||
		    is.n_protocols != was->n_protocols)
			abort();
	}
}

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
	if (whole.state == HELLO_WHOLE)
		rename_it(data, size, &whole);
	return 0;
}
