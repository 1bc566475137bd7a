/* dd: NAME=VALUE operands, the last of a name holds. */
#include "facts/scan.h"

static const char others[] = " bs cbs conv count ibs iflag iseek obs oflag oseek seek skip status ";

void model_dd(struct facts *f, const char *name, const char *const *argv, size_t argc)
{
	const char *in = NULL, *out = NULL;

	(void)name;
	for (size_t i = 1; i < argc; i++) {
		const char *word = argv[i], *equals = strchr(word, '=');
		size_t len = equals ? (size_t)(equals - word) : 0;

		if (len == 2 && !strncmp(word, "if", 2))
			in = equals + 1;
		else if (len == 2 && !strncmp(word, "of", 2))
			out = equals + 1;
		else if (strcmp(word, "--") != 0 && !scan_word(others, word, len) &&
		         !is_in(" --help --version ", word))
			facts_set(f, FACT_DD_UNKNOWN);
	}
	if (in)
		facts_text(f, FACT_DD_IF, in);
	if (out)
		facts_text(f, FACT_DD_OF, out);
	if (facts_has(f, FACT_DD_UNKNOWN)) {
		facts_doubt(f, FACT_DD_IF);
		facts_doubt(f, FACT_DD_OF);
	}
}
