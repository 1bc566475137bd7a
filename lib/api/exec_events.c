#include "api/impl.h"

#include "audit/ring.h"

#include <stdlib.h>
#include <string.h>

enum { SUMMARY_MAX = 25, RESTORES_MAX = 100, TREES_MAX = 32 << 20 };

static bool starts(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

static void sort_event(struct exec_events *ev, struct exec_event *item, uint32_t flags)
{
	const char *type = json_get_string(item->tree, "type");
	bool denied =
	        flags & RING_DENIED || json_get_boolean(json_get(item->tree, "fields"), "blocked", false);

	item->type = type ? type : "";
	item->is_file =
	        starts(item->type, "file_") || starts(item->type, "dir_") || starts(item->type, "symlink_");
	item->is_net = starts(item->type, "net_") || !strcmp(item->type, "dns_query");
	item->is_blocked = denied && !(flags & RING_BACKGROUND);
	ev->n_file += item->is_file;
	ev->n_net += item->is_net;
	ev->n_other += !item->is_file && !item->is_net;
	ev->n_blocked += item->is_blocked;
}

void api_events_collect(const struct command *c, struct exec_events *out)
{
	*out = (struct exec_events){ .arena.max = TREES_MAX };
	if (!c)
		return;
	out->lost = c->events_lost;
	out->items = arena_array(&out->arena, c->n_events + 1, sizeof *out->items);
	for (const struct list *node = c->events.next; out->items && node != &c->events; node = node->next) {
		const struct command_event *event = list_item(node, struct command_event, node);
		struct exec_event *item = out->items + out->n;

		*item = (struct exec_event){ .json = event->json, .len = event->len };
		item->tree = json_read(&out->arena, event->json, event->len, NULL);
		if (!item->tree || out->n == c->n_events) {
			out->lost++;
			continue;
		}
		out->n++;
		sort_event(out, item, event->flags);
	}
}

enum group { GROUP_FILE, GROUP_NET, GROUP_BLOCKED, GROUP_OTHER };

static bool is_in(const struct exec_event *item, enum group group)
{
	switch (group) {
	case GROUP_FILE:
		return item->is_file;
	case GROUP_NET:
		return item->is_net;
	case GROUP_BLOCKED:
		return item->is_blocked;
	case GROUP_OTHER:
		break;
	}
	return !item->is_file && !item->is_net;
}

static void write_group(struct json *j, const char *key, const struct exec_events *ev, enum group group,
                        size_t max)
{
	size_t n = 0;

	json_key(j, key);
	json_array(j);
	for (size_t i = 0; i < ev->n && n < max; i++) {
		if (!is_in(ev->items + i, group))
			continue;
		json_raw(j, ev->items[i].json, ev->items[i].len);
		n++;
	}
	json_end(j);
}

static void write_count(struct json *j, const char *key, size_t n)
{
	if (n)
		json_key_int(j, key, (int64_t)n);
}

/* The three arrays are always there; zero counts are not. */
void api_events_write(struct json *j, const struct exec_events *ev, enum event_level level)
{
	size_t rest = level == EVENTS_ALL ? ev->n : 0;
	size_t blocked = level == EVENTS_NONE ? 0 : level == EVENTS_SUMMARY ? SUMMARY_MAX : ev->n;

	json_key(j, "events");
	json_object(j);
	write_group(j, "file_operations", ev, GROUP_FILE, rest);
	write_group(j, "network_operations", ev, GROUP_NET, rest);
	write_group(j, "blocked_operations", ev, GROUP_BLOCKED, blocked);
	if (rest && ev->n_other)
		write_group(j, "other", ev, GROUP_OTHER, rest);
	if (level != EVENTS_NONE) {
		write_count(j, "file_operations_count", ev->n_file);
		write_count(j, "network_operations_count", ev->n_net);
		write_count(j, "blocked_operations_count", ev->n_blocked);
		write_count(j, "other_count", ev->n_other);
	}
	if (level != EVENTS_ALL || ev->lost)
		json_key_bool(j, "truncated", true);
	json_end(j);
}

void api_events_restore_lines(const struct exec_events *ev, const char *command, struct buf *out)
{
	size_t told = 0;

	for (size_t i = 0; i < ev->n; i++) {
		const struct json_value *tree = ev->items[i].tree;
		const char *token = json_get_string(json_get(tree, "fields"), "trash_token");
		const char *path = json_get_string(tree, "path");

		if (strcmp(ev->items[i].type, "file_soft_deleted") || !token || !path)
			continue;
		if (told++ >= RESTORES_MAX)
			continue;
		buf_fmt(out, "soft-delete: %s -> trash token %s; restore with: agentsh trash restore %s\n",
		        path, token, token);
	}
	if (told > RESTORES_MAX)
		buf_fmt(out, "soft-delete: %zu more; restore all with: agentsh undo %s\n",
		        told - RESTORES_MAX, command);
}
