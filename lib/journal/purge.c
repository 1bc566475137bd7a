#include "journal/impl.h"

#include "base/clock.h"
#include "base/fd.h"
#include "journal/index.h"
#include "journal/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STALE_S = 3600 };

/* In one step the entry is none any more; then what it held goes. */
int journal_drop(const struct journal *j, const char *token, struct err *e)
{
	char gone[JOURNAL_TOKEN + 8], name[JOURNAL_TOKEN + 8];

	snprintf(gone, sizeof gone, ".%s.gone", token);
	journal_manifest_name(token, name, sizeof name);
	if (!manifest_token_ok(token) || renameat(j->payload, token, j->payload, gone) < 0)
		return err_sys(e, "%s/payload/%.20s", j->path, token);
	if (unlinkat(j->manifest, name, 0) < 0 && errno != ENOENT)
		return err_sys(e, "%s/manifest/%s", j->path, name);
	return tree_remove(j->payload, gone, e);
}

static bool is_stale(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_ctim.tv_sec < clock_real_ns() / 1000000000 - STALE_S;
}

/* What processes that ended half-way left behind: temporary names, and manifests of nothing. */
static void sweep(const struct journal *j, int dir, bool manifests)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	char token[JOURNAL_TOKEN];
	size_t n;

	if (!d)
		fd_close(&fd);
	while (d && (entry = readdir(d))) {
		const char *name = entry->d_name;

		n = strspn(name, "0123456789");
		if (name[0] == '.' && name[1] >= '0' && name[1] <= '9' && is_stale(dir, name)) {
			tree_remove(dir, name, NULL);
		} else if (manifests && n && n < sizeof token && !strcmp(name + n, ".json")) {
			memcpy(token, name, n);
			token[n] = 0;
			if (faccessat(j->payload, token, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT &&
			    is_stale(dir, name))
				unlinkat(dir, name, 0);
		}
	}
	if (d)
		closedir(d);
}

static bool is_all(const struct journal_limits *limits)
{
	return limits->session && limits->ttl_ns < 0 && limits->quota < 0;
}

static bool is_over(const struct journal_item *en, const struct journal_limits *limits, int64_t now,
                    uint64_t left)
{
	return is_all(limits) || (limits->ttl_ns >= 0 && now - en->created_ns > limits->ttl_ns) ||
	       (limits->quota >= 0 && left > (uint64_t)limits->quota);
}

static int drop(const struct journal *j, struct journal_list *l, size_t i, struct err *e)
{
	struct journal_entry en;
	struct journal other;
	int rc;

	if (!journal_list_at(l, i, &en))
		return err_set(e, "out of memory");
	if (!en.store)
		return journal_drop(j, en.token, e);
	rc = journal_open(&other, en.store, false, e);
	if (rc == 0) {
		rc = journal_drop(&other, en.token, e);
		journal_close(&other);
	}
	return rc;
}

/* A file of lines goes when nobody writes it, no version is left of it and what it tells is old. */
struct shedding {
	const struct journal *j;
	const struct journal_limits *limits;
	int64_t now;
	int acts;
	char name[JOURNAL_ACTS_NAME]; /* of the file that is looked at */
	bool needed;
};

static void shed_one(struct shedding *s)
{
	if (s->name[0] && !s->needed)
		unlinkat(s->acts, s->name, 0);
}

static int shed_line(void *arg, const struct index_line *l, struct err *e)
{
	struct shedding *s = arg;
	bool old = s->limits->ttl_ns >= 0 && s->now - l->line->at > s->limits->ttl_ns;
	bool ours = !s->limits->session || !strcmp(l->session, s->limits->session);

	(void)e;
	if (strcmp(s->name, l->file) != 0) {
		shed_one(s);
		snprintf(s->name, sizeof s->name, "%s", l->file);
		s->needed = l->alive;
	}
	s->needed |= l->store || !ours || !(old || is_all(s->limits));
	return 0;
}

static void shed(struct journal *j, const struct journal_limits *limits)
{
	struct shedding s = { .j = j, .limits = limits, .now = clock_real_ns(), .acts = index_open_acts(j) };
	struct index x = { 0 };

	if (s.acts >= 0 && index_each(&x, j, NULL, shed_line, &s, NULL) == 0)
		shed_one(&s);
	index_release(&x);
	fd_close(&s.acts);
}

/* How much is kept, for the writers. */
static void count(const struct journal *j, const struct journal_list *l, uint64_t left)
{
	AUTO_FD fd = openat(j->dir, JOURNAL_USAGE, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0)
		journal_usage_set(fd, (int64_t)(left + l->n * JOURNAL_PER_VERSION));
}

int journal_purge(struct journal *j, const struct journal_limits *limits, struct err *e)
{
	struct journal_list l;
	int rc = journal_list(j, limits->session, &l, e), dropped = 0;
	int64_t now = clock_real_ns();
	int64_t oldest = 0;
	uint64_t left = 0;
	bool all = !limits->session;

	for (size_t i = 0; rc == 0 && i < l.n; i++)
		left += l.items[i].size;
	for (size_t i = 0; rc == 0 && i < l.n && (!limits->max || dropped < limits->max); i++) {
		if (!is_over(&l.items[i], limits, now, left)) {
			oldest = oldest ? oldest : l.items[i].created_ns;
			continue;
		}
		rc = drop(j, &l, i, e);
		dropped += rc == 0;
		left -= l.items[i].size;
	}
	if (limits->oldest)
		*limits->oldest = oldest;
	if (rc == 0)
		l.n -= (size_t)dropped;
	if (rc == 0 && all)
		count(j, &l, left);
	journal_list_release(&l);
	if (rc == 0 && !limits->max)
		shed(j, limits);
	sweep(j, j->payload, false);
	sweep(j, j->manifest, true);
	return rc < 0 ? -1 : dropped;
}
