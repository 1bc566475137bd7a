/* policy_wire - a policy on its way to a worker: its text as a descriptor, the rest in the message. */
#pragma once

#include "base/err.h"
#include "session/core.h"
#include "wire/msg.h"

/* What it is compiled from, beside the text. */
void policy_wire_put(struct msg *m, const struct shared_policy *p);

/* Read that, to the message's end, and compile. `fd` is borrowed and read by position: others read it, too.
 * The caller frees the policy; NULL on failure. */
struct policy *policy_wire_take(struct msg_reader *r, int fd, struct err *e);
