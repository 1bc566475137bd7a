#include "journal/store.h"

#include "base/fd.h"
#include "journal/line.h"
#include "journal/record.h"
#include "journal/tree.h"
#include "test/t.h"
#include "test/unit/journal_opened.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static bool keep(const char *name, const char *session, char *token)
{
	struct journal_about about = { .path = at(name), .session = session, .hash_up_to = 100 };
	struct journal_entry en;
	struct err e;
	int rc = journal_keep(&j, dir, name, &about, &en, &e);

	strcpy(token, en.token);
	return ok(rc == 0, "kept%s", rc ? e.text : "");
}

/* What restoring said; "" = it worked. */
static const char *back(const char *token, const char *to, bool force)
{
	struct journal_restore how = { .to = to, .force = force };
	static char path[JOURNAL_PATH];
	static struct err e;

	return journal_put_back(&j, token, &how, path, &e) == 0 ? "" : e.text;
}

static size_t count(const char *session)
{
	struct journal_list l;
	size_t n;

	ok(journal_list(&j, session, &l, NULL) == 0);
	n = l.n;
	journal_list_release(&l);
	return n;
}

static bool forge(const char *token, const char *manifest, const char *content)
{
	char name[80], text[65536];

	snprintf(name, sizeof name, "store/payload/%s", token);
	put(name, content);
	snprintf(name, sizeof name, "store/manifest/%s.json", token);
	snprintf(text, sizeof text, manifest, token);
	put(name, text);
	return true;
}

#define FORGED                                                                                         \
	"{\"token\":\"%s\",\"original_path\":\"" PLACE "\",\"trash_path\":\"/etc/passwd\",\"size\":1," \
	"\"mode\":420,\"uid\":0,\"gid\":0,\"mtime\":\"2025-01-01T00:00:00Z\","                         \
	"\"created\":\"2025-01-01T00:00:00Z\"}"

T_CASE(kept_listed_and_put_back)
{
	struct timespec times[2] = { { 1000, 5 }, { 2000, 7 } };
	char a[JOURNAL_TOKEN], b[JOURNAL_TOKEN];
	struct stat st;

	if (!begin())
		return;
	put("a", "one");
	put("b", "two");
	ok(chmod(at("a"), 0741) == 0 && utimensat(AT_FDCWD, at("a"), times, 0) == 0);
	ok(keep("a", "s1", a) && keep("b", "s2", b));
	ok(strcmp(a, b) != 0, "each has a token");
	ok(access(at("a"), F_OK) < 0, "it is gone from its place");
	is_int(count(NULL), 2);
	is_int(count("s2"), 1);
	is_str(back(a, NULL, false), "");
	ok(holds(at("a"), "one") && stat(at("a"), &st) == 0 && (st.st_mode & 07777) == 0741 &&
	           st.st_mtim.tv_sec == 2000 && st.st_mtim.tv_nsec == 7,
	   "with content, mode and time");
	ok(strstr(back(a, NULL, false), "unknown token") != NULL);
	is_int(count(NULL), 1);
	end();
}

T_CASE(what_is_there_is_not_overwritten)
{
	char a[JOURNAL_TOKEN];

	if (!begin())
		return;
	put("a", "old");
	keep("a", "s", a);
	put("a", "new");
	ok(strstr(back(a, NULL, false), "destination exists: /tmp/") != NULL);
	ok(holds(at("a"), "new"));
	is_str(back(a, NULL, true), "", "unless it is said so");
	ok(holds(at("a"), "old"));
	put("b", "b");
	keep("b", "s", a);
	ok(mkdir(at("b"), 0755) == 0);
	ok(strstr(back(a, NULL, true), "is a directory") != NULL, "a directory never");
	end();
}

T_CASE(names_of_any_kind)
{
	static const char *const names[] = { "new\nline", "-rf",      "..x",       "\xff\xfe",
		                             " ",         "123.json", "tab\there", "\xe2\x80\xae" };
	char token[JOURNAL_TOKEN], longest[256];

	if (!begin())
		return;
	memset(longest, 'n', 255);
	longest[255] = 0;
	put(longest, "long");
	keep(longest, "s", token);
	is_str(back(token, NULL, false), "");
	ok(holds(at(longest), "long"));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		put(names[i], "x");
		keep(names[i], "s", token);
		ok(access(at(names[i]), F_OK) < 0);
		is_str(back(token, NULL, false), "", "name %zu", i);
		ok(holds(at(names[i]), "x"), "byte for byte");
	}
	end();
}

