/* files - file calls of a session's processes: judged by the policy on what they really touch, and done for
 * them where Landlock alone would grant more than the policy does.
 *
 * Hangs on the supervisor of enforce/exec: files_call() answers what its filter marks for files
 * (governor_options.files, filter_options.files).
 */
#pragma once

#include "base/err.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct access_more;
struct acting;
struct call;
struct journal_log;
struct files;

/* A path that is closed to sessions whatever the policy says, as a file or a tree. */
struct files_closed {
	const char *path;
	bool secret; /* nor read */
};

/* The view of the workspace (enforce/fuse), which keeps what is destroyed in it. */
struct files_view {
	struct acting *page; /* NULL: there is none */
	dev_t dev;
};

/* Rights of which Landlock may grant more than the policy does; the bits of enforce/landlock/floor.h. */
enum { FILES_READ = 1, FILES_WRITE = 2, FILES_REMOVE = 4 };

/* Which calls must be asked about: FILTER_… of enforce/exec/filter.h, 0 = none. `plain`: what the policy
 * leaves alone (decide_plain()); `reads`, `changes`: all of these are wanted for something else, to be told
 * of or kept. What may be renamed or linked gets another name, and with it another rule: names are asked
 * about when any rule restricts anything; and attributes, which Landlock does not know: those of what is
 * closed would be open. `looks`: rules on status and the text of links are enforced, too. */
unsigned files_asked(uint32_t plain, bool reads, bool changes, bool looks);

/* Strings and lists are copied; the policy is borrowed. */
struct files_options {
	const struct policy *policy;
	uint64_t tag;                   /* of the session */
	const char *workspace;          /* real path, or NULL */
	const char *virtual_root;       /* how policies may spell it: "/workspace", or NULL */
	bool baseline;                  /* decide/access.h */
	const struct access_more *more; /* likewise; borrowed, or NULL */
	bool log_reads;                 /* allowed reads are logged, too */
	uint32_t inexact; /* FILES_…; all that is named here is done for the caller, never let go on */
	const struct files_closed *closed;
	size_t n_closed;
	struct journal_log *journal; /* borrowed; NULL: nothing is kept */
	const char *store;           /* its directory, real path, or NULL */
	/* What is kept, or told there, beside what a rule diverts: bits of 1 << enum journal_kind. With that
	 * of JOURNAL_DELETE every allowed deletion is diverted. */
	uint32_t keep;
	/* All is told that changes masks and names: umask(2) is marked, with all calls that do the latter,
	 * and files_exec() called. Both may be remembered then. */
	bool masks;
	int resolver;                  /* borrowed: instead.h; 0 = none */
	bool soft_block;               /* nothing may be deleted, renamed or truncated */
	const struct files_view *view; /* borrowed; or NULL */
};

struct files *files_new(const struct files_options *o, struct err *e);
void files_free(struct files *f);

/* Take the call and answer it. `files` is a struct files. */
void files_call(void *files, const struct call *k);

/* Close what is kept open for the calls to come: others need descriptors. */
void files_spare(struct files *f);

/* It is about to execute a program: governor_options.file_exec. */
void files_exec(void *files, const struct call *k);

/* What waits to be written to the journal is: governor_options.file_write. */
void files_write(void *files);

/* Some calls wait for others (the ends of a FIFO), or for a large directory to be looked at:
 * governor_options.file_wait. */
bool files_wait(void *files);
