/* audit/chain, writer, tail, head, verify: the log survives crashes, full disks and other people's fingers,
 * or says so. */
#include "audit/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/event.h"
#include "audit/verify.h"
#include "base/fd.h"
#include "test/t.h"

static char dir[64], log_path[80];
static const struct chain_key no_key;

static void setup(void)
{
	char command[128];

	snprintf(dir, sizeof dir, "/tmp/writer-test-%d", getpid());
	snprintf(command, sizeof command, "rm -rf %s", dir);
	ok(system(command) == 0 && mkdir(dir, 0700) == 0, "folder");
	snprintf(log_path, sizeof log_path, "%s/e.jsonl", dir);
}

static struct writer *start(const struct writer_options *more)
{
	struct writer_options o = more ? *more : (struct writer_options){ 0 };
	struct err e = { 0 };
	struct writer *w;

	o.path = log_path;
	w = writer_open(&o, &e);
	ok(w != NULL, "writer opens %s", e.text);
	return w;
}

static void add(struct writer *w, int n)
{
	char text[64];

	ok(writer_add(w, text, (size_t)snprintf(text, sizeof text, "{\"n\":%d,\"type\":\"t\"}", n)), "add %d",
	   n);
}

static void stop(struct writer *w)
{
	struct err e = { 0 };

	ok(writer_close(w, &e) == 0, "closes %s", e.text);
}

/* Three entries, closed. */
static void three(void)
{
	struct writer *w;

	setup();
	w = start(NULL);
	for (int i = 1; i <= 3; i++)
		add(w, i);
	stop(w);
}

static void read_log(struct buf *b)
{
	struct err e;

	buf_clear(b);
	ok(fd_slurp_file(log_path, 64 << 20, b, &e) == 0, "log is read");
}

static void write_log(const char *data, size_t len, int flags)
{
	int fd = open(log_path, O_WRONLY | flags);

	ok(fd >= 0 && fd_write(fd, data, len) == 0, "log is changed by hand");
	close(fd);
}

static struct verify_result verify(const struct chain_key *key)
{
	struct verify_result r;
	struct err e = { 0 };

	ok(verify_log(log_path, key, &r, &e) == 0, "log can be read %s", e.text);
	return r;
}

static void intact(uint64_t n)
{
	struct verify_result r = verify(&no_key);

	ok(!r.broken && r.verified == n && !r.skipped,
	   "intact with %llu entries (%llu, line %llu of '%s': %s)", (unsigned long long)n,
	   (unsigned long long)r.verified, (unsigned long long)r.line, r.file, r.reason);
}

static void broken_at(uint64_t line, const char *why)
{
	struct verify_result r = verify(&no_key);

	ok(r.broken && r.line == line && strstr(r.reason, why), "broken at %llu: %s (wanted %llu, %s)",
	   (unsigned long long)r.line, r.reason, (unsigned long long)line, why);
}

T_CASE(known_hashes)
{
	AUTO_BUF b = { 0 };
	struct chain_link last = { 0 };
	struct chain_key key;
	struct err e;
	char hash[CHAIN_HEX + 1];

	chain_seal(&no_key, &last, "{\"a\":1}", 7, &b);
	/* printf '1||{"a":1}' | sha256sum */
	is_str(buf_text(&b), "{\"a\":1,\"integrity\":{\"sequence\":1,\"prev_hash\":\"\",\"entry_hash\":"
	                     "\"8e8ba6fce92a8f99eb52b228ab96935d849d5c8e17758cd64f66a55c4a7c1632\"}}\n");
	ok(chain_key_set(&key, CHAIN_HMAC_SHA256, " 0123456789abcdef0123456789abcdef\n", 34, &e) == 0 &&
	   key.len == 32);
	chain_hash(&key, 2, "ab", "{}", 2, hash);
	is_str(hash, "925f5c8b044f437c4a192c1ba3ca9551aa8cf9e09afdc5e5c4af4ea9983eaf9c");
	key.kind = CHAIN_HMAC_SHA512;
	chain_hash(&key, 2, "ab", "{}", 2, hash);
	is_str(hash, "a530b142e5373a47fb28e25e1b449c0d1cb076a38f6acaa35634a0fa01cefbd2"
	             "44ccb8d2e00fbc9c4f2ab61fefb4ad7aaf8c28827742770cbebf6d9c7e29b649");
	ok(chain_key_set(&key, CHAIN_HMAC_SHA256, "short\n", 6, &e) < 0, "%s", e.text);
}

