#include "policy/embedded.h"

#include <string.h>

/* Taken in by the assembler, from the root of the tree where every compiler runs: no generated copy that
 * could be out of date. The Makefile lets the object depend on the file. */
#if CONFIG_FACTS
#define POLICY "policies/default.yaml"
#else
#define POLICY "build/out/plain/default.yaml" /* made by build/plain */
#endif

__asm__(".pushsection .rodata.policy_embedded, \"a\"\n"
        ".hidden policy_embedded_text\n"
        ".globl policy_embedded_text\n"
        "policy_embedded_text:\n"
        ".incbin \"" POLICY "\"\n"
        ".byte 0\n"
        ".popsection\n");

extern const char policy_embedded_text[];

const char *policy_embedded(size_t *len)
{
	*len = strlen(policy_embedded_text);
	return policy_embedded_text;
}
