/* local - where an address of a local socket leads, and what may be done there. */
#pragma once

#include "enforce/net/impl.h"

#include "decide/decide.h"

#include <limits.h>

struct local {
	int file; /* owned: the socket's, O_PATH; -1: an abstract name, or none */
	bool abstract;
	char path[PATH_MAX]; /* where it lies, without links; "@name" */
	struct target to;    /* that leads there and nowhere else */
	bool other_ids;      /* the caller's are not ours */
};
#define NO_LOCAL           \
	{                  \
		.file = -1 \
	}
void local_release(struct local *l);
#define AUTO_LOCAL __attribute__((cleanup(local_release))) struct local

/* Find it: 0 or errno. */
int local_find(struct deed *d, const struct target *t, struct local *l);

/* Where the socket would lie that it names, if it were there: only `abstract` and `path` are set. */
int local_name(struct deed *d, const struct target *t, struct local *l);

/* Does the policy have rules for local sockets, and are they in force? */
bool local_ruled(const struct deed *d);

/* As settle_call(). To bind and to listen, what is allowed is not told of. */
bool local_allowed(struct deed *d, const struct local *l, enum unix_op op);

/* Connect (`message` NULL) or send as who calls. Bytes sent, or -errno. Does not wait when the socket is set
 * so, or flags say so. */
int64_t local_do(struct deed *d, const struct local *l, int sock, struct msghdr *message, int flags);

/* listen(2) on the socket of the deed, as who calls. 0 or -errno. */
int64_t local_listen(const struct deed *d, int backlog);

/* Has any process of the session this socket? Asks all of them. */
bool local_is_ours(const struct deed *d, unsigned long inode);
