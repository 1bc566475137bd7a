/* Calls on sockets, for a supervisor that judges where they lead: enforce/net. */
#include "enforce/exec/filter_rows.h"
#include "sys/uapi/compat.h"

#ifndef FILTER_NR
#define FILTER_NR(name) __NR_##name
#endif

static const struct {
	uint32_t nr;
	unsigned char answer, block;
	unsigned char instead; /* of what stands there already: only of this block */
} calls[] = {
	{ FILTER_NR(connect), NOTIFY, NO_BLOCK, NO_BLOCK },
	{ FILTER_NR(sendto), ALLOW, BLOCK_SENDTO, NO_BLOCK },
	{ FILTER_NR(sendmsg), NOTIFY, BLOCK_SENDMSG, NO_BLOCK },
	{ FILTER_NR(sendmmsg), NOTIFY, BLOCK_SENDMMSG, NO_BLOCK },
	{ FILTER_NR(setsockopt), ALLOW, BLOCK_SETSOCKOPT, NO_BLOCK },
	{ FILTER_NR(socketpair), ALLOW, BLOCK_SOCKETPAIR, NO_BLOCK },
	{ FILTER_NR(socket), ALLOW, BLOCK_SOCKET_NET, BLOCK_SOCKET },
	{ FILTER_NR(clone), ALLOW, BLOCK_CLONE, BLOCK_NAMESPACES },
};

size_t filter_net(struct filter_row *rows, size_t n)
{
	size_t had = n;

	_Static_assert(sizeof calls / sizeof *calls <= FILTER_NET, "FILTER_NET");
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		const struct filter_row row = { calls[i].nr, calls[i].nr, calls[i].answer, calls[i].block };
		size_t k = 0;

		/* What the configuration refuses stays refused. */
		while (k < had && !(rows[k].first <= calls[i].nr && calls[i].nr <= rows[k].last))
			k++;
		if (k == had)
			rows[n++] = row;
		else if (calls[i].instead && rows[k].block == calls[i].instead)
			rows[k] = row;
	}
	return n;
}
