/* parse - HTTP/1.1 messages, strictly and within limits.
 *
 * Bytes come in as they arrive; the parser takes what it needs and says when a
 * message is whole or refused. Whatever two implementations could read in two
 * ways is refused: bare CR or LF, folded lines, spaces before a colon, both or
 * several lengths, chunk extensions, HTTP/0.9.
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HTTP_LINE_MAX = 8192,  /* request line */
	HTTP_HEAD_MAX = 32768, /* all header lines */
	HTTP_FIELDS_MAX = 100,
};

struct http_field {
	const char *name, *value;
};

/* The start line and the fields of a request or an answer; points into the parser. */
struct http_head {
	const char *method, *target; /* requests */
	int status;                  /* answers */
	int minor;                   /* HTTP/1.minor */
	struct http_field fields[HTTP_FIELDS_MAX];
	size_t n_fields;
	bool keep_alive, expect_continue;
};

/* Value of the first field of this name (any case), or NULL. */
const char *http_field(const struct http_head *h, const char *name);

/* Does the comma-separated list (NULL: none) hold the word, in any case? */
bool http_list_has(const char *list, const char *word);

enum http_body_kind { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED, HTTP_BODY_REST };

/* Decoder of one body. Zeroed = no body. */
struct http_body {
	enum http_body_kind kind;
	int step;      /* of the chunked form */
	int digits;    /* of the chunk size so far */
	uint64_t left; /* bytes of the body or of the chunk that are to come */
	bool done, bad, too_large;
};

/* Append decoded bytes to `out`, whose ceiling bounds the body. Returns how much was taken; stops when done,
 * bad or too_large. */
size_t http_body_feed(struct http_body *b, const char *data, size_t len, struct buf *out);

enum http_state { HTTP_HEAD, HTTP_BODY, HTTP_DONE, HTTP_REFUSED };

struct http_parser {
	enum http_state state;
	bool is_answer;  /* parse a server's answer */
	int refusal;     /* status that says why: 400, 413, 431 */
	const char *why; /* in words */
	struct http_head head;
	struct http_body decoder;
	struct buf text; /* owned: the head as received; cut into strings when whole */
	struct buf body; /* owned: decoded body; a client may empty it meanwhile */
	size_t line_len, first_len;
	int n_lines;
	bool after_cr;
};

/* `max_body` in bytes; 0 = any (answers that are read as a stream). */
void http_parser_init(struct http_parser *p, bool is_answer, size_t max_body);
void http_parser_reset(struct http_parser *p); /* for the next message; keeps the ceiling, frees the body */
void http_parser_release(struct http_parser *p);

/* Take bytes. Returns how many; fewer than `len` once the state is HTTP_BODY (head just became whole: call
 * again), HTTP_DONE or HTTP_REFUSED. */
size_t http_parser_feed(struct http_parser *p, const char *data, size_t len);

/* True when nothing of a message has arrived yet. */
bool http_parser_idle(const struct http_parser *p);

/* The target's path and query: `path` is cut at '?', `query` is "" when there is none. Absolute form is
 * reduced to its path and gives the authority, else NULL. False when the target is malformed. Changes
 * `target` in place. */
struct http_target {
	char *path, *query;
	const char *authority;
};
bool http_target_split(char *target, struct http_target *out);

/* Undo %XX in place. False for a bad escape, %00 or another control character. */
bool http_unescape(char *text);

/* Value of `name` in a query string, unescaped ('+' is a space), into `out`. 1 = found, 0 = absent, -1 = bad
 * or too long. */
int http_query(const char *query, const char *name, char *out, size_t size);
