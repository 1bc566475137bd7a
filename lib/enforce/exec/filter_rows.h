/* filter_rows - which call of an architecture gets which answer. Private to filter.c.
 *
 * What names no row is allowed; rows may not overlap.
 */
#pragma once

#include "enforce/exec/filter.h"

#include <stdint.h>

/* TRACED: for a tracer, allowed where there is none. LOOK, only in rows: refused to sessions, needed to
 * supervise them. PRETEND: 0, and nothing is done. NO_…: as where the kernel lacks it. */
enum answer {
	ALLOW,
	EXEC,
	SIGNAL,
	NOTIFY,
	TRACED,
	REFUSE,
	PRETEND,
	MISSING,
#if CONFIG_LAYER_NET
	NO_FAMILY,
	NO_PROTOCOL,
	NO_OPERATION,
#endif
	MARK,
	ANSWERS,
	LOOK
};

/* Code that looks at the arguments. */
enum block {
	NO_BLOCK,
	BLOCK_KILL,
	BLOCK_TGKILL,
	BLOCK_FCNTL,
	BLOCK_PRLIMIT,
	BLOCK_SETRLIMIT,
	BLOCK_OTHER,
	BLOCK_SETPRIORITY,
	BLOCK_IOPRIO,
	BLOCK_SECCOMP,
	BLOCK_MARK,
	BLOCK_OWN,
	BLOCK_PRCTL,
	BLOCK_PERSONALITY,
	BLOCK_SOCKET,
	BLOCK_IOCTL,
	BLOCK_NAMESPACES,
	BLOCK_ARCH_PRCTL,
	BLOCK_EXECVE,
	BLOCK_OPEN,
	BLOCK_OPENAT,
	BLOCK_SOCKET_NET,
	BLOCK_SOCKETPAIR,
	BLOCK_CLONE,
	BLOCK_SENDTO,
	BLOCK_SENDMSG,
	BLOCK_SENDMMSG,
	BLOCK_SETSOCKOPT,
	BLOCK_SOCKET_TCP,
	BLOCK_FLAGS_THIRD,
	BLOCK_FLAGS_SECOND,
	FILTER_BLOCKS
};

struct filter_row {
	uint32_t first, last; /* call numbers */
	unsigned char answer; /* when there is no block */
	unsigned char block;
};

/* filter_files.c: add rows for these groups of calls on files (FILTER_READS …) behind the `n` that are there,
 * in room for FILTER_FILES more. How many there are now. */
enum { FILTER_FILES = 56 };
size_t filter_files(struct filter_row *rows, size_t n, unsigned groups);

/* filter_net.c: the same for calls on sockets; asked about, or refused but for what Landlock can hold. */
enum { FILTER_NET = 10 };
enum filter_sockets { FILTER_ASKED, FILTER_PORTS, FILTER_APART };
size_t filter_net(struct filter_row *rows, size_t n, enum filter_sockets kind);
