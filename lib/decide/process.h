/* process - the part of the baseline that is no file: what programs read of the kernel on any day.
 *
 * Facts about the machine that every user may read (/proc/cpuinfo, /proc/sys, processors and control groups
 * in /sys), what a process reads of itself, and what ps shows of others. Nobody's environment, memory or
 * system calls. By names alone; facts about the machine must be world-readable, too.
 */
#pragma once

#include "decide/access.h"

/* Is it here that programs look? */
bool process_has(enum access_kind kind, const char *path);

/* Must it be world-readable for that? */
bool process_is_fact(const char *path);

/* Is anything below the directory, that is not decided by its own name? */
bool process_below(enum access_kind kind, const char *dir);
