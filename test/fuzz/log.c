/* log - any bytes as a log file: chain, canonical form, verify's and query's view of each line; and as a
 * ring. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "audit/canonical.h"
#include "audit/query.h"
#include "audit/ring.h"
#include "base/fd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool look(void *arg, const char *line, size_t len)
{
	static const struct query q = { .session = "s",
		                        .types = "t,u",
		                        .decision = "deny",
		                        .path_like = "%a_%b%",
		                        .text_like = "%e%",
		                        .since_ns = 1 };
	static const struct chain_key no_key;
	AUTO_BUF b = { 0 };
	struct chain_link link;
	char hash[CHAIN_HEX + 1];
	size_t n;

	++*(size_t *)arg;
	query_match(&q, line, len);
	if (chain_split(line, len, &n, &link))
		chain_check(&no_key, line, n, &link, hash);
	canonical_split(line, len, &b, &link);
	return true;
}

/* The input in a ring's first bytes of data and, from byte 24 on, in its header's positions. */
static void as_ring(int fd, const uint8_t *data, size_t size)
{
	static const char magic[16] = "agentsh-ring 01";
	static char copy[RING_MIN];
	struct ring_record rec;
	struct ring *r;
	struct err e;
	bool wake;

	if (ftruncate(fd, 0) < 0 || ftruncate(fd, 4096 + RING_MIN) < 0 || pwrite(fd, magic, 16, 0) != 16)
		abort();
	if (size >= 24) {
		if (pwrite(fd, data, 8, 64) != 8 || pwrite(fd, data + 8, 8, 128) != 8)
			abort();
		data += 24;
		size -= 24;
	}
	if (pwrite(fd, data, size < RING_MIN ? size : RING_MIN, 4096) < 0)
		abort();
	r = ring_map(fd, &e);
	if (!r)
		return;
	for (int i = 0; i < 10000 && ring_get(r, &rec); i++) {
		memcpy(copy, rec.text, rec.len);
		ring_done(r);
	}
	ring_put(r, "x", 1, 0, 0, &wake);
	ring_close(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FD fd = memfd_create("log", MFD_CLOEXEC);
	size_t there = 0, back = 0;
	struct err e;

	if (fd < 0 || fd_write(fd, data, size) < 0)
		abort();
	if (scan_forward(fd, look, &there, &e) != 1 || scan_backward(fd, look, &back, &e) != 1 ||
	    there != back)
		abort();
	as_ring(fd, data, size);
	return 0;
}
