/* tell - where events of this process go, and what all of them have. */
#pragma once

#include "audit/event.h"

struct teller {
	const char *session_id;
	/* proxy_options say what these are. */
	bool (*sink)(void *arg, const char *json, size_t len, uint32_t command, uint32_t flags);
	const char *(*command_id)(void *arg, uint32_t command);
	void *arg;
	char id[24]; /* of its events: this process's own part */
	uint64_t n;
};

/* False when there is no randomness. */
bool tell_init(struct teller *t);

/* Complete the event of a command (0 = of none), hand it over. False: not kept, so what it tells of must not
 * happen. */
bool tell_event(struct teller *t, struct event *ev, uint32_t command);
