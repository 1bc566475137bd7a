#include "api/impl.h"

#include "base/num.h"

#include <string.h>
#include <strings.h>

enum { ARGS_MAX = 65536, ENV_MAX = 10000 };

/* Texts must not hold a NUL, which would cut what the policy judges from what runs. */
static bool texts(const struct json_value *v, struct arena *arena, const char *const **out, size_t *n)
{
	const char **items;
	size_t i = 0;

	if (!v || v->type == JSON_NULL)
		return true;
	if (v->type != JSON_ARRAY || v->n > ARGS_MAX)
		return false;
	items = arena_array(arena, v->n + 1, sizeof *items);
	if (!items)
		return false;
	for (v = v->first; v; v = v->next) {
		items[i] = json_string(v);
		if (!items[i++])
			return false;
	}
	*out = items;
	*n = i;
	return true;
}

static bool pairs(const struct json_value *v, struct arena *arena, const struct policy_pair **out, size_t *n)
{
	struct policy_pair *items;
	size_t i = 0;

	if (!v || v->type == JSON_NULL)
		return true;
	if (v->type != JSON_OBJECT || v->n > ENV_MAX)
		return false;
	items = arena_array(arena, v->n + 1, sizeof *items);
	if (!items)
		return false;
	for (v = v->first; v; v = v->next) {
		items[i] = (struct policy_pair){ .name = v->key, .value = json_string(v) };
		if (!items[i].value || !*v->key || strlen(v->key) != v->key_len || strchr(v->key, '='))
			return false;
		i++;
	}
	*out = items;
	*n = i;
	return true;
}

/* Absent is fine, another type is not: "args":"-rf" must not become no arguments. */
static bool text(const struct json_value *body, const char *key, const char **out)
{
	const struct json_value *v = json_get(body, key);

	*out = NULL;
	if (!v || v->type == JSON_NULL)
		return true;
	*out = json_string(v);
	return *out != NULL;
}

static enum event_level level_of(const char *text)
{
	static const char *const names[] = { "all", "summary", "blocked", "none" };

	for (size_t i = 0; text && i < sizeof names / sizeof *names; i++)
		if (!strcasecmp(text, names[i]))
			return (enum event_level)i;
	return EVENTS_ALL;
}

static const char *parse(const struct json_value *body, struct arena *arena, struct exec_request *out)
{
	struct exec_spec *spec = &out->spec;
	const struct json_value *input = json_get(body, "stdin");
	const char *events;

	if (!text(body, "command", &spec->command))
		return "invalid command";
	if (!spec->command || !*spec->command)
		return "command is required";
	if (!text(body, "argv0", &spec->argv0))
		return "invalid argv0";
	if (!text(body, "working_dir", &spec->working_dir))
		return "invalid working_dir";
	if (!text(body, "timeout", &out->timeout) || !text(body, "include_events", &events))
		return "invalid timeout or include_events";
	if (!texts(json_get(body, "args"), arena, &spec->args, &spec->n_args))
		return "args must be a list of texts";
	if (!pairs(json_get(body, "env"), arena, &spec->env, &spec->n_env))
		return "env must be an object of texts";
	if (input && input->type != JSON_STRING && input->type != JSON_NULL)
		return "stdin must be a text";
	if (input && input->type == JSON_STRING) {
		out->stdin_text = input->text;
		out->stdin_len = input->len;
	}
	if (out->timeout && (!num_duration(out->timeout, &out->timeout_ns) || out->timeout_ns < 0))
		out->timeout_ns = 0;
	out->level = level_of(events);
	return NULL;
}

int api_exec_parse(struct call *c, struct arena *arena, struct exec_request *out)
{
	const struct json_value *body = api_body(c, arena);
	const char *problem = body ? parse(body, arena, out) : NULL;

	if (problem)
		api_error(c, 400, "%s", problem);
	return body && !problem ? 0 : -1;
}
