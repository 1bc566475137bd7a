/* http - requests, answers and query strings from bytes that arrive in pieces of any size. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct http_parser *p)
{
	struct http_target target;
	char out[64];
	char *copy;

	if (p->is_answer || !p->head.target)
		return;
	copy = strdup(p->head.target);
	if (copy && http_target_split(copy, &target)) {
		http_query(target.query, "limit", out, sizeof out);
		http_unescape(target.path);
	}
	free(copy);
}

/* The first byte chooses the kind of message and the size of the pieces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_parser p;
	size_t step, used = 1;

	if (!size)
		return 0;
	step = 1 + (size_t)(data[0] >> 1);
	http_parser_init(&p, data[0] & 1, 4096);
	while (used < size) {
		size_t n = size - used < step ? size - used : step;
		size_t taken = http_parser_feed(&p, (const char *)data + used, n);

		if (taken > n || p.body.len > 4096)
			abort();
		used += taken;
		if (p.state == HTTP_REFUSED)
			break;
		if (p.state == HTTP_DONE) {
			look(&p);
			http_parser_reset(&p);
		} else if (!taken && p.state != HTTP_BODY) {
			abort();
		}
	}
	http_parser_release(&p);
	return 0;
}
