/* head - the anchor file beside the log; used by writer and verify only. */
#pragma once

#include "audit/writer.h"

enum { HEAD_SIZE = 512 };

/* LOG_PATH.head. False if the name is too long. */
bool head_path(const char *log_path, char *out, size_t size);

/* In place. 0, or -1 with errno. */
int head_write(int fd, const struct writer_head *h);

/* 1 read, 0 empty, -1 unreadable or damaged. */
int head_read(int fd, struct writer_head *out, struct err *e);
