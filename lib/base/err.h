/* err - why something failed, in words, without allocation.
 *
 * A function that can fail takes `struct err *e` last and returns -1 or NULL.
 * The innermost function sets the text; callers put their context in front.
 * `e` may be NULL when nobody will read the text.
 */
#pragma once

struct err {
	int code; /* errno where a system call failed, else 0 */
	char text[500];
};

/* Set the text. Returns -1, so that `return err_set(e, …)` reads well. */
int err_set(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* As err_set, and append ": " and the words for errno, which is kept in e->code. */
int err_sys(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Put context and ": " in front of the text that is there. Returns -1. */
int err_in(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
