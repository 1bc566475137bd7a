#include "enforce/files/names.h"

#include "enforce/files/keep.h"
#include "enforce/files/moving.h"
#include "enforce/files/known.h"
#include "sys/at.h"

#include <errno.h>
#include <linux/fs.h>
#include <string.h>

static int move_as_it_is(const struct place *from, const struct place *to, unsigned flags)
{
	return at_rename(from->parent, from->name, to->parent, to->name, flags) < 0 ? errno : 0;
}

/* What the kernel finds before it asks whether this is allowed. 0 or errno. */
static int precheck(const struct place *from, const struct place *to, unsigned flags)
{
	bool exchange = flags & RENAME_EXCHANGE;

	/* Neither can be; the kernel says why. To another mount, programs copy then. */
	if (at_elsewhere(from->parent, to->parent) || !names_plain(from) || !names_plain(to))
		return move_as_it_is(from, to, flags);
	if (!names_taken(from))
		return ENOENT;
	if (flags & RENAME_NOREPLACE && names_taken(to))
		return EEXIST;
	if (exchange && !names_taken(to))
		return ENOENT;
	if (exchange && to->slash && !S_ISDIR(to->st.st_mode))
		return ENOTDIR;
	if (!S_ISDIR(from->st.st_mode) && (from->slash || (to->slash && !exchange)))
		return ENOTDIR;
	return 0;
}

static bool is_same(const struct place *a, const struct place *b)
{
	return names_taken(a) && names_taken(b) && a->st.st_dev == b->st.st_dev &&
	       a->st.st_ino == b->st.st_ino;
}

/* What is replaced loses its content as if it were written. */
static bool may_replace(struct act *a, const struct place *from, const struct place *to)
{
	struct verdict v = { .effective = EFFECT_ALLOW };
	struct act_report r = { .kind = ACCESS_RENAME, .place = from, .verdict = &v, .to = place_path(to) };

	if (!names_taken(to) || S_ISDIR(to->st.st_mode))
		return true;
	v = keep_decide(a, ACCESS_WRITE, to);
	if (v.effective == EFFECT_ALLOW)
		return true;
	act_refuse(a, &r);
	return false;
}

/* May what is `from`, with all that is in it, be found at `to` instead? No name may be closed for renaming,
 * before or after; nothing may become readable or writable by it. */
static bool may_move(struct act *a, const struct place *from, const struct place *to)
{
	return S_ISDIR(from->st.st_mode) ? walks_ask(a, from, to) : moving_file(a, from, to);
}

/* Both names, what comes to lie where; told as one act. `v`: of the name that loses what it had. */
static bool allowed(struct act *a, const struct place *from, const struct place *to, unsigned flags,
                    struct verdict *v)
{
	bool exchange = flags & RENAME_EXCHANGE;
	struct act_report r = { .kind = ACCESS_RENAME, .place = from, .verdict = v, .to = place_path(to) };

	*v = keep_decide(a, ACCESS_RENAME, from);
	if (v->effective == EFFECT_ALLOW)
		*v = keep_decide(a, ACCESS_RENAME, to);
	if (v->effective != EFFECT_ALLOW) {
		act_refuse(a, &r);
		return false;
	}
	return may_move(a, from, to) && (exchange ? may_move(a, to, from) : may_replace(a, from, to)) &&
	       act_allowed(a, &r);
}

static int keep_move(struct act *a, struct keep *k, const struct place *from, const struct place *to,
                     const struct verdict *v, unsigned flags)
{
	bool exchange = flags & RENAME_EXCHANGE;
	enum journal_kind as = exchange ? JOURNAL_EXCHANGE : JOURNAL_RENAME;
	int error = 0;

	if (!exchange && names_taken(to) && keep_wants(a, JOURNAL_OVERWRITE, to, v))
		error = keep_name(a, k, JOURNAL_OVERWRITE, to);
	if (!error && (keep_wants(a, as, from, v) || keep_wants(a, as, to, v)))
		error = keep_names(a, k, as, from, to);
	return error;
}

int names_move(struct act *a, const struct place *from, const struct place *to, unsigned flags)
{
	struct keep keep = { 0 };
	struct verdict v;
	int error = precheck(from, to, flags);

	if (error)
		return error;
	if (!allowed(a, from, to, flags, &v))
		return 0;
	walks_note(a, from);
	walks_note(a, to);
	known_moves(a->f, S_ISDIR(from->st.st_mode) || S_ISDIR(to->st.st_mode));
	if (!is_same(from, to)) /* nothing happens then */
		error = keep_move(a, &keep, from, to, &v, flags);
	return keep_after(a, &keep, error ? error : move_as_it_is(from, to, flags));
}
