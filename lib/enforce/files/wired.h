/* wired - what the server tells a session's supervisor about judging files, and the judge made from it. */
#pragma once

#include "base/arena.h"
#include "decide/access.h"
#include "enforce/files/files.h"
#include "wire/msg.h"

/* Flags in the message. */
enum {
	WIRED_BASELINE = 1,
	WIRED_LOG_READS = 2,
	WIRED_SOFT_BLOCK = 4,
	WIRED_KEEP = 8,
	WIRED_STRICT = 16,
	WIRED_KILLABLE = 32, /* struct governed */
	WIRED_LOOKS = 64     /* rules on what is only looked at hold, too */
};

/* Zeroed: nothing is judged. */
struct wired {
	unsigned calls; /* FILTER_… of enforce/exec/filter.h */
	uint32_t flags;
	struct files_options o;
	struct arena text;
	struct access_more more;
	const char **programs; /* trees from which programs may be started; n_programs 0: anywhere */
	size_t n_programs;
	const char *session;
	int64_t quota, ttl_ns;
	struct journal_log *journal; /* owned; opened for the first policy that needs it */
	int lower; /* owned; the directory below the workspace's view, which hides the store; 0: none */
	struct files_view view;
};

/* In this order: calls (0: only the list follows), flags, workspace, store, quota, time to live; then, until
 * 0, 1 or, for secrets, 2 with a path that is closed; 3 with a tree from which programs may be started; 4 and
 * 5 with trees that the configuration opens for reading, for writing. 0 or -1.
 */
int wired_read(struct wired *w, struct msg_reader *r, struct err *e);

/* The workspace is a view from now on, whose process shares this page (which stays the caller's). Before the
 * supervisor may look at files no more. 0 or -1. */
int wired_shown(struct wired *w, int page, struct err *e);

/* A judge by this policy, which must outlive it. After the supervisor has taken the user's ids. */
struct files *wired_files(struct wired *w, const struct policy *p, struct err *e);

/* The command is over: what changes later is not its doing. */
void wired_ended(struct wired *w, const char *command);

/* Nothing waits: time for what the journal put off. True: there is more of that. */
bool wired_rest(struct wired *w);

void wired_release(struct wired *w);
