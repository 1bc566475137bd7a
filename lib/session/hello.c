#include "session/hello.h"

#include "enforce/entry.h"
#include "wire/msg.h"

enum { MAX_STRINGS = 1 << 17 };

static const char **read_strings(struct msg_reader *r, struct arena *a, size_t *n)
{
	const char **v;

	*n = msg_get_u32(r);
	if (!msg_ok(r) || *n > MAX_STRINGS)
		return NULL;
	v = arena_array(a, *n + 1, sizeof *v);
	for (size_t i = 0; v && i < *n; i++)
		v[i] = msg_get_str(r);
	return v;
}

bool hello_read(const void *data, size_t len, struct hello *h)
{
	struct msg_reader r;

	if (msg_open(&r, data, len) != WIRE_HELLO)
		return false;
	h->kind = msg_get_u32(&r);
	h->pid = (pid_t)msg_get_u32(&r);
	h->root_dev = msg_get_u64(&r);
	h->root_ino = msg_get_u64(&r);
	h->program = msg_get_str(&r);
	h->cwd = msg_get_str(&r);
	h->session = msg_get_str(&r);
	h->argv = read_strings(&r, h->arena, &h->argc);
	h->env = h->argv ? read_strings(&r, h->arena, &h->n_env) : NULL;
	return h->env && msg_end(&r) && h->program[0] && (h->kind == ENTRY_SHELL || h->kind == ENTRY_EXEC);
}
