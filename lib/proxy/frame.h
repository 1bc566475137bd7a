/* frame - where a body ends, while its bytes pass through as they are.
 *
 * Of requests nothing may be in doubt, so chunk extensions and trailers are
 * refused; of answers they are let through, within bounds. No allocation.
 */
#pragma once

#include "http/parse.h"

struct frame {
	enum http_body_kind kind;
	bool lenient; /* an answer's */
	int step, digits;
	unsigned extra; /* bytes of this extension, or of all trailers */
	uint64_t left;
	bool done, bad;
};

/* `left` of HTTP_BODY_LENGTH. */
void frame_init(struct frame *f, enum http_body_kind kind, uint64_t left, bool lenient);

/* How many of these bytes belong to the body; fewer than `len` when it is done or bad. */
size_t frame_feed(struct frame *f, const char *data, size_t len);