T_CASE(split_refuses)
{
	static const char *const bad[] = {
		"",
		"{",
		"{}",
		"{\"a\":1}",
		"{\"a\":1,\"integrity\":{\"sequence\":0,\"prev_hash\":\"\",\"entry_hash\":\"ab\"}}",
		"{\"a\":1,\"integrity\":{\"sequence\":1,\"prev_hash\":\"\",\"entry_hash\":\"\"}}",
		"{\"a\":1,\"integrity\":{\"sequence\":1,\"prev_hash\":\"X\",\"entry_hash\":\"ab\"}}",
		"{\"a\":1,\"integrity\":{\"sequence\":1,\"prev_hash\":\"\",\"entry_hash\":\"ab\"}}}",
		"{\"a\":1,\"integrity\":{\"sequence\":99999999999999999999,\"prev_hash\":\"\","
		"\"entry_hash\":\"ab\"}}",
		"{\"a\":1 \"integrity\":{\"sequence\":1,\"prev_hash\":\"\",\"entry_hash\":\"ab\"}}",
		"[\"a\",\"integrity\":{\"sequence\":1,\"prev_hash\":\"\",\"entry_hash\":\"ab\"}}",
	};
	struct chain_link link;
	size_t n;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ok(!chain_split(bad[i], strlen(bad[i]), &n, &link), "%s", bad[i]);
	const char *good = "{\"integrity\":{\"sequence\":7,\"prev_hash\":\"0a\",\"entry_hash\":\"ab\"}}";
	ok(chain_split(good, strlen(good), &n, &link) && n == 1 && link.sequence == 7);
}

T_CASE(goes_on_after_reopening)
{
	struct writer *w;

	three();
	intact(3);
	w = start(NULL);
	is_int((long long)writer_last(w)->sequence, 3);
	add(w, 4);
	stop(w);
	intact(4);
}

T_CASE(second_writer_is_refused)
{
	struct writer_options o = { .path = log_path };
	struct writer *w, *other;
	struct err e = { 0 };

	setup();
	w = start(NULL);
	other = writer_open(&o, &e);
	ok(!other && strstr(e.text, "another process"), "%s", e.text);
	stop(w);
}

T_CASE(unsafe_files_are_refused)
{
	struct writer_options o = { .path = log_path };
	struct err e = { 0 };

	setup();
	ok(symlink("/etc/passwd", log_path) == 0 && !writer_open(&o, &e), "link: %s", e.text);
	unlink(log_path);
	close(open(log_path, O_CREAT | O_WRONLY, 0600));
	ok(chmod(log_path, 0666) == 0 && !writer_open(&o, &e) && strstr(e.text, "others may write"), "%s",
	   e.text);
	unlink(log_path);
	ok(mkfifo(log_path, 0600) == 0 && !writer_open(&o, &e), "fifo: %s", e.text);
	o.path = "relative.jsonl";
	ok(!writer_open(&o, &e), "%s", e.text);
	o.path = "/nowhere/x.jsonl";
	ok(!writer_open(&o, &e), "%s", e.text);
}

T_CASE(malformed_events_are_kept_and_contained)
{
	AUTO_BUF b = { 0 };
	struct writer *w;
	static char big[EVENT_LINE_MAX + 1];

	setup();
	w = start(NULL);
	memset(big, ' ', sizeof big);
	big[0] = '{';
	big[sizeof big - 1] = '}';
	ok(writer_add(w, "{\"a\":1}\n{\"forged\":1}", 20) && writer_add(w, "garbage", 7) &&
	   writer_add(w, "", 0) && writer_add(w, big, sizeof big));
	stop(w);
	intact(4);
	read_log(&b);
	ok(strstr(b.data, "\"type\":\"malformed_event\"") && !strstr(b.data, "forged"));
}

