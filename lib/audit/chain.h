/* chain - each line of the log carries the hash of the one before.
 *
 * entry_hash = hex(H(decimal(sequence) "|" prev_hash "|" event)), where event
 * is the line without its "integrity" member and H is HMAC-SHA256 or -SHA512
 * with a key, plain SHA-256 without. Sequence starts at 1, with an empty
 * prev_hash. A key stops whoever can write the log from making a new chain;
 * without one the chain shows accidents and careless edits.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum chain_kind { CHAIN_SHA256, CHAIN_HMAC_SHA256, CHAIN_HMAC_SHA512 };

enum { CHAIN_KEY_MIN = 32, CHAIN_KEY_MAX = 1024, CHAIN_HEX = 128 };

struct chain_key {
	enum chain_kind kind;
	size_t len;
	unsigned char bytes[CHAIN_KEY_MAX];
};

/* "sha256", "hmac-sha256", "hmac-sha512". */
const char *chain_kind_name(enum chain_kind kind);
bool chain_kind_parse(const char *name, enum chain_kind *kind);

/* The key from a file's or a variable's content: white space around it does not count, at least 32 bytes. */
int chain_key_set(struct chain_key *key, enum chain_kind kind, const char *text, size_t len, struct err *e);

/* One line's place in the chain. */
struct chain_link {
	uint64_t sequence; /* 0 = before the first */
	char prev[CHAIN_HEX + 1], entry[CHAIN_HEX + 1];
};

/* Hash of `event` as entry `sequence` behind `prev`, in hex with NUL. */
void chain_hash(const struct chain_key *key, uint64_t sequence, const char *prev, const char *event,
                size_t len, char out[CHAIN_HEX + 1]);

/* Append `event` (a JSON object without newline) to `out` as the entry behind *last, with its integrity
 * member and a newline; *last becomes the new entry. */
void chain_seal(const struct chain_key *key, struct chain_link *last, const char *event, size_t len,
                struct buf *out);

/* Take a sealed line (without newline) apart. Its event is the first *event_len bytes and a closing brace.
 * False when it is no sealed line as chain_seal() makes them. */
bool chain_split(const char *line, size_t len, size_t *event_len, struct chain_link *link);

/* True if the split line's entry hash is right. */
bool chain_check(const struct chain_key *key, const char *line, size_t event_len,
                 const struct chain_link *link, char computed[CHAIN_HEX + 1]);
