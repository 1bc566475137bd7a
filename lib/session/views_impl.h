/* views_impl - shared by views*.c only. */
#pragma once

#include "session/views.h"
#include "wire/conn.h"

/* A view that is mounted, for all sessions in it. */
struct shown {
	struct list node;
	struct views *views;
	char *path;
	uid_t uid;
	uint32_t number;
	int lower; /* the directory below, O_PATH */
	int control;
	struct watch watch;
	unsigned users; /* sessions */
	int64_t since_ns;
	bool gone; /* its process gets nowhere, and was given up */
};

struct session_view {
	struct shown *shown; /* NULL: not now */
	struct ring *ring;
	struct ring_record stuck;
	struct acting *page;
	int page_fd;
	char *mount; /* the session's own way to it, or NULL */
	unsigned deaths;
	int64_t slow_until_ns; /* the last attempt took long: not again before */
	char missing[300];     /* why there is none */
};

struct views {
	struct core *core;
	int mounter;
	pid_t pid;
	struct watch watch;
	struct wire_in in;
	struct list all; /* struct shown */
	uint32_t last;   /* number of what was asked of the mounter */
	uint32_t late;   /* of them for which nobody waits any more, that of a mount first; 0 = none */
	struct timer sweep;
	pid_t strays[32];
};

enum { VIEWS_PLACE_MS = 500 };
/* A view that did not last as long is not replaced before the next command. */
#define VIEWS_REST_NS (5000 * 1000000LL)

/* views.c: an empty one; and the server's hooks, once its mounter is known. */
struct views *views_make(struct core *core, struct err *e);
int views_begin(struct views *v, struct err *e);
void views_log(struct session *s, const char *type, const char *name, const char *value);

/* views_end.c: take it away. With views_died() its sessions are told, and get another one at once if it
 * lasted. */
void views_free(struct shown *w);
void views_died(struct shown *w);
void views_leave_place(struct session *s); /* the session's own way to it */
void views_hear(struct shown *w);          /* what its process said: there is news, or it ended */
void views_on_control(struct loop *l, struct watch *watch, uint32_t events);
void views_gather(struct core *core, struct session *s);
void views_gone(struct views *v, uint32_t number); /* the mounter gave it up */

/* views_ask.c: start the mounter; ask it, and wait for its answer. `m` begins with the number that
 * views_next() gave. 0 with what it said in `text`, or -1. */
int views_spawn(struct views *v, struct err *e);
uint32_t views_next(struct views *v);
int views_ask(struct views *v, const struct msg *m, const int *fds, int n_fds, int ms, char *text,
              size_t size, struct err *e);
/* Something came for which nobody waits. */
void views_late(struct views *v);
/* Ask the process of a view, and wait. */
int views_tell(struct shown *w, const struct msg *m, const int *fds, int n_fds, int ms, struct err *e);
/* Tell the view that a command is over. */
void views_ended(const struct session *s, const struct command *c);
