#include "journal/impl.h"

#include "base/clock.h"
#include "base/fd.h"
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
int journal_drop(struct journal *j, const char *token, struct err *e)
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

static bool is_over(const struct journal_entry *en, const struct journal_limits *limits, int64_t now,
                    uint64_t left)
{
	bool all = limits->session && limits->ttl_ns < 0 && limits->quota < 0;

	return all || (limits->ttl_ns >= 0 && now - en->created_ns > limits->ttl_ns) ||
	       (limits->quota >= 0 && left > (uint64_t)limits->quota);
}

int journal_purge(struct journal *j, const struct journal_limits *limits, struct err *e)
{
	struct journal_list l;
	int rc = journal_list(j, limits->session, &l, e), dropped = 0;
	int64_t now = clock_real_ns();
	uint64_t left = 0;

	for (size_t i = 0; rc == 0 && i < l.n; i++)
		left += l.items[i].size;
	for (size_t i = 0; rc == 0 && i < l.n; i++) {
		if (!is_over(&l.items[i], limits, now, left))
			continue;
		rc = journal_drop(j, l.items[i].token, e);
		dropped += rc == 0;
		left -= l.items[i].size;
	}
	journal_list_release(&l);
	sweep(j, j->payload, false);
	sweep(j, j->manifest, true);
	return rc < 0 ? -1 : dropped;
}
