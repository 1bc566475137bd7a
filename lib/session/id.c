#include "session/impl.h"

#include "base/path.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

bool session_id_ok(const char *id)
{
	return id[0] != '_' && id[0] != '-' && path_name_ok(id, SESSION_ID_MAX);
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
