#include "enforce/exec/plan.h"

#include "enforce/exec/filter.h"
#include "sys/calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names as the kernel's table has them; what this architecture lacks needs no refusal. */
static int resolve(const struct plan_options *o, int *numbers, size_t *n, struct err *e)
{
	*n = 0;
	for (size_t i = 0; i < o->n_blocked; i++) {
		int nr = calls_number(o->blocked[i]);

		if (nr == CALL_UNKNOWN)
			return err_set(e, "unknown system call \"%s\" in the block list", o->blocked[i]);
		if (nr >= 0)
			numbers[(*n)++] = nr;
	}
	return 0;
}

static const char *judged(const struct plan_options *o)
{
	bool here = o->found->rung == RUNG_NOTIFY;

	if (CONFIG_LAYER_NET && o->apart && here && o->net)
		return o->files ? ",files,network,network(netns)" : ",network,network(netns)";
	if (CONFIG_LAYER_NET && o->apart)
		return here && o->files ? ",files,network(netns)" : ",network(netns)";
	if (CONFIG_LAYER_NET && !here && o->net && o->ports)
		return ",network(ports)";
	if (CONFIG_LAYER_NET && here && o->net)
		return o->files ? ",files,network" : ",network";
	return CONFIG_FILES && here && o->files ? ",files" : "";
}

/* Rules that the kernel cannot hold in full, and that nobody is asked about. */
static bool is_loose(const struct plan_options *o)
{
	return CONFIG_FILES && o->loose && !o->files && o->ruleset >= 0;
}

static int say_loose(const struct plan_options *o, char *out, size_t size)
{
	if (!is_loose(o))
		return 0;
	return snprintf(out, size, "%sfiles: Landlock alone holds their rules, and not exactly:%s%s%s",
	                o->missing && *o->missing ? "; " : "", o->loose & 1 ? " reads" : "",
	                o->loose & 2 ? " changes" : "", o->loose & 4 ? " removals" : "");
}

#if CONFIG_LAYER_NET
/* Connections that are to be judged, where nobody can be asked. */
static int say_unasked(const struct plan_options *o, int n, char *out, size_t size)
{
	if (!o->net || o->apart || o->found->rung == RUNG_NOTIFY)
		return 0;
	return snprintf(out, size, "%snetwork: %s: %.120s", n ? "; " : "",
	                o->ports ? "proxy only, ports by Landlock, at any address; local sockets are open"
	                         : "nobody is asked where connections lead",
	                o->found->why);
}
#endif

/* The layers in force and those that are not, in words. */
static void name_layers(struct plan *p, const struct plan_options *o, bool signals)
{
	static const char *const armed[] = { "exec,signals,syscalls", "exec(ptrace),signals(ptrace),syscalls",
		                             "entry,syscalls" };
	const struct rung_found *found = o->found;
	int n;

	snprintf(p->armed, sizeof p->armed, "%s%s%s%s%s", armed[found->rung], judged(o),
	         found->rung == RUNG_ENTRY && signals ? ",signals(landlock)" : "",
	         p->launch.ruleset < 0 ? ""
	         : is_loose(o)         ? ",landlock(inexact)"
	                               : ",landlock",
	         o->limits ? o->limits : "");
	n = snprintf(p->missing, sizeof p->missing, "%.120s", o->missing ? o->missing : "");
	if (CONFIG_FILES)
		n += say_loose(o, p->missing + n, sizeof p->missing - (size_t)n);
#if CONFIG_LAYER_NET
	n += say_unasked(o, n, p->missing + n, sizeof p->missing - (size_t)n);
#endif
	if (CONFIG_RUNGS && p->launch.ruleset >= 0 && found->rung == RUNG_ENTRY)
		snprintf(p->missing + n, sizeof p->missing - (size_t)n,
		         CONFIG_FILES && n ? "; exec: nothing is judged below the command itself; %s: %.120s"
		                           : "exec: nothing is judged below the command itself; %s: %.120s",
		         signals ? "signals stay inside" : "signals are refused", found->why);
}

bool plan_scopes_signals(const struct rung_found *found)
{
	return CONFIG_RUNGS && found->rung == RUNG_ENTRY && found->landlock >= 6;
}

/* A session keeps no more of it than there is. */
static struct sock_filter *shrink(struct filter *f)
{
	struct sock_filter *code = malloc(f->n * sizeof *code);

	if (code)
		memcpy(code, f->code, f->n * sizeof *code);
	return code;
}

int plan_make(struct plan *p, const struct plan_options *o, struct err *e)
{
	static const enum filter_kind kinds[] = { FILTER_LISTENER, FILTER_TRACER, FILTER_ALONE };
	int *numbers = calloc(o->n_blocked + 1, sizeof *numbers);
	struct filter *f = calloc(1, sizeof *f);
	struct filter_options fo = { .blocked = numbers, .kind = kinds[o->found->rung] };

	*p = (struct plan){
		.launch = { .ruleset = o->ruleset,
		            .keep_caps = o->keep_caps,
		            .rung = o->found->rung,
		            .tracer = o->tracer,
		            .tag = o->tag,
		            .killable = o->found->killable },
	};
	fo.signals = plan_scopes_signals(o->found);
	fo.tasks = o->count_tasks;
	fo.files = o->files;
	if (CONFIG_LAYER_NET)
		fo.net = o->net && (o->found->rung == RUNG_NOTIFY || o->ports);
	if (CONFIG_LAYER_NET)
		fo.apart = o->apart && !fo.net;
	if (!numbers || !f) {
		err_set(e, "out of memory");
	} else if (p->launch.ruleset < 0 && o->found->rung == RUNG_ENTRY) {
		err_set(e, "%s", o->missing); /* all that this rung stands on */
	} else if (resolve(o, numbers, &fo.n_blocked, e) == 0 &&
	           filter_make(f, &filter_native, &fo, e) == 0) {
		p->launch.filter = p->owned = shrink(f);
		p->launch.n_filter = f->n;
		name_layers(p, o, fo.signals);
		if (!p->owned)
			err_set(e, "out of memory");
	}
	free(numbers);
	free(f);
	return p->owned ? 0 : -1;
}

int plan_ask(struct plan *p, const struct plan_options *o, struct err *e)
{
	struct plan fresh;

	if (plan_make(&fresh, o, e) < 0)
		return -1;
	plan_release(p);
	p->owned = fresh.owned;
	p->launch.filter = fresh.launch.filter;
	p->launch.n_filter = fresh.launch.n_filter;
	return 0;
}

void plan_release(struct plan *p)
{
	free(p->owned);
	p->owned = NULL;
}
