/* Translation of a pattern to what TRE takes safely, and recognition of the simple kind. */
#pragma once

#include "base/buf.h"
#include "match/regex.h"

/* Fill `posix` and, if the pattern is literals with `.*` between them, the pieces of `out`, setting *simple.
 */
int regex_translate(struct arena *a, const char *pattern, struct buf *posix, struct regex *out, bool *simple,
                    struct err *e);

/* A bracket expression or class escape as a set of bytes; `*p` is behind its '[' and is left behind its ']'.
 */
int regex_set_parse(const char **p, bool fold, bool set[256], struct err *e);
bool regex_set_escape(char letter, bool set[256]); /* d D w W s S */
void regex_set_emit(const bool set[256], struct buf *out);

/* A single-character escape such as \t \x41 \. ; `*p` is behind the backslash. The byte, or -1. */
int regex_escape(const char **p, struct err *e);
