/* Private to journal. */
#pragma once

#include "journal/store.h"

/* SHA-256 of a file's content, in hex to `hex` (JOURNAL_HASH). */
int journal_hash(int dirfd, const char *name, char *hex, struct err *e);

/* The name of a manifest. */
void journal_manifest_name(const char *token, char *out, size_t size);
