#include "api/impl.h"

#include "base/fd.h"
#include "base/trusted.h"
#include "yaml/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEYS_FILE_MAX = 1 << 20, KEYS_MAX = 1000 };

struct keys_problem {
	struct err *e;
	const char *path;
};

static void note_problem(void *to, int line, int column, const char *text)
{
	const struct keys_problem *p = to;

	(void)column;
	err_set(p->e, "%s:%d: %s", p->path, line, text);
}

static const char *text_of(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *node = yaml_get(map, key);

	return node && node->kind == YAML_SCALAR ? node->text : "";
}

/* An entry without a role is an agent's: the least. */
static int add_key(struct api *a, const struct yaml_node *node, const char *path, struct err *e)
{
	static const char *const names[] = { "agent", "approver", "admin" };
	struct api_key *key = a->keys + a->n_keys;
	const char *text, *role;
	size_t n = 0;

	if (node->kind != YAML_MAP)
		return err_set(e, "%s:%d: not an entry with id, key and role", path, node->line);
	text = text_of(node, "key");
	role = text_of(node, "role");
	if (strlen(text) < 8 || strlen(text) >= sizeof key->key)
		return err_set(e, "%s:%d: key must have 8 to %zu characters", path, node->line,
		               sizeof key->key - 1);
	memcpy(key->key, text, strlen(text));
	while (*role && n < 3 && strcmp(names[n], role))
		n++;
	if (n == 3)
		return err_set(e, "%s:%d: role must be agent, approver or admin", path, node->line);
	key->role = (enum api_role)n;
	a->n_keys++;
	return 0;
}

static int add_keys(struct api *a, const struct yaml_node *root, const char *path, struct err *e)
{
	if (root->kind != YAML_LIST || !root->n || root->n > KEYS_MAX)
		return err_set(e, "%s: not a list of 1 to %d keys", path, KEYS_MAX);
	a->keys = calloc(root->n, sizeof *a->keys);
	if (!a->keys)
		return err_set(e, "out of memory");
	for (const struct yaml_node *node = yaml_first(root); node; node = node->next)
		if (add_key(a, node, path, e) < 0)
			return -1;
	return 0;
}

/* Who can write the file can let himself in. */
static int read_keys(const char *path, struct buf *text, struct err *e)
{
	struct stat st;
	AUTO_FD fd = trusted_open(path, &st, e);

	if (fd < 0)
		return -1;
	if (st.st_mode & (S_IWOTH | S_IROTH))
		return err_set(e, "%s: must be a file that others cannot read", path);
	text->max = KEYS_FILE_MAX;
	return fd_slurp(fd, text, e);
}

int api_keys_load(struct api *a, struct err *e)
{
	const char *path = a->core->config->auth.api_key.keys_file;
	struct keys_problem to = { .e = e, .path = path };
	struct yaml_sink sink = { .problem = note_problem, .to = &to };
	const struct yaml_node *root;
	AUTO_ARENA arena = { .blocks = NULL };
	AUTO_BUF text = { .data = NULL };
	int result = -1;

	if (a->core->config->auth.type != AUTH_API_KEY)
		return 0;
	if (!*path)
		return err_set(e, "auth.type is api_key, but auth.api_key.keys_file is not set");
	if (read_keys(path, &text, e) < 0)
		return err_in(e, "auth.api_key.keys_file");
	root = yaml_parse(&arena, text.data ? text.data : "", text.len, &sink);
	if (root && !sink.n)
		result = add_keys(a, root, path, e);
	if (text.data)
		explicit_bzero(text.data, text.len);
	return result < 0 ? err_in(e, "auth.api_key.keys_file") : 0;
}

/* Looks at every byte of every key, so that the time taken says nothing about how close a guess was. */
static const struct api_key *find_key(const struct api *a, const char *given)
{
	char padded[API_KEY_MAX] = { 0 };
	const struct api_key *found = NULL;

	if (strlen(given) >= sizeof padded)
		return NULL;
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): shorter than padded, which is all zeros */
	memcpy(padded, given, strlen(given));
	for (size_t i = 0; i < a->n_keys; i++) {
		unsigned char differs = 0;

		for (size_t k = 0; k < sizeof padded; k++)
			differs |= (unsigned char)(padded[k] ^ a->keys[i].key[k]);
		if (!differs)
			found = a->keys + i;
	}
	return found;
}

bool api_authenticate(struct call *c)
{
	const struct config *config = c->api->core->config;
	const char *name = config->auth.api_key.header_name;
	const struct api_key *key;
	const char *given;

	c->role = ROLE_AGENT;
	if (config->auth.type == AUTH_NONE)
		return true;
	given = http_field(c->request->head, *name ? name : "X-API-Key");
	key = given ? find_key(c->api, given) : NULL;
	if (key)
		c->role = key->role;
	return key != NULL;
}
