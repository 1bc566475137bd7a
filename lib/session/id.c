#include "session/impl.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool session_id_ok(const char *id)
{
	size_t len = strlen(id);

	if (!len || len > SESSION_ID_MAX || !is_plain(id[0]))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!is_plain(id[i]) && id[i] != '_' && id[i] != '-')
			return false;
	return true;
}

bool id_make(const char *prefix, char *out, size_t size)
{
	unsigned char r[16];

	if (getrandom(r, sizeof r, 0) != sizeof r)
		return false;
	r[6] = (unsigned char)((r[6] & 0x0f) | 0x40); /* version 4, variant 1 */
	r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
	return snprintf(out, size, "%s%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
	                prefix, r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11],
	                r[12], r[13], r[14], r[15]) < (int)size;
}
