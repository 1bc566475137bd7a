/* The layout of existing stores, field by field: what another implementation wrote is listed and put back,
 * and what is written here, by moving it into the store or from the lines of a session, is what that one
 * reads. */
#include "base/fd.h"
#include "journal/record.h"
#include "journal/store.h"
#include "json/read.h"
#include "test/t.h"
#include "test/unit/journal_opened.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define TREE       "1763765432123456789"
#define FILE_TOKEN "1763765432123456790"
#define HELLO      "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" /* SHA-256 of "hello" */

/* ---- theirs ---------------------------------------------------------------------------------------------
 */

static void put_manifest(const char *token, const char *path, const char *more)
{
	char text[2000], name[80];

	snprintf(text, sizeof text,
	         "{\n  \"token\": \"%s\",\n  \"original_path\": \"%s/%s\",\n"
	         "  \"trash_path\": \"%s/store/payload/%s\",\n%s"
	         "  \"uid\": %u,\n  \"gid\": %u,\n  \"mtime\": \"2025-11-21T22:50:32.123456789+01:00\",\n"
	         "  \"session\": \"session-1\",\n  \"command\": \"\",\n"
	         "  \"created\": \"2025-11-21T21:50:32.5Z\",\n  \"platform\": \"linux\"\n}\n",
	         token, top, path, top, token, more, geteuid(), getegid());
	snprintf(name, sizeof name, "store/manifest/%s.json", token);
	put(name, text);
}

static void is_back(const char *name, mode_t mode)
{
	struct stat st = { .st_mode = 0 };
	char value[8] = "";

	ok(stat(at(name), &st) == 0 && st.st_mode == mode, "%s: with its mode", name);
	ok(st.st_mtim.tv_sec == 1763761832 && st.st_mtim.tv_nsec == 123456789, "%s: its time", name);
	ok((getxattr(at(name), "user.k", value, sizeof value) == 2 && !strcmp(value, "hi")) ||
	           errno == ENOTSUP,
	   "%s: its attributes", name);
}

static bool restore(const char *token)
{
	static char to[JOURNAL_PATH];
	struct err e = { 0 };

	return ok(journal_put_back(&j, token, &(struct journal_restore){ .to = NULL }, to, &e) == 0, "%s",
	          e.text);
}

T_CASE(theirs_come_back)
{
#define XATTRS "  \"xattrs\": [{\"name\": \"user.k\", \"value\": \"aGk=\"}],\n"
	struct journal_list l;

	if (!begin())
		return;
	/* As a copy to another file system leaves them: the mode and the times of the copy. */
	ok(mkdir(at("store/payload/" TREE), 0700) == 0 && mkdir(at("store/payload/" TREE "/sub"), 0755) == 0);
	put("store/payload/" TREE "/sub/f", "inner");
	put_manifest(TREE, "gone/tree", "  \"size\": 5,\n  \"mode\": 2147484141,\n" XATTRS);
	put("store/payload/" FILE_TOKEN, "hello");
	put_manifest(FILE_TOKEN, "file",
	             "  \"size\": 5,\n  \"hash\": \"" HELLO "\",\n  \"hash_algo\": \"sha256\",\n"
	             "  \"mode\": 8389024,\n" XATTRS);
	ok(journal_list(&j, "session-1", &l, NULL) == 0 && l.n == 2 && !l.n_bad, "both are listed");
	ok(l.n == 2 && l.items[0].token == INT64_C(1763765432123456789) && l.items[1].size == 5, "by age");
	journal_list_release(&l);
	if (restore(TREE) && restore(FILE_TOKEN)) {
		is_back("gone/tree", S_IFDIR | 0755);
		ok(holds(at("gone/tree/sub/f"), "inner"), "with all that is in it");
		is_back("file", S_IFREG | S_ISUID | 0640);
		ok(holds(at("file"), "hello"));
	}
	ok(access(at("store/manifest/" TREE ".json"), F_OK) < 0 &&
	           access(at("store/manifest/" FILE_TOKEN ".json"), F_OK) < 0,
	   "and no manifest is left");
	end();
}

/* ---- ours -----------------------------------------------------------------------------------------------
 */

struct expected {
	const char *name, *session, *command, *hash;
	int64_t mode, size;
	bool xattr;
};

static void is_text(const struct json_value *o, const char *key, const char *want)
{
	is_str(json_get_string(o, key), want, "%s", key);
}

