#include "enforce/exec/held.h"

#include "base/clock.h"
#include "enforce/exec/impl.h"
#include "sys/notify.h"
#include "sys/proc.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Callers that are looked at, one after the other, each time: of thousands all within seconds. */
enum { LOOKS = 256, SIGNAL_LOOKS = 32, TEXT_ALL = 16 << 20 };

#define REFUSED_NS 1000000000LL

struct grant {
	char *text; /* owned */
	size_t len;
};

struct held {
	struct list node;
	struct governed *c;
	struct seccomp_notif n;
	pid_t pid;
	struct grant granted[HELD_GRANTS], asked; /* asked.text: it waits for an answer */
	size_t n_granted;
	const struct rule *rule; /* of what is asked */
	const char *kind;
	bool refused;
	int64_t end_ns;
	char id[48];
};

/* ---- what is asked --------------------------------------------------------------------------------------
 */

static void say(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text) + 1);
}

/* All by which two questions differ. */
static bool describe(const struct held_question *q, struct buf *b)
{
	const uintptr_t rule = (uintptr_t)q->rule;

	b->max = HELD_TEXT;
	say(b, q->target);
	say(b, q->operation);
	say(b, q->kind);
	buf_add(b, (const char *)&rule, sizeof rule);
	for (size_t i = 0; q->argv && q->argv[i]; i++)
		say(b, q->argv[i]);
	return !b->failed;
}

static bool is_granted(const struct held *h, const struct buf *b)
{
	for (size_t i = 0; i < h->n_granted; i++)
		if (h->granted[i].len == b->len && !memcmp(h->granted[i].text, b->data, b->len))
			return true;
	return false;
}

bool held_granted(const struct call *k, const struct held_question *q)
{
	AUTO_BUF b = { 0 };

	return k->held && k->held->n_granted && describe(q, &b) && is_granted(k->held, &b);
}

bool held_can(const struct call *k)
{
	return k->g->o.approval_ns > 0 && !k->answer;
}

/* ---- events ---------------------------------------------------------------------------------------------
 */

static bool tell_requested(const struct call *k, const struct held *h, const struct held_question *q,
                           int64_t ns)
{
	char until[40];
	const struct verdict v = { .decision = EFFECT_APPROVE, .effective = EFFECT_APPROVE, .rule = q->rule };
	const struct event_field fields[] = { { .name = "expires_at", .text = until },
		                              { .name = "id", .text = h->id },
		                              { .name = "kind", .text = q->kind },
		                              { .name = "target", .text = q->target } };
	struct event ev = { .type = "approval_requested",
		            .depth = -1,
		            .verdict = &v,
		            .message = q->message && *q->message ? q->message : NULL,
		            .argv = q->argv,
		            .operation = q->operation,
		            .effective_action = "held",
		            .fields = fields,
		            .n_fields = 4 };

	event_time(clock_real_ns() + ns, until);
	return serve_tell(k, &ev, 0);
}

static void tell_resolved(struct governor *g, const struct held *h, bool approved, const char *reason)
{
	const struct call k = { .g = g, .c = h->c, .n = &h->n, .pid = h->pid };
	const struct verdict v = { .decision = EFFECT_APPROVE,
		                   .effective = approved ? EFFECT_ALLOW : EFFECT_DENY,
		                   .rule = h->rule };
	const struct event_field fields[] = { { .name = "approved", .number = approved, .is_bool = true },
		                              { .name = "id", .text = h->id },
		                              { .name = "kind", .text = h->kind },
		                              { .name = "reason", .text = reason },
		                              { .name = "target", .text = h->asked.text } };
	struct event ev = { .type = "approval_resolved",
		            .depth = -1,
		            .verdict = &v,
		            .effective_action = approved ? "allowed" : "denied",
		            .fields = fields,
		            .n_fields = 5 };

	serve_tell(&k, &ev, 0);
}

/* ---- who waits ------------------------------------------------------------------------------------------
 */

static void drop_grant(struct governor *g, struct grant *t)
{
	g->held_text -= t->text ? t->len : 0;
	free(t->text);
	*t = (struct grant){ NULL, 0 };
}

static void drop(struct governor *g, struct held *h)
{
	drop_grant(g, &h->asked);
	for (size_t i = 0; i < h->n_granted; i++)
		drop_grant(g, &h->granted[i]);
	list_remove(&h->node);
	g->n_held--;
	free(h);
}

static struct held *new_held(const struct call *k)
{
	struct governor *g = k->g;
	struct held *h = g->n_held < HELD_MAX ? calloc(1, sizeof *h) : NULL;

	if (!h)
		return NULL;
	h->c = k->c;
	h->n = *k->n;
	h->pid = k->pid;
	list_append(&g->held, &h->node);
	g->n_held++;
	return h;
}

