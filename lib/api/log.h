/* log - the audit log as the server tells it, for who may not read the file. */
#pragma once

#include "api/client.h"
#include "audit/query.h"

/* As query_write(): the events that match, as a JSON array that may be looked at, to `fd`. */
int api_log_write(const struct api_client *c, const struct query *q, int fd, struct err *e);

/* A session's events as they happen, each a JSON text to `fn`, until that says false (then 0) or the server
 * ends (-1). */
int api_log_follow(const struct api_client *c, const char *session, scan_fn *fn, void *arg, struct err *e);
