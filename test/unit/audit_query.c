/* audit/scan, query: filters, order, limits, rotated files, lines that are no events. */
#include "audit/query.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/writer.h"
#include "base/buf.h"
#include "base/fd.h"
#include "test/t.h"

static char path[64];
static struct err e;

/* A name of its own: several runs of this test may share /tmp. */
__attribute__((constructor)) static void name_the_log(void)
{
	snprintf(path, sizeof path, "/tmp/query-test-%d.jsonl", (int)getpid());
}

static void put(const char *name, const char *data, size_t len)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ok(fd >= 0 && fd_write(fd, data, len) == 0);
	close(fd);
}

static bool collect(void *arg, const char *line, size_t len)
{
	struct buf *b = arg;

	buf_add(b, line, len);
	buf_chr(b, '|');
	return true;
}

static const char *numbers(struct buf *b)
{
	static char out[400];
	size_t n = 0;

	for (const char *at = buf_text(b); (at = strstr(at, "{\"n\":")) && n < sizeof out - 8;) {
		at += 5;
		n += (size_t)snprintf(out + n, sizeof out - n, "%d ", atoi(at));
	}
	out[n ? n - 1 : 0] = 0;
	return out;
}

static const char *run(const struct query *q)
{
	AUTO_BUF b = { 0 };

	ok(query_run(path, q, collect, &b, &e) == 0);
	return numbers(&b);
}

static const char text[] =
        "{\"n\":1,\"session_id\":\"s1\",\"command_id\":\"c1\",\"type\":\"execve\","
        "\"filename\":\"/usr/bin/Git\",\"policy\":{\"decision\":\"allow\",\"effective_decision\":\"allow\"},"
        "\"timestamp\":\"2025-01-01T00:00:00Z\"}\n"
        "{\"n\":2,\"session_id\":\"s1\",\"type\":\"file_delete\",\"path\":\"/w/a_b.txt\","
        "\"policy\":{\"effective_decision\":\"deny\"},\"timestamp\":\"2025-01-01T01:00:00Z\"}\n"
        "not json\n\n[1]\n"
        "{\"n\":3,\"session_id\":\"s2\",\"type\":\"net_connect\",\"domain\":\"api.example.com\","
        "\"policy\":{\"decision\":\"approve\",\"effective_decision\":\"deny\"},"
        "\"timestamp\":\"2025-01-01T02:00:00.5+00:00\"}\n"
        "{\"n\":4,\"session_id\":\"s2\",\"type\":\"t\",\"path\":\"/s1/\xc3\xa9x\",\"timestamp\":\"bad\"}\n"
        "{\"n\":5,\"torn";

T_CASE(filters)
{
	put(path, text, sizeof text - 1);
	is_str(run(&(struct query){ 0 }), "4 3 2 1");
	is_str(run(&(struct query){ .ascending = true }), "1 2 3 4");
	is_str(run(&(struct query){ .session = "s1" }), "2 1");
	is_str(run(&(struct query){ .session = "s" }), "");
	is_str(run(&(struct query){ .command = "c1" }), "1");
	is_str(run(&(struct query){ .types = "t,execve" }), "4 1");
	is_str(run(&(struct query){ .types = "exec" }), "");
	is_str(run(&(struct query){ .decision = "deny" }), "3 2");
	is_str(run(&(struct query){ .decision = "approve" }), "3");
	is_str(run(&(struct query){ .path_like = "/usr/bin/g%" }), "1");
	is_str(run(&(struct query){ .path_like = "/w/a_b.___" }), "2");
	is_str(run(&(struct query){ .path_like = "/s1/_x" }), "4");
	is_str(run(&(struct query){ .domain_like = "%.EXAMPLE.com" }), "3");
	is_str(run(&(struct query){ .text_like = "%net_connect%" }), "3");
	is_str(run(&(struct query){ .since_ns = 1735693200000000000 }), "3 2");
	is_str(run(&(struct query){ .until_ns = 1735693200000000000 }), "2 1");
	is_str(run(&(struct query){ .since_ns = 4102444800000000000 }), "");
}

T_CASE(limits)
{
	AUTO_BUF b = { 0 };
	int n = 0;

	is_str(run(&(struct query){ .limit = 2 }), "4 3");
	is_str(run(&(struct query){ .limit = 2, .offset = 1 }), "3 2");
	is_str(run(&(struct query){ .limit = 2, .offset = 3, .ascending = true }), "4");
	is_str(run(&(struct query){ .offset = 9 }), "");
	for (int i = 0; i < 6000; i++)
		buf_fmt(&b, "{\"n\":%d}\n", i);
	put(path, b.data, b.len);
	for (int64_t limit = -1; limit <= 6000; limit += 6001 / 3) {
		buf_clear(&b);
		ok(query_run(path, &(struct query){ .limit = limit }, collect, &b, &e) == 0);
		n = 0;
		for (size_t i = 0; i < b.len; i++)
			n += b.data[i] == '|';
		is_int(n, limit < 1 || limit > 5000 ? 200 : limit);
	}
}

