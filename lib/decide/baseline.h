/* baseline - what programs may do where only the policy's last word speaks against it; see access.h. */
#pragma once

#include "decide/impl.h"
#include "decide/access.h"

/* The rule "system-read-baseline". */
extern const struct head baseline_rule;

/* Does it allow this? Names alone: for reading and listing, the object must be world-readable, too. */
bool baseline_has(const struct policy *p, enum access_kind kind, const char *path);

/* What the configuration opens beside: the rule "allow-read-write". */
extern const struct head baseline_more_rule;
bool baseline_has_more(const struct access_more *more, enum access_kind kind, const char *path);
enum tree_answer baseline_more_tree(const struct access_more *more, enum access_kind kind, const char *dir);

/* Does it depend on the object, not on its name alone? */
bool baseline_needs_facts(enum access_kind kind, const char *path);

/* For all that is below a directory: as baseline_has(), MIXED also where facts about objects count. */
enum tree_answer baseline_tree(const struct policy *p, enum access_kind kind, const char *dir);

/* Is this rule the policy's last word: denies everything to everything, or to all of /proc and /sys? */
bool baseline_yields(const struct policy *p, const struct rule *rule);

/* The operations, 1 << enum file_op, that a kind of access stands for. */
uint32_t access_mask(enum access_kind kind);
