#include "enforce/landlock/programs.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ABI_PORTS = 4, ABI_SCOPES = 6 };

void programs_handle(const struct floor_rules *r, int abi, struct landlock_handled *h)
{
	if (r->n_execute)
		h->files |= LANDLOCK_EXECUTE;
	if (abi >= ABI_PORTS)
		h->ports = r->ports;
	if (abi >= ABI_SCOPES && r->abstract)
		h->inside |= LANDLOCK_ABSTRACT;
}

/* Links are the operator's own: what they lead to is meant. */
static void grant_real(int ruleset, const char *path)
{
	char *real = realpath(path, NULL);

	if (real)
		landlock_grant(ruleset, real, LANDLOCK_EXECUTE);
	free(real);
}

/* The kernel opens a program's dynamic loader as it opens the program. */
static void grant_loaders(int ruleset)
{
	static const char *const dirs[] = { "/lib", "/lib64", "/lib32", "/libx32" };
	char path[NAME_MAX + 16];

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		DIR *dir = opendir(dirs[i]);
		const struct dirent *entry;

		while (dir && (entry = readdir(dir)))
			if (!strncmp(entry->d_name, "ld-", 3) || !strncmp(entry->d_name, "ld64", 4)) {
				snprintf(path, sizeof path, "%s/%s", dirs[i], entry->d_name);
				grant_real(ruleset, path);
			}
		if (dir)
			closedir(dir);
	}
}

void programs_grant(const struct floor_rules *r, int ruleset, const struct landlock_handled *h)
{
	for (size_t i = 0; i < r->n_execute; i++)
		grant_real(ruleset, r->execute[i]);
	if (r->n_execute)
		grant_loaders(ruleset);
	for (size_t i = 0; h->ports & LANDLOCK_BIND && i < r->n_bind_ports; i++)
		landlock_grant_port(ruleset, LANDLOCK_BIND, r->bind_ports[i]);
}
