/* plan - what a session's processes enter, made once per session from its policy and configuration. */
#pragma once

#include "base/err.h"
#include "enforce/launch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plan {
	struct launch_plan launch;
	char armed[128];   /* layers in force, "exec,signals,landlock" */
	char missing[600]; /* layers that could not be armed, with reasons; "" if none */
	void *owned;       /* the filter */
};

struct plan_options {
	uint64_t tag;
	const char *const *blocked; /* names of further system calls to refuse; unknown names are an error */
	size_t n_blocked;
	const struct rung_found *found; /* what this host can do, asked once per process */
	pid_t tracer;                   /* of RUNG_PTRACE: the supervisor */
	int ruleset;                    /* Landlock's, of enforce/landlock/floor.h; borrowed; -1 = none */
	uint32_t loose; /* where file rules hold by it alone, it grants more than they do: 1 reads, 2 changes,
	                   4 removals (FLOOR_…) */
	const char *missing; /* what it lacks, "" = nothing */
	const char *limits;  /* what is said of them among the layers, ",limits"; or NULL */
	bool count_tasks;    /* by the supervisor */
	unsigned files;      /* calls on files that it judges: FILTER_… of filter.h; 0 = none */
	bool net;            /* it judges where connections lead */
	bool ports;          /* or, where it cannot be asked, the ruleset holds the ports of TCP */
	bool apart;          /* they live in a network namespace of their own: sys/netspace.h */
	uint64_t keep_caps;  /* capabilities that root keeps beside the usual ones: sys/caps.h */
};

/* Is it Landlock, on this rung, that keeps signals inside? Asked before the ruleset is made. */
bool plan_scopes_signals(const struct rung_found *found);

/* 0 or -1. */
int plan_make(struct plan *p, const struct plan_options *o, struct err *e);
/* Who enters from now on is asked about what `o` says; who has entered keeps what he has. The rest of the
 * plan stays. 0, or -1: all does. */
int plan_ask(struct plan *p, const struct plan_options *o, struct err *e);
void plan_release(struct plan *p);
