/* plain - shell texts: what is called plain is made of harmless bytes only and comes back whole. */
#include "shell/plain.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, const struct plain *p)
{
	static const char good[] =
	        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+,:@%= \t";
	size_t at = 0;

	if (strspn(text, good) != strlen(text) || !p->n || p->n > PLAIN_WORDS || p->words[p->n])
		abort();
	if (strpbrk(p->words[0], ",:@%="))
		abort();
	for (size_t i = 0; i < p->n; i++) {
		size_t len = strlen(p->words[i]);

		at += strspn(text + at, " \t");
		if (!len || strncmp(text + at, p->words[i], len) != 0)
			abort();
		at += len;
	}
	if (text[at + strspn(text + at, " \t")])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	const char *env[2] = { text, NULL };
	struct plain p;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	if (plain_parse(text, &p))
		check(text, &p);
	plain_env(env, size & 1);
	shell_is(text);
	free(text);
	if (plain_startup((const char *)data, size) && memchr(data, '$', size) && !memchr(data, '#', size))
		abort();
	return 0;
}
