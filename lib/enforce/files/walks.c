/* Renames of directories that take long to be looked at: their callers wait, and nobody else does. */
#include "enforce/files/moving.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "sys/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { WALKS = 16, TRIES = 6 };
#define SLICE_NS (2 * 1000000LL)

static const struct rule restless = { .name = "rename-restless",
	                              .file = "built-in",
	                              .decision = EFFECT_DENY,
	                              .message =
	                                      "what lies in it changes all the time, so that nobody can tell "
	                                      "whether something there is protected" };

struct walk {
	struct call k; /* that waits; `k.n` is `n` */
	struct seccomp_notif n;
	int listener; /* owned: tells whether somebody waits still, when the call's own may be closed */
	dev_t dev;    /* of the directory */
	ino_t ino;
	struct moving *m; /* owned; NULL: free */
	enum moving_answer answer;
	bool changed; /* something came to lie there since it was begun */
	int tries;
};

struct walks {
	struct walk walk[WALKS];
	int64_t rests_ns; /* until then it is others' turn */
};

/* ---- who waits -------------------------------------------------------------------------------------------
 */

static void drop(struct walk *w)
{
	moving_free(w->m);
	fd_close(&w->listener);
	*w = (struct walk){ .listener = -1 };
}

static bool is_path(const char *path, size_t len, const struct place *p)
{
	return !strncmp(path, place_path(p), len) && !place_path(p)[len];
}

/* An exchange has two. */
static struct walk *find(struct files *f, const struct act *a, const struct place *from,
                         const struct place *to)
{
	for (size_t i = 0; f->walks && i < WALKS; i++) {
		struct walk *w = &f->walks->walk[i];

		if (w->m && w->n.id == a->k->n->id && w->k.c == a->k->c && w->dev == from->st.st_dev &&
		    w->ino == from->st.st_ino && is_path(w->m->old, w->m->from, from) &&
		    is_path(w->m->new, w->m->to, to))
			return w;
	}
	return NULL;
}

static struct walk *make(struct files *f)
{
	if (!f->walks) {
		f->walks = calloc(1, sizeof *f->walks);
		for (size_t i = 0; f->walks && i < WALKS; i++)
			f->walks->walk[i].listener = -1;
	}
	for (size_t i = 0; f->walks && i < WALKS; i++)
		if (!f->walks->walk[i].m)
			return &f->walks->walk[i];
	return NULL;
}

/* From the beginning. */
static bool begin(struct walk *w, struct act *a, const struct place *from, const struct place *to)
{
	moving_free(w->m);
	w->m = moving_new(a, from, to);
	w->answer = MOVING_ON;
	w->changed = false;
	w->dev = from->st.st_dev;
	w->ino = from->st.st_ino;
	return w->m && moving_asks(w->m, a, from, to);
}

/* ---- asked -----------------------------------------------------------------------------------------------
 */

/* The names at its place may be others' by now: those that were looked at are spelled in full. */
static bool tell(struct act *a, struct walk *w)
{
	if (w->answer == MOVING_GOOD)
		return true;
	moving_refuse(&w->m->it, a, NULL);
	return false;
}

/* Those who are not asked by notification, or have waited for an approval already, are answered at once. */
static bool at_once(struct act *a, struct walk *w)
{
	bool good;

	w->answer = moving_on(w->m, a, 0);
	good = tell(a, w);
	drop(w);
	return good;
}

static bool let_wait(struct act *a, struct walk *w)
{
	if (w->listener < 0)
		w->listener = fcntl(a->k->c->listener, F_DUPFD_CLOEXEC, 3);
	if (w->listener < 0) {
		drop(w);
		act_fail(a, ENFILE);
		return false;
	}
	if (a->k->n != &w->n) {
		w->n = *a->k->n;
		w->k = *a->k;
		w->k.n = &w->n;
	}
	a->answered = true;
	return false;
}

bool walks_ask(struct act *a, const struct place *from, const struct place *to)
{
	struct walk *w = find(a->f, a, from, to);
	bool good;

	if (w && !w->changed)
		return w->answer == MOVING_ON ? let_wait(a, w) : tell(a, w);
	if (w && ++w->tries == TRIES) {
		w->m->old[w->m->from] = w->m->new[w->m->to] = 0;
		moving_refuse(&w->m->it, a, &restless);
		return false;
	}
	if (!w && !(w = make(a->f))) {
		act_fail(a, EBUSY);
		return false;
	}
	if (!begin(w, a, from, to)) {
		good = w->m != NULL;
		drop(w);
		if (!good)
			act_fail(a, ENOMEM);
		return good;
	}
	if (a->k->answer || a->k->held)
		return at_once(a, w);
	w->answer = moving_on(w->m, a, clock_mono_ns() + SLICE_NS);
	if (w->answer == MOVING_ON)
		return let_wait(a, w);
	if (w->listener >= 0)
		return tell(a, w);
	good = tell(a, w);
	drop(w);
	return good;
}

/* ---- what changes meanwhile ------------------------------------------------------------------------------
 */

void walks_note(const struct act *a, const struct place *p)
{
	struct walks *all = a->f->walks;
	const char *path = place_path(p);

	for (size_t i = 0; all && i < WALKS; i++) {
		struct walk *w = &all->walk[i];

		if (w->m && w->n.id != a->k->n->id && !w->changed) {
			w->m->old[w->m->from] = 0;
			w->changed = path_within(path, w->m->old) || path_within(w->m->old, path);
		}
	}
}

/* ---- going on --------------------------------------------------------------------------------------------
 */

static void go_on(struct files *f, struct walk *w)
{
	struct act a = { .f = f,
		         .k = &w->k,
		         .args = w->n.data.args,
		         .caller = { .tid = (pid_t)w->n.pid,
		                     .pid = w->k.pid,
		                     .tag = f->o.tag,
		                     .command = w->k.c->number,
		                     .deep = &f->deep } };

	if (act_begin(&a) == 0)
		w->answer = moving_on(w->m, &a, clock_mono_ns() + SLICE_NS);
	act_end(&a);
}

static bool waits(const struct walks *all, uint64_t id)
{
	for (size_t i = 0; i < WALKS; i++)
		if (all->walk[i].m && all->walk[i].n.id == id && all->walk[i].answer == MOVING_ON)
			return true;
	return false;
}

/* Judged as a call that has just come; what was looked at counts where it is the same. */
static void judge_again(struct files *f, const struct walk *w)
{
	const struct seccomp_notif n = w->n;
	struct call k = w->k;

	k.n = &n;
	call_again(&k);
	for (size_t i = 0; !waits(f->walks, n.id) && i < WALKS; i++)
		if (f->walks->walk[i].n.id == n.id)
			drop(&f->walks->walk[i]);
}

bool walks_go_on(struct files *f)
{
	bool more = false;

	if (f->walks && clock_mono_ns() < f->walks->rests_ns)
		return true;
	for (size_t i = 0; f->walks && i < WALKS; i++) {
		struct walk *w = &f->walks->walk[i];

		if (w->m && !notify_valid(w->listener, w->n.id)) {
			drop(w);
		} else if (w->m && w->answer == MOVING_ON) {
			go_on(f, w);
			if (w->answer != MOVING_ON)
				judge_again(f, w);
			f->walks->rests_ns = clock_mono_ns() + SLICE_NS;
			more = true;
			break; /* one slice at a time */
		}
	}
	return more;
}

void walks_free(struct files *f)
{
	for (size_t i = 0; f->walks && i < WALKS; i++)
		drop(&f->walks->walk[i]);
	free(f->walks);
	f->walks = NULL;
}
