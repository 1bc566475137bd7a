/* Private to enforce/files: names of directories and files that were asked for lately.
 *
 * The kernel tells where a descriptor leads by a link in /proc, which costs as much as to open a file. Here
 * it is remembered which object (device, number, birth, mount) has which path, until something moves: what
 * the session renames or removes is told of at once; what others move is noticed half a millisecond later, as
 * if we had acted that much earlier.
 */
#pragma once

#include "enforce/files/impl.h"
#include "sys/at.h"

#define KNOWN_NS 500000 /* how long it is remembered */

/* Its path, and how long it is; false: ask the kernel. */
bool known_path(const struct files *f, const struct at_facts *of, char *out, size_t size, size_t *len);

/* The same, and what the kernel says where it is not known. `fd`: an own descriptor, of which these are the
 * facts. False: it has no name of which every part counts. */
bool known_name(struct files *f, int fd, const struct at_facts *of, char out[PATH_MAX], size_t *len);

/* What the kernel says now: who moves something out of its directory makes it readable by another name, and
 * what came there a moment ago has never had the one that is remembered. */
bool known_ask(struct files *f, int fd, char out[PATH_MAX], size_t *len);

/* It was told just now, of a descriptor of ours: another's may lead elsewhere from one question to the next.
 */
void known_learn(struct files *f, const struct at_facts *of, const char *path);

/* A name is about to be moved, removed, or given to what has one already. `directory`: it may be a
 * directory's: names below it are others then. */
void known_moves(struct files *f, bool directory);

void known_release(struct files *f);
