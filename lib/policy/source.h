/* source - the text of a policy that somebody names on a command line. For the applets: files that decide
 * about sessions are opened by the server, which checks who owns them. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "policy/policy.h"

#include <stddef.h>

/* "-" is standard input; what holds a slash or ends in .yaml or .yml is a file; all else is a name, looked up
 * in `dir` as NAME.yaml, NAME.yml, NAME. Where `dir` is NULL or is not there, "default" is the built-in
 * policy. `shown` gets the name for messages. 0 or -1; At most YAML_MAX bytes are taken. */
int policy_source(const char *dir, const char *what, struct buf *text, char *shown, size_t size,
                  struct err *e);

/* The policy in the file at `path`; of what is wrong with it the first problem is said. NULL with `e`. */
struct policy *policy_read(const char *path, const struct policy_options *options, struct err *e);

/* [A-Za-z0-9_-]+ */
int policy_name_ok(const char *name);
