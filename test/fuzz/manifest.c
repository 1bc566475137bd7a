/* manifest: what is read of a store's entry and written again reads the same. */
#include "journal/manifest.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = { .max = 8 << 20 }, again = { .max = 16 << 20 };
	struct journal_entry en, twice;
	struct buf text = { 0 };

	if (manifest_read(&a, "17", (const char *)data, size, &en, NULL) == 0) {
		if (en.path[0] != '/')
			__builtin_trap();
		manifest_write(&en, "", &text);
		if (text.failed || manifest_read(&again, "17", text.data, text.len, &twice, NULL) < 0 ||
		    strcmp(en.path, twice.path) != 0 || en.mode != twice.mode || en.size != twice.size ||
		    en.created_ns != twice.created_ns || strcmp(en.hash, twice.hash) != 0)
			__builtin_trap();
	}
	buf_release(&text);
	arena_release(&a);
	arena_release(&again);
	return 0;
}
