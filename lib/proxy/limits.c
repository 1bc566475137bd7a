#include "proxy/limits.h"

#include "base/clock.h"
#include "decide/decide.h"

#include <string.h>

#define MINUTE_NS (60 * 1000000000LL)

static const struct rule too_much = { .name = "dns-label",
	                              .file = "built-in",
	                              .message = "",
	                              .description = "the name holds more than names do" };
static const struct rule too_many = {
	.name = "dns-rate", .file = "built-in", .message = "", .description = "too many names in a minute"
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_dense(const char *word, size_t len)
{
	size_t digits = 0, changes = 0;

	for (size_t i = 0; i < len; i++) {
		digits += is_digit(word[i]);
		changes += i && is_digit(word[i]) != is_digit(word[i - 1]);
	}
	return len >= LIMITS_LONG ||
	       (len >= LIMITS_WORD && (changes >= LIMITS_CHANGES || digits >= LIMITS_DIGITS));
}

size_t limits_dense(const char *name)
{
	size_t total = 0;

	while (*name) {
		const size_t len = strcspn(name, ".-_");

		if (is_dense(name, len))
			total += len;
		name += len;
		name += *name != 0;
	}
	return total;
}

static void next_minute(struct limits *l)
{
	const int64_t minute = clock_mono_ns() / MINUTE_NS;

	if (minute != l->minute)
		*l = (struct limits){ .minute = minute };
}

const struct rule *limits_ask(struct limits *l, const struct policy *p, const char *name)
{
	const size_t dense = limits_dense(name);
	const bool lists = (dense || strlen(name) > LIMITS_NAME) && decide_lists_name(p, name);

	next_minute(l);
	if (!lists && (strlen(name) > LIMITS_NAME || dense > LIMITS_DENSE))
		return &too_much;
	if (++l->asked > LIMITS_A_MINUTE)
		return &too_many;
	return dense && !lists && ++l->dense > LIMITS_DENSE_A_MINUTE ? &too_many : NULL;
}
