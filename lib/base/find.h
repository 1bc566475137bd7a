/* find - look for a text in bytes, and read a number there; for small inputs and small programs. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* First place of `text` in `len` bytes, or NULL. */
const char *find_text(const char *bytes, size_t len, const char *text);

/* The decimal number after blanks at *at, which moves behind it. 0 when there is none; wraps when it is too
 * large. */
uint64_t find_number(const char **at);
