#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void append(char *to, size_t size, const char *text)
{
	size_t used = strlen(to);

	if (used < size - 1)
		snprintf(to + used, size - used, "%s", text);
}

int err_set(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return -1;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	e->code = 0;
	return -1;
}

int err_sys(struct err *e, const char *fmt, ...)
{
	int code = errno;
	va_list ap;

	if (!e)
		return -1;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	append(e->text, sizeof e->text, ": ");
	append(e->text, sizeof e->text, strerror(code));
	e->code = code;
	errno = code;
	return -1;
}

int err_in(struct err *e, const char *fmt, ...)
{
	char old[sizeof e->text];
	va_list ap;

	if (!e)
		return -1;
	memcpy(old, e->text, sizeof old);
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	append(e->text, sizeof e->text, ": ");
	append(e->text, sizeof e->text, old);
	return -1;
}