/* Each field that the layout has. */
static void is_as_laid_out(const char *token, const struct expected *x)
{
	char name[80], payload[200];
	struct buf text = { 0 };
	struct arena a = { 0 };
	const struct json_value *o = NULL, *list, *of;
	struct stat st;

	snprintf(name, sizeof name, "store/manifest/%s.json", token);
	snprintf(payload, sizeof payload, "%s/store/payload/%s", top, token);
	if (ok(fd_slurp_file(at(name), 65536, &text, NULL) == 0, "%s has a manifest", x->name))
		o = json_read(&a, buf_text(&text), text.len, NULL);
	if (ok(o && !strncmp(buf_text(&text), "{\n  \"token\": ", 13), "%s: indented", x->name)) {
		ok(strlen(token) == 19 && stat(at(name), &st) == 0 && !(st.st_mode & 0137), "closed");
		is_text(o, "token", token);
		is_text(o, "original_path", at(x->name));
		is_text(o, "trash_path", payload);
		ok(lstat(payload, &st) == 0, "and there it is");
		is_int(json_get_int64(o, "size", -1), x->size);
		is_int(json_get_int64(o, "mode", -1), x->mode);
		is_int(json_get_int64(o, "uid", -1), geteuid());
		is_int(json_get_int64(o, "gid", -1), st.st_gid);
		is_text(o, "hash", x->hash);
		is_text(o, "hash_algo", x->hash ? "sha256" : NULL);
		is_text(o, "mtime", "2001-09-09T01:46:40.000000007Z");
		is_text(o, "session", x->session);
		is_text(o, "command", x->command);
		ok(strlen(json_get_string(o, "created") ? json_get_string(o, "created") : "") > 19);
		is_text(o, "platform", "linux");
		list = json_get(o, "xattrs");
		of = list ? list->first : NULL;
		ok(!x->xattr == !of && (!of || (!strcmp(json_get_string(of, "name"), "user.k") &&
		                                !strcmp(json_get_string(of, "value"), "aGk="))),
		   "%s: attributes", x->name);
	}
	arena_release(&a);
	buf_release(&text);
}

/* A file, a link and a directory, of which the last is empty. */
static bool fill(bool *xattr)
{
	const struct timespec times[2] = { { 1, 0 }, { 1000000000, 7 } };
	bool good;

	put("file", "hello");
	good = symlink("nowhere", at("link")) == 0 && mkdir(at("dir"), 0711) == 0 &&
	       chmod(at("file"), 04640) == 0 && chmod(at("dir"), 01711) == 0;
	*xattr = setxattr(at("file"), "user.k", "hi", 2, 0) == 0;
	for (size_t i = 0; i < 3; i++)
		good = good && utimensat(AT_FDCWD, at(i ? i > 1 ? "dir" : "link" : "file"), times,
		                         AT_SYMLINK_NOFOLLOW) == 0;
	return ok(good, "something of each kind");
}

#define GO_FILE (8388608 + 0640)              /* set-user-id is bit 23 */
#define GO_LINK (134217728 + 0777)            /* bit 27 */
#define GO_DIR  (2147483648 + 1048576 + 0711) /* bit 31; sticky is bit 20 */

T_CASE(ours_moved_into_the_store)
{
	struct expected x[] = { { "file", "s", "", HELLO, GO_FILE, 5, false },
		                { "link", "s", "", NULL, GO_LINK, 0, false },
		                { "dir", "s", "", NULL, GO_DIR, 0, false } };
	struct journal_entry en;

	if (!begin() || !fill(&x[0].xattr))
		return;
	for (size_t i = 0; i < 3; i++) {
		const struct journal_about about = { .path = at(x[i].name), .session = "s", .hash_up_to = 5 };

		ok(journal_keep(&j, dir, x[i].name, &about, &en, NULL) == 0);
		is_as_laid_out(en.token, &x[i]);
	}
	end();
}

/* As sessions keep what is deleted; the manifests follow. */
T_CASE(ours_from_lines)
{
	static const enum journal_kind kinds[] = { JOURNAL_DELETE, JOURNAL_DELETE, JOURNAL_RMDIR };
	struct expected x[] = { { "file", "s", "c-1", HELLO, GO_FILE, 5, false },
		                { "link", "s", "c-1", NULL, GO_LINK, 0, false },
		                { "dir", "s", "c-1", NULL, GO_DIR, 0, false } };
	char tokens[3][JOURNAL_TOKEN];
	struct journal_log_options o = {
		.store = "store", .session = "s", .hash_up_to = 5, .quota = -1, .ttl_ns = -1
	};
	struct journal_log *log;

	if (!begin() || !fill(&x[0].xattr))
		return;
	o.at = dir;
	if (!ok(journal_log_open(&log, &o, NULL) == 0))
		return;
	for (size_t i = 0; i < 3; i++) {
		const struct journal_act a = { .kind = kinds[i],
			                       .dirfd = dir,
			                       .name = x[i].name,
			                       .path = at(x[i].name),
			                       .to_dirfd = -1,
			                       .command = "c-1" };

		ok(journal_act(log, &a, tokens[i], NULL) == 0, "%s is deleted", x[i].name);
	}
	ok(!journal_settle(log, 100));
	journal_log_close(log);
	for (size_t i = 0; i < 3; i++)
		is_as_laid_out(tokens[i], &x[i]);
	end();
}
