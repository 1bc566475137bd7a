/* path - lexical work on path names: bytes, no file system access. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Lexical normal form of an absolute path: no "//", "/./", "/../" and no trailing slash (but "/").
 * Returns the length, or 0 if `path` is not absolute or `size` is too small. `out` may not overlap. */
size_t path_clean(const char *path, char *out, size_t size);

/* `path` if absolute, else dir/path, cleaned. Length or 0. */
size_t path_join(const char *dir, const char *path, char *out, size_t size);

/* Text after the last slash (the whole if none). Never NULL. */
const char *path_base(const char *path);

/* 1 to `max` letters, digits, '-' and '_': what may stand in the name of a file that somebody asks for. */
bool path_name_ok(const char *name, size_t max);

/* True if `path` is `dir` or lies below it. Both cleaned. */
bool path_within(const char *path, const char *dir);
