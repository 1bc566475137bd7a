/* denial - the words of a refusal, the same wherever it is shown.
 *
 *   agentsh: sudo: denied by rule 'block-shell-escape' (default.yaml:412): MESSAGE
 *   agentsh: what to do about it
 */
#pragma once

#include "decide/decide.h"

#include <stddef.h>

/* One line without newline. Control characters of `subject` are escaped. Returns its length. */
size_t denial_line(const char *subject, const struct verdict *v, const char *message, char *out, size_t size);

/* The rule's message for a command, expanded into `out`. Returns the subject: the name that matched, without
 * its directory; it lies in the verdict's subject or in `path`. */
const char *denial_message(const struct verdict *v, const char *path, const char *const *argv, size_t argc,
                           char *out, size_t size);

/* Both lines, each with its newline. */
size_t denial_text(const char *subject, const struct verdict *v, const char *message, char *out, size_t size);

/* What the agent can do; a constant sentence by the kind of rule. */
const char *denial_fix(const struct verdict *v);
