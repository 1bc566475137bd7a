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
static void tell_real(const char *path, programs_fn *each, void *arg)
{
	char *real = realpath(path, NULL);

	if (real)
		each(arg, real);
	free(real);
}

static void tell_loaders(const char *place, programs_fn *each, void *arg)
{
	char path[NAME_MAX + 16];
	DIR *dir = opendir(place);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "ld-", 3) || !strncmp(entry->d_name, "ld64", 4)) {
			snprintf(path, sizeof path, "%s/%s", place, entry->d_name);
			tell_real(path, each, arg);
		}
	if (dir)
		closedir(dir);
}

void programs_each(const char *const *trees, size_t n, programs_fn *each, void *arg)
{
	static const char *const dirs[] = { "/lib", "/lib64", "/lib32", "/libx32" };

	for (size_t i = 0; i < n; i++)
		tell_real(trees[i], each, arg);
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs && n; i++)
		tell_loaders(dirs[i], each, arg);
}

static void grant(void *ruleset, const char *real)
{
	landlock_grant(*(const int *)ruleset, real, LANDLOCK_EXECUTE);
}

void programs_grant(const struct floor_rules *r, int ruleset, const struct landlock_handled *h)
{
	programs_each(r->execute, r->n_execute, grant, &ruleset);
	for (size_t i = 0; h->ports & LANDLOCK_BIND && i < r->n_bind_ports; i++)
		landlock_grant_port(ruleset, LANDLOCK_BIND, r->bind_ports[i]);
}
