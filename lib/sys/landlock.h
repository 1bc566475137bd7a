/* landlock - landlock(7) rulesets. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	LANDLOCK_ENOUGH = 3, /* ABI from which truncating is a right of its own */
};

/* What changes a tree, and what reads files. */
#define LANDLOCK_CHANGE 0x7ff2ULL
#define LANDLOCK_READ   0x4ULL
/* Renames between directories: refused by every ruleset that does not grant them, from ABI 2 on. */
#define LANDLOCK_MOVE        0x2000ULL
#define LANDLOCK_WRITE       0x4002ULL /* of files that are there */
#define LANDLOCK_TRUNCATE    0x4000ULL
#define LANDLOCK_EXECUTE     0x1ULL
#define LANDLOCK_REMOVE_DIR  0x10ULL
#define LANDLOCK_REMOVE_FILE 0x20ULL
#define LANDLOCK_MAKE_DIR    0x80ULL
#define LANDLOCK_MAKE_FILE   0x700ULL /* regular ones, sockets, FIFOs */
#define LANDLOCK_MAKE_SOCKET 0x200ULL
#define LANDLOCK_MAKE_LINK   0x1000ULL
/* Of LANDLOCK_CHANGE, what no session gets anywhere: making device nodes. */
#define LANDLOCK_DEVICES 0x840ULL

/* ABI version of the running kernel, 0 when there is none. */
int landlock_abi(void);

/* A ruleset that refuses `rights` wherever they are not granted. Being in its domain is a point of its own:
 * from then on the kernel keeps processes from tracing, and from reading the memory, environment and
 * descriptors of, anything outside; and from changing the mount table. `signals`: they reach only
 * processes of the same domain, too (ABI 6). Descriptor (close-on-exec) or -1. */
int landlock_new(uint64_t rights, bool signals, struct err *e);

/* The same with more than files; what the kernel is too old for must not be asked for. */
enum { LANDLOCK_BIND = 1, LANDLOCK_CONNECT = 2 };     /* TCP ports, ABI 4 */
enum { LANDLOCK_ABSTRACT = 1, LANDLOCK_SIGNALS = 2 }; /* stay inside, ABI 6 */
struct landlock_handled {
	uint64_t files, ports, inside;
};
int landlock_make(const struct landlock_handled *h, struct err *e);

/* Grant binding or connecting to a TCP port. */
int landlock_grant_port(int ruleset, uint64_t rights, uint16_t port);

/* Grant `rights` on the file or tree `path`, no links followed. What cannot be granted stays refused: -1. */
int landlock_grant(int ruleset, const char *path, uint64_t rights);
int landlock_grant_fd(int ruleset, int fd, uint64_t rights);

/* Grant writing files of the calling process's /proc/PID. */
void landlock_grant_self(int ruleset);

/* Enter the ruleset's domain. Needs no_new_privs. */
int landlock_enter(int ruleset, struct err *e);
