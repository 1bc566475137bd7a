#include "journal/past.h"

#include "base/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_MAX = 1 << 30, KILLED_NS = 1000000000 /* what is killed changes nothing so much later */ };

struct collecting {
	struct past *past;
	const struct undo_request *request;
};

static struct past_command *command_of(struct past *p, const struct index_line *l)
{
	const char *id = l->line->command;
	struct past_command *c = map_get(&p->commands, id, strlen(id));

	if (c)
		return c;
	c = arena_alloc(&p->a, sizeof *c);
	if (!c)
		return NULL;
	c->id = arena_str(&p->a, id);
	c->session = arena_str(&p->a, l->session);
	if (!c->id || !c->session || !map_set(&p->commands, c->id, strlen(c->id), c))
		return NULL;
	c->next = p->all;
	return p->all = c;
}

/* First pass: which commands there are. */
static int summarize(void *arg, const struct index_line *l, struct err *e)
{
	struct past *p = ((struct collecting *)arg)->past;
	const struct journal_line *line = l->line;
	struct past_command *c;

	if (!line_is_act(line->kind) && line->kind != LINE_ENDED && line->kind != LINE_UNDONE &&
	    line->kind != LINE_DONE)
		return 0;
	c = command_of(p, l);
	if (!c)
		return err_set(e, "too many commands for the memory at hand");
	if (line->kind == LINE_ENDED && line->at > c->ended_at)
		c->ended_at = line->at;
	if (line_is_act(line->kind) || line->kind == LINE_DONE) {
		c->n_acts++;
		c->last_at = line->at > c->last_at ? line->at : c->last_at;
	}
	if (line->kind == LINE_UNDONE && !c->target)
		c->target = arena_str(&p->a, line->path);
	if (line->kind == LINE_UNDONE)
		c->whole |= !strcmp(line->to_path, LINE_WHOLE);
	return 0;
}

/* An undoing counts until it is undone itself: newest first, so that those are known. */
static int newest_first(const void *a, const void *b)
{
	const struct past_command *x = *(struct past_command *const *)a,
	                          *y = *(struct past_command *const *)b;

	return x->last_at < y->last_at ? 1 : x->last_at > y->last_at ? -1 : 0;
}

static int mark_undone(struct past *p, struct err *e)
{
	size_t n = 0, i = 0;
	struct past_command **sorted;

	for (struct past_command *c = p->all; c; c = c->next)
		n++;
	sorted = calloc(n + 1, sizeof(struct past_command *));
	if (!sorted)
		return err_set(e, "out of memory");
	for (struct past_command *c = p->all; c; c = c->next)
		sorted[i++] = c;
	if (n)
		qsort(sorted, n, sizeof(struct past_command *), newest_first);
	p->all = NULL;
	for (i = n; i--;) {
		sorted[i]->next = p->all;
		p->all = sorted[i];
	}
	for (struct past_command *c = p->all; c; c = c->next) {
		struct past_command *of =
		        c->target && c->whole ? map_get(&p->commands, c->target, strlen(c->target)) : NULL;

		c->undone = c->by && !c->by->undone;
		if (of && !of->by)
			of->by = c;
	}
	free(sorted);
	return 0;
}

/* The command that it undoes or redoes in the end, which may be itself, and over how many steps. */
static const struct past_command *root_of(const struct past *p, const struct past_command *c, int *steps)
{
	for (*steps = 0; c && c->target && *steps < 1000; ++*steps)
		c = map_get(&p->commands, c->target, strlen(c->target));
	return c;
}

/* The last link of a chain: what did it, what undid that, what redid it. */
static bool is_candidate(const struct past *p, const struct past_command *c, const struct undo_request *r)
{
	int steps;
	const struct past_command *root = root_of(p, c, &steps);

	if (r->look && (c->target || !c->n_acts))
		return false;
	if (!c->n_acts || (c->by && !r->look) || !root || (r->session && strcmp(c->session, r->session) != 0))
		return false;
	return steps % 2 == r->redo &&
	       (!r->command || !strcmp(root->id, r->command) || !strcmp(c->id, r->command));
}

