/* granted - what file rules and the configuration leave to a session's processes, for its Landlock domain. */
#pragma once

#include "enforce/landlock/floor.h"
#include "session/session.h"

struct granted {
	struct floor_rules rules;
	struct arena arena; /* owned; what `rules` points to */
};

/* 0 or -1. `g` must be zeroed; release it in any case. */
int granted_make(struct granted *g, const struct session *s, struct err *e);
/* Where programs may be started from: names of trees and files, in `a`; none: from anywhere. */
size_t granted_programs(const struct session *s, struct arena *a, const char *const **items);
/* The trees of landlock.allow_read and allow_write, links resolved, in `a`. */
void granted_more(const struct session *s, struct arena *a, struct floor_rules *out);
void granted_release(struct granted *g);
