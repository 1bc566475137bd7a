/* query - find events in the log and its rotated files. For the API, `events query` and `audit --session`. */
#pragma once

#include "audit/scan.h"
#include "base/err.h"

#include <stdint.h>

enum { QUERY_LIMIT = 200, QUERY_LIMIT_MAX = 5000 };

/* A zeroed struct matches everything, newest first. All text is borrowed. */
struct query {
	const char *session, *command;
	const char *types;          /* "execve,file_delete" */
	const char *decision;       /* the rule's or the effective one */
	int64_t since_ns, until_ns; /* inclusive; 0 = open */
	/* SQL LIKE: % any text, _ one character, ASCII letters in any case. path also looks at filename, text
	 * at the whole line. */
	const char *path_like, *domain_like, *text_like;
	int64_t limit, offset; /* a limit below 1 or above QUERY_LIMIT_MAX counts as QUERY_LIMIT */
	bool ascending;        /* oldest first */
};

/* "2025-01-02T03:04:05Z", or a duration before `now_ns`: "10m". False if it is neither. */
bool query_time(const char *text, int64_t now_ns, int64_t *out);

/* "asc" or "desc". */
bool query_order(const char *text, bool *ascending);

/* True if `line`, one event of the log, matches. A line that is no JSON object never does. */
bool query_match(const struct query *q, const char *line, size_t len);

/* Give each match to `fn` in order, as it stands in the log. What is missing (no log at all, a rotated file)
 * counts as empty. 0, or -1 when something cannot be read. */
int query_run(const char *log_path, const struct query *q, scan_fn *fn, void *arg, struct err *e);

/* The matches as one JSON array on `fd`, an event a line; control characters and such as reorder text are
 * escaped, so that it may be looked at. 0 or -1. */
int query_write(const char *log_path, const struct query *q, int fd, struct err *e);

/* Where the log is: `given` if any, else AGENTSH_DB_PATH, else where the configuration puts it, else
 * /var/lib/agentsh/events.jsonl; events.db stands for the events.jsonl that is kept in its place. For reading
 * only: the writer believes its configuration alone. Returns `out`. */
const char *query_log_path(const char *given, char *out, size_t size);

/* SQL LIKE on bytes, see above. A pattern of more than 1024 bytes matches nothing. */
bool query_like(const char *pattern, const char *text, size_t len);