T_CASE(tampering_is_found)
{
	AUTO_BUF b = { 0 };
	char *line2, *line3;

	three();
	read_log(&b);
	line2 = strchr(b.data, '\n') + 1;
	line3 = strchr(line2, '\n') + 1;
	line2[5] = '7'; /* {"n":2 -> 7 */
	write_log(b.data, b.len, O_TRUNC);
	broken_at(2, "entry_hash mismatch: computed \"");
	line2[5] = '2';
	write_log(b.data, b.len, O_TRUNC);
	intact(3);
	write_log(b.data, (size_t)(line2 - b.data), O_TRUNC); /* delete line 2 */
	write_log(line3, strlen(line3), O_APPEND);
	broken_at(2, "prev_hash mismatch: expected \"");
	write_log(line2, strlen(line2), O_TRUNC); /* delete line 1 */
	broken_at(1, "prev_hash mismatch: expected \"\", got \"");
	write_log(b.data, (size_t)(line3 - b.data), O_TRUNC); /* truncate at a record boundary */
	broken_at(3, "truncated: the head file names entry 3, the log ends with 2");
	write_log("", 0, O_TRUNC);
	broken_at(1, "truncated");
	write_log(b.data, b.len, O_TRUNC);
	write_log("{\"type\":\"slipped in\"}\n", 22, O_APPEND);
	broken_at(4, "entry without integrity");
	write_log(b.data, b.len, O_TRUNC);
	write_log("half", 4, O_APPEND);
	broken_at(4, "not complete");
}

T_CASE(truncation_is_remembered_after_restart)
{
	AUTO_BUF b = { 0 };
	struct writer *w;

	three();
	read_log(&b);
	ok(truncate(log_path, strchr(b.data, '\n') - b.data + 10) == 0);
	w = start(NULL);
	add(w, 4);
	stop(w);
	read_log(&b);
	ok(strstr(b.data, "\"reason\":\"entries are missing at the end\"") != NULL);
	broken_at(2, "prev_hash mismatch: expected \"");
	ok(strstr(b.data, "\"integrity\":{\"sequence\":4,") != NULL, "numbers go on behind the missing ones");
	ok(truncate(log_path, 0) == 0);
	w = start(NULL);
	stop(w);
	broken_at(1, "prev_hash mismatch: expected \"\"");
	unlink(log_path);
	w = start(NULL);
	stop(w);
	broken_at(1, "prev_hash mismatch: expected \"\"");
}

T_CASE(torn_line_moves_into_an_event)
{
	AUTO_BUF b = { 0 };
	struct writer *w;

	three();
	write_log("{\"n\":4,\"ty", 10, O_APPEND);
	w = start(NULL);
	add(w, 5);
	stop(w);
	intact(5);
	read_log(&b);
	ok(strstr(b.data, "\"torn_base64\":\"eyJuIjo0LCJ0eQ==\",\"torn_bytes\":10") != NULL);
	ok(strstr(b.data, "the last line was not complete") != NULL);
}

T_CASE(foreign_lines_are_noted)
{
	AUTO_BUF b = { 0 };
	struct writer *w;
	static char junk[200000];

	three();
	memset(junk, 'j', sizeof junk);
	junk[sizeof junk - 1] = '\n';
	write_log(junk, sizeof junk, O_APPEND);
	w = start(NULL);
	is_int((long long)writer_last(w)->sequence, 4);
	stop(w);
	read_log(&b);
	ok(strstr(b.data + 200000, "the last line is not an entry of this log") != NULL);
	broken_at(4, "damaged");
}

