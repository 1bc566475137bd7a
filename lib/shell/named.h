/* named - the files that the text of a command names, as far as that can be told without running it.
 *
 * For whoever wants to know beforehand what a command might be about. Nothing
 * that matters may depend on it: a text can name a file in ways that only a
 * shell can follow.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct named_place {
	const char *cwd;  /* absolute, clean: what relative names start from */
	const char *home; /* of ~ and $HOME; NULL = not known */
};

enum { NAMED_TEXT = 16384, NAMED_WORDS = 256 };

/* Call `found` with each absolute, clean path that stands in `args` (NULL-terminated), until it answers true.
 * What a pattern or a variable cuts short is passed as its directory and "/x". Words without a slash count
 * only when they begin with a dot. True if `found` did. Of very long texts the beginning counts. */
bool named_files(const char *const *args, const struct named_place *at,
                 bool (*found)(void *arg, const char *path), void *arg);
