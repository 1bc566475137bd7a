#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_on(struct buf *b, char *storage, size_t size)
{
	*b = (struct buf){ .data = storage, .cap = size, .borrowed = true };
	storage[0] = 0;
}

char *buf_room(struct buf *b, size_t len)
{
	size_t need, cap;
	char *data;

	if (b->failed)
		return NULL;
	if (len > (size_t)-1 / 4 - b->len || (b->max && b->len + len > b->max)) {
		b->failed = true;
		return NULL;
	}
	need = b->len + len + 1;
	if (need <= b->cap)
		return b->data + b->len;
	cap = b->cap ? b->cap : 64;
	while (cap < need)
		cap *= 2;
	data = realloc(b->borrowed ? NULL : b->data, cap);
	if (!data) {
		b->failed = true;
		return NULL;
	}
	if (b->borrowed)
		memcpy(data, b->data, b->len + 1);
	b->borrowed = false;
	b->data = data;
	b->cap = cap;
	return b->data + b->len;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	char *room = buf_room(b, len);

	if (!room)
		return;
	if (len)
		memcpy(room, data, len);
	b->len += len;
	b->data[b->len] = 0;
}

void buf_str(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

void buf_chr(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *room;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->failed = true;
		return;
	}
	room = buf_room(b, (size_t)n);
	if (!room)
		return;
	va_start(ap, fmt);
	vsnprintf(room, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void buf_skip(struct buf *b, size_t len)
{
	if (len > b->len)
		len = b->len;
	if (!len)
		return;
	b->len -= len;
	memmove(b->data, b->data + len, b->len + 1);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data)
		b->data[0] = 0;
}

const char *buf_text(const struct buf *b)
{
	return b->data ? b->data : "";
}

char *buf_steal(struct buf *b)
{
	char *data = NULL;

	if (!b->failed) {
		buf_add(b, "", 0);
		data = b->borrowed ? malloc(b->len + 1) : b->data;
	}
	if (data && b->borrowed)
		memcpy(data, b->data, b->len + 1);
	if (!data && !b->borrowed)
		free(b->data);
	*b = (struct buf){ .max = b->max };
	return data;
}

void buf_release(struct buf *b)
{
	if (!b->borrowed)
		free(b->data);
	*b = (struct buf){ .max = b->max };
}
