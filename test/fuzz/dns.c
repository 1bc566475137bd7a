/* dns - messages of the name system as questions and as answers, and what is written of them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read can be answered within its room, and the answer is read again. */
static void answer(const struct dns_query *q)
{
	static const struct dns_address four = { { 192, 0, 2, 1 }, 4 };
	struct dns_query asked = *q;
	uint8_t out[DNS_UDP_MAX];
	struct dns_writer w;
	struct dns_found f;
	size_t n;

	dns_answer(&w, out, q->room, q);
	dns_answer_alias(&w, NULL, 1, "a.test");
	for (int i = 0; i < 80; i++)
		dns_answer_address(&w, "a.test", 1, &four);
	n = dns_answer_end(&w, q, DNS_OK);
	if (n > q->room)
		abort();
	if (q->type == DNS_A && *q->name && !dns_read_answer(out, n, &asked, &f))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_query q;
	struct dns_found f;
	struct dns_address a;
	int code = dns_read_query(data, size, &q);

	if (code == DNS_OK) {
		if (strlen(q.name) > DNS_NAME_MAX)
			abort();
		dns_reverse(q.name, &a);
		answer(&q);
	}
	/* As the answer to what it says itself that it is: the rest of it counts then. */
	if (size > 12) {
		struct dns_query asked = { .id = (uint16_t)(data[0] << 8 | data[1]),
			                   .type = data[size - 1] & 1 ? DNS_A : DNS_AAAA };

		struct dns_writer w;
		uint8_t out[DNS_UDP_MAX];

		strcpy(asked.name, "a.test");
		if (dns_read_answer(data, size, &asked, &f) &&
		    (f.n > DNS_ADDRESSES || f.n_aliases > DNS_ALIASES))
			abort();
		/* And as what it is the answer to; room for some of it. */
		if (size > 12 + 8 + 4)
			asked.type = (uint16_t)(data[20] << 8 | data[21]);
		dns_answer(&w, out, data[size - 1] & 2 ? sizeof out : 80, &asked);
		if (dns_pass(&w, data, size, &asked, (struct dns_span){ 1, 60 }) && !dns_passes(asked.type))
			abort();
		if (dns_answer_end(&w, &asked, DNS_OK) > sizeof out)
			abort();
	}
	return 0;
}
