/* programs - what of a session's Landlock domain the configuration asks for beside file rules: trees from
 * which programs may be started, TCP ports, abstract sockets. */
#pragma once

#include "enforce/landlock/floor.h"
#include "sys/landlock.h"

/* What is really there of such trees, links resolved, and of the dynamic loaders, which the kernel opens as
 * it opens programs. */
typedef void programs_fn(void *arg, const char *real);
void programs_each(const char *const *trees, size_t n, programs_fn *each, void *arg);

void programs_handle(const struct floor_rules *r, int abi, struct landlock_handled *h);
void programs_grant(const struct floor_rules *r, int ruleset, const struct landlock_handled *h);
