/* audit/event: one line of JSON per event, whatever the bytes. */
#include "audit/event.h"

#include "base/clock.h"
#include "test/t.h"

static const struct rule rule = {
	.name = "block-sudo", .file = "default.yaml", .line = 412, .decision = EFFECT_DENY
};
static const struct verdict denied = { .rule = &rule };

static const char *text(struct buf *b, const struct event *ev)
{
	buf_clear(b);
	event_format(ev, b);
	ok(!b->failed && b->len <= EVENT_TEXT_MAX, "%zu bytes", b->len);
	return buf_text(b);
}

T_CASE(exec)
{
	AUTO_BUF b = { 0 };
	const char *argv[] = { "sudo", "who\"ami", NULL };
	struct event ev = { .id = "evt-1",
		            .type = "execve",
		            .real_ns = 1735787045678000000,
		            .session_id = "session-1",
		            .command_id = "cmd-1",
		            .pid = 12,
		            .parent_pid = 11,
		            .depth = 1,
		            .verdict = &denied,
		            .message = "no <root>",
		            .filename = "/usr/bin/sudo",
		            .raw_filename = "sudo",
		            .argv = argv };

	is_str(text(&b, &ev),
	       "{\"argv\":[\"sudo\",\"who\\\"ami\"],\"command_id\":\"cmd-1\",\"depth\":1,"
	       "\"filename\":\"/usr/bin/sudo\",\"id\":\"evt-1\",\"parent_pid\":11,\"pid\":12,"
	       "\"policy\":{\"decision\":\"deny\",\"effective_decision\":\"deny\",\"file\":\"default.yaml\","
	       "\"line\":412,\"message\":\"no \\u003croot\\u003e\",\"rule\":\"block-sudo\"},"
	       "\"raw_filename\":\"sudo\",\"session_id\":\"session-1\","
	       "\"timestamp\":\"2025-01-02T03:04:05.678Z\",\"type\":\"execve\"}");
}

T_CASE(fields_sorted_typed_once)
{
	AUTO_BUF b = { 0 };
	const char *list[] = { "x", "y", NULL }, *none[] = { NULL };
	struct event_field f[] = {
		{ .name = "z", .text = "t" },        { .name = "b", .number = 1, .is_bool = true },
		{ .name = "a", .list = list },       { .name = "n", .number = 0 },
		{ .name = "z", .text = "again" },    { .name = "e", .list = none },
		{ .name = "m", .number = 1ll << 60 }
	};
	struct event ev = {
		.type = "t", .real_ns = 1, .fields = f, .n_fields = 7, .depth = -1, .abstract = true
	};

	is_str(text(&b, &ev), "{\"abstract\":true,\"fields\":{\"a\":[\"x\",\"y\"],\"b\":true,\"e\":[],"
	                      "\"m\":\"1152921504606846976\",\"n\":0,\"z\":\"t\"},"
	                      "\"timestamp\":\"1970-01-01T00:00:00.000000001Z\",\"type\":\"t\"}");
}

T_CASE(bad_bytes)
{
	AUTO_BUF b = { 0 };
	const char *argv[] = { "a", "\xff", "", NULL };
	struct event ev = { .type = "t", .real_ns = 1000000000, .path = "/x\xfe", .argv = argv };

	is_str(text(&b, &ev),
	       "{\"argv\":[\"a\",\"\xef\xbf\xbd\",\"\"],\"argv_base64\":[\"YQ==\",\"/w==\",\"\"],"
	       "\"path\":\"/x\xef\xbf\xbd\",\"path_base64\":\"L3j+\","
	       "\"timestamp\":\"1970-01-01T00:00:01Z\",\"type\":\"t\"}");
}

T_CASE(forged_record_stays_inside_its_string)
{
	AUTO_BUF b = { 0 };
	struct event ev = { .type = "t",
		            .real_ns = 1,
		            .path = "/a\n{\"type\":\"forged\"}\x1b[2J\xe2\x80\xa8" };
	const char *line = text(&b, &ev);

	ok(!strchr(line, '\n') && !strchr(line, 0x1b) &&
	   strstr(line, "/a\\n{\\\"type\\\":\\\"forged\\\"}\\u001b[2J\\u2028"));
}

T_CASE(long_argv_is_cut_and_hashed)
{
	AUTO_BUF b = { 0 };
	static char big[120001];
	const char *argv[] = { "echo", big, "tail", NULL }, *line;
	struct event ev = { .type = "execve", .argv = argv };

	memset(big, 'x', sizeof big - 1);
	line = text(&b, &ev);
	ok(!strncmp(line, "{\"argc\":3,\"argv\":[\"echo\",\"xxx", 28), "%.40s", buf_text(&b));
	/* printf 'echo\0xxx…\0tail\0' | sha256sum */
	ok(strstr(line,
	          "\"argv_sha256\":\"6f6b81fe5a5fd5ef3162d40b519a9d0f11697436a2a1afd727cec625fd99fb65\"") !=
	           NULL,
	   "%s", strstr(line, "\"argv_sha256\""));
	ok(strstr(line, "\"truncated\":true") && !strstr(line, "tail"));
	ok(b.len < 4400);
}

static void fill(char *s, size_t size, unsigned seed)
{
	for (size_t i = 0; i + 1 < size; i++) {
		seed = seed * 1103515245 + 12345;
		s[i] = (char)(1 + (seed >> 16) % 255);
	}
	s[size - 1] = 0;
}

T_CASE(worst_case_fits)
{
	AUTO_BUF b = { 0 };
	static char s[5000];
	const char *argv[300];
	struct event_field f[60];
	char names[60][16];

	for (unsigned round = 0; round < 4; round++) {
		struct rule r = { .name = s, .file = s, .line = 2147483647 };
		struct verdict v = { .rule = &r };
		struct event ev = { .id = s,
			            .type = s,
			            .session_id = s,
			            .command_id = s,
			            .source = s,
			            .pid = 4194304,
			            .parent_pid = 4194304,
			            .depth = 99,
			            .verdict = &v,
			            .message = s,
			            .filename = s,
			            .raw_filename = s,
			            .argv = argv,
			            .path = s,
			            .domain = s,
			            .remote = s,
			            .operation = s,
			            .effective_action = s,
			            .abstract = true,
			            .fields = f,
			            .n_fields = 60 };

		fill(s, sizeof s, round);
		memset(s, round == 1 ? 1 : round == 2 ? 0xff : 'a', round ? sizeof s - 1 : 0);
		for (int i = 0; i < 299; i++)
			argv[i] = s + (i * 31) % 4900;
		argv[299] = NULL;
		for (int i = 0; i < 60; i++) {
			snprintf(names[i], sizeof names[i], "f%d", i);
			f[i] = (struct event_field){ .name = names[i],
				                     .text = i % 2 ? s : NULL,
				                     .list = i % 2 ? NULL : argv };
		}
		ok(strstr(text(&b, &ev), "\"truncated\":true") != NULL);
	}
}

T_CASE(time)
{
	char a[40], c[40];
	static const int64_t at[] = { 0,
		                      951782399999999999,
		                      951782400000000000,
		                      4107542399000000000,
		                      1709164800120000000,
		                      253402300799ll * 1000000 };
	for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
		event_time(at[i], a);
		is_str(a, clock_rfc3339(at[i], c, sizeof c));
	}
}
