#include "http/parse.h"

#include <string.h>
#include <strings.h>

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool unescape(char *text, bool plus)
{
	char *out = text;

	for (; *text; text++) {
		int c = (unsigned char)*text;

		if (c == '%') {
			int high = hex(text[1]), low = high < 0 ? -1 : hex(text[2]);

			if (low < 0)
				return false;
			c = high * 16 + low;
			text += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (c < ' ' || c == 0x7f)
			return false;
		*out++ = (char)c;
	}
	*out = 0;
	return true;
}

bool http_unescape(char *text)
{
	return unescape(text, false);
}

bool http_target_split(char *target, struct http_target *out)
{
	char *path = target, *query;

	*out = (struct http_target){ .path = NULL };
	if (*path != '/') {
		char *slash;

		if (strncasecmp(path, "http://", 7))
			return false;
		slash = path + 7 + strcspn(path + 7, "/?#");
		if (*slash != '/' || slash == path + 7)
			return false;
		/* Room for the NUL: the authority moves over the "http://" in front of it. */
		memmove(target, path + 7, (size_t)(slash - path - 7));
		target[slash - path - 7] = 0;
		out->authority = target;
		path = slash;
	}
	if (strchr(path, '#'))
		return false;
	query = strchr(path, '?');
	if (query)
		*query++ = 0;
	out->path = path;
	out->query = query ? query : path + strlen(path);
	return true;
}

int http_query(const char *query, const char *name, char *out, size_t size)
{
	size_t n = strlen(name);

	while (*query) {
		size_t len = strcspn(query, "&");

		if (len > n && !strncmp(query, name, n) && query[n] == '=') {
			len -= n + 1;
			if (len >= size)
				return -1;
			memcpy(out, query + n + 1, len);
			out[len] = 0;
			return unescape(out, true) ? 1 : -1;
		}
		query += len;
		query += *query == '&';
	}
	return 0;
}
