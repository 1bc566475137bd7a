/* visible - text that others chose, for people to read: nothing that moves the cursor, turns, hides or
 * forges.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False for controls (C0, DEL, C1), soft hyphen, zero width characters, line and paragraph separators, marks
 * of writing direction, byte order marks, tags. */
bool visible_char(uint32_t code);

/* Length of the well-formed UTF-8 sequence of a visible character at `p`; 0 if it has to be escaped. `left`
 * is what may be read; must be > 0. */
size_t visible_len(const unsigned char *p, size_t left);

/* Copy `from`, each byte of what is not visible as \xNN. `keep`, if not NULL, lists control characters that
 * stay. Cuts, between characters, what does not fit. Returns the length. */
size_t visible_text(const char *from, const char *keep, char *to, size_t size);