static int choose(struct past *p, const struct undo_request *r, struct err *e)
{
	struct past_command *known =
	        r->command ? map_get(&p->commands, r->command, strlen(r->command)) : NULL;

	for (struct past_command *c = p->all; c && !p->of; c = c->next)
		if (is_candidate(p, c, r))
			p->of = c;
	if (p->of)
		return 0;
	if (known && known->undone && !r->redo)
		err_set(e, "%.100s: undone already", r->command);
	else if (r->command)
		err_set(e, "%.100s: nothing is known of it that could be %s", r->command,
		        r->redo ? "redone" : "undone");
	else
		err_set(e, "nothing to %s", r->redo ? "redo" : "undo");
	if (e)
		e->code = ENOENT;
	return -1;
}

/* Is `c` the command, or an undoing or redoing of it, or what it undoes? */
static bool is_kin(const struct past *p, const struct past_command *c, const struct past_command *of)
{
	int steps;

	return root_of(p, c, &steps) == root_of(p, of, &steps);
}

static void find_end(struct past *p)
{
	int64_t last;

	p->end = 0;
	for (const struct past_command *c = p->all; c; c = c->next) {
		if (!is_kin(p, c, p->of))
			continue;
		if (!c->ended_at && c == p->of)
			p->end = INT64_MAX;
		if (c->ended_at > p->end)
			p->end = c->ended_at;
		last = c->last_at + (c->ended_at < c->last_at ? KILLED_NS : 0);
		if (c->target && last > p->end)
			p->end = last;
	}
}

static int take(struct past *p, const struct index_line *l, struct err *e)
{
	struct past_act *act;
	const struct journal_xattr **last;

	if (p->n == p->room) {
		size_t room = p->room ? 2 * p->room : 256;
		struct past_act *more = realloc(p->acts, room * sizeof *more);

		if (!more)
			return err_set(e, "out of memory");
		p->acts = more;
		p->room = room;
	}
	act = &p->acts[p->n];
	*act = (struct past_act){ .line = *l->line, .store_at = l->store_at };
	act->store = l->store;
	act->line.command = p->of->id;
	act->line.path = arena_str(&p->a, l->line->path);
	act->line.to_path = arena_str(&p->a, l->line->to_path);
	last = &act->line.xattrs;
	*last = NULL;
	for (const struct journal_xattr *x = l->line->xattrs; x; x = x->next) {
		struct journal_xattr *copy = arena_alloc(&p->a, sizeof *copy);

		if (!copy)
			break;
		copy->name = arena_str(&p->a, x->name);
		copy->value = arena_copy(&p->a, x->value, x->len);
		copy->len = x->len;
		*last = copy;
		last = (const struct journal_xattr **)&copy->next;
	}
	if (p->a.failed)
		return err_set(e, "too many acts for the memory at hand");
	p->n++;
	return 0;
}

/* Second pass: the acts. A void one is never the last that is taken when others follow in between, as its
 * line comes right behind; so look back. */
static int collect(void *arg, const struct index_line *l, struct err *e)
{
	struct past *p = ((struct collecting *)arg)->past;

	if (l->line->kind == LINE_VOID) {
		for (size_t i = p->n; i--;)
			if (p->acts[i].line.at == l->line->at)
				p->acts[i].is_void = true;
		return 0;
	}
	if (!line_is_act(l->line->kind) || strcmp(l->line->command, p->of->id) != 0)
		return 0;
	return take(p, l, e);
}

static int by_time(const void *a, const void *b)
{
	const struct past_act *x = a, *y = b;

	return x->line.at < y->line.at ? -1 : x->line.at > y->line.at;
}

static int map_paths(struct past *p, struct err *e)
{
	size_t left = 0;

	for (size_t i = 0; i < p->n; i++)
		if (!p->acts[i].is_void)
			p->acts[left++] = p->acts[i];
	p->n = left;
	if (p->n)
		qsort(p->acts, p->n, sizeof *p->acts, by_time);
	for (size_t i = 0; i < p->n; i++) {
		const struct journal_line *l = &p->acts[i].line;

		if (!map_set(&p->paths, l->path, strlen(l->path), &p->acts[i]) ||
		    (l->to_path[0] && !map_set(&p->paths, l->to_path, strlen(l->to_path), &p->acts[i])))
			return err_set(e, "out of memory");
	}
	return 0;
}

