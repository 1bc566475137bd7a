#include "proxy/target.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { AUTHORITY_MAX = 300 };

/* 1..65535, digits only, no zero in front. */
static bool parse_port(const char *text, uint16_t *out)
{
	unsigned n = 0;

	if (*text == '0' || !*text || strlen(text) > 5)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		n = n * 10 + (unsigned)(*text - '0');
	}
	*out = (uint16_t)n;
	return n <= UINT16_MAX;
}

bool target_authority(const char *text, uint16_t port, struct target *out)
{
	static const char usable[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:[]";
	char copy[AUTHORITY_MAX];
	size_t len = strlen(text);
	char *colon;

	out->path = "";
	out->port = port;
	if (len >= sizeof copy || strspn(text, usable) != len)
		return false;
	memcpy(copy, text, len + 1);
	colon = strrchr(copy, ':');
	/* Within brackets it is none. */
	if (colon && strchr(colon, ']'))
		colon = NULL;
	if (colon) {
		*colon = 0;
		if (!parse_port(colon + 1, &out->port))
			return false;
	}
	/* An IPv6 address stands in brackets, and nothing else does. */
	if (strchr(copy, ':') && *copy != '[')
		return false;
	return out->port && host_parse(copy, &out->host);
}

bool target_uri(const char *text, struct target *out)
{
	char authority[AUTHORITY_MAX];
	size_t len;

	if (strncasecmp(text, "http://", 7))
		return false;
	text += 7;
	len = strcspn(text, "/?#");
	if (len >= sizeof authority || strchr(text, '#') || strchr(text, '\\'))
		return false;
	memcpy(authority, text, len);
	authority[len] = 0;
	if (!target_authority(authority, 80, out))
		return false;
	out->path = text + len;
	return true;
}

char *target_text(const struct target *t, uint16_t implied, char *out)
{
	bool six = t->host.kind == HOST_ADDRESS && t->host.address.len == 16;
	int n = snprintf(out, TARGET_TEXT, six ? "[%s]" : "%s", t->host.name);

	if (t->port != implied)
		snprintf(out + n, TARGET_TEXT - (size_t)n, ":%u", t->port);
	return out;
}