static bool put_question(const struct call *k, struct held *h, const struct held_question *q)
{
	struct governor *g = k->g;
	int64_t ns = q->rule->timeout_ns > 0 ? q->rule->timeout_ns : g->o.approval_ns;
	AUTO_BUF b = { 0 };

	if (h->n_granted == HELD_GRANTS || !describe(q, &b) || g->held_text + b.len > TEXT_ALL ||
	    !(h->asked.text = malloc(b.len)))
		return false;
	memcpy(h->asked.text, b.data, b.len);
	h->asked.len = b.len;
	g->held_text += b.len;
	h->rule = q->rule;
	h->kind = q->kind;
	h->end_ns = clock_mono_ns() + ns;
	snprintf(h->id, sizeof h->id, "approval-%016llx-%llu", (unsigned long long)g->series,
	         (unsigned long long)++g->n_asked);
	return tell_requested(k, h, q, ns);
}

/* The same program by the next name along PATH. */
static bool was_refused(const struct call *k, const struct held_question *q)
{
	const struct governor *g = k->g;
	AUTO_BUF b = { 0 };

	return g->refused.pid == k->pid && clock_mono_ns() < g->refused.until_ns && describe(q, &b) &&
	       b.len == g->refused.len && !memcmp(b.data, g->refused.text, b.len);
}

static void note_refused(struct governor *g, struct held *h)
{
	free(g->refused.text);
	g->refused.pid = strcmp(h->kind, "command") == 0 ? h->pid : 0;
	g->refused.text = h->asked.text;
	g->refused.len = h->asked.len;
	g->refused.until_ns = clock_mono_ns() + REFUSED_NS;
}

bool held_ask(const struct call *k, const struct held_question *q)
{
	struct held *h = k->held;

	if (!held_can(k) || (h && h->refused) || was_refused(k, q))
		return false;
	if (!h)
		h = new_held(k);
	if (h && put_question(k, h, q))
		return true;
	if (h && !k->held)
		drop(k->g, h);
	else if (h)
		drop_grant(k->g, &h->asked);
	return false;
}

/* Whoever it was, from here on it is judged as a call that has just come. */
static void judge_again(struct governor *g, struct held *h)
{
	const struct seccomp_notif n = h->n;
	const struct call k = { .g = g, .c = h->c, .n = &n, .pid = h->pid, .held = h };

	serve_judge(&k);
	if (!h->asked.text)
		drop(g, h);
}

static void resolve(struct governor *g, struct held *h, bool approved, const char *reason)
{
	tell_resolved(g, h, approved, reason);
	if (approved) {
		h->granted[h->n_granted++] = h->asked;
	} else {
		g->held_text -= h->asked.len;
		note_refused(g, h);
	}
	h->asked = (struct grant){ NULL, 0 };
	h->refused = !approved;
	judge_again(g, h);
}

bool serve_approve(struct governor *g, const char *id, bool approved, const char *reason)
{
	list_each(node, &g->held)
	{
		struct held *h = list_item(node, struct held, node);

		if (strcmp(h->id, id) != 0)
			continue;
		if (notify_valid(h->c->listener, h->n.id)) {
			resolve(g, h, approved, reason);
			return true;
		}
		tell_resolved(g, h, false, "the caller is gone");
		drop(g, h);
		return false;
	}
	return false;
}

/* Signals that are there to interrupt, and wait until the call is over. */
static bool is_interrupted(pid_t tid)
{
	const uint64_t wanted =
	        1ULL << (SIGINT - 1) | 1ULL << (SIGTERM - 1) | 1ULL << (SIGQUIT - 1) | 1ULL << (SIGHUP - 1);
	static const char *const names[] = { "\nSigPnd:", "\nShdPnd:", "\nSigBlk:", "\nSigCgt:" };
	unsigned long long found[4] = { 0 };
	char text[4096];

	if (proc_text(tid, "status", text, sizeof text) <= 0)
		return false;
	for (size_t i = 0; i < 4; i++) {
		const char *at = strstr(text, names[i]);

		found[i] = at ? strtoull(at + strlen(names[i]), NULL, 16) : 0;
	}
	return (found[0] | found[1]) & ~found[2] & found[3] & wanted;
}

static void look(struct governor *g, struct held *h, bool closely)
{
	if (!notify_valid(h->c->listener, h->n.id)) {
		tell_resolved(g, h, false, "the caller is gone");
		drop(g, h);
	} else if (closely && is_interrupted((pid_t)h->n.pid)) {
		tell_resolved(g, h, false, "interrupted");
		notify_fail(h->c->listener, h->n.id, EINTR);
		drop(g, h);
	} else {
		list_remove(&h->node);
		list_append(&g->held, &h->node);
	}
}

bool serve_held(struct governor *g)
{
	const int64_t now = clock_mono_ns();
	size_t n = g->n_held < LOOKS ? g->n_held : LOOKS;

	list_each(node, &g->held)
	{
		struct held *h = list_item(node, struct held, node);

		if (h->end_ns <= now)
			resolve(g, h, false, "timeout");
	}
	for (size_t i = 0; i < n && g->n_held; i++)
		look(g, list_item(g->held.next, struct held, node), i < SIGNAL_LOOKS);
	return g->n_held > 0;
}

void held_forget(struct governor *g, const struct governed *c)
{
	list_each(node, &g->held)
	{
		struct held *h = list_item(node, struct held, node);

		if (c && h->c != c)
			continue;
		tell_resolved(g, h, false, "the command has ended");
		drop(g, h);
	}
}
