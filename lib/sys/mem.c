#include "sys/mem.h"

#include "base/room.h"
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGE = 4096, BATCH = 32 };

static ssize_t read_by_file(pid_t pid, uint64_t addr, void *to, size_t len)
{
	int fd = proc_open(pid, "mem", O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = pread(fd, to, len, (off_t)addr);
	close(fd);
	if (n == 0) {
		errno = EFAULT;
		return -1;
	}
	return n;
}

ssize_t mem_read(pid_t pid, uint64_t addr, void *to, size_t len)
{
	ROOM struct iovec local[BATCH], remote[BATCH];
	size_t done = 0;
	ssize_t n;
	int i = 0;

	/* One remote piece per page: a transfer stops at a whole piece, so this reads up to the last good
	 * page. */
	while (done < len && i < BATCH) {
		size_t piece = PAGE - (addr + done) % PAGE;

		if (piece > len - done)
			piece = len - done;
		local[i] = (struct iovec){ .iov_base = (char *)to + done, .iov_len = piece };
		remote[i] = (struct iovec){ .iov_base = (void *)(uintptr_t)(addr + done), .iov_len = piece };
		done += piece;
		i++;
	}
	n = process_vm_readv(pid, local, (unsigned long)i, remote, (unsigned long)i, 0);
	if (n < 0 && (errno == ENOSYS || errno == EPERM))
		n = read_by_file(pid, addr, to, done);
	if (n == 0) {
		errno = EFAULT;
		return -1;
	}
	return n;
}

ssize_t mem_write(pid_t pid, uint64_t addr, const void *from, size_t len)
{
	const struct iovec local = { .iov_base = (void *)from, .iov_len = len };
	const struct iovec remote = { .iov_base = (void *)(uintptr_t)addr, .iov_len = len };

	return process_vm_writev(pid, &local, 1, &remote, 1, 0);
}

ssize_t mem_string(pid_t pid, uint64_t addr, size_t max, struct buf *out)
{
	size_t start = out->len, chunk = 256;

	for (;;) {
		size_t len = out->len - start;
		char *room, *nul;
		ssize_t n;

		if (len > max) {
			errno = E2BIG;
			return -1;
		}
		room = buf_room(out, chunk);
		if (!room) {
			errno = ENOMEM;
			return -1;
		}
		n = mem_read(pid, addr + len, room, chunk);
		if (n < 0)
			return -1;
		nul = memchr(room, 0, (size_t)n);
		out->len += nul ? (size_t)(nul - room) + 1 : (size_t)n;
		if (nul) {
			len = out->len - start - 1;
			if (len <= max)
				return (ssize_t)len;
			errno = E2BIG;
			return -1;
		}
		chunk = chunk < 65536 ? chunk * 4 : chunk;
	}
}

/* The caller's bytes from `addr` on, which we have already. */
struct seen {
	uint64_t addr;
	const char *bytes;
	size_t len;
};

/* Strings whose first bytes were fetched together; the long ones are read on. */
static int take_batch(pid_t pid, const uint64_t *ptr, size_t n, const struct seen *seen, size_t max_bytes,
                      struct buf *out)
{
	enum { HEAD = 128 };
	ROOM char head[BATCH][HEAD];
	ROOM struct iovec remote[BATCH];
	struct iovec local[BATCH] = { 0 };
	ssize_t got = 0;
	size_t want = 0, i;

	for (i = 0; i < n; i++) {
		size_t piece = PAGE - ptr[i] % PAGE, at = (size_t)(ptr[i] - seen->addr);

		if (piece > HEAD)
			piece = HEAD;
		local[i] = (struct iovec){ .iov_base = head[i], .iov_len = piece };
		/* argv[0] often is the very string that is the path. */
		if (at < seen->len && memchr(seen->bytes + at, 0, seen->len - at)) {
			local[i].iov_base = (char *)seen->bytes + at;
			local[i].iov_len = piece = 0;
		}
		remote[i] = (struct iovec){ .iov_base = (void *)(uintptr_t)ptr[i], .iov_len = piece };
		want += piece;
	}
	if (want)
		got = process_vm_readv(pid, local, (unsigned long)n, remote, (unsigned long)n, 0);
	for (i = 0; i < n; i++) {
		const char *text = local[i].iov_base, *nul = NULL;

		/* Only a complete batch is trusted; otherwise each string is read by itself. */
		if (!local[i].iov_len)
			nul = text + strlen(text);
		else if (got == (ssize_t)want)
			nul = memchr(text, 0, local[i].iov_len);
		if (nul) {
			buf_add(out, text, (size_t)(nul - text) + 1);
			if (out->failed) {
				errno = ENOMEM;
				return -1;
			}
		} else if (mem_string(pid, ptr[i], max_bytes, out) < 0) {
			return -1;
		}
		if (out->len > max_bytes) {
			errno = E2BIG;
			return -1;
		}
	}
	return 0;
}

ssize_t mem_vector(pid_t pid, uint64_t addr, size_t max_bytes, size_t max_items, struct buf *out,
                   size_t *count)
{
	size_t start = out->len;
	bool end = !addr;

	*count = 0;
	while (!end) {
		ROOM uint64_t ptr[BATCH];
		size_t n = 0, have;
		ssize_t got = mem_read(pid, addr + *count * sizeof *ptr, ptr, sizeof ptr);

		if (got < (ssize_t)sizeof *ptr) {
			errno = EFAULT;
			return -1;
		}
		have = (size_t)got / sizeof *ptr;
		while (n < have && ptr[n])
			n++;
		end = n < have;
		if (*count + n > max_items) {
			errno = E2BIG;
			return -1;
		}
		if (n && take_batch(pid, ptr, n, &(struct seen){ 0 }, max_bytes + start, out) < 0)
			return -1;
		*count += n;
	}
	return (ssize_t)(out->len - start);
}

int mem_exec(pid_t pid, uint64_t path, uint64_t argv, const struct mem_limits *limits, struct buf *path_out,
             struct buf *argv_out, size_t *argc)
{
	enum { HEAD = 256 };
	ROOM uint64_t ptr[BATCH];
	ROOM char head[HEAD];
	struct seen seen = { .addr = path, .bytes = head };
	struct iovec local[2] = { { head, PAGE - path % PAGE }, { ptr, PAGE - argv % PAGE } };
	struct iovec remote[2] = { { (void *)(uintptr_t)path, 0 }, { (void *)(uintptr_t)argv, 0 } };
	const char *nul = NULL;
	size_t n = BATCH, have;

	if (local[0].iov_len > HEAD)
		local[0].iov_len = HEAD;
	if (local[1].iov_len > sizeof ptr)
		local[1].iov_len = sizeof ptr;
	remote[0].iov_len = local[0].iov_len;
	remote[1].iov_len = local[1].iov_len;
	if (argv &&
	    process_vm_readv(pid, local, 2, remote, 2, 0) == (ssize_t)(local[0].iov_len + local[1].iov_len)) {
		seen.len = local[0].iov_len;
		nul = memchr(head, 0, seen.len);
		have = local[1].iov_len / sizeof *ptr;
		for (n = 0; n < have && ptr[n]; n++)
			;
		n = n < have ? n : BATCH;
	}
	if (nul && (size_t)(nul - head) > limits->path_bytes) {
		errno = E2BIG;
		return -1;
	}
	if (nul)
		buf_add(path_out, head, (size_t)(nul - head) + 1);
	if (path_out->failed) {
		errno = ENOMEM;
		return -1;
	}
	if (!nul && mem_string(pid, path, limits->path_bytes, path_out) < 0)
		return -1;
	*argc = n;
	if (n < BATCH)
		return n && take_batch(pid, ptr, n, &seen, limits->argv_bytes + argv_out->len, argv_out) < 0
		               ? -1
		               : 0;
	return mem_vector(pid, argv, limits->argv_bytes, limits->argv_items, argv_out, argc) < 0 ? -1 : 0;
}
