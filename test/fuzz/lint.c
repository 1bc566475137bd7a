/* lint: any text is linted and explained in bounded time and memory, whether or not it would load. */
#include "policy/explain.h"
#include "policy/lint.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lint_report report = { .n = 0 };
	struct explain_table table = { .n = 0 };
	struct err e;

	if (size > 20000)
		return 0;
	policy_lint((const char *)data, size, &report, &e);
	policy_explain((const char *)data, size, &table, &e);
	lint_release(&report);
	explain_release(&table);
	return 0;
}
