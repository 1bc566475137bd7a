/* entry - how an ungoverned process gets itself governed: ask the server, enter, hand over the listener.
 *
 * Used by the shim and by exec. The process stays what it is: same parent,
 * group, terminal and descriptors; nothing is relayed.
 */
#pragma once

#include "base/err.h"
#include "enforce/launch.h"
#include "wire/conn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum entry_kind { ENTRY_SHELL = 1, ENTRY_EXEC };

struct entry_hello {
	enum entry_kind kind;
	const char *program;     /* what will be run: the real shell's path, or the command */
	const char *const *argv; /* NULL-terminated */
	const char *const *env;  /* NULL-terminated */
	const char *cwd;
	const char *session; /* id the caller names, or NULL: a hint */
};

struct entry {
	bool refused;
	int exit_code;    /* of a refusal */
	const char *text; /* of a refusal: whole lines for standard error; else "" */
	char **env;       /* the environment to run with; strings inside `in` and the hello's env */
	const char *dir;  /* to change to before it runs, "" = stay */
	bool plain;       /* the shell may be left out where its text is a plain command */
	uint32_t number;
	const char *id;          /* of the command */
	bool shell;              /* its first program is a shell: what that starts was typed */
	struct launch_plan plan; /* filter inside `in` */
	int inbox;               /* of the session's supervisor */
	uint64_t pass;           /* entry_commit() */
	struct wire_in in;
	char **env_room; /* borrowed, or NULL */
	size_t n_env_room;
};

/* Memory a caller may lend, so that a short life goes without malloc(3). */
enum { ENTRY_ENV = 1024 };
struct entry_room {
	char say[24 * 1024], hear[112 * 1024];
	char *env[ENTRY_ENV];
};

/* Ask over a socket that sends to a server; `room` may be NULL. 0 = see t; -1 = no usable answer. The
 * sender's credentials are in t->in.from: to be looked at before anything is believed. */
int entry_ask(int server, const struct entry_hello *h, struct entry_room *room, struct entry *t,
              struct err *e);

/* The part of it that takes the answer, t->in, apart. The rest of `t` is zeroed. */
int entry_read(const struct entry_hello *h, struct entry *t, struct err *e);

/* What the process will execute first, told before: the supervisor judges it meanwhile, and need not be
 * asked. What does start is looked at as ever. */
struct entry_first {
	const char *path;        /* absolute */
	const char *const *argv; /* NULL-terminated, not empty */
};

/* Hand a listener to the session's supervisor. */
struct entry_name {
	uint32_t number;
	const char *id;
	bool shell;
	const struct entry_first *first; /* or NULL */
#if NOTIFY_PASSES
	uint64_t pass; /* of notify_pass(), before the filter was entered */
#endif
};
int entry_attach(int inbox, const struct entry_name *name, int listener, struct err *e);

/* Enter as the server said. From success on this process is governed. 0 or -1; after -1 the process may be
 * half restricted and must not run anything. With `first` (or NULL) that is what must be executed next, by
 * notify_exec() with t->pass; without, or where t->pass is 0 afterwards, anything is asked about. */
int entry_commit(struct entry *t, const struct entry_first *first, struct err *e);

void entry_release(struct entry *t);
