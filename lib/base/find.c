#include "base/find.h"

#include <string.h>

const char *find_text(const char *bytes, size_t len, const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i + n <= len; i++)
		if (!memcmp(bytes + i, text, n))
			return bytes + i;
	return NULL;
}

uint64_t find_number(const char **at)
{
	const char *p = *at;
	uint64_t v = 0;

	while (*p == ' ' || *p == '\t')
		p++;
	for (; *p >= '0' && *p <= '9'; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	*at = p;
	return v;
}
