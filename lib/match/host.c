#include "match/host.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdio.h>
#include <string.h>

/* The IPv4 address inside an IPv6 one: ::ffff:a.b.c.d, ::a.b.c.d, 64:ff9b::a.b.c.d, 64:ff9b:1::/48,
 * 2002:aabb:ccdd::. */
static const uint8_t *embedded(const uint8_t *a)
{
	static const uint8_t zero[12], mapped[12] = { [10] = 0xff, [11] = 0xff },
	                               nat64[12] = { 0, 0x64, 0xff, 0x9b };
	static const uint8_t local_nat64[6] = { 0, 0x64, 0xff, 0x9b, 0, 1 };
	uint32_t last;
	bool low; /* :: and ::1 are themselves */

	memcpy(&last, a + 12, 4);
	low = be32toh(last) <= 1;
	if (!memcmp(a, mapped, 12) || !memcmp(a, nat64, 12) || (!memcmp(a, local_nat64, 6) && last) ||
	    (!memcmp(a, zero, 12) && !low))
		return a + 12;
	return a[0] == 0x20 && a[1] == 0x02 ? a + 2 : NULL;
}

static void add_other(struct host *h, const uint8_t *addr, size_t len)
{
	memcpy(h->other[h->n_other].addr, addr, len);
	h->other[h->n_other++].len = len;
}

/* What a tunnel's address leads to by IPv4: Teredo's client (its bits turned over) and server, ISATAP's end;
 * and behind the local prefix of NAT64, the layout for 48 bits. They stay what they are: rules that restrict
 * IPv4 hold for them, too. */
static void add_tunnels(struct host *h, const uint8_t *a)
{
	static const uint8_t teredo[4] = { 0x20, 0x01 }, isatap[3] = { 0, 0x5e, 0xfe },
	                     local_nat64[6] = { 0, 0x64, 0xff, 0x9b, 0, 1 };
	const uint8_t client[4] = { a[12] ^ 0xff, a[13] ^ 0xff, a[14] ^ 0xff, a[15] ^ 0xff },
	              spread[4] = { a[6], a[7], a[9], a[10] };

	if (!memcmp(a, teredo, 4)) {
		add_other(h, client, 4);
		add_other(h, a + 4, 4);
	} else if (!memcmp(a, local_nat64, 6)) {
		add_other(h, spread, 4);
	} else if (!(a[8] & ~2) && !memcmp(a + 9, isatap, 3)) {
		add_other(h, a + 12, 4);
	}
}

/* connect(2) to the unspecified address reaches this machine. */
static void add_loopback(struct host *h)
{
	static const uint8_t zero[16], four[4] = { 127, 0, 0, 1 }, six[16] = { [15] = 1 };

	if (memcmp(h->address.addr, zero, h->address.len))
		return;
	if (h->address.len == 4)
		add_other(h, four, 4);
	else
		add_other(h, six, 16);
}

/* inet_ntop() goes through printf and costs a microsecond; these are asked at every connection. */
static size_t put_four(const uint8_t *a, char *out)
{
	size_t n = 0;

	for (int i = 0; i < 4; i++) {
		if (a[i] >= 100)
			out[n++] = (char)('0' + a[i] / 100);
		if (a[i] >= 10)
			out[n++] = (char)('0' + a[i] / 10 % 10);
		out[n++] = (char)('0' + a[i] % 10);
		out[n++] = '.';
	}
	out[--n] = 0;
	return n;
}

static size_t put_group(unsigned group, char *out)
{
	size_t n = 0;

	for (int shift = 12; shift >= 0; shift -= 4)
		if (n || !shift || group >> shift)
			out[n++] = "0123456789abcdef"[group >> shift & 15];
	return n;
}

/* RFC 5952: the first longest run of two or more zero groups is "::". */
static size_t put_six(const uint8_t *a, char *out)
{
	unsigned groups[8];
	int best = -1, best_len = 1, run = 0;
	size_t n = 0;

	for (int i = 0; i < 8; i++) {
		groups[i] = (unsigned)a[2 * i] << 8 | a[2 * i + 1];
		run = groups[i] ? 0 : run + 1;
		if (run > best_len) {
			best_len = run;
			best = i - run + 1;
		}
	}
	for (int i = 0; i < 8; i++) {
		if (i == best) {
			out[n++] = ':';
			i += best_len - 1;
			if (i == 7)
				out[n++] = ':';
			continue;
		}
		if (i)
			out[n++] = ':';
		n += put_group(groups[i], out + n);
	}
	out[n] = 0;
	return n;
}

