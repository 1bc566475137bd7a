#include "net/ours.h"

#include "base/fd.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static bool is_loopback(const struct in6_addr *a)
{
	if (IN6_IS_ADDR_V4MAPPED(a))
		return a->s6_addr[12] == 127 || a->s6_addr[12] == 0;
	return IN6_IS_ADDR_LOOPBACK(a) || IN6_IS_ADDR_UNSPECIFIED(a);
}

/* What is sent to an address of one's own comes from that address. Nothing is sent by this. */
static bool is_here(const struct in6_addr *a)
{
	const bool v4 = IN6_IS_ADDR_V4MAPPED(a);
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(9), .sin6_addr = *a };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = six.sin6_port };
	struct sockaddr *to = v4 ? (struct sockaddr *)&four : (struct sockaddr *)&six;
	socklen_t len = v4 ? sizeof four : sizeof six;
	AUTO_FD fd = -1;

	if (is_loopback(a) || IN6_IS_ADDR_LINKLOCAL(a))
		return true;
	memcpy(&four.sin_addr, a->s6_addr + 12, 4);
	fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return true;
	if (connect(fd, to, len) < 0)
		return errno != ENETUNREACH && errno != EHOSTUNREACH;
	if (getsockname(fd, to, &len) < 0)
		return true;
	return v4 ? !memcmp(&four.sin_addr, a->s6_addr + 12, 4) : !memcmp(&six.sin6_addr, a, sizeof *a);
}

bool ours_is(const uint8_t *ports, const uint8_t *addr, size_t len, uint16_t port)
{
	struct in6_addr a = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	if (!(ports[port / 8] >> port % 8 & 1))
		return false;
	memcpy(a.s6_addr + (len == 4 ? 12 : 0), addr, len == 4 ? 4 : 16);
	return is_here(&a);
}
