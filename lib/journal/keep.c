#include "journal/impl.h"

#include "base/clock.h"
#include "base/fd.h"
#include "journal/meta.h"
#include "journal/tree.h"
#include "sys/rename.h"

#include <bearssl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 1000 };

int journal_hash(int dirfd, const char *name, char *hex, struct err *e)
{
	AUTO_FD fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	unsigned char digest[br_sha256_SIZE], chunk[16384];
	br_sha256_context sha;
	ssize_t n = -1;

	br_sha256_init(&sha);
	while (fd >= 0 && (n = read(fd, chunk, sizeof chunk)) > 0)
		br_sha256_update(&sha, chunk, (size_t)n);
	if (n < 0)
		return err_sys(e, "%s", name);
	br_sha256_out(&sha, digest);
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

/* What there is to say about it before it is moved. */
static int describe(struct arena *a, int dirfd, const char *name, const struct journal_about *about,
                    struct journal_entry *out, struct err *e)
{
	AUTO_FD fd = -1;
	struct stat st;

	*out = (struct journal_entry){ .path = about->path,
		                       .session = about->session,
		                       .command = about->command,
		                       .created_ns = clock_real_ns() };
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "%s", about->path);
	out->mode = st.st_mode;
	out->uid = st.st_uid;
	out->gid = st.st_gid;
	out->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	if (out->mtime_ns < 0)
		out->mtime_ns = 0;
	if (tree_measure(dirfd, name, &out->size, e) < 0)
		return err_in(e, "%s", about->path);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return 0;
	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return 0; /* to move it, it need not be readable */
	out->xattrs = meta_xattrs(a, fd, "");
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size <= about->hash_up_to)
		return journal_hash(dirfd, name, out->hash, e);
	return 0;
}

int journal_write_manifest(const struct journal *j, const struct journal_entry *en, const char *temporary,
                           struct err *e)
{
	char payload[PATH_MAX + 32];
	AUTO_BUF text = { 0 };
	AUTO_FD fd = -1;

	snprintf(payload, sizeof payload, "%s/payload/%s", j->path, en->token);
	manifest_write(en, payload, &text);
	if (text.failed)
		return err_set(e, "out of memory");
	fd = openat(j->manifest, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0 || fd_write(fd, text.data, text.len) < 0)
		return err_sys(e, "%s/manifest", j->path);
	return 0;
}

/* Take the next free token at or after the time of keeping: whoever makes the name has it. */
static int claim(struct journal *j, struct journal_entry *en, struct err *e)
{
	char temporary[48], name[JOURNAL_TOKEN + 8];
	int64_t at = en->created_ns;

	for (int i = 0; i < TRIES; i++, at++) {
		snprintf(en->token, sizeof en->token, "%" PRId64, at);
		journal_manifest_name(en->token, name, sizeof name);
		snprintf(temporary, sizeof temporary, ".%s.%d", en->token, (int)getpid());
		if (faccessat(j->payload, en->token, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		if (journal_write_manifest(j, en, temporary, e) < 0) {
			unlinkat(j->manifest, temporary, 0);
			return -1;
		}
		if (rename_new(j->manifest, temporary, j->manifest, name) == 0)
			return 0;
		unlinkat(j->manifest, temporary, 0);
		if (errno != EEXIST)
			return err_sys(e, "%s/manifest/%s", j->path, name);
	}
	return err_set(e, "%s: no free token", j->path);
}

/* To another file system: what is there is complete before it gets its name, and only then goes from here. */
static int move_by_copy(struct journal *j, int dirfd, const char *name, const char *token, struct err *e)
{
	char temporary[48];
	struct stat st;

	snprintf(temporary, sizeof temporary, ".%s.%d", token, (int)getpid());
	if (tree_copy(dirfd, name, j->payload, temporary, e) < 0)
		return -1;
	if (rename_new(j->payload, temporary, j->payload, token) < 0) {
		err_sys(e, "%s/payload/%s", j->path, token);
		tree_remove(j->payload, temporary, NULL);
		return -1;
	}
	if (tree_remove(dirfd, name, e) == 0)
		return 0;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode)) {
		tree_remove(j->payload, token, NULL);
		return -1;
	}
	/* Part of a tree is gone: then the copy is the only whole version, and stays. */
	return err_in(e, "a copy was kept as %s, but it could not be removed whole", token);
}

int journal_keep(struct journal *j, int dirfd, const char *name, const struct journal_about *about,
                 struct journal_entry *out, struct err *e)
{
	struct arena a = { 0 };
	char manifest[JOURNAL_TOKEN + 8];
	int rc = describe(&a, dirfd, name, about, out, e);

	if (rc == 0)
		rc = claim(j, out, e);
	out->xattrs = NULL;
	arena_release(&a);
	if (rc < 0)
		return -1;
	if (rename_new(dirfd, name, j->payload, out->token) == 0)
		return 0;
	rc = errno == EXDEV ? move_by_copy(j, dirfd, name, out->token, e) : err_sys(e, "%s", about->path);
	if (rc < 0 && faccessat(j->payload, out->token, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
		journal_manifest_name(out->token, manifest, sizeof manifest);
		unlinkat(j->manifest, manifest, 0);
	}
	return rc;
}