T_CASE(links_and_special_files)
{
	char token[JOURNAL_TOKEN], text[64];
	struct stat st;
	ssize_t n;

	if (!begin())
		return;
	put("target", "stays");
	ok(symlink("target", at("l")) == 0 && mkfifo(at("p"), 0600) == 0);
	keep("l", "s", token);
	ok(holds(at("target"), "stays"), "what a link leads to is not touched");
	is_str(back(token, NULL, false), "");
	n = readlink(at("l"), text, sizeof text);
	ok(n == 6 && !memcmp(text, "target", 6));
	keep("p", "s", token);
	is_str(back(token, NULL, false), "");
	ok(lstat(at("p"), &st) == 0 && S_ISFIFO(st.st_mode));
	end();
}

T_CASE(the_way_back_has_no_links_and_no_dots)
{
	char token[JOURNAL_TOKEN];

	if (!begin())
		return;
	ok(mkdir(at("d"), 0755) == 0 && mkdir(at("victim"), 0755) == 0);
	put("d/f", "x");
	put("f", "x");
	keep("d/f", "s", token);
	ok(rmdir(at("d")) == 0 && symlink("victim", at("d")) == 0);
	ok(strstr(back(token, NULL, false), "symbolic link") != NULL, "not through a link");
	ok(access(at("victim/f"), F_OK) < 0);
	ok(strstr(back(token, at("d/../d/f"), false), "symbolic link") != NULL);
	ok(strstr(back(token, at("store/payload/9"), false), "lies in the store") != NULL);
	ok(strstr(back(token, "relative", false), "no absolute path") != NULL);
	ok(strstr(back(token, "/", false), "no path to a file") != NULL);
	is_int(count(NULL), 1, "and it is still kept");
	ok(unlink(at("d")) == 0);
	is_str(back(token, NULL, false), "", "missing directories are made");
	ok(holds(at("d/f"), "x"));
	end();
}

T_CASE(changed_content_is_noticed)
{
	char token[JOURNAL_TOKEN], name[64];

	if (!begin())
		return;
	put("a", "one");
	keep("a", "s", token);
	snprintf(name, sizeof name, "store/payload/%s", token);
	put(name, "forged");
	ok(strstr(back(token, NULL, false), "hash mismatch on restore: expected ") != NULL);
	ok(access(at("a"), F_OK) < 0, "and not put back");
	end();
}

#define PLACE "/tmp/agentsh-test-elsewhere"
T_CASE(a_store_that_others_write_reaches_nothing_else)
{
	static const char elsewhere[] = FORGED;

	if (!begin())
		return;
	forge("77", elsewhere, "x");
	ok(chmod(at("store/manifest"), 0777) == 0);
	journal_close(&j);
	ok(journal_open(&j, at("store"), false, NULL) == 0 && !j.trusted);
	ok(strstr(back("77", NULL, false), "others can write this store") != NULL);
	ok(access(PLACE, F_OK) < 0);
	is_str(back("77", at("named"), false), "", "where the operator says");
	ok(holds(at("named"), "x"));
	ok(holds("/etc/passwd", "") == false && access("/etc/passwd", F_OK) == 0,
	   "trash_path is not believed");
	end();
}
#undef PLACE

T_CASE(forged_entries)
{
	static const char *const bad[] = {
		"{\"token\":\"%s1\",\"original_path\":\"/tmp/x\",\"size\":1,\"mode\":420,"
		"\"mtime\":\"2025-01-01T00:00:00Z\",\"created\":\"2025-01-01T00:00:00Z\"}",
		"{\"token\":\"%s\",\"original_path\":\"relative\",\"size\":1,\"mode\":420,"
		"\"mtime\":\"2025-01-01T00:00:00Z\",\"created\":\"2025-01-01T00:00:00Z\"}",
		"{\"token\":\"%s\",\"original_path\":\"/tmp/x\",\"size\":-1,\"mode\":420,"
		"\"mtime\":\"2025-01-01T00:00:00Z\",\"created\":\"2025-01-01T00:00:00Z\"}",
		"{\"token\":\"%s\",\"original_path\":\"/tmp/x\",\"size\":1,\"mode\":420,\"mtime\":\"x\","
		"\"created\":\"yesterday\"}",
		"{\"token\":\"%s\",",
		"",
		"[]",
		"\"%s\"",
	};
	char name[80];

	if (!begin())
		return;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct journal_list l;

		forge("5", bad[i], "x");
		ok(journal_list(&j, NULL, &l, NULL) == 0 && l.n == 0 && l.n_bad == 1 && l.first[0], "%zu: %s",
		   i, l.first);
		journal_list_release(&l);
		ok(*back("5", NULL, false) != 0);
	}
	snprintf(name, sizeof name, "store/manifest/5.json");
	ok(unlink(at(name)) == 0 && symlink("/etc/passwd", at(name)) == 0);
	ok(*back("5", NULL, false) != 0, "a link is no manifest");
	ok(unlink(at(name)) == 0 && mkfifo(at(name), 0600) == 0);
	ok(*back("5", NULL, false) != 0, "a pipe neither, and nobody waits for it");
	ok(strstr(back("../5", NULL, false), "unknown token") != NULL);
	ok(strstr(back("", NULL, false), "unknown token") != NULL);
	ok(strstr(back("12345678901234567890", NULL, false), "unknown token") != NULL);
	end();
}

