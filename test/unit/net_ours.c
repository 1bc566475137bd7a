#include "net/ours.h"

#include "test/t.h"

#include <arpa/inet.h>

static bool asked(const uint8_t *ports, const char *address, uint16_t port)
{
	uint8_t addr[16] = { 0 };

	if (inet_pton(AF_INET, address, addr) == 1)
		return ours_is(ports, addr, 4, port);
	return inet_pton(AF_INET6, address, addr) == 1 && ours_is(ports, addr, 16, port);
}

T_CASE(ports_of_this_machine)
{
	static const char *const here[] = { "127.0.0.1", "127.0.0.2", "0.0.0.0",          "::1",
		                            "::",        "0.0.0.1",   "::ffff:127.9.9.9", "fe80::1" };
	uint8_t ports[65536 / 8] = { 0 };

	ports[18080 / 8] |= 1 << 18080 % 8;
	for (size_t i = 0; i < sizeof here / sizeof *here; i++) {
		ok(asked(ports, here[i], 18080), "%s", here[i]);
		ok(!asked(ports, here[i], 18081), "%s at another port", here[i]);
	}
	ports[65535 / 8] |= 1 << 65535 % 8;
	ok(asked(ports, "127.0.0.1", 65535), "the last one");
	ok(!asked(ports, "192.0.2.1", 18080), "an address elsewhere");
	ok(!asked(ports, "2001:db8::1", 18080), "and of IPv6");
}
