/* asking - one question on its way to the host's name servers: over UDP, over TCP where the answer is cut;
 * each server in turn, twice. Each try has a socket, port and id of its own.
 */
#pragma once

#include "base/buf.h"
#include "loop/loop.h"
#include "net/dns.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct resolver_files;

/* What somebody's words turn out to be. */
enum heard {
	HEARD_NOTHING, /* not the answer to this */
	HEARD_CUT,     /* ask again over TCP */
	HEARD_REFUSAL, /* another server may know more */
	HEARD_ANSWER
};

struct asking {
	struct loop *loop;
	struct resolver_files *files; /* with a server at least */
	int64_t patience_ns;          /* for all tries together */
	enum heard (*hear)(struct asking *a, const uint8_t *message, size_t len);
	/* Once, from the loop; NULL = nobody has answered. */
	void (*done)(struct asking *a, const uint8_t *message, size_t len);
	/* Zeroed, but for the name and the type of the question: */
	struct dns_query asked;
	struct watch watch;
	struct timer timer;
	int tries;
	bool tcp;
	struct buf out, in; /* over TCP */
	size_t sent;
};

/* From the loop's next turn on: nobody is told before this returns. */
void asking_start(struct asking *a);
void asking_end(struct asking *a); /* harmless when it has ended */
