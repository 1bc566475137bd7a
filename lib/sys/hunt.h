/* hunt - signal every process that bears a tag, also those that fork faster than a list can be read.
 *
 * A process that forks and ends at once is never where the list said it was.
 * But numbers are given out in rising order, and a child's is given while its
 * parent lives: who walks all numbers upwards and goes on to the newest one
 * meets every line of descent at a living member, or there is none.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* Send `signo` to every process of the session `tag`, or of one command of it (0 = all), except `but`
 * (0 = none). How many were alive at the first look. With SIGKILL it returns when none is alive any more
 * (the dead may wait to be reaped), or after two seconds. */
int tag_kill(uint64_t tag, uint32_t command, pid_t but, int signo);
