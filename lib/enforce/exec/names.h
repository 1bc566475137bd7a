/* names - numbers of system calls, as the block list of a configuration names them. */
#pragma once

#include <stdbool.h>

/* False when the name is unknown. The number is negative for a call that this architecture lacks. With
 * CONFIG_LIB_SECCOMP every name is known, without it those that sandboxes block. */
bool names_number(const char *name, int *number);
