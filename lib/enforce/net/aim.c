#include "enforce/net/impl.h"

#include "match/host.h"
#include "sys/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { INET6_SHORTEST = offsetof(struct sockaddr_in6, sin6_scope_id) }; /* as RFC 2133 had it */

int aim_read(const struct deed *d, uint64_t addr, int len, struct target *t)
{
	if (len < 0 || len > (int)sizeof t->raw)
		return EINVAL;
	memset(t, 0, sizeof *t);
	t->len = (socklen_t)len;
	if (len && mem_read(d->tid, addr, t->raw.bytes, (size_t)len) != len)
		return EFAULT;
	if (!call_valid(d->k))
		return ESRCH;
	aim_parse(t);
	return 0;
}

/* To connect to no address is to connect to this machine. */
static void mean_this_machine(struct page_address *a)
{
	static const uint8_t none[16] = { 0 };

	if (memcmp(a->bytes, none, a->len) != 0)
		return;
	a->bytes[a->len - 1] = 1;
	if (a->len == 4)
		a->bytes[0] = 127;
}

static void parse(struct target *t)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&t->raw;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&t->raw;

	t->inet = false;
	if (t->len >= sizeof *v4 && v4->sin_family == AF_INET) {
		t->addr.len = 4;
		memcpy(t->addr.bytes, &v4->sin_addr, 4);
		t->port = ntohs(v4->sin_port);
	} else if (t->len >= INET6_SHORTEST && v6->sin6_family == AF_INET6) {
		t->addr.len = 16;
		memcpy(t->addr.bytes, &v6->sin6_addr, 16);
		t->port = ntohs(v6->sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
			t->addr.len = 4;
			memmove(t->addr.bytes, t->addr.bytes + 12, 4);
		}
	} else {
		return;
	}
	t->inet = true;
}

void aim_parse(struct target *t)
{
	struct host host;

	parse(t);
	if (!t->inet)
		return;
	mean_this_machine(&t->addr);
	t->inet = host_from_address(t->addr.bytes, t->addr.len, &host);
}

bool aim_name(int sock, struct target *t)
{
	memset(t, 0, sizeof *t);
	t->len = sizeof t->raw;
	if (getsockname(sock, &t->raw.any, &t->len) < 0)
		return false;
	parse(t);
	return t->inet;
}

bool aim_is_here(const struct target *t)
{
	static const uint8_t here[16] = { [15] = 1 };

	return t->addr.len == 4 ? t->addr.bytes[0] == 127 : !memcmp(t->addr.bytes, here, sizeof here);
}

/* The same target written as an address of this family: false when that cannot be. */
static bool write_as(const struct net_place *place, int family, struct target *t)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&t->raw;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&t->raw;

	memset(t, 0, sizeof *t);
	if (family == AF_INET && place->addr.len == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(place->port);
		memcpy(&v4->sin_addr, place->addr.bytes, 4);
		t->len = sizeof *v4;
	} else if (family == AF_INET6) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(place->port);
		if (place->addr.len == 4)
			v6->sin6_addr.s6_addr[10] = v6->sin6_addr.s6_addr[11] = 0xff;
		memcpy(v6->sin6_addr.s6_addr + 16 - place->addr.len, place->addr.bytes, place->addr.len);
		t->len = sizeof *v6;
	}
	aim_parse(t);
	return t->inet;
}

/* A socket of IPv6 that will have nothing to do with IPv4, or has an address of its own already. */
static bool is_six(int sock)
{
	struct sockaddr_in6 own = { .sin6_family = AF_UNSPEC };
	socklen_t len = sizeof own;
	int only = 0;

	if (getsockname(sock, (struct sockaddr *)&own, &len) == 0 && !IN6_IS_ADDR_UNSPECIFIED(&own.sin6_addr))
		return !IN6_IS_ADDR_V4MAPPED(&own.sin6_addr);
	len = sizeof only;
	return getsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len) == 0 && only;
}

bool aim_proxy(const struct deed *d, int family, struct target *t)
{
	const struct net_options *o = &d->net->o;

	return write_as(family == AF_INET6 && o->proxy6.port && is_six(d->sock) ? &o->proxy6 : &o->proxy,
	                family, t);
}

bool aim_names(const struct deed *d, int family, const struct target *meant, struct target *t)
{
	const struct net_options *o = &d->net->o;
	const int both = 0;

	if (meant->port != 53 || o->monitor || !o->dns.port)
		return false;
	*t = *meant;
	if (o->apart)
		return true;
	if (!write_as(&o->dns, family, t))
		return false;
	/* One of IPv6 alone becomes one of both. Whoever has bound it already is left as he is. */
	if (family == AF_INET6)
		setsockopt(d->sock, IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof both);
	return true;
}

const char *aim_address(const struct target *t, char out[TARGET_TEXT])
{
	return inet_ntop(t->addr.len == 4 ? AF_INET : AF_INET6, t->addr.bytes, out, TARGET_TEXT);
}

const char *aim_text(const struct target *t, char out[TARGET_TEXT])
{
	char text[TARGET_TEXT] = "";

	aim_address(t, text);
	snprintf(out, TARGET_TEXT, t->addr.len == 4 ? "%.45s:%u" : "[%.45s]:%u", text, (unsigned)t->port);
	return out;
}
