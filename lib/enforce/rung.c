#include "enforce/rung.h"

#include "config/config.h"
#include "sys/landlock.h"
#include "sys/notify.h"
#include "sys/trace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const modes[] = { "auto", "full", "landlock", "landlock-only", "minimal" };

const char *rung_name(enum rung r)
{
	static const char *const names[] = { "seccomp-notify", "ptrace", "entry", "none" };

	return names[r];
}

/* Only what the kernel refuses leads down. Who could make a probe fail by using up processes or memory must
 * not choose the rung: then nothing is run until it can be found out. */
static bool is_refusal(const struct err *e)
{
	switch (e->code) {
	case EBUSY:
	case EINVAL:
	case EACCES:
	case EPERM:
	case ENOSYS:
		return true;
	default:
		return false;
	}
}

static void add_why(struct rung_found *f, const struct err *e)
{
	size_t len = strlen(f->why);

	snprintf(f->why + len, sizeof f->why - len, "%s%.95s", len ? "; " : "", e->text);
}

static void find_weaker(struct rung_found *f)
{
	struct err e = { 0 };

	f->rung = RUNG_NONE;
	if (!CONFIG_RUNGS)
		return;
	if (trace_probe(&e) == 0) {
		f->rung = RUNG_PTRACE;
		return;
	}
	add_why(f, &e);
	if (is_refusal(&e) && f->landlock && notify_probe_filter())
		f->rung = RUNG_ENTRY;
}

void rung_find(struct rung_found *f)
{
	struct err e = { 0 };

	*f = (struct rung_found){ .rung = RUNG_NOTIFY, .landlock = landlock_abi() };
	f->killable = notify_probe_killable();
	if (f->killable || notify_probe(&e) == 0)
		return;
	add_why(f, &e);
	f->rung = RUNG_NONE;
	if (is_refusal(&e))
		find_weaker(f);
}

static int mode_of(const struct rung_found *f)
{
	if (!f->landlock)
		return SECURITY_MINIMAL;
	if (f->rung != RUNG_NOTIFY || !CONFIG_FILES)
		return SECURITY_LANDLOCK_ONLY;
	return CONFIG_LAYER_NET ? SECURITY_FULL : SECURITY_LANDLOCK;
}

const char *rung_mode(const struct rung_found *f)
{
	return modes[mode_of(f)];
}

size_t rung_degraded(const struct rung_found *f, char out[RUNG_LINES][RUNG_LINE])
{
	size_t n = 0;

	if (f->rung != RUNG_NOTIFY)
		snprintf(out[n++], RUNG_LINE, "commands: %s: %s", rung_name(f->rung), f->why);
	if (!f->landlock)
		snprintf(out[n++], RUNG_LINE, "landlock: the kernel does not have it or refuses it");
	return n;
}

static int refuse_mode(const struct rung_found *f, int wanted, const char *key, struct err *e)
{
	return err_set(e, "%s is \"%s\", but this host reaches only \"%s\"%s", key, modes[wanted],
	               rung_mode(f),
	               !f->landlock             ? " (it has no Landlock)"
	               : f->rung != RUNG_NOTIFY ? " (calls on files and sockets cannot be judged)"
	                                        : " (the other layers are not built in)");
}

int rung_gate(const struct rung_found *f, const struct rung_demand *d, struct err *e)
{
	if (f->rung == RUNG_NONE)
		return err_set(e, "commands cannot be held on this host: %s", f->why);
	if (d->minimum_mode && mode_of(f) > d->minimum_mode)
		return refuse_mode(f, d->minimum_mode, "security.minimum_mode", e);
	if (d->strict && d->mode && mode_of(f) > d->mode)
		return refuse_mode(f, d->mode, "security.strict is set and security.mode", e);
	if (d->strict && !f->landlock)
		return err_set(e, "security.strict is set, but this host has no Landlock");
	if (d->strict && f->rung != RUNG_NOTIFY)
		return err_set(e, "security.strict is set, but commands can be held by %s only: %s",
		               rung_name(f->rung), f->why);
	if (f->rung == RUNG_ENTRY && !d->allow_degraded)
		return err_set(
		        e,
		        "only the command itself could be judged here, nothing below it, and that is not "
		        "allowed (sandbox.allow_degraded, run --allow-degraded): %s",
		        f->why);
	return 0;
}