/* As the other implementation writes it: local time zone, Go's mode bits, attributes. */
T_CASE(entries_of_others)
{
	static const char manifest[] =
	        "{\n  \"token\": \"%s\",\n  \"original_path\": \"/home/user/x y\",\n"
	        "  \"trash_path\": \"/home/user/.agentsh_trash/payload/1763765432123456789\",\n"
	        "  \"size\": 15,\n  \"hash\": \"\",\n  \"mode\": 2147484141,\n"
	        "  \"uid\": 1000,\n  \"gid\": 1000,\n"
	        "  \"mtime\": \"2025-11-21T22:50:32.123456789+01:00\",\n"
	        "  \"session\": \"session-1\",\n  \"command\": \"\",\n"
	        "  \"created\": \"2025-11-21T21:50:32.5Z\",\n  \"platform\": \"linux\",\n"
	        "  \"xattrs\": [{\"name\": \"user.k\", \"value\": \"aGk=\"}]\n}\n";
	struct arena a = { 0 };
	struct journal_entry en;
	struct buf text = { 0 };
	struct err e;

	if (!begin())
		return;
	forge("1763765432123456789", manifest, "x");
	if (ok(journal_find(&j, &a, "1763765432123456789", &en, &e) == 0, "%s", e.text)) {
		is_str(en.path, "/home/user/x y");
		is_str(en.session, "session-1");
		ok(S_ISDIR(en.mode) && (en.mode & 07777) == 0755 && en.uid == 1000 && en.size == 15);
		ok(en.mtime_ns == 1763761832123456789 && en.created_ns == 1763761832500000000);
		ok(en.xattrs && !strcmp(en.xattrs->name, "user.k") && en.xattrs->len == 2 &&
		   !memcmp(en.xattrs->value, "hi", 2));
		manifest_write(&en, "", &text);
		ok(strstr(buf_text(&text), "\"mode\": 2147484141,") != NULL, "written as it was read");
	}
	buf_release(&text);
	arena_release(&a);
	end();
}

T_CASE(purge_by_age_quota_and_session)
{
	char t[4][JOURNAL_TOKEN];
	struct journal_limits none = { .ttl_ns = -1, .quota = -1 }, limits;

	if (!begin())
		return;
	for (int i = 0; i < 4; i++) {
		char name[16];

		snprintf(name, sizeof name, "f%d", i);
		put(name, "0123456789");
		keep(name, i == 3 ? "other" : "s", t[i]);
	}
	is_int(journal_purge(&j, &none, NULL), 0, "no limit, nothing goes");
	limits = none;
	limits.ttl_ns = 3600 * 1000000000LL;
	is_int(journal_purge(&j, &limits, NULL), 0, "nothing is an hour old");
	limits = none;
	limits.quota = 25;
	is_int(journal_purge(&j, &limits, NULL), 2, "two of four fit into 25 bytes");
	ok(strstr(back(t[0], NULL, false), "unknown token") != NULL, "the oldest went");
	limits = none;
	limits.session = "other";
	is_int(journal_purge(&j, &limits, NULL), 1);
	is_str(back(t[2], NULL, false), "", "the newer one of the session was left");
	limits = none;
	limits.ttl_ns = 0;
	is_int(journal_purge(&j, &limits, NULL), 0);
	is_int(count(NULL), 0);
	end();
}

T_CASE(touching_a_file_does_not_age_its_entry)
{
	const struct timespec old[2] = { { 5, 0 }, { 5, 0 } };
	struct journal_limits limits = { .ttl_ns = 3600 * 1000000000LL, .quota = -1 };
	char token[JOURNAL_TOKEN];

	if (!begin())
		return;
	put("f", "x");
	ok(utimensat(AT_FDCWD, at("f"), old, 0) == 0);
	keep("f", "s", token);
	is_int(journal_purge(&j, &limits, NULL), 0);
	is_str(back(token, NULL, false), "");
	end();
}

/* A file of lines with these, and a version of each act: in the store that it says, the home or `other`. */
static void forge_lines_of(const struct journal_line *lines, size_t n, const struct journal *other)
{
	struct buf out = { .data = NULL };
	char name[JOURNAL_TOKEN];
	int fd;

	for (size_t i = 0; i < n; i++) {
		line_write(&lines[i], &out);
		line_token(lines[i].at, name);
		fd = lines[i].store ? other->payload : j.payload;
		fd = line_is_act(lines[i].kind) ? openat(fd, name, O_CREAT | O_WRONLY, 0600) : -1;
		fd_close(&fd);
	}
	mkdirat(j.dir, JOURNAL_STORE_ACTS, 0700);
	fd = openat(j.dir, JOURNAL_STORE_ACTS "/forged", O_CREAT | O_WRONLY | O_TRUNC, 0600);
	ok(fd >= 0 && fd_write(fd, buf_text(&out), out.len) == 0);
	fd_close(&fd);
	buf_release(&out);
}