T_CASE(rotated_files)
{
	char name[80];

	put(path, "{\"n\":5}\n{\"n\":6}\n", 16);
	put(writer_file_name(path, 1, name, sizeof name), "{\"n\":3}\n{\"n\":4}\n", 16);
	put(writer_file_name(path, 2, name, sizeof name), "{\"n\":1}\n{\"n\":2}\n", 16);
	is_str(run(&(struct query){ 0 }), "6 5 4 3 2 1");
	is_str(run(&(struct query){ .ascending = true, .limit = 5 }), "1 2 3 4 5");
	is_str(run(&(struct query){ .limit = 3 }), "6 5 4");
	unlink(name);
	unlink(writer_file_name(path, 1, name, sizeof name));
	unlink(path);
	is_str(run(&(struct query){ 0 }), "");
	ok(mkdir(path, 0700) == 0 && query_run(path, &(struct query){ 0 }, collect, NULL, &e) < 0, "%s",
	   e.text);
	rmdir(path);
}

/* Both directions see the same lines, wherever the window's edge falls; too long ones are passed over. */
T_CASE(scan_windows)
{
	static const size_t lengths[] = { 1,      100,    5000,   65535,  65536, 65537,
		                          131071, 131072, 131073, 300000, 0,     7 };
	const size_t kinds = sizeof lengths / sizeof *lengths;
	bool good = true;

	for (unsigned round = 0; round < 40; round++) {
		AUTO_BUF file = { 0 }, there = { 0 }, back = { 0 };
		size_t n_back = 0, n_there = 0, kept = 0;
		int fd;

		for (unsigned i = 0; i < 9; i++) {
			size_t len = lengths[(round * 7 + i * (round + 3)) % kinds];

			for (size_t k = 0; k < len; k++)
				buf_chr(&file, (char)('a' + i));
			buf_chr(&file, '\n');
			kept += len <= SCAN_LINE_MAX;
		}
		if (round & 1)
			buf_str(&file, "torn");
		put(path, file.data, file.len);
		fd = open(path, O_RDONLY);
		good &= scan_forward(fd, collect, &there, &e) == 1 &&
		        scan_backward(fd, collect, &back, &e) == 1;
		close(fd);
		good &= there.len == back.len;
		for (size_t i = 0; i < there.len; i++)
			n_there += there.data[i] == '|';
		for (size_t i = 0; i < back.len; i++)
			n_back += back.data[i] == '|';
		good &= n_there == kept && n_back == kept;
		/* Lines are runs of one letter: the reverse of one is the other but for the bars. */
		for (size_t i = 0, k = back.len; good && i < there.len; i++) {
			if (there.data[i] == '|')
				continue;
			while (back.data[--k] == '|')
				;
			good &= back.data[k] == there.data[i];
		}
	}
	ok(good);
	unlink(path);
}

T_CASE(like)
{
	static const struct {
		const char *pattern, *text;
		bool match;
	} cases[] = {
		{ "", "", true },
		{ "", "a", false },
		{ "%", "", true },
		{ "%", "abc", true },
		{ "a", "A", true },
		{ "_", "", false },
		{ "__", "ab", true },
		{ "a%c", "abcbc", true },
		{ "a%c", "ab", false },
		{ "%b%", "abc", true },
		{ "%%%a", "xa", true },
		{ "a_c",
		  "a\xc3\xa9"
		  "c",
		  true },
		{ "\\%", "\\x", true },
		{ "a%b%c", "a-b-b-c", true },
		{ "a%b%c", "a-c-b", false },
	};
	char big[4001];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		ok(query_like(cases[i].pattern, cases[i].text, strlen(cases[i].text)) == cases[i].match,
		   "'%s' on '%s'", cases[i].pattern, cases[i].text);
	memset(big, 'a', sizeof big - 1);
	big[sizeof big - 1] = 0;
	ok(!query_like("%a%a%a%a%a%a%a%a%a%a%b", big, sizeof big - 1), "many wildcards stay cheap");
}

T_CASE(times)
{
	int64_t t;

	ok(query_time("10m", 1000000000000, &t) && t == 400000000000);
	ok(query_time("2025-01-02T03:04:05.1Z", 0, &t) && t == 1735787045100000000);
	ok(query_time("2025-01-02T03:04:05+02:00", 0, &t) && t == 1735779845000000000);
	static const char *const bad[] = { "",
		                           "x",
		                           "-5m",
		                           "2025-13-01T00:00:00Z",
		                           "2025-01-01",
		                           "2025-01-01T00:00:00",
		                           "2025-01-01T25:00:00Z",
		                           "10",
		                           "1969-01-01T00:00:00Z" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ok(!query_time(bad[i], 1000000000000, &t), "'%s' is no time", bad[i]);
}

T_CASE(log_path)
{
	static const char config[] = "audit:\n  output: /from/config.jsonl\n";
	char out[100];

	unsetenv("AGENTSH_DB_PATH");
	setenv("AGENTSH_CONFIG", path, 1);
	put(path, config, sizeof config - 1);
	is_str(query_log_path(NULL, out, sizeof out), "/from/config.jsonl");
	put(path, "audit: [", 8);
	is_str(query_log_path(NULL, out, sizeof out), "/var/lib/agentsh/events.jsonl");
	unlink(path);
	setenv("AGENTSH_DB_PATH", "/x/events.db", 1);
	is_str(query_log_path(NULL, out, sizeof out), "/x/events.jsonl");
	is_str(query_log_path("/y.jsonl", out, sizeof out), "/y.jsonl");
}
