/* The sessions by their id, by their tag, and by where they work: to find one costs the same however many
 * there are. */
#include "session/impl.h"

#include <string.h>

int index_add(struct core *core, struct session *s, struct err *e)
{
	size_t len = strlen(s->workspace);
	struct session *there = map_get(&core->by_place, s->workspace, len);

	list_init(&s->beside);
	if (map_set(&core->by_id, s->id, strlen(s->id), s) &&
	    map_set(&core->by_tag, (const char *)&s->tag, sizeof s->tag, s) &&
	    (there || map_set(&core->by_place, s->workspace, len, s))) {
		s->indexed = true;
		if (there)
			list_append(&there->beside, &s->beside);
		return 0;
	}
	map_del(&core->by_id, s->id, strlen(s->id));
	index_forget(core, s);
	return err_set(e, "out of memory");
}

void index_remove(struct core *core, struct session *s)
{
	size_t len = strlen(s->workspace);
	struct session *next = list_item(s->beside.next, struct session, beside);

	if (!s->indexed)
		return;
	s->indexed = false;
	map_del(&core->by_id, s->id, strlen(s->id));
	/* The key is the first one's. There is room for its successor where it was. */
	if (map_get(&core->by_place, s->workspace, len) == s) {
		map_del(&core->by_place, s->workspace, len);
		if (next != s)
			map_set(&core->by_place, next->workspace, len, next);
	}
	list_remove(&s->beside);
}

void index_forget(struct core *core, struct session *s)
{
	if (session_by_tag(core, s->tag) == s)
		map_del(&core->by_tag, (const char *)&s->tag, sizeof s->tag);
}

struct session *session_find(const struct core *core, const char *id)
{
	return map_get(&core->by_id, id, strlen(id));
}

struct session *session_by_tag(const struct core *core, uint64_t tag)
{
	return map_get(&core->by_tag, (const char *)&tag, sizeof tag);
}

struct session *session_at(const struct core *core, uid_t uid, const char *workspace)
{
	struct session *first = map_get(&core->by_place, workspace, strlen(workspace));

	if (!first || first->uid == uid)
		return first;
	list_each(n, &first->beside)
	{
		struct session *s = list_item(n, struct session, beside);

		if (s->uid == uid)
			return s;
	}
	return NULL;
}
