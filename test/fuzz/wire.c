/* wire - messages between our processes, read in the shapes that the readers expect. */
#include "wire/msg.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t touch(const void *p, size_t len)
{
	const unsigned char *c = p;
	size_t sum = 0;

	for (size_t i = 0; i <= len; i++) /* with the zero behind it */
		sum += c[i];
	return sum;
}

static void read_words(struct msg_reader *r)
{
	size_t len;
	uint32_t n = msg_get_u32(r);

	for (uint32_t i = 0; i < n && msg_ok(r); i++) {
		const char *text = msg_get_str(r);

		touch(text, strlen(text));
	}
	touch(msg_get_bytes(r, &len), 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct msg_reader r;
	size_t len;
	const void *p;

	switch (msg_open(&r, data, size)) {
	case WIRE_HELLO:
		msg_get_u32(&r);
		for (int i = 0; i < 3; i++)
			touch(msg_get_str(&r), 0);
		read_words(&r);
		read_words(&r);
		break;
	case WIRE_START:
		touch(msg_get_str(&r), 0);
		msg_get_u64(&r);
		msg_get_u32(&r);
		touch(msg_get_str(&r), 0);
		read_words(&r);
		break;
	case WIRE_VERDICT:
		msg_get_u32(&r);
		p = msg_get_bytes(&r, &len);
		touch(p, len);
		touch(msg_get_str(&r), 0);
		break;
	default:
		while (msg_ok(&r) && !msg_end(&r))
			touch(msg_get_str(&r), 0);
	}
	if (msg_ok(&r) && r.at > r.len)
		abort();
	if (msg_end(&r) && (!msg_ok(&r) || r.at != r.len))
		abort();
	return 0;
}
