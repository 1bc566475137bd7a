/* instead - what is read in place of /etc/resolv.conf, where a session has a name service of its own.
 *
 * Questions are led there whatever server they name; but programs that look at who answers (musl, c-ares)
 * take answers only from whom they asked. So they are told to ask it: whoever opens for reading what
 * /etc/resolv.conf leads to gets a memory file that names it, with the other lines of the real one.
 */
#pragma once

#include <stdint.h>

struct act;
struct opening;
struct place;

/* Made once, with the session user's rights: a descriptor that cannot be written to, or -1 (the service is
 * not on port 53, or there is nothing to read). files_options.resolver. `address`: of IPv4, network order. */
int instead_make(const uint8_t address[4], uint16_t port);

/* Is that what was found and may be read? A descriptor of its own, or -1. */
int instead_open(const struct act *a, const struct opening *o, const struct place *p);
