/* alloc - let one allocation of the code under test fail. Linked into every unit test.
 *
 *	for (long n = 1; ; n++) {
 *		alloc_fail_at(n);
 *		result = thing_load(...);
 *		if (!alloc_failed())
 *			break;
 *		ok(result == NULL, "allocation %ld", n);
 *	}
 *	alloc_fail_at(0);
 *
 * Covers malloc, calloc, realloc, strdup and strndup called by lib/ and the third-party libraries.
 */
#pragma once

#include <stdbool.h>

/* The n-th allocation from now (1 = the next) returns NULL, once; 0 = none does. */
void alloc_fail_at(long n);

/* Has it failed since alloc_fail_at? */
bool alloc_failed(void);
