/* PATH.head: one JSON object in 512 bytes, rewritten in place so that a batch costs one small write. */
#include "audit/head.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "audit/canonical.h"
#include "base/fd.h"
#include "json/read.h"
#include "json/write.h"

int head_write(int fd, const struct writer_head *h)
{
	char text[HEAD_SIZE];
	struct buf b = { 0 };
	struct json j = { .out = &b };

	buf_on(&b, text, sizeof text);
	b.max = sizeof text - 1;
	json_object(&j);
	json_key_text(&j, "algorithm", chain_kind_name(h->kind));
	json_key_text(&j, "entry_hash", h->last.entry);
	json_key_text(&j, "first_prev_hash", h->first_prev);
	json_key_int(&j, "first_sequence", (int64_t)h->first_sequence);
	json_key_int(&j, "sequence", (int64_t)h->last.sequence);
	json_end(&j);
	if (b.failed) {
		errno = ENOMEM;
		return -1;
	}
	memset(text + b.len, ' ', sizeof text - b.len);
	text[sizeof text - 1] = '\n';
	return pwrite(fd, text, sizeof text, 0) == (ssize_t)sizeof text ? 0 : -1;
}

static bool parse(const char *text, size_t len, struct writer_head *h)
{
	AUTO_ARENA a = { .max = 65536 };
	struct err e;
	const struct json_value *o = json_read(&a, text, len, &e);
	const char *kind = json_get_string(o, "algorithm");
	int64_t sequence = json_get_int64(o, "sequence", -1), first = json_get_int64(o, "first_sequence", -1);

	if (!kind || !chain_kind_parse(kind, &h->kind) || sequence < 0 || first < 0)
		return false;
	h->last.sequence = (uint64_t)sequence;
	h->first_sequence = (uint64_t)first;
	return canonical_hash(o, "entry_hash", h->last.entry) &&
	       canonical_hash(o, "first_prev_hash", h->first_prev);
}

int head_read(int fd, struct writer_head *out, struct err *e)
{
	char text[HEAD_SIZE];
	ssize_t n = pread(fd, text, sizeof text, 0);

	*out = (struct writer_head){ 0 };
	if (n < 0)
		return err_sys(e, "read head");
	if (!n)
		return 0;
	if (parse(text, (size_t)n, out))
		return 1;
	*out = (struct writer_head){ 0 };
	return err_set(e, "damaged head");
}

int writer_head_read(const char *log_path, struct writer_head *out, struct err *e)
{
	char path[4096 + 8];
	AUTO_FD fd = -1;

	*out = (struct writer_head){ 0 };
	if (!head_path(log_path, path, sizeof path))
		return err_set(e, "name too long");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, "open %s", path);
	return head_read(fd, out, e) < 0 ? err_in(e, "%s", path) : out->last.sequence > 0;
}

bool head_path(const char *log_path, char *out, size_t size)
{
	size_t n = strlen(log_path);

	if (n + sizeof ".head" > size)
		return false;
	memcpy(out, log_path, n); /* NOLINT(bugprone-not-null-terminated-result): the next one ends it */
	memcpy(out + n, ".head", sizeof ".head");
	return true;
}
