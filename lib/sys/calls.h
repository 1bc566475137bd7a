/* calls - system calls by name, for lists that people write. */
#pragma once

enum { CALL_ELSEWHERE = -1, CALL_UNKNOWN = -2 };

/* The number on this architecture; CALL_ELSEWHERE: only others have it, so there is nothing to refuse. */
int calls_number(const char *name);
