/* utf8 - strict UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the well-formed character at `p` (1 to 4), or 0. `left` is what may be read; must be > 0. */
size_t utf8_len(const unsigned char *p, size_t left);

/* Is all of it well-formed? */
bool utf8_valid(const char *data, size_t len);

/* The code point of a well-formed character of `len` bytes. */
uint32_t utf8_code(const unsigned char *p, size_t len);

/* Write `code` as UTF-8 to `out` (>= 4 bytes). Returns the length. */
size_t utf8_put(uint32_t code, char *out);