T_CASE(touched_under_way)
{
	AUTO_BUF b = { 0 };
	struct writer *w;
	struct err e;
	char other[96];

	setup();
	w = start(NULL);
	add(w, 1);
	ok(writer_flush(w, &e) == 0);
	write_log("no newline", 10, O_APPEND);
	add(w, 2);
	ok(writer_flush(w, &e) == 0);
	read_log(&b);
	ok(strstr(b.data, "no newline\n{\"n\":2") && strstr(b.data, "somebody else wrote to the log"));
	unlink(log_path);
	add(w, 3);
	ok(writer_flush(w, &e) == 0);
	read_log(&b);
	ok(strstr(b.data, "the log was removed or replaced") && strstr(b.data, "{\"n\":3"));
	snprintf(other, sizeof other, "%s/victim", dir);
	unlink(log_path);
	ok(symlink(other, log_path) == 0);
	add(w, 4);
	ok(writer_flush(w, &e) == 0);
	ok(access(other, F_OK) < 0, "a link in place of the log is not followed");
	read_log(&b);
	ok(strstr(b.data, "{\"n\":4") != NULL);
	ok(truncate(log_path, 0) == 0);
	add(w, 5);
	stop(w);
	read_log(&b);
	ok(strstr(b.data, "somebody else cut the log") != NULL);
}

T_CASE(full_disk_loses_nothing)
{
	struct rlimit no_more = { 700, RLIM_INFINITY }, free_again = { RLIM_INFINITY, RLIM_INFINITY };
	struct writer *w;
	struct err e = { 0 };
	struct stat st;
	bool good = true, told, whole, again;
	int refused = 0;

	setup();
	w = start(NULL);
	add(w, 1);
	add(w, 2);
	ok(writer_flush(w, &e) == 0);
	/* The limit holds for our own output too, if that is a file: report afterwards. */
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &no_more);
	for (int i = 3; i <= 5; i++)
		good &= writer_add(w, "{\"type\":\"t\"}", 12);
	told = writer_flush(w, &e) < 0 && e.code == EFBIG && writer_behind(w);
	whole = stat(log_path, &st) == 0 && st.st_size < 700;
	again = writer_flush(w, &e) < 0;
	while (refused < 1000000 && writer_add(w, "{\"type\":\"t\"}", 12))
		refused++;
	setrlimit(RLIMIT_FSIZE, &free_again);
	ok(good && told && again, "the caller is told, each time: %s", e.text);
	ok(whole, "whole lines only: %lld", (long long)st.st_size);
	ok(refused < 100000, "the queue has an end: %d", refused);
	ok(writer_flush(w, &e) == 0 && !writer_behind(w));
	stop(w);
	intact(5 + (uint64_t)refused);
}

T_CASE(rotation_keeps_the_chain)
{
	struct writer_options o = { .max_bytes = 1000, .backups = 3, .sync = SYNC_BATCH };
	struct verify_result r = { 0 };
	struct writer *w;
	char name[100];
	struct err e;

	setup();
	w = start(&o);
	for (int i = 1; i <= 30; i++) {
		add(w, i);
		ok(writer_flush(w, &e) == 0);
	}
	ok(access(writer_file_name(log_path, 3, name, sizeof name), F_OK) == 0);
	ok(access(writer_file_name(log_path, 4, name, sizeof name), F_OK) < 0);
	stop(w);
	ok(verify_log(log_path, &no_key, &r, &e) == 0 && !r.broken && r.verified > 8 && r.verified < 30,
	   "%llu kept: %s", (unsigned long long)r.verified, r.reason);
	unlink(writer_file_name(log_path, 2, name, sizeof name));
	ok(verify_log(log_path, &no_key, &r, &e) == 0 && r.broken && !strcmp(r.file, "e.jsonl.1"), "%s: %s",
	   r.file, r.reason);
	unlink(writer_file_name(log_path, 3, name, sizeof name));
	ok(verify_log(log_path, &no_key, &r, &e) == 0 && r.broken, "the oldest removed: %s", r.reason);
	w = start(&o);
	stop(w);
}

T_CASE(retention)
{
	struct writer_options o = { .retention_days = 2 };
	struct timespec old[2] = { { .tv_sec = 1000000 }, { .tv_sec = 1000000 } };
	struct writer *w;
	char name[100];
	struct err e;

	setup();
	close(open(writer_file_name(log_path, 1, name, sizeof name), O_CREAT | O_WRONLY, 0600));
	utimensat(AT_FDCWD, name, old, 0);
	write(open(log_path, O_CREAT | O_WRONLY, 0600), "{\"timestamp\":\"2020-01-01T00:00:00Z\"}\n", 37);
	w = start(&o);
	ok(access(writer_file_name(log_path, 2, name, sizeof name), F_OK) < 0, "what is too old is deleted");
	ok(access(writer_file_name(log_path, 1, name, sizeof name), F_OK) == 0,
	   "yesterday's log was rotated");
	add(w, 1);
	ok(writer_flush(w, &e) == 0 && access(writer_file_name(log_path, 2, name, sizeof name), F_OK) < 0);
	stop(w);
}

