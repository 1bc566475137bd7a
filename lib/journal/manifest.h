/* manifest - what is known about one kept version.
 *
 * The format is that of existing stores, so that either implementation reads
 * the other's: a JSON object, two-space indented, one file per entry. One key
 * is ours and ignored elsewhere: "original_path_bytes" (base64), when the path
 * is no UTF-8.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { JOURNAL_TOKEN = 20, JOURNAL_HASH = 65, MANIFEST_MAX = 1 << 20 };

struct journal_xattr {
	const char *name;
	const void *value;
	size_t len;
	struct journal_xattr *next;
};

/* Strings live in the arena it was read into, or are the writer's. */
struct journal_entry {
	char kind;                 /* of the act, one of LINE_ACTS; 0 = known by its manifest alone */
	const char *store;         /* path of the store on another mount that has it; NULL = in this one */
	char token[JOURNAL_TOKEN]; /* decimal digits */
	const char *path;          /* where it was, absolute */
	const char *session, *command;
	uint64_t size;           /* bytes of file contents, of a tree their sum */
	char hash[JOURNAL_HASH]; /* SHA-256 of a file's content in hex, "" = not taken */
	mode_t mode;             /* type (directory, symbolic link or regular) and permissions */
	uid_t uid;
	gid_t gid;
	int64_t mtime_ns, created_ns; /* since 1970 */
	const struct journal_xattr *xattrs;
};

/* 1 to 19 digits: what may stand in a file name of the store. */
bool manifest_token_ok(const char *token);

/* `payload` is the absolute path of the kept version, for readers that ask for it; "" when unknown. */
void manifest_write(const struct journal_entry *en, const char *payload, struct buf *out);

/* Read the manifest of `token`. Nothing of it is trusted but to have the right form. 0 or -1. */
int manifest_read(struct arena *a, const char *token, const char *text, size_t len, struct journal_entry *out,
                  struct err *e);
