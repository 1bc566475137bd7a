#include "session/judged.h"

#include "base/path.h"
#include "config/config.h"
#include "enforce/exec/filter.h"
#include "enforce/files/wired.h"
#include "enforce/landlock/floor.h"
#include "enforce/rung.h"
#include "enforce/landlock/programs.h"
#include "session/closed.h"
#include "session/granted.h"
#include "session/kept.h"
#include "session/views.h"

#include <limits.h>
#include <sys/stat.h>

bool judged_wanted(const struct config *c)
{
	return c->sandbox.seccomp.file_monitor.set ? c->sandbox.seccomp.file_monitor.enabled
	                                           : POLICY_FILES_ENFORCED;
}

bool judged_here(const struct session *s)
{
	return CONFIG_FILES && judged_wanted(s->core->config) && s->policy &&
	       policy_needs(s->policy->policy).files;
}

bool judged_asked(const struct session *s)
{
	return judged_here(s) && s->core->found->rung == RUNG_NOTIFY;
}

static uint32_t flags_of(const struct config *c)
{
	const bool as_written = !c->sandbox.seccomp.file_monitor.baseline;
	const int mode = c->sandbox.fuse.audit.mode;
	uint32_t flags = as_written ? WIRED_LOG_READS : WIRED_BASELINE;

	if (c->sandbox.seccomp.file_monitor.intercept_metadata)
		flags |= WIRED_LOOKS;
	if (!c->sandbox.fuse.audit.enabled)
		return flags;
	if (mode == FUSE_SOFT_BLOCK)
		flags |= WIRED_SOFT_BLOCK;
	if (mode == FUSE_SOFT_DELETE || mode == FUSE_STRICT)
		flags |= WIRED_KEEP;
	return mode == FUSE_STRICT ? flags | WIRED_STRICT : flags;
}

/* Sessions do not change it, whatever their policies are; one that is made later is its own sessions'. */
static bool has_store(const struct session *s)
{
	char store[PATH_MAX];
	struct stat st;

	return !path_join(s->workspace, kept_path(s), store, sizeof store) || lstat(store, &st) == 0;
}

unsigned judged_calls(const struct session *s)
{
	bool logged, kept;

	if (!CONFIG_FILES || !judged_asked(s))
		return 0;
	logged = policy_audit(s->policy->policy)->log_allowed;
	kept = flags_of(s->core->config) & (WIRED_KEEP | WIRED_SOFT_BLOCK) || has_store(s);
	return files_asked(s->policy->plain,
	                   (logged && flags_of(s->core->config) & WIRED_LOG_READS) || closed_by_asking(s),
	                   logged || kept, s->core->config->sandbox.seccomp.file_monitor.intercept_metadata);
}

static void put_item(void *m, const struct floor_item *item)
{
	if (item->path && item->path[0] == '/') {
		msg_u32(m, item->secret ? 2 : 1);
		msg_str(m, item->path);
	}
}

static void put_program(void *m, const char *real)
{
	msg_u32(m, 3);
	msg_str(m, real);
}

static void put_each(struct msg *m, uint32_t kind, const char *const *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		msg_u32(m, kind);
		msg_str(m, items[i]);
	}
}

static void put_opened(const struct session *s, struct msg *m)
{
	AUTO_ARENA a = { 0 };
	const char *const *items;
	size_t n = granted_programs(s, &a, &items);
	struct floor_rules more = { .policy = NULL };

	programs_each(items, n, put_program, m);
	granted_more(s, &a, &more);
	put_each(m, 4, more.read, more.n_read);
	put_each(m, 5, more.write, more.n_write);
}

void judged_put(const struct session *s, bool killable, bool held, struct msg *m)
{
	const struct config *c = s->core->config;
	unsigned calls = judged_calls(s);
	char store[PATH_MAX];

	msg_u32(m, calls);
	if (calls) {
		msg_u32(m, flags_of(c) | (killable ? WIRED_KILLABLE : 0));
		msg_str(m, s->workspace);
		if (CONFIG_LAYER_FUSE && views_shown(s))
			msg_str(m, views_left_store(s, store, sizeof store) ? store : "");
		else
			msg_str(m, path_join(s->workspace, kept_path(s), store, sizeof store) ? store : "");
		msg_u64(m, c->sandbox.fuse.audit.quota);
		msg_u64(m, (uint64_t)c->sandbox.fuse.audit.ttl_ns);
		closed_each(s, put_item, m);
	}
	if (calls || held)
		put_opened(s, m);
	msg_u32(m, 0); /* ends the list */
}