T_CASE(keyed)
{
	struct writer_options o = { 0 };
	struct verify_result r;
	struct chain_key other;
	struct writer *w;
	struct err e;

	setup();
	chain_key_set(&o.key, CHAIN_HMAC_SHA512, "0123456789abcdef0123456789abcdef", 32, &e);
	other = o.key;
	other.bytes[0] ^= 1;
	w = start(&o);
	add(w, 1);
	add(w, 2);
	stop(w);
	ok(verify_log(log_path, &o.key, &r, &e) == 0 && !r.broken && r.verified == 2 && r.is_keyed);
	ok(verify_log(log_path, &other, &r, &e) == 0 && r.broken && r.line == 1, "wrong key: %s", r.reason);
	ok(verify_log(log_path, &no_key, &r, &e) == 0 && r.broken && r.is_keyed, "no key: %s", r.reason);
}

T_CASE(other_programs_logs)
{
	AUTO_BUF b = { 0 };
	struct verify_result r;
	struct err e;
	char hash[CHAIN_HEX + 1];

	setup();
	/* Keys in any order, integrity in the middle, lines without. */
	chain_hash(&no_key, 1, "", "{\"a\":\"\\u003c\x7f\",\"b\":[1,null]}", 28, hash);
	buf_fmt(&b, "{\"x\":1}\n{\"b\":[1, null],\"integrity\":{\"entry_hash\":\"%s\",", hash);
	buf_str(&b, "\"prev_hash\":\"\",\"sequence\":1},\"a\":\"<\\u007f\"}\n{}\n");
	close(open(log_path, O_CREAT | O_WRONLY, 0600));
	write_log(b.data, b.len, O_TRUNC);
	ok(verify_log(log_path, &no_key, &r, &e) == 0 && !r.broken && r.verified == 1 && r.skipped == 2, "%s",
	   r.reason);
}

T_CASE(killed_anywhere)
{
	bool good = true;
	uint64_t total = 0;
	struct verify_result r;
	struct err e;

	setup();
	for (int round = 0; round < 25 && good; round++) {
		pid_t pid = fork();

		if (!pid) {
			struct writer_options o = { .path = log_path, .max_bytes = 20000 };
			struct writer *w = writer_open(&o, &e);

			for (int i = 0; w; i++) {
				char text[400];
				int n = snprintf(text, sizeof text, "{\"n\":%d,\"pad\":\"%*d\"}", i,
				                 1 + i * 7 % 300, 1);

				writer_add(w, text, (size_t)n);
				if (i % 3 == 0 && writer_flush(w, &e) < 0)
					break;
			}
			_exit(1);
		}
		usleep(2000 + (unsigned)round * 700);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		struct writer_options o = { .path = log_path, .max_bytes = 20000 };
		struct writer *w = writer_open(&o, &e);
		good &= w && writer_close(w, &e) == 0;
		good &= verify_log(log_path, &no_key, &r, &e) == 0 && !r.broken && r.verified >= total;
		total = r.verified;
	}
	ok(good && total > 100, "%llu entries, %s line %llu of '%s'", (unsigned long long)total, r.reason,
	   (unsigned long long)r.line, r.file);
}

T_CASE(damaged_head)
{
	AUTO_BUF b = { 0 };
	struct verify_result r;
	char head[100];
	struct err e = { 0 };
	struct writer *w;

	three();
	snprintf(head, sizeof head, "%s.head", log_path);
	ok(truncate(head, 20) == 0);
	ok(verify_log(log_path, &no_key, &r, &e) < 0 && strstr(e.text, "damaged"), "%s", e.text);
	w = start(NULL);
	stop(w);
	read_log(&b);
	ok(strstr(b.data, "the head file is damaged") != NULL);
	intact(4);
	setup();
}
