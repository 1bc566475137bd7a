/* target - where a client wants to go, read once and strictly: what is judged is what is dialled.
 *
 * Whatever two readers could understand differently is refused: user
 * information, backslashes, escapes, empty or odd ports, control characters,
 * fragments. No I/O, no allocation.
 */
#pragma once

#include "match/host.h"

#include <stdbool.h>
#include <stdint.h>

struct target {
	struct host host;
	uint16_t port;
	const char *path; /* of a URI: from its '/' or '?', "" if there is none; points into the text */
};

/* "host:port", "[v6]:port"; `port` 0 = it must be given, else what it is when it is not. */
bool target_authority(const char *text, uint16_t port, struct target *out);

/* "http://host[:port][/path][?query]". */
bool target_uri(const char *text, struct target *out);

/* "host:port" as it is shown and sent; "host" alone for port `implied`. Returns `out`. */
enum { TARGET_TEXT = 264 };
char *target_text(const struct target *t, uint16_t implied, char *out);