static void forge_lines(const struct journal_line *lines, size_t n)
{
	forge_lines_of(lines, n, NULL);
}

/* Entries of other stores come behind those of the home, however few there are. */
T_CASE(many_in_another_store)
{
	enum { HOME_MAX = 3, OTHERS = 150 };
	struct journal_line lines[HOME_MAX + 1 + OTHERS];
	struct journal other;
	struct journal_list l;

	for (size_t home = 0; home <= HOME_MAX; home++) {
		const size_t n = home + 1 + OTHERS;

		if (!begin() || !ok(journal_open(&other, at("other"), true, NULL) == 0))
			return;
		for (size_t i = 0; i < n; i++)
			lines[i] = (struct journal_line){ .kind = 'D',
				                          .at = (int64_t)(1000 + i),
				                          .command = "c",
				                          .path = "/a",
				                          .to_path = "",
				                          .store = i > home };
		lines[home].kind = LINE_STORE;
		lines[home].path = other.path;
		lines[home].store = 1;
		forge_lines_of(lines, n, &other);
		ok(journal_list(&j, NULL, &l, NULL) == 0);
		is_int((int64_t)l.n, (int64_t)home + OTHERS, "all of them");
		journal_list_release(&l);
		journal_close(&other);
		end();
	}
}

/* Lines are read piece by piece; one may be longer than a piece. */
T_CASE(long_lines)
{
	enum { LONG = 700000 };
	struct journal_xattr x = { .name = "user.a", .value = calloc(1, LONG), .len = LONG };
	const struct journal_line lines[] = {
		{ .kind = 'D', .at = 1000, .command = "c", .path = "/a", .to_path = "" },
		{ .kind = 'D', .at = 1001, .command = "c", .path = "/b", .to_path = "", .xattrs = &x },
		{ .kind = 'D', .at = 1002, .command = "c", .path = "/d/c", .to_path = "" },
	};
	struct journal_list l;
	struct journal_entry en;

	if (!begin())
		return;
	forge_lines(lines, 3);
	ok(journal_list(&j, NULL, &l, NULL) == 0);
	is_int((int64_t)l.n, 3, "all of them");
	if (l.n == 3 && ok(journal_list_at(&l, 2, &en)))
		is_str(en.path, "/d/c");
	journal_list_release(&l);
	free((void *)x.value);
	end();
}

/* Files that do not mention a token are not read for it: wherever it stands. */
T_CASE(found_across_pieces)
{
	enum { PIECE = 1 << 14 };
	static char path[PIECE];
	struct journal_line lines[2] = {
		{ .kind = 'C', .at = 1000, .command = "c", .path = path, .to_path = "" },
		{ .kind = 'D', .at = 1234567890123456789, .command = "c", .path = "/b", .to_path = "" },
	};
	struct journal_entry en;
	int found = 0;

	if (!begin())
		return;
	for (int less = 30; less < 130; less++) {
		struct arena a = { .blocks = NULL };

		memset(path, 'p', PIECE);
		path[0] = '/';
		path[PIECE - less] = 0;
		forge_lines(lines, 2);
		found +=
		        journal_find(&j, &a, "1234567890123456789", &en, NULL) == 0 && !strcmp(en.path, "/b");
		arena_release(&a);
	}
	is_int(found, 100, "wherever it stands");
	end();
}

/* Where it was has a longer name than any path may have. */
T_CASE(deeper_than_paths)
{
	enum { DEPTH = 60, PART = 200 };
	static char path[JOURNAL_PATH];
	char part[PART + 1], token[] = "1234567890123456789";
	struct journal_line line = { .kind = 'D', .at = 1234567890123456789, .command = "c", .path = path };
	int fd, at_fd;

	if (!begin())
		return;
	memset(part, 'p', PART);
	part[PART] = 0;
	snprintf(path, sizeof path, "%s", top);
	for (int i = 0; i < DEPTH; i++) {
		size_t len = strlen(path);

		snprintf(path + len, sizeof path - len, "/%s", part);
	}
	line.to_path = "";
	forge_lines(&line, 1);
	is_str(back(token, NULL, true), "");
	at_fd = dup(dir);
	for (int i = 0; i < DEPTH && at_fd >= 0; i++) {
		fd = openat(at_fd, part, i + 1 < DEPTH ? O_RDONLY | O_DIRECTORY : O_RDONLY);
		fd_close(&at_fd);
		at_fd = fd;
	}
	ok(at_fd >= 0, "it is there");
	fd_close(&at_fd);
	end();
}
