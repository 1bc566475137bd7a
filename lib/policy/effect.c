#include "policy/policy.h"

const char *effect_name(enum effect effect)
{
	static const char *const names[] = { "deny", "allow", "audit", "approve", "redirect", "soft_delete" };

	return (unsigned)effect < sizeof names / sizeof *names ? names[effect] : names[EFFECT_DENY];
}