bool host_from_address(const uint8_t *addr, size_t len, struct host *out)
{
	const uint8_t *four;

	out->kind = HOST_ADDRESS;
	out->n_other = 0;
	if (len != 4 && len != 16)
		return false;
	memcpy(out->address.addr, addr, len);
	out->address.len = len;
	four = len == 16 ? embedded(addr) : NULL;
	if (four) {
		add_other(out, addr, 16);
		memcpy(out->address.addr, four, 4);
		out->address.len = 4;
	}
	if (len == 16 && (CONFIG_LAYER_NET || CONFIG_APPLET_PROXY))
		add_tunnels(out, addr);
	add_loopback(out);
	out->len = out->address.len == 4 ? put_four(out->address.addr, out->name)
	                                 : put_six(out->address.addr, out->name);
	return true;
}

/* One number of inet_aton: 0x… hexadecimal, 0… octal, else decimal. "0x" alone is 0 there. Advances; false if
 * none. */
static bool aton_number(const char **text, uint64_t *out)
{
	const char *p = *text;
	unsigned base = 10, digit;

	if (*p < '0' || *p > '9')
		return false;
	if (*p == '0')
		base = (p[1] | 0x20) == 'x' ? 16 : 8;
	if (base == 16)
		p += 2;
	for (*out = 0;; p++) {
		if (*p >= '0' && *p <= '9')
			digit = (unsigned)(*p - '0');
		else if ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'f')
			digit = (unsigned)((*p | 0x20) - 'a') + 10;
		else
			break;
		if (digit >= base)
			return false;
		*out = *out * base + digit;
		if (*out > UINT32_MAX)
			return false;
	}
	*text = p;
	return true;
}

static bool parse_aton(const char *text, uint8_t addr[4])
{
	uint64_t part[4], value;
	size_t n = 0;

	for (;;) {
		if (n == 4 || !aton_number(&text, &part[n++]))
			return false;
		if (!*text)
			break;
		if (*text++ != '.')
			return false;
	}
	value = part[n - 1];
	if (value >> 8 * (5 - n))
		return false;
	for (size_t i = 0; i + 1 < n; i++) {
		if (part[i] > 255)
			return false;
		value |= part[i] << (24 - 8 * i);
	}
	for (int i = 0; i < 4; i++)
		addr[i] = (uint8_t)(value >> (24 - 8 * i));
	return true;
}

/* Letters, digits, '-', '_'; no empty or long label. A name whose last label is a number is a broken address.
 */
static bool check_name(const char *name, size_t len)
{
	size_t label = 0;
	const char *last = name;

	if (!len || len > 253)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = name[i];

		if (c == '.') {
			if (!label)
				return false;
			label = 0;
			last = name + i + 1;
			continue;
		}
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_') ||
		    ++label > 63)
			return false;
	}
	if (!label || !strncmp(last, "0x", 2))
		return false;
	return strspn(last, "0123456789") != label;
}

static bool parse_six(const char *text, struct host *out)
{
	char plain[64];
	uint8_t addr[16];
	size_t len = strcspn(text, "%");

	if (len >= sizeof plain)
		return false;
	memcpy(plain, text, len);
	plain[len] = 0;
	return inet_pton(AF_INET6, plain, addr) == 1 && host_from_address(addr, sizeof addr, out);
}

bool host_parse(const char *text, struct host *out)
{
	size_t len = strlen(text);
	uint8_t four[4];

	out->n_other = 0;
	if (len >= 2 && text[0] == '[') {
		char inside[sizeof out->name];

		if (text[len - 1] != ']' || len - 2 >= sizeof inside)
			return false;
		memcpy(inside, text + 1, len - 2);
		inside[len - 2] = 0;
		return parse_six(inside, out);
	}
	if (memchr(text, ':', len))
		return parse_six(text, out);
	if (len && text[len - 1] == '.')
		len--;
	if (len >= sizeof out->name)
		return false;
	for (size_t i = 0; i < len; i++)
		out->name[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
	out->name[len] = 0;
	if (parse_aton(out->name, four))
		return host_from_address(four, sizeof four, out);
	out->kind = HOST_NAME;
	out->len = len;
	return check_name(out->name, len);
}
