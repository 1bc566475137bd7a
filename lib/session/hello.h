/* hello - what somebody says who wants to be governed. He may be anybody: nothing is believed. */
#pragma once

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Texts lie in the message, lists in the arena. */
struct hello {
	uint32_t kind; /* enum entry_kind */
	pid_t pid;     /* as the caller knows itself */
	dev_t root_dev;
	ino_t root_ino;
	const char *program, *cwd, *session;
	const char **argv, **env; /* NULL-terminated */
	size_t argc, n_env;
	struct arena *arena;
};

/* Take a WIRE_HELLO apart; h->arena is set. False when it is none, or not whole. */
bool hello_read(const void *data, size_t len, struct hello *h);
