#include "base/die.h"

#include "base/visible.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void say(const char *fmt, va_list ap)
{
	char text[4096], line[sizeof text + 1];
	size_t n;

	if (vsnprintf(text, sizeof text, fmt, ap) < 0)
		return;
	n = visible_text(text, "\n\t", line, sizeof line - 1);
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}

void complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

int flushed(void)
{
	return fflush(stdout) || ferror(stdout) ? EXIT_FAILED : EXIT_DONE;
}

void die(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	exit(code);
}
