/* ask - one question in words, as policy-test, the API and .cases files put it.
 *
 *	exec, command	path or name; arguments without argv[0]
 *	connect, net, net_*	host, host:port, [v6]:port; the port is 443 when not given
 *	unix_connect, unix_bind, unix_listen, unix_sendto, unix_socket	path or @name
 *	env	name of a variable
 *	signal	name or number; the arguments say how the target is related ("session", "external")
 *	read, write, …, file_read, …	path
 */
#pragma once

#include "decide/decide.h"

struct ask {
	const struct policy *policy;
	struct decide_cache *cache;
	const char *operation, *object;
	const char *const *args; /* NULL-terminated, may be NULL */
	int depth;               /* exec: 0 = typed by the agent */
	const char *cwd;         /* for relative paths; NULL = "/" */
	const char *workspace;   /* the directory that is also /workspace; NULL = none */
};

enum ask_result { ASK_DONE, ASK_BAD_OPERATION, ASK_BAD_OBJECT };
enum ask_result decide_ask(const struct ask *a, struct verdict *out);

/* The rule's message with the facts of the question in it. */
void decide_ask_message(const struct ask *a, const struct verdict *v, char *out, size_t size);
