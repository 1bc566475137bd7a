/* fields - what the benchmarks share: a command per line, its fields between tabs; medians. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The next line of standard input as at most `max` fields, in memory that is never given back. How many, or
 * -1 at the end. */
static inline int next_fields(char **field, int max)
{
	static char line[8192];
	char *rest;
	int n = 0;

	if (!fgets(line, sizeof line, stdin))
		return -1;
	rest = strdup(line);
	if (!rest)
		exit(1);
	rest[strcspn(rest, "\n")] = '\0';
	for (char *f; n < max && (f = strsep(&rest, "\t"));)
		field[n++] = f;
	return n;
}

static inline int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}
