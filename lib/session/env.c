/* What PATCH changes: working directory and environment of a session. */
#include "session/impl.h"

#include "base/clock.h"
#include "base/path.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ENV_MAX = 256, VALUE_MAX = 128 * 1024 };

static int invalid(struct err *e)
{
	if (e)
		e->code = EINVAL;
	return -1;
}

void session_touch(struct session *s)
{
	s->active_ns = clock_mono_ns();
}

static void log_update(struct core *core, struct session *s, const char *name, const char *value)
{
	struct event_field field = { .name = name, .text = value };

	core_event(core, s, NULL,
	           &(struct event){ .type = "session_updated", .depth = -1, .fields = &field, .n_fields = 1 },
	           0);
}

int session_set_cwd(struct core *core, struct session *s, const char *cwd, struct err *e)
{
	char clean[4096];
	char *copy;

	if (!cwd || !*cwd)
		return 0;
	if (!path_clean(cwd, clean, sizeof clean) || !path_within(clean, "/workspace")) {
		err_set(e, "cwd must be under /workspace");
		return invalid(e);
	}
	copy = strdup(clean);
	if (!copy)
		return err_set(e, "out of memory");
	free(s->cwd);
	s->cwd = copy;
	session_touch(s);
	log_update(core, s, "cwd", clean);
	return 0;
}

static struct session_env *find(struct session *s, const char *name, size_t *count)
{
	*count = 0;
	list_each(n, &s->env)
	{
		struct session_env *v = list_item(n, struct session_env, node);

		if (!strcmp(v->name, name))
			return v;
		++*count;
	}
	return NULL;
}

static bool is_name(const char *name)
{
	if (!isalpha((unsigned char)*name) && *name != '_')
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && *name != '_')
			return false;
	return true;
}

static void free_env(struct session_env *v)
{
	list_remove(&v->node);
	free(v->name);
	free(v->value);
	free(v);
}

bool session_env_take(struct session *s, const char *name, const char *value)
{
	struct session_env *v = calloc(1, sizeof *v);

	if (!v)
		return false;
	list_append(&s->env, &v->node);
	v->name = strdup(name);
	v->value = strdup(value);
	if (v->name && v->value)
		return true;
	free_env(v);
	return false;
}

int session_set_env(struct core *core, struct session *s, const char *name, const char *value, struct err *e)
{
	struct session_env *v;
	size_t count;

	if (!is_name(name) || strlen(name) > 256 || strlen(value) > VALUE_MAX) {
		err_set(e, "\"%.80s\" is no valid variable", name);
		return invalid(e);
	}
	v = find(s, name, &count);
	if (!v && count >= ENV_MAX) {
		err_set(e, "a session holds at most %d variables", ENV_MAX);
		return invalid(e);
	}
	if (v)
		free_env(v);
	if (!session_env_take(s, name, value))
		return err_set(e, "out of memory");
	session_touch(s);
	log_update(core, s, "env", name); /* the value may be a secret */
	return 0;
}

void session_unset_env(struct session *s, const char *name)
{
	size_t count;
	struct session_env *v = find(s, name, &count);

	if (v) {
		free_env(v);
		log_update(s->core, s, "unset", name);
	}
	session_touch(s);
}

void session_env_release(struct session *s)
{
	list_each(n, &s->env) free_env(list_item(n, struct session_env, node));
}
