/* audit - what one event costs the supervisor: format it, put it into the ring.
 *
 * One row for bench/run, separated by tabs: what, the median of the rounds, the limit. The consumer's part
 * (get and done) is paid by the server and is left out of the sum; a full ring is emptied between rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/event.h"
#include "audit/ring.h"
#include "base/clock.h"
#include "test/bench/fields.h"

enum { ROUNDS = 9, EVENTS = 20000 };

static double median(double *t)
{
	qsort(t, ROUNDS, sizeof *t, by_size);
	return t[ROUNDS / 2];
}

static void empty(struct ring *r)
{
	struct ring_record rec;

	while (ring_get(r, &rec))
		;
	ring_done(r);
}

int main(void)
{
	static const char *const argv[] = { "git",         "commit", "-m", "fix the parser of durations",
		                            "--no-verify", NULL };
	static const struct rule rule = {
		.name = "allow-dev-tools", .file = "default.yaml", .line = 120, .decision = EFFECT_ALLOW
	};
	struct verdict v = { .decision = EFFECT_ALLOW, .effective = EFFECT_ALLOW, .rule = &rule };
	struct event ev = { .id = "evt-0123456789abcdef-1234",
		            .type = "execve",
		            .session_id = "session-6f1f4a52-0a0e-4c43-9a53-0f3f6d2b9a10",
		            .command_id = "cmd-6f1f4a52-0a0e-4c43-9a53-0f3f6d2b9a10",
		            .pid = 12345,
		            .parent_pid = 12344,
		            .depth = 2,
		            .verdict = &v,
		            .filename = "/usr/bin/git",
		            .raw_filename = "/usr/bin/git",
		            .argv = argv,
		            .effective_action = "continue" };
	double format[ROUNDS], both[ROUNDS];
	char path[] = "/dev/shm/ring-bench-XXXXXX";
	struct buf b = { 0 };
	struct err e;
	struct ring *r;

	close(mkstemp(path));
	r = ring_create(path, 32 << 20, &e);
	if (!r) {
		fprintf(stderr, "audit: %s\n", e.text);
		return 1;
	}
	for (int k = 0; k < ROUNDS; k++) {
		int64_t start = clock_mono_ns();

		for (int i = 0; i < EVENTS; i++) {
			buf_clear(&b);
			event_format(&ev, &b);
		}
		format[k] = (double)(clock_mono_ns() - start) / EVENTS;
		start = clock_mono_ns();
		for (int i = 0; i < EVENTS; i++) {
			bool wake;

			buf_clear(&b);
			event_format(&ev, &b);
			if (!ring_put(r, b.data, b.len, 1, 0, &wake))
				return 1;
		}
		both[k] = (double)(clock_mono_ns() - start) / EVENTS;
		empty(r);
	}
	printf("audit: format and hand over one event of %zu bytes\t", b.len);
	printf("%.0f ns (%.0f ns of it formatting)\t3000 ns\n", median(both), median(format));
	ring_close(r);
	unlink(path);
	buf_release(&b);
	return 0;
}
