/* The clock of the wall is set forward and back while a server runs: chain, rotation and limits hold. */
#include "session_world.h"

#include "audit/verify.h"
#include "audit/writer.h"
#include "base/clock.h"

#include <time.h>

/* The clocks of this program are ours: lib/base/clock.c comes in under other names. */
static int64_t kernel_mono_ns(void), kernel_real_ns(void);
#define clock_mono_ns kernel_mono_ns
#define clock_real_ns kernel_real_ns
/* NOLINTNEXTLINE(bugprone-suspicious-include): under these names */
#include "lib/base/clock.c"
#undef clock_mono_ns
#undef clock_real_ns

#define HOUR (3600 * 1000000000LL)
#define DAY  (24 * HOUR)
#define YEAR (365 * DAY)

static int64_t set_real, set_mono; /* by how much they were set; time itself goes on */

int64_t clock_real_ns(void)
{
	return kernel_real_ns() + set_real;
}

int64_t clock_mono_ns(void)
{
	return kernel_mono_ns() + set_mono;
}

static int files(const char *path)
{
	char name[200];
	int n = 0;

	for (unsigned i = 0; i < 50; i++)
		n += access(writer_file_name(path, i, name, sizeof name), F_OK) == 0;
	return n;
}

T_CASE(the_chain_holds_and_rotation_does_not_run_away)
{
	static const int64_t jumps[] = { 10 * YEAR, -30 * YEAR, 0, -1, 2 * HOUR, -2 * HOUR, YEAR, -YEAR };
	char dir[] = "/tmp/agentsh-clock-XXXXXX", log[60], command[80];
	const struct chain_key no_key = { 0 };
	struct verify_result r = { 0 };
	struct writer *wr;
	struct err e = { 0 };

	set_real = set_mono = 0;
	ok(mkdtemp(dir) != NULL);
	snprintf(log, sizeof log, "%s/e.jsonl", dir);
	wr = writer_open(
	        &(struct writer_options){ .path = log, .retention_days = 100000, .sync = SYNC_INTERVAL }, &e);
	for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
		set_real = jumps[i];
		for (int k = 0; k < 20; k++) {
			char text[80], at[40];
			int n = snprintf(text, sizeof text, "{\"n\":%d,\"timestamp\":\"%s\",\"type\":\"t\"}",
			                 k, clock_rfc3339(clock_real_ns(), at, sizeof at));

			ok(writer_add(wr, text, (size_t)n) && writer_flush(wr, &e) == 0);
		}
	}
	ok(files(log) <= 4, "%d files: one for each day that seemed to pass, not one for each event",
	   files(log));
	is_int(writer_close(wr, &e), 0);
	/* Once more from a file whose first line is of the future. */
	set_real = -5 * YEAR;
	wr = writer_open(&(struct writer_options){ .path = log, .retention_days = 100000 }, &e);
	ok(wr && writer_add(wr, "{\"type\":\"t\"}", 12));
	is_int(writer_close(wr, &e), 0);
	is_int(verify_log(log, &no_key, &r, &e), 0);
	ok(!r.broken && r.verified == 161, "%s, %llu entries", r.reason, (unsigned long long)r.verified);
	snprintf(command, sizeof command, "rm -rf %s", dir);
	ok(system(command) == 0);
	set_real = 0;
}

static void turn(int64_t ns)
{
	set_mono += ns;
	for (int i = 0; i < 3; i++)
		loop_once(w.loop, 0, NULL);
}

T_CASE(limits_count_time_that_passed)
{
	struct session *s;

	set_real = set_mono = 0;
	if (!world_begin("  cleanup_interval: 1m\n"))
		return;
	s = new_session("s");
	is_int(s->session_timeout_ns, 2 * HOUR);
	set_real = 10 * YEAR;
	turn(2 * HOUR / 60);
	ok(session_find(w.core, "s") == s, "ten years ahead by the wall: it lives");
	set_real = -10 * YEAR;
	turn(2 * HOUR / 60);
	ok(session_find(w.core, "s") == s, "ten years back: it lives");
	ok(command_begin(w.core, s, COMMAND_EXEC, "x", NULL) != NULL, "commands begin");
	turn(2 * HOUR);
	ok(!session_find(w.core, "s"), "its time is over all the same");
	is_int(logged("\"expired_by\":\"session_timeout\""), 1);
	world_end();
	set_real = set_mono = 0;
}
