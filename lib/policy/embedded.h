/* embedded - the text of policies/default.yaml, which every binary carries: `agentsh run` needs no file. */
#pragma once

#include <stddef.h>

#define POLICY_EMBEDDED_NAME "default.yaml"

/* The text, NUL-terminated; the length without it. */
const char *policy_embedded(size_t *len);
