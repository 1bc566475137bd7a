#include "enforce/files/impl.h"

#include "audit/ring.h"
#include "base/room.h"
#include "enforce/denial.h"
#include "enforce/exec/held.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct rule unrecorded = { .name = "audit-unavailable",
	                                .file = "built-in",
	                                .decision = EFFECT_DENY,
	                                .message = "events cannot be written, and what is not "
	                                           "recorded does not happen" };

enum { MESSAGE = 1024 };

/* Whole, or, of what would fill the log, the beginning and the end. */
static const char *shown(const char *path, char out[PLACE_PATH])
{
	const size_t len = strlen(path);
	const int part = PLACE_PATH / 2 - 8;

	if (len < PLACE_PATH)
		return path;
	snprintf(out, PLACE_PATH, "%.*s[...]%s", part, path, path + len - part);
	return out;
}

static const char *message_of(const struct act_report *r, char *out, size_t size)
{
	ROOM char path[PLACE_PATH];
	struct message_facts facts = { .path = shown(place_path(r->place), path),
		                       .operation = access_name(r->kind),
		                       .port = -1 };

	decide_message(r->verdict->rule, &facts, out, size);
	return out;
}

static bool report(const struct act *a, const struct act_report *r, const char *message, const char *action)
{
	struct event_field fields[4];
	ROOM char path[PLACE_PATH], to[PLACE_PATH];
	struct event ev = { .type = r->type ? r->type : access_event(r->kind),
		            .depth = -1,
		            .verdict = r->verdict,
		            .message = *message ? message : NULL,
		            .path = shown(place_path(r->place), path),
		            .operation = r->operation ? r->operation : access_name(r->kind),
		            .effective_action = action,
		            .fields = fields };

	if (r->token)
		fields[ev.n_fields++] = (struct event_field){ .name = "trash_token", .text = r->token };
	if (r->hint)
		fields[ev.n_fields++] = (struct event_field){ .name = "restore_hint", .text = r->hint };
	if (r->to)
		fields[ev.n_fields++] = (struct event_field){ .name = "to_path", .text = shown(r->to, to) };
	return serve_report(a->k, &ev, r->verdict->effective == EFFECT_DENY ? RING_DENIED : 0);
}

/* What was decided on is asked for: what is told of may be the other name of two. */
static bool question_of(const struct act *a, const struct verdict *v, struct held_question *q)
{
	const struct place *p = a->approve.place;

	if (!p)
		return false;
	*q = (struct held_question){ .kind = "file",
		                     .target = place_path(p),
		                     .operation = access_name(a->approve.kind),
		                     .rule = v->rule };
	return true;
}

void act_approved(struct act *a, enum access_kind kind, const struct place *p, struct verdict *v)
{
	struct held_question q;

	a->approve.kind = kind;
	a->approve.place = p;
	if (question_of(a, v, &q) && held_granted(a->k, &q))
		v->effective = EFFECT_ALLOW;
}

/* True: it waits. */
static bool wait_for_approval(struct act *a, const struct act_report *r, const char *message)
{
	struct held_question q;

	if (r->verdict->effective != EFFECT_APPROVE || !question_of(a, r->verdict, &q))
		return false;
	q.message = message;
	a->answered = held_ask(a->k, &q);
	return a->answered;
}

void act_refuse(struct act *a, const struct act_report *r)
{
	struct verdict v = *r->verdict;
	struct act_report denied = *r;
	ROOM char message[MESSAGE];

	v.effective = EFFECT_DENY;
	denied.verdict = &v;
	if (!act_sure(a))
		return; /* nobody asks any more, and who knows whose words these were */
	message_of(&denied, message, sizeof message);
	if (CONFIG_APPROVALS && wait_for_approval(a, r, message))
		return;
	report(a, &denied, message, "denied");
	if (access_changes(r->kind))
		teach(a->k,
		      &(struct denial){ .subject = place_path(r->place), .verdict = &v, .message = message });
	act_fail(a, EACCES);
}

/* Reading is told of only where a rule or the configuration asks for it. */
static bool is_told(const struct act *a, const struct act_report *r)
{
	/* What goes nowhere or to a terminal is no file. */
	if ((r->place->nameless || S_ISCHR(r->place->st.st_mode)) && !r->type)
		return false;
	return access_changes(r->kind) || r->verdict->decision == EFFECT_AUDIT || a->f->o.log_reads;
}

bool act_tell(struct act *a, const struct act_report *r)
{
	ROOM char message[MESSAGE];

	if (!is_told(a, r))
		return true;
	message_of(r, message, sizeof message);
	return report(a, r, message, "allowed");
}

void act_untold(struct act *a, const struct act_report *r)
{
	static const struct verdict no = { .rule = &unrecorded };
	struct act_report refused = *r;

	refused.verdict = &no;
	act_refuse(a, &refused);
}

bool act_permit(struct act *a, const struct act_report *r)
{
	if (!is_told(a, r))
		return true;
	if (!act_sure(a))
		return false;
	if (act_tell(a, r))
		return true;
	act_untold(a, r);
	return false;
}

bool act_allowed(struct act *a, const struct act_report *r)
{
	if (r->verdict->effective == EFFECT_ALLOW)
		return act_permit(a, r);
	act_refuse(a, r);
	return false;
}
