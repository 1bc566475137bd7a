/* target - authorities and URIs: what is understood is understood the same when it is written out and read
 * again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), shown[TARGET_TEXT], again[TARGET_TEXT];
	struct target t, u;

	if (!text)
		return 0;
	for (int uri = 0; uri < 2; uri++) {
		if (!(uri ? target_uri(text, &t) : target_authority(text, 0, &t)))
			continue;
		target_text(&t, 0, shown);
		if (!target_authority(shown, 0, &u) || strcmp(target_text(&u, 0, again), shown) ||
		    strpbrk(shown, "@\\%/ #?\t\r\n"))
			abort();
	}
	free(text);
	return 0;
}
