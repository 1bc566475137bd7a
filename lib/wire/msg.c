#include "wire/msg.h"

#include <string.h>

void msg_start(struct msg *m, enum wire_op op)
{
	buf_clear(&m->b);
	msg_u32(m, op);
}

void msg_u32(struct msg *m, uint32_t v)
{
	buf_add(&m->b, &v, sizeof v);
}

void msg_u64(struct msg *m, uint64_t v)
{
	buf_add(&m->b, &v, sizeof v);
}

void msg_bytes(struct msg *m, const void *data, size_t len)
{
	if (len > UINT32_MAX)
		m->b.failed = true;
	msg_u32(m, (uint32_t)len);
	buf_add(&m->b, data, len);
	buf_chr(&m->b, 0);
}

void msg_str(struct msg *m, const char *text)
{
	msg_bytes(m, text ? text : "", text ? strlen(text) : 0);
}

void msg_strv(struct msg *m, const char *const *v, size_t n)
{
	msg_u32(m, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		msg_str(m, v[i]);
}

void msg_release(struct msg *m)
{
	buf_release(&m->b);
}

static const void *take(struct msg_reader *r, size_t len)
{
	const char *p = r->data + r->at;

	if (r->failed || len > r->len - r->at) {
		r->failed = true;
		return NULL;
	}
	r->at += len;
	return p;
}

uint32_t msg_open(struct msg_reader *r, const void *data, size_t len)
{
	*r = (struct msg_reader){ .data = data, .len = len };
	return msg_get_u32(r);
}

uint32_t msg_get_u32(struct msg_reader *r)
{
	const void *p = take(r, sizeof(uint32_t));
	uint32_t v = 0;

	if (p)
		memcpy(&v, p, sizeof v);
	return v;
}

uint64_t msg_get_u64(struct msg_reader *r)
{
	const void *p = take(r, sizeof(uint64_t));
	uint64_t v = 0;

	if (p)
		memcpy(&v, p, sizeof v);
	return v;
}

const void *msg_get_bytes(struct msg_reader *r, size_t *len)
{
	size_t n = msg_get_u32(r);
	const char *p = take(r, n + 1);

	if (p && p[n])
		r->failed = true;
	if (!p || r->failed) {
		*len = 0;
		return "";
	}
	*len = n;
	return p;
}

const char *msg_get_str(struct msg_reader *r)
{
	size_t len;
	const char *p = msg_get_bytes(r, &len);

	if (memchr(p, 0, len)) {
		r->failed = true;
		return "";
	}
	return p;
}

bool msg_ok(const struct msg_reader *r)
{
	return !r->failed;
}

bool msg_end(const struct msg_reader *r)
{
	return !r->failed && r->at == r->len;
}
