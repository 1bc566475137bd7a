/* One file that is to run, under all the names it has. */
#include "enforce/exec/impl.h"

#include "base/room.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static struct verdict put(const struct call *k, struct attempt *a, const struct command_request *r)
{
	struct verdict v = decide_command(k->g->o.policy, r);

	a->used_args |= v.used_args;
	if (CONFIG_APPROVALS && v.effective == EFFECT_APPROVE && a->may_wait) {
		/* Whoever approves it has seen the arguments. */
		a->used_args = true;
		a->question = (struct held_question){ .kind = "command",
			                              .target = r->path,
			                              .operation = "execve",
			                              .rule = v.rule,
			                              .argv = r->argv };
		if (held_granted(k, &a->question))
			v.effective = EFFECT_ALLOW;
		return v;
	}
	/* Nobody can put another program in the place of the one that was asked for, or be asked, from here.
	 */
	if (v.decision == EFFECT_REDIRECT || v.effective == EFFECT_APPROVE)
		v.effective = EFFECT_DENY;
	return v;
}

static const char *const recognised[] = { [IDENTITY_FILE] = "file",
	                                  [IDENTITY_CONTENT] = "content",
	                                  [IDENTITY_UNREADABLE] = "unreadable",
	                                  [IDENTITY_GONE] = "gone" };

/* A program that rules restrict, under another name: it is judged as what it is as well. In its own place its
 * own name may stand before the others in the policy; elsewhere, names are what the caller likes. */
static struct verdict put_originals(const struct call *k, struct attempt *a, const struct command_request *as,
                                    struct verdict v)
{
	struct identity_names names;
	bool in_place;

	identity_names(k->g->identity, a->image.same.program, as->argc ? as->argv[0] : "", &names);
	a->used_args |= names.by_argv;
	in_place = !strcmp(names.place, a->image.path);
	for (size_t i = 0; i < names.n && v.effective == EFFECT_ALLOW; i++) {
		struct command_request r = *as;
		struct verdict other;

		if (!strcmp(names.path[i], a->image.path))
			continue;
		r.given = names.path[i];
		if (!in_place) {
			r.path = names.path[i];
			r.n_alias = 0;
		}
		other = put(k, a, &r);
		if (other.effective == EFFECT_ALLOW)
			continue;
		v = other;
		a->original = names.path[i];
		a->by = in_place ? "name" : recognised[a->image.same.how];
		if (a->image.same.how == IDENTITY_CONTENT)
			a->sha256 = identity_sha256(k->g->identity, a->image.same.program);
	}
	return v;
}

/* Links that only root can change lend their names to the file, but root's own sessions can make such links.
 * Then the name holds only where nothing is said about the file itself: its own names do not find another
 * rule than names nobody speaks of. */
static struct verdict unless_refused(const struct call *k, struct attempt *a,
                                     const struct command_request *as, struct verdict v)
{
	struct command_request r = { .path = "/", .depth = as->depth };
	const struct rule *nobody = decide_command(k->g->o.policy, &r).rule;
	struct verdict own;

	r = *as;
	r.n_alias = 0;
	r.given = NULL;
	own = put(k, a, &r);
	return own.effective == EFFECT_ALLOW || own.rule == nobody ? v : own;
}

void ask_file(const struct call *k, struct attempt *a, const char *given, const struct args *args)
{
	const char *alias[IMAGE_ALIASES];
	struct command_request r = { .path = a->image.path,
		                     .given = given[0] ? given : NULL,
		                     .argv = args->v,
		                     .argc = args->n,
		                     .alias = alias,
		                     .depth = a->depth };
	struct verdict v;

	for (size_t i = 0; i < a->image.n_alias; i++)
		if (a->image.trusted[i])
			alias[r.n_alias++] = a->image.alias[i];
	v = put(k, a, &r);
	if (r.n_alias && geteuid() == 0 && v.effective == EFFECT_ALLOW)
		v = unless_refused(k, a, &r, v);
	/* A link in an untrusted place must not lend its name, but it may take away. */
	for (size_t i = 0; i < a->image.n_alias && v.effective == EFFECT_ALLOW; i++) {
		if (a->image.trusted[i])
			continue;
		r.given = a->image.alias[i];
		v = put(k, a, &r);
	}
	if (CONFIG_EXEC_IDENTITY && a->image.same.program && v.effective == EFFECT_ALLOW) {
		r.given = given[0] ? given : NULL;
		v = put_originals(k, a, &r, v);
	}
	if (CONFIG_FILES && k->g->o.n_programs && v.effective == EFFECT_ALLOW) {
		const struct verdict place =
		        decide_programs(k->g->o.programs, k->g->o.n_programs, a->image.path);

		v = place.effective == EFFECT_ALLOW ? v : place;
	}
	if (!a->verdict.rule || (a->verdict.effective == EFFECT_ALLOW && v.effective != EFFECT_ALLOW))
		a->verdict = v;
}

/* The name under which a loader or a multicall program is known; NULL: its own. */
static const char *opaque_name(const struct call *k, const struct attempt *a)
{
	struct identity_names names;

	if (!CONFIG_EXEC_IDENTITY || !a->image.same.program)
		return NULL;
	identity_names(k->g->identity, a->image.same.program, "", &names);
	return names.opaque;
}

static bool is_loader(const struct call *k, const char *name)
{
	return (decide_named(k->g->o.policy, name) & (NAMED_OPAQUE | NAMED_MULTICALL)) == NAMED_OPAQUE;
}

/* It is a file, too: judge it under all its names. */
void ask_payload(const struct call *k, struct attempt *a)
{
	struct command_request r = {
		.path = a->image.path, .given = opaque_name(k, a), .argv = a->args.v, .argc = a->args.n
	};
	int at = decide_payload(&r);
	ROOM struct image loader;
	struct args rest;

	if (at <= 0 || (size_t)at >= a->args.n)
		return;
	a->is_loader = CONFIG_EXEC_IDENTITY && is_loader(k, r.given ? r.given : r.path);
	a->payload = (size_t)at;
	if (!strchr(a->args.v[at], '/'))
		return;
	loader = a->image;
	rest = (struct args){ a->args.v + at, a->args.n - (size_t)at };
	a->used_args = true;
	if (image_find(k->g->images, k->pid, AT_FDCWD, rest.v[0], 0, &a->image) == 0)
		ask_file(k, a, rest.v[0], &rest);
	if (a->verdict.effective == EFFECT_ALLOW)
		a->image = loader;
}

/* The kernel puts it behind the interpreter and, if there is one, its argument. */
void ask_scripts(const struct call *k, struct attempt *a)
{
	const struct args all = a->args;
	const struct image interpreter = a->image;

	for (size_t i = 1; i < all.n && i <= 2 && a->verdict.effective == EFFECT_ALLOW; i++) {
		const struct args rest = { .v = all.v + i, .n = all.n - i };

		if (!image_find(k->g->images, k->pid, AT_FDCWD, all.v[i], 0, &a->image) &&
		    a->image.kind == IMAGE_SCRIPT && a->image.mode & 0111)
			ask_file(k, a, all.v[i], &rest);
	}
	if (a->verdict.effective == EFFECT_ALLOW)
		a->image = interpreter;
}
