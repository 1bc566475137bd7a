#include "match/cidr.h"
#include "match/host.h"

#include <arpa/inet.h>

#include "test/t.h"

T_CASE(spellings)
{
	static const char *const rows[][2] = {
		{ "Example.COM.", "example.com" },
		{ "127.1", "127.0.0.1" },
		{ "2130706433", "127.0.0.1" },
		{ "0x7f.1", "127.0.0.1" },
		{ "0177.0.0.1", "127.0.0.1" },
		{ "017700000001", "127.0.0.1" },
		{ "0x7f000001", "127.0.0.1" },
		{ "0XA9FEA9FE", "169.254.169.254" },
		{ "127.0.0.1.", "127.0.0.1" },
		{ "169.254.43518", "169.254.169.254" },
		{ "::ffff:169.254.169.254", "169.254.169.254" },
		{ "[::ffff:a9fe:a9fe]", "169.254.169.254" },
		{ "::169.254.169.254", "169.254.169.254" },
		{ "64:ff9b::a9fe:a9fe", "169.254.169.254" },
		{ "2002:a9fe:a9fe::1", "169.254.169.254" },
		{ "64:ff9b:1::a9fe:a9fe", "169.254.169.254" },
		{ "[::1]", "::1" },
		{ "0:0:0:0:0:0:0:1", "::1" },
		{ "FE80::1%eth0", "fe80::1" },
		{ "::", "::" },
		{ "0", "0.0.0.0" },
		{ "my_host-1", "my_host-1" },
		{ "xn--mnchen-3ya.de", "xn--mnchen-3ya.de" },
		{ "1e100.net", "1e100.net" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct host h;

		ok(host_parse(rows[i][0], &h), "'%s' is a host", rows[i][0]);
		is_str(h.name, rows[i][1]);
		is_int(h.len, (long long)strlen(rows[i][1]));
	}
}

/* Our own spelling of addresses is the C library's. */
T_CASE(address_texts)
{
	unsigned seed = 7;
	int wrong = 0;

	for (int round = 0; round < 20000; round++) {
		uint8_t addr[16];
		char text[64];
		struct host h;
		size_t len = round & 1 ? 16 : 4;

		for (size_t i = 0; i < len; i++) {
			seed = seed * 1103515245 + 12345;
			addr[i] = seed >> 20 & 3 ? (uint8_t)0 : (uint8_t)(seed >> 16);
		}
		if (len == 16)
			addr[0] = 0xfd; /* carries no IPv4 address */
		host_from_address(addr, len, &h);
		inet_ntop(len == 4 ? AF_INET : AF_INET6, addr, text, sizeof text);
		wrong += strcmp(text, h.name) != 0 || strlen(text) != h.len;
	}
	is_int(wrong, 0);
}

T_CASE(no_hosts)
{
	static const char *const bad[] = { "",
		                           ".",
		                           "..",
		                           "a..b",
		                           ".a",
		                           "a b",
		                           "a\n",
		                           "evil.com\t",
		                           "a@b",
		                           "a/b",
		                           "[::1",
		                           "[127.0.0.1]",
		                           "[]",
		                           ":",
		                           "::g",
		                           "1:2",
		                           "256.1.1.1",
		                           "1.2.3.4.5",
		                           "08.1",
		                           "4294967296",
		                           "m\xc3\xbcnchen.de",
		                           "127.0.0.1 x",
		                           "a.0x7f",
		                           "1.2.3.4%",
		                           "0x1.0x",
		                           "evil.com..",
		                           "127\xe3\x80\x82"
		                           "1",
		                           "a.999" };
	char longest[300];
	struct host h;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		bool taken = host_parse(bad[i], &h);

		ok(!taken || h.kind == HOST_ADDRESS, "'%s' is no name", bad[i]);
	}
	memset(longest, 'a', sizeof longest);
	longest[64] = 0;
	ok(!host_parse(longest, &h), "label of 64");
	for (int i = 0; i < 260; i += 2)
		memcpy(longest + i, "a.", 2);
	longest[260] = 0;
	ok(!host_parse(longest, &h), "name of 260");
}

T_CASE(other_forms)
{
	struct host h;

	host_parse("::ffff:10.0.0.1", &h);
	is_int(h.n_other, 1);
	is_int(h.other[0].len, 16);
	host_parse("0.0.0.0", &h);
	ok(h.n_other == 1 && h.other[0].addr[0] == 127);
	host_parse("10.0.0.1", &h);
	is_int(h.n_other, 0);
	ok(!host_from_address((const uint8_t *)"abc", 3, &h));
}

T_CASE(cidr_strict)
{
	static const char *const bad[] = { "10.0.0.0/33",
		                           "10.0.0/8",
		                           "0x0a.0.0.0/8",
		                           "10.0.0.0/-1",
		                           "10.0.0.0/8x",
		                           "::/129",
		                           "010.0.0.0/8",
		                           "10.0.0.0/08",
		                           "10.0.0.1/8",
		                           "::ffff:10.0.0.0/104",
		                           "10.0.0.0",
		                           "10.0.0.0/",
		                           "/8",
		                           "",
		                           "fe80::1%eth0/128",
		                           "10.0.0.0/8 ",
		                           " 10.0.0.0/8",
		                           "2001:db8::1/32",
		                           "10.0.0.0/+8" };
	struct cidr c;
	struct err e;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ok(cidr_parse(bad[i], &c, &e) < 0, "'%s': %s", bad[i], e.text);
	ok(!cidr_parse("0.0.0.0/0", &c, &e) && cidr_holds(&c, (const uint8_t *)"\x01\x02\x03\x04", 4));
	ok(!cidr_parse("172.16.0.0/12", &c, &e));
	ok(cidr_holds(&c, (const uint8_t *)"\xac\x1f\xff\xff", 4));
	ok(!cidr_holds(&c, (const uint8_t *)"\xac\x20\x00\x00", 4));
	ok(!cidr_parse("fd00::/8", &c, &e));
}

T_CASE(cidr_index)
{
	static const char *const ranges[] = { "10.1.0.0/16", "10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32",
		                              "10.1.2.3/32" };
	static const struct {
		const char *addr;
		uint32_t want;
	} rows[] = { { "10.1.2.3", 0 },
		     { "10.2.0.0", 1 },
		     { "11.0.0.0", 2 },
		     { "2001:db8::5", 3 },
		     { "2001::", QUERY_NONE } };
	AUTO_ARENA a = { 0 };
	struct cidrset *s = cidrset_new(&a);
	struct cidr c;

	for (uint32_t i = 0; i < 5; i++) {
		cidr_parse(ranges[i], &c, NULL);
		ok(!cidrset_add(s, &c, i, 1, NULL));
	}
	for (uint32_t i = 0; i < 500; i++) { /* grow */
		char text[32];

		snprintf(text, sizeof text, "172.16.%u.%u/32", i / 256, i % 256);
		cidr_parse(text, &c, NULL);
		cidrset_add(s, &c, 5 + i, 1, NULL);
	}
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t addr[16];
		struct query q = { .bit = 1, .best = QUERY_NONE };
		bool six = strchr(rows[i].addr, ':');

		inet_pton(six ? AF_INET6 : AF_INET, rows[i].addr, addr);
		cidrset_find(s, addr, six ? 16 : 4, &q);
		is_int(q.best, rows[i].want);
	}
}
