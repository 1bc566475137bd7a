#include "session/closed.h"

#include "base/path.h"
#include "config/config.h"
#include "session/impl.h"
#include "session/place.h"
#include "sys/caps.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct list_of {
	struct floor_item items[FLOOR_CLOSED];
	char text[FLOOR_CLOSED][256];
	size_t n;
	const struct session *session;
};

static void add(struct list_of *l, const char *path, bool secret)
{
	if (path[0] != '/' || l->n == FLOOR_CLOSED || strlen(path) >= sizeof l->text[0])
		return;
	strcpy(l->text[l->n], path);
	l->items[l->n] = (struct floor_item){ l->text[l->n], secret };
	l->n++;
}

/* A directory that is ours alone; of others (/etc, the home directory, one that holds the workspace) only the
 * file itself can be closed. */
static void add_with_dir(struct list_of *l, const char *path, bool secret)
{
	const struct session *s = l->session;
	const char *slash = strrchr(path, '/');
	char dir[256];

	if (!slash || (size_t)snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path) >= sizeof dir)
		return;
	if (!strcmp(path_base(dir), "agentsh") && !(s->home && path_within(s->home, dir)) &&
	    !path_within(s->workspace, dir))
		add(l, dir, secret);
	else
		add(l, path, secret);
}

static void add_shells(struct list_of *l)
{
	static const char *const shells[] = { "/bin/bash", "/bin/bash.real", "/bin/sh", "/bin/sh.real" };
	char exe[256];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

	if (n > 0) {
		exe[n] = 0;
		add(l, exe, false);
	}
	for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
		add(l, shells[i], false);
}

static void add_configured(struct list_of *l, const struct config *c)
{
	add_with_dir(l, c->path, false);
	add(l, c->policies.dir, false);
	add(l, c->policies.manifest_path, false);
	add(l, c->auth.api_key.keys_file, true);
	add(l, c->audit.integrity.key_file, true);
	add(l, c->server.tls.key_file, true);
	add_with_dir(l, c->audit.output, true);
	add(l, c->sessions.base_dir, true);
	add_with_dir(l, c->logging.output, false);
	/* What a shell reads before its first command. */
	for (size_t i = 0; i < c->sandbox.env_inject.n; i++)
		if (!strcmp(c->sandbox.env_inject.items[i].name, "BASH_ENV"))
			add(l, c->sandbox.env_inject.items[i].value, false);
}

int closed_make(const struct session *s, struct floor *f, struct err *e)
{
	struct list_of l = { .session = s };
	const char *open[] = {
		"/tmp",  "/var/tmp", "/dev/shm", s->workspace, s->project_root ? s->project_root : "/tmp",
		s->home, NULL
	};
	struct floor_options o = { .items = l.items, .open = open, .uid = s->uid };
	char path[128], *slash;
	bool usable;

	/* The shims look in these places, in this order. */
	for (unsigned i = 0; place_candidate(i, s->uid, path, sizeof path, &usable); i++) {
		slash = strrchr(path, '/');
		*slash = 0;
		add(&l, path, false);
	}
	if (s->core->place)
		add(&l, s->core->place, false);
	add_shells(&l);
	add_configured(&l, s->core->config);
	o.n = l.n;
	return floor_make(f, &o, e);
}

uint64_t closed_caps(const struct config *c)
{
	static const unsigned char never[] = { 2, 16, 17, 19, 21, 22, 32, 33, 38, 39, 40 };
	uint64_t keep = 0;

	for (size_t i = 0; CONFIG_ROOT_CAPABILITIES && i < c->capabilities.allow.n; i++)
		keep |= caps_bit(c->capabilities.allow.items[i]);
	for (size_t i = 0; i < sizeof never; i++)
		keep &= ~(1ULL << never[i]);
	return keep;
}