static void find_begun(struct past *p)
{
	for (const struct past_command *c = p->all; c && !p->begun; c = c->next)
		if (c->target && c->n_acts && !c->by && !c->whole && !strcmp(c->target, p->of->id))
			p->begun = c;
	p->newest = p->begun && p->begun->ended_at < p->begun->last_at ? p->begun->last_at : 0;
}

static struct past_act *act_at(struct past *p, int64_t at)
{
	size_t low = 0, high = p->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (p->acts[mid].line.at < at)
			low = mid + 1;
		else
			high = mid;
	}
	return low < p->n && p->acts[low].line.at == at ? &p->acts[low] : NULL;
}

/* What an undoing that was begun has done already. */
static int mark_done(void *arg, const struct index_line *l, struct err *e)
{
	struct past *p = ((struct collecting *)arg)->past;
	bool tells = line_is_act(l->line->kind) || l->line->kind == LINE_DONE;
	struct past_act *act =
	        tells && !strcmp(l->line->command, p->begun->id) ? act_at(p, l->line->of) : NULL;

	(void)e;
	if (!act)
		return 0;
	act->is_done = l->line->at != p->newest;
	if (l->line->reborn) /* who went on found nothing to do perhaps, and told no number */
		act->reborn = l->line->reborn;
	return 0;
}

/* Third pass: what others did to the same paths later. */
static int meddle(void *arg, const struct index_line *l, struct err *e)
{
	struct past *p = ((struct collecting *)arg)->past;
	const char *paths[2] = { l->line->path, l->line->to_path };
	const struct past_command *c;

	if (!line_is_act(l->line->kind) || !strcmp(l->line->command, p->of->id))
		return 0;
	for (int i = 0; i < 2; i++) {
		struct past_act *act = paths[i][0] ? map_get(&p->paths, paths[i], strlen(paths[i])) : NULL;

		if (!act || act->line.at >= l->line->at)
			continue;
		c = map_get(&p->commands, l->line->command, strlen(l->line->command));
		if (c && !is_kin(p, c, p->of) && !c->undone)
			act->other = c->id;
	}
	(void)e;
	return 0;
}

bool past_wants(const struct undo_request *r, const struct journal_line *l)
{
	for (size_t i = 0; i < r->n_paths; i++)
		if (path_within(l->path, r->paths[i]) ||
		    (l->to_path[0] && path_within(l->to_path, r->paths[i])))
			return true;
	return !r->n_paths;
}

static int check_paths(const struct past *p, const struct undo_request *r, struct err *e)
{
	bool known = !r->n_paths;

	for (size_t i = 0; i < p->n && !known; i++)
		known = past_wants(r, &p->acts[i].line);
	if (known)
		return 0;
	err_set(e, "%.100s: it did nothing to %s", p->of->id, r->paths[0]);
	if (e)
		e->code = ENOENT;
	return -1;
}

int past_make(struct past *p, const struct journal *j, const struct undo_request *request, struct err *e)
{
	struct collecting c;

	*p = (struct past){ .a.max = ARENA_MAX };
	c = (struct collecting){ p, request };
	if (index_each(&p->index, j, NULL, summarize, &c, e) < 0 || mark_undone(p, e) < 0 ||
	    choose(p, request, e) < 0)
		return -1;
	find_begun(p);
	find_end(p);
	if (index_each(&p->index, j, p->of->id, collect, &c, e) < 0 || map_paths(p, e) < 0)
		return -1;
	if (p->begun && index_each(&p->index, j, p->begun->id, mark_done, &c, e) < 0)
		return -1;
	return check_paths(p, request, e) < 0 ? -1 : index_each(&p->index, j, NULL, meddle, &c, e);
}

void past_release(struct past *p)
{
	index_release(&p->index);
	map_release(&p->commands);
	map_release(&p->paths);
	free(p->acts);
	arena_release(&p->a);
	*p = (struct past){ .n = 0 };
}
