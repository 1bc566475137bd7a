/* num - strict numbers with units. The whole text must be consumed; overflow is an error. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal digits only, within [min, max]. */
bool num_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out);
bool num_i64(const char *text, int64_t min, int64_t max, int64_t *out);

/* "30s", "1h30m", "1.5h", "5m", "250ms", and as an extension "7d", "2w"; "0" is zero. To nanoseconds, never
 * negative. */
bool num_duration(const char *text, int64_t *ns);

/* "1024", "10MB", "1GiB"; KB MB GB TB are powers of 1000, KiB… of 1024; underscores allowed. To bytes. */
bool num_size(const char *text, uint64_t *bytes);

/* Go's spelling of a duration rounded to seconds: "1m3s", "2h0m5s", "0s". Returns `out`. */
char *num_go_seconds(int64_t ns, char *out, size_t size);
