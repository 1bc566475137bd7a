/* Addresses in arguments. What two programs could read differently is in doubt. */
#include "facts/scan.h"

static void doubt(struct facts *f)
{
	facts_set(f, FACT_NET_URL_UNKNOWN);
	facts_doubt(f, FACT_NET_URL_HOST);
}

/* The length of "scheme:" if a slash follows it, else 0. */
static size_t scheme_of(const char *text)
{
	size_t n = 0;

	while ((text[n] | 0x20) >= 'a' && (text[n] | 0x20) <= 'z')
		n++;
	while (n &&
	       (strchr("+-.", text[n]) || (text[n] >= '0' && text[n] <= '9') ||
	        ((text[n] | 0x20) >= 'a' && (text[n] | 0x20) <= 'z')) &&
	       text[n])
		n++;
	return n && text[n] == ':' && (text[n + 1] == '/' || text[n + 1] == '\\') ? n + 1 : 0;
}

/* user:password@host:port */
static void authority(struct facts *f, const char *text, size_t len)
{
	const char *end = text + len;

	for (const char *p = text; p < end; p++)
		if ((unsigned char)*p <= ' ' || *p == '\\' || *p == 0x7f)
			doubt(f);
	for (const char *p = end; p > text; p--)
		if (p[-1] == '@') {
			text = p;
			break;
		}
	if (text < end && *text == '[') {
		const char *close = memchr(text, ']', (size_t)(end - text));

		/* Or a range, as curl makes them. */
		if (!close || !memchr(text, ':', (size_t)(close - text)))
			doubt(f);
		end = close ? close + 1 : end;
	} else if (memchr(text, ':', (size_t)(end - text))) {
		end = memchr(text, ':', (size_t)(end - text));
	}
	for (const char *p = text; p < end; p++)
		if (strchr("{}[]", *p) && *text != '[')
			doubt(f);
	if (end > text)
		facts_value(f, FACT_NET_URL_HOST, text, (size_t)(end - text));
}

void url_facts(struct facts *f, const char *text, const char *scheme)
{
	size_t n = scheme_of(text), slashes = 0;
	bool file = n == 5 && (text[0] | 0x20) == 'f' && (text[1] | 0x20) == 'i';

	if (!n && !scheme)
		return;
	facts_text(f, FACT_NET_URL, text);
	if (n)
		facts_value(f, FACT_NET_URL_SCHEME, text, n - 1);
	else
		facts_text(f, FACT_NET_URL_SCHEME, scheme);
	text += n;
	while (n && (*text == '/' || *text == '\\')) {
		/* Backslashes are slashes to some. */
		if (*text++ == '\\')
			doubt(f);
		slashes++;
	}
	if (n && slashes != 2 && !file)
		doubt(f);
	if (!file || slashes == 2)
		authority(f, text, strcspn(text, "/?#"));
}

bool url_is_remote(const char *text)
{
	const char *colon = strchr(text, ':'), *slash = strchr(text, '/');

	return colon && colon != text && (!slash || colon < slash);
}

void url_remote_facts(struct facts *f, const char *text)
{
	facts_text(f, FACT_NET_URL, text);
	facts_text(f, FACT_NET_URL_SCHEME, "ssh");
	if (*text == '[')
		authority(f, text, strcspn(text, "/"));
	else
		authority(f, text, strcspn(text, ":"));
}
