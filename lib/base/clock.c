#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t now(clockid_t id)
{
	struct timespec ts = { 0 };

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t clock_mono_ns(void)
{
	return now(CLOCK_MONOTONIC);
}

int64_t clock_real_ns(void)
{
	return now(CLOCK_REALTIME);
}

char *clock_rfc3339(int64_t real_ns, char *out, size_t size)
{
	time_t s = (time_t)(real_ns / 1000000000);
	long ns = (long)(real_ns % 1000000000);
	char frac[12];
	struct tm tm;
	size_t n;

	gmtime_r(&s, &tm);
	snprintf(frac, sizeof frac, ".%09ld", ns);
	n = strlen(frac);
	while (n && frac[n - 1] == '0')
		frac[--n] = 0;
	if (n == 1)
		frac[0] = 0;
	/* strftime() would bring every time zone rule along. */
	snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
	         tm.tm_hour, tm.tm_min, tm.tm_sec, frac);
	return out;
}
