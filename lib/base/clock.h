/* clock - time in nanoseconds. Only edges of the program read it; decisions never do. */
#pragma once

#include <stddef.h>
#include <stdint.h>

int64_t clock_mono_ns(void); /* CLOCK_MONOTONIC */
int64_t clock_real_ns(void); /* CLOCK_REALTIME since 1970 */

/* RFC 3339 in UTC with nanoseconds, trailing zeros trimmed: "2025-01-02T03:04:05.678Z". Returns `out` (>= 36
 * bytes). */
char *clock_rfc3339(int64_t real_ns, char *out, size_t size);
