/* programs - what of a session's Landlock domain the configuration asks for beside file rules: trees from
 * which programs may be started, TCP ports, abstract sockets. */
#pragma once

#include "enforce/landlock/floor.h"
#include "sys/landlock.h"

void programs_handle(const struct floor_rules *r, int abi, struct landlock_handled *h);
void programs_grant(const struct floor_rules *r, int ruleset, const struct landlock_handled *h);
