/* limited - the control groups of a session, and what the log says of them. */
#pragma once

#include "enforce/limits/limits.h"
#include "session/session.h"

#include <stdbool.h>
#include <stdint.h>

struct handover;
struct msg_reader;

/* Make what the session's policy and the configuration ask for, as far as this host lets us; log it. */
void limited_make(struct core *core, struct session *s, struct limits *l);

/* Must the supervisor count tasks? And what stands in the list of armed layers: "" when nothing is limited.
 */
bool limited_counts(const struct core *core, const struct limits *l);
const char *limited_layer(const struct core *core, const struct limits *l);

/* The session has another policy. */
void limited_change(struct core *core, struct session *s, const struct limits *l);

/* Its processes are gone: remove the groups. `l` may be NULL: then they are those of a supervisor that died.
 */
void limited_end(struct core *core, struct session *s, struct limits *l);

/* Remove what an earlier server left. */
void limited_sweep(struct core *core, const char *session, uint64_t tag);

void limited_hand_over(const struct limits *l, struct handover *h);
void limited_take(struct limits *l, struct msg_reader *r);
