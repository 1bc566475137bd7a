#include "enforce/files/wired.h"

#include "base/log.h"
#include "base/path.h"
#include "enforce/acting.h"
#include "enforce/exec/filter.h"
#include "journal/record.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { LIST = 640 };
#define COPY_MAX (64ULL << 20) /* bytes of a file that are copied before it is written to */

enum { HASH_UP_TO = 1000000, SETTLE_MAX = 100 };

/* Lists of trees. */
static bool read_lists(struct wired *w, struct msg_reader *r)
{
	struct files_closed *closed = arena_array(&w->text, LIST, sizeof *closed);
	const char **programs = arena_array(&w->text, LIST, sizeof *programs);
	const char **reads = arena_array(&w->text, LIST, sizeof *reads);
	const char **writes = arena_array(&w->text, LIST, sizeof *writes);
	uint32_t kind;

	if (w->text.failed)
		return false;
	w->o.closed = closed;
	w->programs = programs;
	w->more = (struct access_more){ .read = reads, .write = writes };
	for (unsigned n = 0; (kind = msg_get_u32(r)) && msg_ok(r); n++) {
		const char *path = arena_str(&w->text, msg_get_str(r));

		if (n == LIST)
			return false;
		if (kind == 3)
			programs[w->n_programs++] = path;
		else if (kind == 4)
			reads[w->more.n_read++] = path;
		else if (kind == 5)
			writes[w->more.n_write++] = path;
		else
			closed[w->o.n_closed++] = (struct files_closed){ path, kind == 2 };
	}
	return !w->text.failed;
}

int wired_read(struct wired *w, struct msg_reader *r, struct err *e)
{
	const char *store;

	w->calls = msg_get_u32(r);
	if (w->calls) {
		w->flags = msg_get_u32(r);
		w->o.workspace = arena_str(&w->text, msg_get_str(r));
		store = msg_get_str(r);
		w->o.store = *store ? arena_str(&w->text, store) : NULL;
		w->quota = (int64_t)msg_get_u64(r);
		w->ttl_ns = (int64_t)msg_get_u64(r);
	}
	return read_lists(w, r) && msg_ok(r) ? 0 : err_set(e, "bad start message");
}

int wired_shown(struct wired *w, int page, struct err *e)
{
	struct acting *old = w->view.page;
	struct stat st;

	if (!w->calls)
		return 0;
	if (stat(w->o.workspace, &st) < 0)
		return err_sys(e, "%s", w->o.workspace);
	w->view.page = acting_map(page, e);
	acting_unmap(old);
	w->view.dev = st.st_dev;
	return w->view.page ? 0 : -1;
}

/* Where nothing can be kept, what the policy keeps is refused: keep.h. */
static void open_journal(struct wired *w)
{
	struct journal_log_options o = { .at = AT_FDCWD,
		                         .store = w->o.store,
		                         .session = w->session,
		                         .copy_max = COPY_MAX,
		                         .hash_up_to = HASH_UP_TO,
		                         .quota = w->quota > 0 ? w->quota : -1,
		                         .ttl_ns = w->ttl_ns > 0 ? w->ttl_ns : -1,
		                         .batch = true,
		                         .strict = w->flags & WIRED_STRICT };
	struct err e;

	/* The view hides it. */
	if (CONFIG_LAYER_FUSE && w->lower > 0 && o.store) {
		o.at = w->lower;
		o.store = path_base(o.store);
	}
	if (w->o.store && !w->journal && journal_log_open(&w->journal, &o, &e) < 0)
		log_line(LOG_ERROR, "journal: %s", e.text);
}

struct files *wired_files(struct wired *w, const struct policy *p, struct err *e)
{
	struct files_options o = w->o;

	o.policy = p;
	o.virtual_root = "/workspace";
	o.baseline = w->flags & WIRED_BASELINE;
	o.more = &w->more;
	o.view = &w->view;
	o.log_reads = w->flags & WIRED_LOG_READS;
	o.soft_block = w->flags & WIRED_SOFT_BLOCK;
	/* What the floor grants was made from a policy and a tree that may both have changed since. */
	o.inexact = FILES_READ | FILES_WRITE | FILES_REMOVE;
	if (w->flags & WIRED_KEEP || policy_needs(p).soft_delete)
		open_journal(w);
	o.journal = w->journal;
	o.masks = w->calls & FILTER_WRITES && w->calls & FILTER_NAMES;
	o.keep = w->flags & WIRED_KEEP ? (1u << JOURNAL_KINDS) - 1 : 0;
	return files_new(&o, e);
}

void wired_ended(struct wired *w, const char *command)
{
	if (w->journal)
		journal_ended(w->journal, command);
}

bool wired_rest(struct wired *w)
{
	return w->journal && journal_settle(w->journal, SETTLE_MAX);
}

void wired_release(struct wired *w)
{
	journal_log_close(w->journal);
	if (CONFIG_LAYER_FUSE)
		acting_unmap(w->view.page);
	arena_release(&w->text);
	*w = (struct wired){ .calls = 0 };
}
