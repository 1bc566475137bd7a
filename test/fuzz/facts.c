/* facts: any arguments are read for any program, in bounds and always the same way; no value lies elsewhere
 * than it says. One word a line, the program first. */
#include "facts/facts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS = 300 };

struct tally {
	size_t n, bytes;
	unsigned sum;
};

static void take(void *to, enum fact fact, const char *text, size_t len)
{
	struct tally *t = to;

	if (fact <= FACT_NONE || fact >= FACT_COUNT || facts_kind(fact) == FACT_KIND_FLAG)
		abort();
	t->n++;
	t->bytes += len;
	for (size_t i = 0; i < len; i++)
		t->sum = t->sum * 31 + (unsigned char)text[i];
}

/* Each word in memory of its own, so that a read beyond its end is seen. */
static size_t words_of(const char *data, size_t size, const char **argv)
{
	size_t n = 0;

	while (size && n < WORDS) {
		const char *end = memchr(data, '\n', size);
		size_t len = end ? (size_t)(end - data) : size;
		char *word = malloc(len + 1);

		if (!word)
			break;
		memcpy(word, data, len);
		word[len] = 0;
		argv[n++] = word;
		data += len + (end != NULL);
		size -= len + (end != NULL);
	}
	argv[n] = NULL;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *argv[WORDS + 1];
	size_t n = words_of((const char *)data, size, argv);
	struct tally first = { 0 }, second = { 0 };
	struct facts a = { .value = take, .to = &first }, b = { .value = take, .to = &second };

	if (n && facts_read(argv[0], strlen(argv[0]), argv, n, &a)) {
		facts_read(argv[0], strlen(argv[0]), argv, n, &b);
		if (memcmp(a.yes, b.yes, sizeof a.yes) != 0 ||
		    memcmp(a.doubt, b.doubt, sizeof a.doubt) != 0 || first.sum != second.sum ||
		    first.n != second.n)
			abort();
	} else if (first.n) {
		abort();
	}
	for (size_t i = 0; i < n; i++)
		free((char *)(uintptr_t)argv[i]);
	return 0;
}
