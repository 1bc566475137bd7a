/* host - names and addresses in one spelling, so that a rule cannot be passed by writing its object
 * differently.
 *
 * Names: lower case, without the last dot; only letters, digits, '-', '_' and
 * single dots, labels up to 63, whole up to 253; anything else is no host.
 * Addresses: brackets and zone are dropped; IPv4 in every spelling that
 * inet_aton takes (127.1, 0x7f.1, 017700000001, 2130706433); IPv6 that carries an
 * IPv4 address (mapped, compatible, NAT64, 6to4) becomes that address; tunnels' addresses (Teredo, ISATAP)
 * are also those that they lead to.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum host_kind { HOST_NAME, HOST_ADDRESS };

struct host_form {
	uint8_t addr[16];
	size_t len; /* 4 or 16 */
};

struct host {
	enum host_kind kind;
	char name[256]; /* canonical: the name, or the address as text */
	size_t len;
	struct host_form address;  /* HOST_ADDRESS: canonical */
	struct host_form other[3]; /* HOST_ADDRESS: what else reaches the same machine; rules that restrict
	                              hold there too */
	size_t n_other;
};

/* False if the text is neither a name nor an address: such a host must be refused. */
bool host_parse(const char *text, struct host *out);

/* From 4 or 16 bytes in network order. False for any other length. */
bool host_from_address(const uint8_t *addr, size_t len, struct host *out);
