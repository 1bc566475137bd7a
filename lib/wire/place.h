/* place - where a server's socket lies. The same fixed list for everybody: no variable and no file chooses
 * another. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { PLACES = 3 };

/* The i-th directory in order of preference for a server of user `uid`: /run/agentsh, /var/lib/agentsh,
 * /tmp/agentsh-UID. */
void place_dir(int i, uid_t uid, char *out, size_t size);

/* May what lies in this directory be trusted: a real directory, owned by root or by `uid`, writable by its
 * owner only? */
bool place_ok(const char *dir, uid_t uid);

/* Connect to the server that governs user `uid`: the first trusted place where one listens, and whose process
 * is root's or the user's own and not itself governed. Descriptor or -1. */
int place_connect(uid_t uid);

#define PLACE_SOCKET "agentsh.sock"
