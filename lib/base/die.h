/* die - say why on standard error and exit. For applets only; lib/ never exits. */
#pragma once

#include <stdnoreturn.h>

enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_MISUSE = 2,
	EXIT_DENIED = 126, /* blocked by policy, or nobody could decide */
	EXIT_NOTFOUND = 127,
};

/* Write `text` and a newline as one write, then exit with `code`. */
noreturn void die(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Exit status after output: nobody may take half of it for the whole. EXIT_DONE or EXIT_FAILED. */
int flushed(void);

/* Write one line on standard error. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
