#include "http/impl.h"

#include "base/num.h"

#include <string.h>
#include <strings.h>

static bool is_loopback_name(const char *name, size_t len)
{
	static const char *const names[] = { "127.0.0.1", "localhost", "[::1]" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strlen(names[i]) == len && !strncasecmp(names[i], name, len))
			return true;
	return false;
}

/* "127.0.0.1:18080"; the port may be left out only where it is the scheme's own. */
static bool is_own_host(const char *host, uint16_t port)
{
	size_t len = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	uint64_t got = 80;

	if (len > strlen(host) || !is_loopback_name(host, len))
		return false;
	if (host[len] && (host[len] != ':' || !num_u64(host + len + 1, 1, 65535, &got)))
		return false;
	return got == port;
}

static bool is_own_origin(const char *origin, uint16_t port)
{
	return !strncasecmp(origin, "http://", 7) && port && is_own_host(origin + 7, port);
}

/* A form of a web page can send these types without asking the server first. Plain clients (`curl -d`) use
 * the second one too, but send none of the headers a browser adds. */
static bool is_browser_form(const struct http_head *h)
{
	const char *type = http_field(h, "Content-Type");
	size_t len = type ? strcspn(type, "; \t") : 0;

	if (!type || (len == 16 && !strncasecmp(type, "application/json", len)))
		return false;
	if (len != 33 || strncasecmp(type, "application/x-www-form-urlencoded", len))
		return true;
	return http_field(h, "Origin") || http_field(h, "Referer") || http_field(h, "Sec-Fetch-Site") ||
	       http_field(h, "Sec-Fetch-Mode");
}

static bool is_safe_method(const char *method)
{
	return !strcmp(method, "GET") || !strcmp(method, "HEAD") || !strcmp(method, "OPTIONS");
}

int http_guard(const struct http_head *h, const char *authority, uint16_t host_port)
{
	const char *host = authority ? authority : http_field(h, "Host");
	const char *origin = http_field(h, "Origin");
	const char *site = http_field(h, "Sec-Fetch-Site");

	if (authority && http_field(h, "Host") && strcasecmp(authority, http_field(h, "Host")))
		return 400;
	if (host_port && host && !is_own_host(host, host_port))
		return 421;
	if (origin && !is_own_origin(origin, host_port))
		return 403;
	if (site && strcasecmp(site, "same-origin") && strcasecmp(site, "none"))
		return 403;
	if (!is_safe_method(h->method) && is_browser_form(h))
		return 415;
	return 0;
}
