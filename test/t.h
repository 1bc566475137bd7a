/* t - a tiny TAP harness: one file of cases is one program.
 *
 *	#include "test/t.h"
 *	T_CASE(grows)
 *	{
 *		ok(buf_len(&b) == 3, "length after append");
 *		is_str(buf_text(&b), "abc");
 *	}
 *
 * Cases run in the order in which they stand in the file; there is no main() to write. A failed check does
 *not end the case; write `if (!ok(...)) return;` where going on makes no sense. Arguments choose cases by
 *name.
 */
#pragma once

#pragma GCC diagnostic ignored "-Wformat-zero-length" /* ok(cond) without a text */

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct t_case {
	const char *name;
	void (*run)(void);
	struct t_case *next;
};

static struct t_case *t_first, **t_last = &t_first;
static const char *t_name;
static int t_count, t_failures;

#define T_CASE(case_name)                                                                  \
	static void t_run_##case_name(void);                                               \
	__attribute__((constructor)) static void t_add_##case_name(void)                   \
	{                                                                                  \
		static struct t_case c = { .name = #case_name, .run = t_run_##case_name }; \
		*t_last = &c;                                                              \
		t_last = &c.next;                                                          \
	}                                                                                  \
	static void t_run_##case_name(void)

/* Each takes a printf-style description at the end, which may be left out. */
#define ok(cond, ...)          t_ok((cond), __FILE__, __LINE__, #cond, " " __VA_ARGS__)
#define is_int(got, want, ...) t_is_int((got), (want), __FILE__, __LINE__, #got, " " __VA_ARGS__)
#define is_str(got, want, ...) t_is_str((got), (want), __FILE__, __LINE__, #got, " " __VA_ARGS__)
/* Count one skipped check, with the reason; then return from the case yourself. */
#define t_skip(...) t_skipped("" __VA_ARGS__)

static bool t_report(bool good, const char *file, int line, const char *text, const char *fmt, va_list args)
{
	printf("%sok %d - %s:", good ? "" : "not ", ++t_count, t_name);
	if (fmt[1]) /* the macros put a space in front */
		vprintf(fmt, args);
	else
		printf(" %s", text);
	printf("\n");
	if (!good) {
		t_failures++;
		printf("# %s:%d: %s\n", file, line, text);
	}
	fflush(stdout);
	return good;
}

#define T_PRINTF(fmt, args) __attribute__((format(printf, fmt, args), unused))

T_PRINTF(5, 6) static bool t_ok(bool good, const char *file, int line, const char *text, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	t_report(good, file, line, text, fmt, args);
	va_end(args);
	return good;
}

T_PRINTF(6, 7)
static bool t_is_int(long long got, long long want, const char *file, int line, const char *text,
                     const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	bool good = t_report(got == want, file, line, text, fmt, args);
	va_end(args);
	if (!good)
		printf("#  got: %lld\n# want: %lld\n", got, want);
	return good;
}

T_PRINTF(6, 7)
static bool t_is_str(const char *got, const char *want, const char *file, int line, const char *text,
                     const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	bool good = t_report(got && want ? strcmp(got, want) == 0 : got == want, file, line, text, fmt, args);
	va_end(args);
	if (!good)
		printf("#  got: '%s'\n# want: '%s'\n", got ? got : "(null)", want ? want : "(null)");
	return good;
}

T_PRINTF(1, 2) static void t_skipped(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	printf("ok %d - %s # SKIP ", ++t_count, t_name);
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
}

/* None of the checks can run here: say why and end the program. */
T_PRINTF(1, 2) static void t_skip_all(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	printf("1..0 # SKIP ");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	exit(0);
}

static bool t_is_chosen(const char *name, int n, char **names)
{
	for (int i = 0; i < n; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return n == 0;
}

int main(int argc, char **argv)
{
	for (struct t_case *c = t_first; c; c = c->next) {
		if (!t_is_chosen(c->name, argc - 1, argv + 1))
			continue;
		t_name = c->name;
		c->run();
	}
	printf("1..%d\n", t_count);
	return t_failures ? 1 : 0;
}
