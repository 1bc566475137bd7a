#include "net/page.h"

#include "test/t.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND 1000000000LL

static const struct page_address v4 = { { 192, 0, 2, 7 }, 4 };
static const struct page_address v6 = { { 0x20, 0x01, 0x0d, 0xb8, [15] = 7 }, 16 };

static struct net_page *made(int *fd)
{
	struct err e = { 0 };
	struct net_page *p = page_new(fd, &e);

	if (!ok(p != NULL, "a page is made: %s", e.text))
		exit(1);
	return p;
}

T_CASE(names)
{
	char out[PAGE_FOUND][PAGE_NAME];
	int fd;
	struct net_page *p = made(&fd), *other = page_map(fd, NULL);
	const int64_t now = 1000 * SECOND;

	is_int(page_names(other, &v4, now, out, PAGE_FOUND), 0, "nothing is bound");
	page_bind(p, "one.example", &v4, 60, now);
	page_bind(p, "two.example", &v4, 60, now);
	page_bind(p, "six.example", &v6, 60, now);
	page_bind(p, "one.example", &v4, 600, now);
	if (is_int(page_names(other, &v4, now, out, PAGE_FOUND), 2, "two names lead to one address")) {
		is_str(out[0], "one.example");
		is_str(out[1], "two.example");
	}
	is_int(page_names(other, &v4, now, out, 1), 1, "no more than there is room for");
	is_int(page_names(other, &v6, now, out, PAGE_FOUND), 1, "an address of the other kind");
	is_int(page_names(other, &v4, now + 100 * SECOND, out, PAGE_FOUND), 1, "one has expired");
	is_int(page_names(other, &v4, now + 700 * SECOND, out, PAGE_FOUND), 0, "both have");
	page_unmap(other);
	page_unmap(p);
	close(fd);
}

T_CASE(times)
{
	char out[1][PAGE_NAME];
	int fd;
	struct net_page *p = made(&fd);

	page_bind(p, "short.example", &v4, 0, 0);
	is_int(page_names(p, &v4, (PAGE_TTL_MIN + PAGE_GRACE) * SECOND - 1, out, 1), 1, "a second at least");
	is_int(page_names(p, &v4, (PAGE_TTL_MIN + PAGE_GRACE) * SECOND, out, 1), 0, "and then no more");
	page_bind(p, "long.example", &v6, UINT32_MAX, 0);
	is_int(page_names(p, &v6, (PAGE_TTL_MAX + PAGE_GRACE) * SECOND, out, 1), 0, "an hour at most");
	page_unmap(p);
	close(fd);
}

T_CASE(room)
{
	char out[1][PAGE_NAME], name[PAGE_NAME + 1];
	struct page_address a = { .len = 4 };
	int fd;
	struct net_page *p = made(&fd);

	for (unsigned i = 0; i < PAGE_NAMES + 10; i++) {
		a.bytes[0] = (uint8_t)(i >> 8);
		a.bytes[1] = (uint8_t)i;
		snprintf(name, sizeof name, "n%u.example", i);
		page_bind(p, name, &a, 60, SECOND);
	}
	is_int(page_names(p, &a, SECOND, out, 1), 1, "the newest is there");
	memset(a.bytes, 0, 4);
	a.bytes[1] = 5;
	is_int(page_names(p, &a, SECOND, out, 1), 0, "an old one is not");
	memset(name, 'a', PAGE_NAME);
	name[PAGE_NAME] = 0;
	page_bind(p, name, &v6, 60, SECOND);
	page_bind(p, "", &v6, 60, SECOND);
	is_int(page_names(p, &v6, SECOND, out, 1), 0, "what is no name is not bound");
	page_unmap(p);
	close(fd);
}

T_CASE(flows)
{
	const struct page_flow flow = { .to = v6, .to_port = 443, .pid = 17, .command = 3, .at = 5 };
	struct page_flow got = { 0 };
	uint64_t first;
	int fd;
	struct net_page *p = made(&fd), *other = page_map(fd, NULL);

	ok(!page_flow_find(other, AF_INET, 65535, &got), "no flow");
	page_flow(p, AF_INET, 65535, &flow);
	ok(!page_flow_find(other, AF_INET6, 65535, &got), "none of the other family");
	ok(page_flow_find(other, AF_INET, 65535, &got), "there it is");
	ok(got.to.len == 16 && !memcmp(got.to.bytes, v6.bytes, 16) && got.to_port == 443, "where it leads");
	ok(got.pid == 17 && got.command == 3 && got.at == 5, "whose it is");
	first = got.serial;
	page_flow(p, AF_INET, 65535, &flow);
	ok(page_flow_find(other, AF_INET, 65535, &got) && got.serial > first, "the next is another");
	page_unmap(other);
	page_unmap(p);
	close(fd);
}

/* One writes, the other never sees half of it. */
T_CASE(whole)
{
	char out[1][PAGE_NAME];
	int fd, torn = 0, seen = 0;
	struct net_page *p = made(&fd), *other = page_map(fd, NULL);
	pid_t writer = fork();

	if (!writer)
		for (unsigned i = 0;; i++) {
			struct page_flow f = { .to = v4, .to_port = (uint16_t)i, .pid = (uint16_t)i };

			page_flow(p, AF_INET, 1, &f);
			page_bind(p, i & 1 ? "aaaaaaaaaaaaaaaa" : "bbbbbbbbbbbbbbbb", &v4, 60, SECOND);
		}
	for (int i = 0; i < 200000 || (!seen && i < 200000000); i++) {
		struct page_flow f;

		if (page_flow_find(other, AF_INET, 1, &f)) {
			seen++;
			torn += f.pid != f.to_port;
		}
		if (page_names(other, &v4, SECOND, out, 1))
			torn += strcmp(out[0], "aaaaaaaaaaaaaaaa") && strcmp(out[0], "bbbbbbbbbbbbbbbb");
	}
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
	ok(seen > 0 && !torn, "%d reads, %d torn", seen, torn);
	page_unmap(other);
	page_unmap(p);
	close(fd);
}

/* Who was taken over may write what it likes; it cannot change the size. */
T_CASE(rubbish)
{
	char out[PAGE_FOUND][PAGE_NAME];
	struct page_flow f;
	int fd;
	struct net_page *p = made(&fd);
	const off_t size = lseek(fd, 0, SEEK_END);
	unsigned char *raw = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	unsigned state = 1;

	ok(ftruncate(fd, 4096) < 0, "it does not shrink");
	page_bind(p, "one.example", &v4, 60, SECOND);
	for (int round = 0; round < 20; round++) {
		for (off_t i = 0; i < 1 << 20; i++)
			raw[i] = (unsigned char)(round ? (state = state * 1103515245 + 12345) >> 16 : 0xff);
		page_bind(p, "one.example", &v4, 60, SECOND);
		page_names(p, &v4, SECOND, out, PAGE_FOUND);
		memset(raw + size - 4096, round ? (int)state : 0xff, 4096);
		page_flow_find(p, AF_INET6, 65535, &f);
	}
	ok(true, "nothing is read out of bounds");
	munmap(raw, (size_t)size);
	page_unmap(p);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ok(!page_map(fd, NULL), "another file is none");
	close(fd);
}
