#include "sys/trim.h"

#include <stdint.h>
#include <sys/mman.h>

/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker chose them */
extern const char __executable_start[], __init_array_start[]; /* from the linker: read-only between them */

void trim_text(void)
{
	uintptr_t page = 4096, start = ((uintptr_t)__executable_start + page - 1) & ~(page - 1);
	uintptr_t end = (uintptr_t)__init_array_start & ~(page - 1);

	if (start < end)
		madvise((void *)start, end - start, MADV_DONTNEED);
}
