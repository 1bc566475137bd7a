#include "base/log.h"

#include "base/visible.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
	const char *role;
	enum log_level level;
	bool json;
	int fd;
} log_state = { .role = "agentsh", .level = LOG_INFO, .fd = STDERR_FILENO };

static const char *const names[] = { "debug", "info", "warn", "error" };

void log_setup(const char *role, enum log_level level, bool json)
{
	log_state.role = role;
	log_state.level = level;
	log_state.json = json;
}

void log_to(int fd)
{
	log_state.fd = fd;
}

/* What is not visible, quotes and backslashes as \xNN: a logged name can forge neither a line nor a field. */
static size_t escape(char *to, size_t size, const char *from)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0, taken;

	for (; *from && n + 7 < size; from += taken) {
		unsigned char c = (unsigned char)*from;

		taken = visible_len((const unsigned char *)from, strnlen(from, 4));
		if (taken && c != '\\' && (c != '"' || !log_state.json)) {
			memcpy(to + n, from, taken);
			n += taken;
			continue;
		}
		taken = 1;
		n += (size_t)snprintf(to + n, size - n, log_state.json ? "\\u00%c%c" : "\\x%c%c", hex[c >> 4],
		                      hex[c & 15]);
	}
	to[n] = 0;
	return n;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	int saved = errno;
	char text[1024], safe[2048], line[2300], when[80];
	struct timespec ts;
	struct tm tm;
	va_list ap;
	int n;

	if (level < log_state.level)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	escape(safe, sizeof safe, text);
	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	snprintf(when, sizeof when, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", tm.tm_year + 1900, tm.tm_mon + 1,
	         tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ts.tv_nsec / 1000000);
	if (log_state.json)
		n = snprintf(line, sizeof line,
		             "{\"time\":\"%s\",\"level\":\"%s\",\"role\":\"%s\",\"msg\":\"%s\"}\n", when,
		             names[level], log_state.role, safe);
	else
		n = snprintf(line, sizeof line, "%s %s agentsh-%s: %s\n", when, names[level], log_state.role,
		             safe);
	if (n > 0 && write(log_state.fd, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1) < 0)
		n = 0; /* nowhere left to complain */
	errno = saved;
}
