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

struct event_field {
	const char *name;
	const char *text; /* string value; NULL = use number */
	int64_t number;
	bool is_bool; /* number as true/false */
	const char *const *list; /* NULL-terminated string list instead; may be NULL */
};

struct event {
	const char *type; /* "execve", "command_policy", … as peer clients know them */
	int64_t real_ns;  /* 0 = now */
	const char *session_id, *command_id, *source;
	pid_t pid, parent_pid;
	int depth; /* -1 = not known */
	const struct verdict *verdict; /* gives policy{decision,effective_decision,rule,message,file,line}; NULL = none */
	const char *message;           /* expanded message of the verdict, or NULL */
	const char *filename;          /* resolved file of an exec */
	const char *raw_filename;      /* as the caller spelled it */
	const char *const *argv;       /* NULL-terminated; long lists are cut, with "truncated" and a SHA-256 of the whole */
	const char *path, *domain, *remote, *operation, *effective_action;
	bool truncated, abstract;
	const struct event_field *fields;
	size_t n_fields;
};

/* Append the JSON object. Keys in sorted order; bytes that are not UTF-8 become U+FFFD and a *_base64 field is added. */
void event_format(const struct event *ev, struct buf *out);
