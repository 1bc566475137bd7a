/* ours - listeners of the governor's own, which nobody is led to: its API, and proxies of other sessions. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is this one of them? `ports`: a bit for each TCP port, of whatever address of this machine. Where the
 * kernel does not say whether the address is this machine's, it is. */
bool ours_is(const uint8_t *ports, const uint8_t *addr, size_t len, uint16_t port);
