#include "api/client.h"

#include <stdio.h>
#include <string.h>

static int value_of(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : 0;
}

static void decode_base64(const char *text, struct buf *out)
{
	unsigned bits = 0;
	int n = 0;

	for (; *text && *text != '='; text++) {
		bits = bits << 6 | (unsigned)value_of(*text);
		n += 6;
		if (n < 8)
			continue;
		n -= 8;
		buf_chr(out, (char)(bits >> n));
	}
}

void api_client_bytes(const struct json_value *object, const char *key, struct buf *out)
{
	char name[32];
	const struct json_value *v = json_get(object, key);
	const char *encoded;

	snprintf(name, sizeof name, "%s_base64", key);
	encoded = json_get_string(object, name);
	if (encoded)
		decode_base64(encoded, out);
	else if (v && v->type == JSON_STRING)
		buf_add(out, v->text, v->len);
}
