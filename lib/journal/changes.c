#include "journal/past.h"

#include "base/fd.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *undo_word(char kind)
{
	static const char *const words[] = { "deleted",   "removed directory", "replaced",
		                             "truncated", "written",           "attributes",
		                             "created",   "made directory",    "linked",
		                             "linked",    "renamed",           "exchanged" };
	const char *at = kind ? strchr(LINE_ACTS, kind) : NULL;

	return at ? words[at - LINE_ACTS] : "changed";
}

static int open_version(const struct past_act *act)
{
	char token[JOURNAL_TOKEN];

	if (!act->store || !S_ISREG(act->line.mode))
		return -1;
	snprintf(token, sizeof token, "%" PRId64, act->line.at);
	return openat(act->store->payload, token, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static int tell(const struct past_act *act, undo_change_fn *fn, void *arg, struct err *e)
{
	const struct journal_line *l = &act->line;
	AUTO_FD version = open_version(act);
	struct undo_change c = {
		.kind = l->kind, .path = l->path, .to = l->to_path, .version = version, .version_of = ""
	};

	if (line_keeps(l->kind) && !act->store)
		c.version_of = l->store == LINE_NOT_KEPT ? "too large: it was not kept"
		                                         : "no version of it is kept any more";
	return fn(arg, &c, e);
}

int journal_changes(const struct journal *j, const struct undo_request *request, undo_change_fn *fn,
                    void *arg, struct err *e)
{
	struct past p = { .n = 0 };
	struct undo_request any = *request;
	struct map seen = { 0 };
	int rc;

	if (!j->trusted)
		return err_set(
		        e,
		        "%s: others can write this store: what it tells may be forged (its owner may use it)",
		        j->path);
	any.look = true;
	rc = past_make(&p, j, &any, e);
	for (size_t i = 0; rc == 0 && i < p.n; i++) {
		const struct journal_line *l = &p.acts[i].line;

		if (!past_wants(request, l) || map_get(&seen, l->path, strlen(l->path)))
			continue;
		rc = map_set(&seen, l->path, strlen(l->path), &p) ? tell(&p.acts[i], fn, arg, e)
		                                                  : err_set(e, "out of memory");
	}
	map_release(&seen);
	past_release(&p);
	return rc;
}
