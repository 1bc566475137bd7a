#include "base/num.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

bool num_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
			return false;
	}
	if (v < min || v > max)
		return false;
	*out = v;
	return true;
}

bool num_i64(const char *text, int64_t min, int64_t max, int64_t *out)
{
	bool minus = *text == '-';
	uint64_t v;

	if (!num_u64(text + minus, 0, (uint64_t)INT64_MAX, &v))
		return false;
	*out = minus ? -(int64_t)v : (int64_t)v;
	return *out >= min && *out <= max;
}

static const struct {
	const char *name;
	int64_t ns;
} time_units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "\xc2\xb5s", 1000 },
	{ "ms", 1000000 },
	{ "s", 1000000000 },
	{ "m", 60000000000 },
	{ "h", 3600000000000 },
	{ "d", 86400000000000 },
	{ "w", 604800000000000 },
};

static int64_t time_unit(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof time_units / sizeof *time_units; i++)
		if (strlen(time_units[i].name) == len && !memcmp(time_units[i].name, text, len))
			return time_units[i].ns;
	return 0;
}

/* One "12.5h" of a duration; advances *text. -1 when malformed or too large. */
static int64_t duration_part(const char **text)
{
	const char *p = *text;
	int64_t whole = 0, total, scale, unit;
	size_t len, digits = 0;
	const char *frac = NULL;

	for (; *p >= '0' && *p <= '9'; p++, digits++)
		if (__builtin_mul_overflow(whole, (int64_t)10, &whole) ||
		    __builtin_add_overflow(whole, (int64_t)(*p - '0'), &whole))
			return -1;
	if (*p == '.')
		for (frac = ++p; *p >= '0' && *p <= '9'; p++)
			digits++;
	if (!digits)
		return -1;
	len = strcspn(p, "0123456789.");
	unit = time_unit(p, len);
	if (!unit || __builtin_mul_overflow(whole, unit, &total))
		return -1;
	scale = unit;
	for (; frac && frac < p && *frac >= '0' && *frac <= '9' && scale >= 10; frac++) {
		scale /= 10;
		if (__builtin_add_overflow(total, (*frac - '0') * scale, &total))
			return -1;
	}
	*text = p + len;
	return total;
}

bool num_duration(const char *text, int64_t *ns)
{
	int64_t sum = 0;

	if (!strcmp(text, "0")) {
		*ns = 0;
		return true;
	}
	if (!*text)
		return false;
	while (*text) {
		int64_t part = duration_part(&text);

		if (part < 0 || __builtin_add_overflow(sum, part, &sum))
			return false;
	}
	*ns = sum;
	return true;
}

static const struct {
	const char *name;
	uint64_t bytes;
} size_units[] = {
	{ "", 1 },
	{ "B", 1 },
	{ "KB", 1000 },
	{ "MB", 1000000 },
	{ "GB", 1000000000 },
	{ "TB", 1000000000000 },
	{ "KiB", 1024 },
	{ "MiB", 1048576 },
	{ "GiB", 1073741824 },
	{ "TiB", 1099511627776 },
};

bool num_size(const char *text, uint64_t *bytes)
{
	char digits[24];
	size_t n = 0;
	uint64_t v;

	for (; (*text >= '0' && *text <= '9') || (*text == '_' && n); text++) {
		if (*text == '_')
			continue;
		if (n + 1 >= sizeof digits)
			return false;
		digits[n++] = *text;
	}
	digits[n] = 0;
	if (!num_u64(digits, 0, UINT64_MAX, &v))
		return false;
	while (*text == ' ')
		text++;
	for (size_t i = 0; i < sizeof size_units / sizeof *size_units; i++)
		if (!strcasecmp(size_units[i].name, text))
			return !__builtin_mul_overflow(v, size_units[i].bytes, bytes);
	return false;
}

char *num_go_seconds(int64_t ns, char *out, size_t size)
{
	int64_t s = (ns + 500000000) / 1000000000;

	if (s >= 3600)
		snprintf(out, size, "%lldh%lldm%llds", (long long)(s / 3600), (long long)(s / 60 % 60),
		         (long long)(s % 60));
	else if (s >= 60)
		snprintf(out, size, "%lldm%llds", (long long)(s / 60), (long long)(s % 60));
	else
		snprintf(out, size, "%llds", (long long)s);
	return out;
}
