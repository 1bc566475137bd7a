/* event - one thing that happened, as it goes into the log.
 *
 * Producers fill the struct (everything borrowed, unused members zero) and
 * format it into a buffer: one JSON object without newline and without the
 * chain. The server adds the chain and writes the line.
 */
#pragma once

#include "base/buf.h"
#include "decide/decide.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	EVENT_LINE_MAX = 16384,               /* a whole line of the log, with its chain and newline */
	EVENT_TEXT_MAX = EVENT_LINE_MAX - 512 /* what event_format() appends at most */
};

struct event_field {
	const char *name;
	const char *text; /* string value; NULL = use number */
	int64_t number;
	bool is_bool;            /* number as true/false */
	const char *const *list; /* NULL-terminated string list instead; may be NULL */
};

struct event {
	const char *id;   /* unique; made by the producer: "evt-<boot random>-<counter>" */
	const char *type; /* "execve", "command_policy", … as peer clients know them */
	int64_t real_ns;  /* 0 = now */
	const char *session_id, *command_id, *source;
	pid_t pid, parent_pid;
	int depth; /* -1 = not known */
	/* Gives policy{decision,effective_decision,file,line,message,rule}; NULL = none. */
	const struct verdict *verdict;
	const char *message;      /* expanded message of the verdict, or NULL */
	const char *filename;     /* resolved file of an exec */
	const char *raw_filename; /* as the caller spelled it */
	const char *const *argv;  /* NULL-terminated; NULL = none */
	const char *path, *domain, *remote, *operation, *effective_action;
	bool truncated, abstract;
	const struct event_field *fields;
	size_t n_fields;
};

/* Append the JSON object. Keys in sorted order, empty members left out (a field that is a number or bool is
 * never empty). Bytes that are not UTF-8 become U+FFFD and KEY_base64 beside KEY holds the true bytes;
 * numbers beyond 2^53 become strings. What is too long is cut, and "truncated" says so; for argv, "argc" and
 * "argv_sha256" (each argument followed by a zero byte) then describe the whole. Without allocation once
 * `out` has EVENT_TEXT_MAX bytes of room. */
void event_format(const struct event *ev, struct buf *out);

/* RFC 3339 UTC with nanoseconds, trailing zeros trimmed, into `out` (>= 36 bytes). Returns the length. */
size_t event_time(int64_t real_ns, char *out);

/* RFC 3339 with any zone and up to nine digits of fraction, at the start of `text`. False if it is not, or
 * before 1970. */
bool event_time_parse(const char *text, int64_t *real_ns);
