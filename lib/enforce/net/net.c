#include "enforce/net/impl.h"

#include "base/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

struct net *net_new(const struct net_options *o, struct err *e)
{
	struct net *n = calloc(1, sizeof *n);

	if (n) {
		for (size_t i = 0; i < NET_TASKS; i++)
			n->tasks[i].fd = -1;
		list_init(&n->waiting);
		n->o = *o;
		n->o.own = n->own;
		n->o.n_own = o->n_own < NET_OWN ? o->n_own : NET_OWN;
		if (o->n_own)
			memcpy(n->own, o->own, n->o.n_own * sizeof *n->own);
		n->cache = decide_cache_new(o->policy);
	}
	if (n && n->cache)
		return n;
	net_free(n);
	err_set(e, "out of memory");
	return NULL;
}

void net_free(struct net *n)
{
	if (!n)
		return;
	wait_free(n);
	for (size_t i = 0; i < NET_TASKS; i++)
		fd_close(&n->tasks[i].fd);
	decide_cache_free(n->cache);
	free(n);
}

bool net_call(void *net, const struct call *k)
{
	struct deed d = { .net = net, .k = k, .args = k->n->data.args, .tid = (pid_t)k->n->pid, .sock = -1 };
	const int nr = k->n->data.nr;
	int error = nr == __NR_connect  ? connect_judge(&d)
	            : nr == __NR_listen ? listen_judge(&d)
	            : nr == __NR_bind   ? bind_judge_name(&d)
	                                : send_judge(&d, nr);

	if (!d.answered && !error && nr == __NR_bind) {
		deed_let_go(&d.sock);
		return false;
	}
	if (!d.answered)
		deed_fail(&d, error ? error : EACCES);
	return true;
}
