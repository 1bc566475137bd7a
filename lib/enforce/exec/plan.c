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

int plan_make(struct plan *p, const struct plan_options *o, struct err *e)
{
	int *numbers = calloc(o->n_blocked + 1, sizeof *numbers);
	struct filter *f = calloc(1, sizeof *f);
	size_t n;

	*p = (struct plan){ .launch = { .ruleset = o->ruleset,
		                        .tag = o->tag,
		                        .keep_caps = o->keep_caps,
		                        .killable = o->killable },
		            .owned = f };
	if (!numbers || !f) {
		err_set(e, "out of memory");
	} else if (resolve(o, numbers, &n, e) == 0 && filter_build(f, numbers, n, e) == 0) {
		free(numbers);
		p->launch.filter = f->code;
		p->launch.n_filter = f->n;
		snprintf(p->armed, sizeof p->armed, "exec,signals,syscalls%s",
		         p->launch.ruleset >= 0 ? ",landlock" : "");
		snprintf(p->missing, sizeof p->missing, "%s", o->missing ? o->missing : "");
		return 0;
	}
	free(numbers);
	plan_release(p);
	return -1;
}

void plan_release(struct plan *p)
{
	free(p->owned);
	p->owned = NULL;
}
