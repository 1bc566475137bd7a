/* Calls on sockets, for a supervisor that judges where they lead: enforce/net. And where there is none. */
#include "enforce/exec/filter_rows.h"
#include "sys/uapi/compat.h"

#ifndef FILTER_NR
#define FILTER_NR(name) __NR_##name
#endif

struct one {
	uint32_t nr;
	unsigned char answer, block;
	unsigned char instead; /* of what stands there already: only of this block */
};

static const struct one calls[] = {
	{ FILTER_NR(connect), NOTIFY, NO_BLOCK, NO_BLOCK },
	{ FILTER_NR(listen), NOTIFY, NO_BLOCK, NO_BLOCK },
	{ FILTER_NR(bind), NOTIFY, NO_BLOCK, NO_BLOCK },
	{ FILTER_NR(sendto), ALLOW, BLOCK_SENDTO, NO_BLOCK },
	{ FILTER_NR(sendmsg), NOTIFY, BLOCK_SENDMSG, NO_BLOCK },
	{ FILTER_NR(sendmmsg), NOTIFY, BLOCK_SENDMMSG, NO_BLOCK },
	{ FILTER_NR(setsockopt), ALLOW, BLOCK_SETSOCKOPT, NO_BLOCK },
	{ FILTER_NR(socketpair), ALLOW, BLOCK_SOCKETPAIR, NO_BLOCK },
	{ FILTER_NR(socket), ALLOW, BLOCK_SOCKET_NET, BLOCK_SOCKET },
	{ FILTER_NR(clone), ALLOW, BLOCK_CLONE, BLOCK_NAMESPACES },
};

static const struct one unasked[] = {
	{ FILTER_NR(sendto), ALLOW, BLOCK_FLAGS_THIRD, NO_BLOCK },
	{ FILTER_NR(sendmsg), ALLOW, BLOCK_FLAGS_SECOND, NO_BLOCK },
	{ FILTER_NR(sendmmsg), ALLOW, BLOCK_FLAGS_THIRD, NO_BLOCK },
	{ FILTER_NR(setsockopt), ALLOW, BLOCK_SETSOCKOPT, NO_BLOCK },
	{ FILTER_NR(socketpair), ALLOW, BLOCK_SOCKETPAIR, NO_BLOCK },
	{ FILTER_NR(socket), ALLOW, BLOCK_SOCKET_TCP, BLOCK_SOCKET },
};

/* Wherever it leads, it stays inside. Other families do not: AF_VSOCK knows no namespaces. */
static const struct one apart[] = {
	{ FILTER_NR(socketpair), ALLOW, BLOCK_SOCKETPAIR, NO_BLOCK },
	{ FILTER_NR(socket), ALLOW, BLOCK_SOCKET_NET, BLOCK_SOCKET },
};

static const struct {
	const struct one *rows;
	size_t n;
} kinds[] = {
	[FILTER_ASKED] = { calls, sizeof calls / sizeof *calls },
	[FILTER_PORTS] = { unasked, sizeof unasked / sizeof *unasked },
	[FILTER_APART] = { apart, sizeof apart / sizeof *apart },
};

size_t filter_net(struct filter_row *rows, size_t n, enum filter_sockets kind)
{
	const size_t had = n, more = kinds[kind].n;

	_Static_assert(sizeof calls / sizeof *calls <= FILTER_NET, "FILTER_NET");
	for (size_t i = 0; i < more; i++) {
		const struct one *c = &kinds[kind].rows[i];
		const struct filter_row row = { c->nr, c->nr, c->answer, c->block };
		size_t k = 0;

		/* What the configuration refuses stays refused. */
		while (k < had && !(rows[k].first <= c->nr && c->nr <= rows[k].last))
			k++;
		if (k == had)
			rows[n++] = row;
		else if (c->instead && rows[k].block == c->instead)
			rows[k] = row;
	}
	return n;
}
