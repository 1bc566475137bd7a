/* memory - what the processes of a session hold, for count.c. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

enum { MEMBERS = 256, COMMANDS = 32 };

struct memory_use {
	uint64_t tasks;        /* threads count */
	uint64_t others;       /* the user's tasks that are not the session's */
	pid_t member[MEMBERS]; /* the first ones */
	unsigned n_members;
	struct {
		uint32_t number;
		uint64_t tasks;
	} command[COMMANDS]; /* the first ones */
	unsigned n_commands;
	uint64_t bytes; /* anonymous, shared and swapped out; not what files can give back */
	pid_t largest;
	uint64_t largest_bytes;
	uint32_t largest_command;
};

/* Look at all processes with this tag. What several of them map counts for each, unless it is more than `max`
 * then: it is shared out first, which takes longer. */
void memory_look(uint64_t tag, uid_t uid, uint64_t max, struct memory_use *out);

/* Kill it, if it still has the tag. True when there was something to kill. */
int memory_kill(uint64_t tag, pid_t pid);
