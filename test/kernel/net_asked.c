/* net_asked - questions to whatever name server are answered, whatever kind of socket asks. */
#include "test/kernel/net_lab.h"

/* For the addresses of localhost, behind its length as TCP wants it. */
static const unsigned char question[] = "\0\x1b\x12\x34\x01\0\0\1\0\0\0\0\0\0\x09localhost\0\0\1\0";

static const char policy[] =
        NL_POLICY "  - name: allow-all\n    cidrs: [\"0.0.0.0/0\", \"::/0\"]\n    decision: allow\n";

/* The answer has the question's number. */
static int hear(int fd, size_t skip)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	unsigned char got[600];
	ssize_t n;

	if (poll(&p, 1, 2000) != 1)
		return 80;
	n = recv(fd, got, sizeof got, 0);
	return n >= (ssize_t)(skip + 12) && got[skip] == 0x12 && got[skip + 1] == 0x34 && got[skip + 2] & 0x80
	               ? 0
	               : 81;
}

static int ask_one(const char *server, bool only, int type, bool connected)
{
	const size_t skip = type == SOCK_DGRAM ? 2 : 0;
	const int one = only;
	union nl_addr a;
	socklen_t len = nl_addr(&a, server, 53);
	int fd = socket(a.any.sa_family, type, 0);

	if (a.any.sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) < 0)
		return 82;
	if (connected && connect(fd, &a.any, len) < 0)
		return errno;
	if (sendto(fd, question + skip, sizeof question - skip, MSG_NOSIGNAL, connected ? NULL : &a.any,
	           connected ? 0 : len) < 0)
		return errno;
	return hear(fd, 2 - skip);
}

static int ask(void)
{
	static const char *const servers[] = { "192.0.2.1", "2001:db8::1", "2001:db8::1" };
	static const struct {
		int type;
		bool connected;
	} ways[] = { { SOCK_DGRAM, true }, { SOCK_DGRAM, false }, { SOCK_STREAM, true } };
	int bad = 0;

	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < 3; k++) {
			const int rc = ask_one(servers[i], i == 2, ways[k].type, ways[k].connected);

			if (rc)
				printf("%s%s, way %zu: %d\n", servers[i], i == 2 ? " alone" : "", k, rc);
			bad += rc != 0;
		}
	return bad;
}

const struct lab_attack lab_attacks[] = { { "ask", ask }, { 0 } };

T_CASE(answered_whatever_asks)
{
	static struct outcome o;

	nl_build();
	lab_write(lab.policy, policy, 0644);
	for (int root = 0; root < 2; root++) {
		lab_attack("ask", true, root ? 0 : lab.user, &o);
		if (!ok(lab_exit(&o) == 0, "all are answered, root %d: %d\n%s", root, lab_exit(&o), o.out))
			lab_show(&o);
	}
	lab_attack("ask", false, lab.user, &o);
	ok(lab_exit(&o) == 9, "where nobody governs, nobody is there: %d", lab_exit(&o));
}
