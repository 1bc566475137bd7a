/* ring - what two processes do with a ring at the same time, done by two threads of one, so that
 * ThreadSanitizer sees whether every byte that one reads was handed over by the other. Nothing that is
 * shipped has threads (build/lint/symbols): memory that is shared between processes is the ring's alone. */
#include "audit/ring.h"

#include "test/t.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RECORDS = 50000, TEXT = 700, PATIENCE_MS = 30000 };

static struct ring *ring;
static int bell;

static size_t make_text(char *text, uint32_t number)
{
	size_t len = 1 + number * 2654435761u % (TEXT - 1);

	for (size_t i = 0; i < len; i++)
		text[i] = (char)(number + i);
	return len;
}

static void *produce(void *arg)
{
	char text[TEXT];

	(void)arg;
	for (uint32_t i = 1; i <= RECORDS; i++) {
		size_t len = make_text(text, i);
		uint64_t one = 1;
		bool wake;

		while (!ring_put(ring, text, len, i, i & 3, &wake))
			sched_yield();
		if (wake && write(bell, &one, sizeof one) != sizeof one)
			return "bell";
	}
	return NULL;
}

/* False when nobody rang: a wake-up was lost. */
static bool wait_for_bell(void)
{
	struct pollfd p = { .fd = bell, .events = POLLIN };
	uint64_t n;

	return !ring_sleep(ring) || (poll(&p, 1, PATIENCE_MS) == 1 && read(bell, &n, sizeof n) == sizeof n);
}

T_CASE(one_each_side)
{
	int fd = memfd_create("ring", MFD_CLOEXEC);
	uint32_t next = 1, wrong = 0;
	struct ring_record r;
	char want[TEXT];
	pthread_t producer;
	void *problem;
	struct err e;

	bell = eventfd(0, EFD_CLOEXEC);
	if (!ok(ftruncate(fd, 4096 + RING_MIN) == 0 && pwrite(fd, "agentsh-ring 01", 16, 0) == 16))
		return;
	ring = ring_map(fd, &e);
	if (!ok(ring != NULL) || !ok(pthread_create(&producer, NULL, produce, NULL) == 0))
		return;
	while (next <= RECORDS && !ring_broken(ring)) {
		if (ring_get(ring, &r)) {
			wrong += r.command != next || r.flags != (next & 3) ||
			         r.len != make_text(want, next) || memcmp(r.text, want, r.len) != 0;
			if (next++ % 5 == 0)
				ring_done(ring);
			continue;
		}
		ring_done(ring);
		if (!wait_for_bell()) {
			ok(false, "woken for %u", next);
			_exit(1);
		}
	}
	pthread_join(producer, &problem);
	is_int(wrong, 0, "all came whole and in order");
	is_int(next, RECORDS + 1);
	ok(!ring_broken(ring) && !problem);
	ring_close(ring);
	close(fd);
}
