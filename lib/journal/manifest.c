#include "journal/manifest.h"

#include "audit/event.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "json/read.h"
#include "json/write.h"

#include <string.h>
#include <sys/stat.h>

/* Bits of Go's io/fs.FileMode, which is what existing manifests hold. */
#define GO_DIR     (1u << 31)
#define GO_SYMLINK (1u << 27)
#define GO_SETUID  (1u << 23)
#define GO_SETGID  (1u << 22)
#define GO_STICKY  (1u << 20)

bool manifest_token_ok(const char *token)
{
	size_t n = strspn(token, "0123456789");

	return n && n < JOURNAL_TOKEN && !token[n];
}

static uint32_t to_go(mode_t mode)
{
	return (uint32_t)(mode & 0777) | (S_ISDIR(mode) ? GO_DIR : 0) | (S_ISLNK(mode) ? GO_SYMLINK : 0) |
	       (mode & S_ISUID ? GO_SETUID : 0) | (mode & S_ISGID ? GO_SETGID : 0) |
	       (mode & S_ISVTX ? GO_STICKY : 0);
}

static mode_t from_go(uint32_t go)
{
	return (go & 0777) |
	       (go & GO_DIR       ? S_IFDIR
	        : go & GO_SYMLINK ? S_IFLNK
	                          : S_IFREG) |
	       (go & GO_SETUID ? S_ISUID : 0) | (go & GO_SETGID ? S_ISGID : 0) |
	       (go & GO_STICKY ? S_ISVTX : 0);
}

static void write_base64(struct json *j, const char *key, const void *data, size_t len)
{
	struct buf text = { 0 };

	json_base64(&text, data, len);
	json_key(j, key);
	json_bytes(j, buf_text(&text), text.len);
	j->out->failed |= text.failed;
	buf_release(&text);
}

static void write_time(struct json *j, const char *key, int64_t ns)
{
	char text[40];

	json_key_text(j, key, clock_rfc3339(ns, text, sizeof text));
}

static void write_xattrs(struct json *j, const struct journal_xattr *x)
{
	if (!x)
		return;
	json_key(j, "xattrs");
	json_array(j);
	for (; x; x = x->next) {
		json_object(j);
		json_key_text(j, "name", x->name);
		write_base64(j, "value", x->value, x->len);
		json_end(j);
	}
	json_end(j);
}

void manifest_write(const struct journal_entry *en, const char *payload, struct buf *out)
{
	struct json j = { .out = out, .indent = true };

	json_object(&j);
	json_key_text(&j, "token", en->token);
	json_key_text(&j, "original_path", en->path);
	if (!utf8_valid(en->path, strlen(en->path)))
		write_base64(&j, "original_path_bytes", en->path, strlen(en->path));
	json_key_text(&j, "trash_path", payload);
	json_key(&j, "size");
	json_uint(&j, en->size);
	if (en->hash[0]) {
		json_key_text(&j, "hash", en->hash);
		json_key_text(&j, "hash_algo", "sha256");
	}
	json_key_int(&j, "mode", to_go(en->mode));
	json_key_int(&j, "uid", en->uid);
	json_key_int(&j, "gid", en->gid);
	write_time(&j, "mtime", en->mtime_ns);
	json_key_text(&j, "session", en->session ? en->session : "");
	json_key_text(&j, "command", en->command ? en->command : "");
	write_time(&j, "created", en->created_ns);
	json_key_text(&j, "platform", "linux");
	write_xattrs(&j, en->xattrs);
	json_end(&j);
	buf_chr(out, '\n');
}

/* The bytes in the arena, a NUL behind them; NULL when malformed. */
static char *read_base64(struct arena *a, const char *text, size_t *len)
{
	struct buf b = { 0 };
	char *out = text && json_unbase64(text, &b) ? arena_copy(a, buf_text(&b), b.len) : NULL;

	*len = b.len;
	buf_release(&b);
	return out;
}

/* An absolute path of whole components, as it was when something was there. */
static bool is_path(const char *path, size_t len)
{
	return path && path[0] == '/' && len < 4096 && strlen(path) == len && path[1];
}

static bool read_path(struct arena *a, const struct json_value *o, struct journal_entry *out)
{
	const char *bytes = json_get_string(o, "original_path_bytes");
	size_t len = 0;

	out->path = json_get_string(o, "original_path");
	if (bytes)
		out->path = read_base64(a, bytes, &len);
	else if (out->path)
		len = strlen(out->path);
	return is_path(out->path, len);
}

static bool read_xattrs(struct arena *a, const struct json_value *o, struct journal_entry *out)
{
	const struct json_value *list = json_get(o, "xattrs");

	for (const struct json_value *v = list ? list->first : NULL; v; v = v->next) {
		struct journal_xattr *x = arena_alloc(a, sizeof *x);

		if (!x)
			return false;
		x->name = json_get_string(v, "name");
		x->value = read_base64(a, json_get_string(v, "value"), &x->len);
		if (!x->name || !x->value)
			return false;
		x->next = (struct journal_xattr *)out->xattrs;
		out->xattrs = x;
	}
	return true;
}

static bool read_hash(const struct json_value *o, struct journal_entry *out)
{
	const char *hash = json_get_string(o, "hash"), *kind = json_get_string(o, "hash_algo");

	out->hash[0] = 0;
	if (!hash || !*hash || (kind && *kind && strcmp(kind, "sha256") != 0))
		return true;
	if (strlen(hash) != JOURNAL_HASH - 1 || strspn(hash, "0123456789abcdef") != JOURNAL_HASH - 1)
		return false;
	strcpy(out->hash, hash);
	return true;
}

static bool read_numbers(const struct json_value *o, struct journal_entry *out)
{
	const char *mtime = json_get_string(o, "mtime"), *created = json_get_string(o, "created");
	int64_t size = json_get_int64(o, "size", -1), mode = json_get_int64(o, "mode", -1);
	int64_t uid = json_get_int64(o, "uid", 0), gid = json_get_int64(o, "gid", 0);

	if (size < 0 || mode < 0 || mode > UINT32_MAX || uid < 0 || uid >= UINT32_MAX || gid < 0 ||
	    gid >= UINT32_MAX || !mtime || !created || !event_time_parse(created, &out->created_ns))
		return false;
	if (!event_time_parse(mtime, &out->mtime_ns))
		out->mtime_ns = 0; /* before 1970 */
	out->size = (uint64_t)size;
	out->mode = from_go((uint32_t)mode);
	out->uid = (uid_t)uid;
	out->gid = (gid_t)gid;
	return true;
}

int manifest_read(struct arena *a, const char *token, const char *text, size_t len, struct journal_entry *out,
                  struct err *e)
{
	struct json_value *o = json_read(a, text, len, e);
	const char *own;

	*out = (struct journal_entry){ 0 };
	if (!o)
		return -1;
	own = json_get_string(o, "token");
	if (!manifest_token_ok(token) || !own || strcmp(own, token) != 0)
		return err_set(e, "the token in it is another");
	strcpy(out->token, token);
	out->session = json_get_string(o, "session");
	out->command = json_get_string(o, "command");
	out->session = out->session ? out->session : "";
	out->command = out->command ? out->command : "";
	if (!read_path(a, o, out))
		return err_set(e, "no absolute original_path");
	if (!read_numbers(o, out))
		return err_set(e, "size, mode, owner or times are missing or malformed");
	if (!read_hash(o, out) || !read_xattrs(a, o, out))
		return err_set(e, "malformed hash or xattrs");
	return 0;
}
