/* scan - the lines of a file, oldest or newest first, in bounded memory. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* A line longer than this is passed over; so is what follows the last newline. */
enum { SCAN_LINE_MAX = 64 << 10 };

/* Called with each line, without its newline. False ends the scan. */
typedef bool scan_fn(void *arg, const char *line, size_t len);

/* 1 at the end of the file, 0 when `fn` ended it, -1 on a read error. */
int scan_forward(int fd, scan_fn *fn, void *arg, struct err *e);
int scan_backward(int fd, scan_fn *fn, void *arg, struct err *e);
