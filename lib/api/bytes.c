#include "api/client.h"

#include <stdio.h>
#include <string.h>

void api_client_bytes(const struct json_value *object, const char *key, struct buf *out)
{
	char name[32];
	const struct json_value *v = json_get(object, key);
	const char *encoded;

	snprintf(name, sizeof name, "%s_base64", key);
	encoded = json_get_string(object, name);
	if (encoded)
		json_unbase64(encoded, out);
	else if (v && v->type == JSON_STRING)
		buf_add(out, v->text, v->len);
}
