/* log - one line per write(2) on standard error, so that lines of several processes do not mix.
 *
 * Used by server and workers only; short applets speak through die.h.
 */
#pragma once

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Name shown in each line ("server"), lowest level shown, and JSON instead of text. `role` is borrowed. */
void log_setup(const char *role, enum log_level level, bool json);

/* Send later lines to `fd` instead of standard error. The caller keeps the descriptor open. */
void log_to(int fd);

/* Write one line; control characters are escaped, over-long text is cut. Keeps errno. */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
