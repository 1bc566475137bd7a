/* policy - a policy of a unit test, loaded from text. */
#pragma once

#include "policy/policy.h"
#include "test/t.h"

/* NULL, with the reasons as TAP comments, when it does not load. */
static inline struct policy *policy_of(const char *text)
{
	struct policy_problems problems;
	struct policy *p =
	        policy_load(text, strlen(text), "test.yaml", &(struct policy_options){ 0 }, &problems);

	for (size_t i = 0; i < problems.n; i++)
		printf("# %d:%d: %s\n", problems.items[i].line, problems.items[i].column,
		       problems.items[i].text);
	policy_problems_release(&problems);
	return p;
}
