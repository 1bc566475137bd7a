/* files - file calls of a session's processes: judged by the policy on what they really touch, and done for
 * them where Landlock alone would grant more than the policy does.
 *
 * Hangs on the supervisor of enforce/exec: files_call() answers what its filter marks for files.
 */
#pragma once

#include "base/err.h"
#include "decide/access.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct call;
struct journal_log;
struct files;

/* A path that is closed to sessions whatever the policy says, as a file or a tree. */
struct files_closed {
	const char *path;
	bool secret; /* nor read */
};

struct files_options {
	const struct policy *policy; /* borrowed, as all here */
	uint64_t tag;
	const char *workspace;     /* real path, or NULL */
	const char *virtual_root;  /* how policies may spell it: "/workspace", or NULL */
	bool baseline;             /* decide/access.h */
	bool log_reads;            /* allowed reads are logged, too */
	uint32_t inexact;          /* rights of which Landlock grants more than the policy does: bits of
	                              1 << enum access_kind */
	const struct files_closed *closed;
	size_t n_closed;
	struct journal_log *journal; /* NULL: nothing is kept */
};

struct files *files_new(const struct files_options *o, struct err *e);
void files_free(struct files *f);

/* Take the call and answer it. `f` is a struct files (governor_options.files). */
void files_call(void *f, const struct call *k);

/* Is this one of its system calls? */
bool files_takes(int nr);
