/* opt - command-line options from a table.
 *
 * Long options only, "--name value" or "--name=value"; flags "--name" or
 * "--name=true|false"; "-x" where `letter` is set. Options and arguments may
 * be mixed; the first "--" ends the options and is remembered.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum opt_type { OPT_FLAG, OPT_TEXT, OPT_LIST };

struct opt_list {
	const char *items[64];
	int n;
};

struct opt {
	const char *name; /* without dashes; NULL ends the table */
	char letter;      /* or 0 */
	enum opt_type type;
	void *to;        /* bool *, const char **, struct opt_list * */
	const char *env; /* variable that gives the value when the option is absent, or NULL */
};

struct opt_args {
	char **items; /* what is left, in order; points into argv, which is permuted */
	int n;
	int dashes; /* index in items of the first argument after "--", or -1 */
};

/* Parse argv[1..]. With `stop_at_first`, the first argument ends the options, as "--" does. 0 or -1. */
int opt_parse(int argc, char **argv, const struct opt *table, bool stop_at_first, struct opt_args *out,
              struct err *e);
