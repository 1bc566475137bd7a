#include "journal/line.h"

#include "json/read.h"
#include "json/write.h"

#include <string.h>

enum { FIELDS = 17 }; /* and attributes behind them */

/* For each of a million lines: no printf. */
void line_token(int64_t at, char out[JOURNAL_TOKEN])
{
	char digits[JOURNAL_TOKEN], *p = digits + sizeof digits - 1;

	*p = 0;
	do
		*--p = (char)('0' + at % 10);
	while ((at /= 10) > 0);
	memcpy(out, p, (size_t)(digits + sizeof digits - p));
}

bool line_is_act(char kind)
{
	return kind && strchr(LINE_ACTS, kind);
}

bool line_keeps(char kind)
{
	return kind && strchr("DROTW", kind);
}

/* In place: to divide by a number that the compiler does not know costs several times as much. */
static inline __attribute__((always_inline)) void add_digits(struct buf *out, int64_t value, unsigned base)
{
	uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	char digits[24], *p = digits + sizeof digits;

	do {
		*--p = (char)('0' + left % base);
	} while (left /= base);
	if (value < 0)
		*--p = '-';
	*--p = '\t';
	buf_add(out, p, (size_t)(digits + sizeof digits - p));
}

static void add_number(struct buf *out, int64_t value)
{
	add_digits(out, value, 10);
}

static void add_bytes(struct buf *out, const char *text)
{
	for (size_t n; text && *text; text += n) {
		n = strcspn(text, "\t\n\\");
		buf_add(out, text, n);
		if (!text[n])
			break;
		buf_chr(out, '\\');
		buf_chr(out, text[n] == '\t' ? 't' : text[n] == '\n' ? 'n' : '\\');
		n++;
	}
}

static void add_text(struct buf *out, const char *text)
{
	buf_chr(out, '\t');
	add_bytes(out, text);
}

void line_write(const struct journal_line *l, struct buf *out)
{
	buf_chr(out, l->kind);
	add_number(out, l->at);
	add_text(out, l->command);
	add_number(out, l->store);
	add_digits(out, l->mode, 8);
	add_number(out, l->uid);
	add_number(out, l->gid);
	add_number(out, (int64_t)l->ino);
	add_number(out, (int64_t)l->size);
	add_number(out, (int64_t)l->held);
	add_number(out, l->mtime_ns);
	add_number(out, l->atime_ns);
	add_number(out, l->above_ns);
	add_number(out, l->to_above_ns);
	add_number(out, l->of);
	add_number(out, (int64_t)l->reborn);
	add_text(out, l->path);
	add_text(out, l->to_path);
	for (const struct journal_xattr *x = l->xattrs; x; x = x->next) {
		add_text(out, x->name);
		buf_chr(out, '\t');
		json_base64(out, x->value, x->len);
	}
	buf_chr(out, '\n');
}

/* The text up to the next tab, unescaped in its place. False at a stray escape or a NUL. */
static bool next_text(char **at, char *end, char **out)
{
	char *from = *at, *to = *at;

	*out = from;
	for (; from < end && *from != '\t'; from++) {
		char c = *from;

		if (!c)
			return false;
		if (c == '\\') {
			if (++from == end || !strchr("tn\\", *from) || !*from)
				return false;
			c = *from == 't' ? '\t' : *from == 'n' ? '\n' : '\\';
		}
		*to++ = c;
	}
	*at = from < end ? from + 1 : NULL;
	*to = 0;
	return true;
}

static bool next_number(char **at, char *end, unsigned base, int64_t *out)
{
	char *p = *at;
	bool minus = p < end && *p == '-';
	uint64_t value = 0;

	p += minus;
	if (p == end || *p == '\t')
		return false;
	for (; p < end && *p != '\t'; p++) {
		unsigned digit = (unsigned)(*p - '0');

		/* Most are far from the end: no division for those. */
		if (digit >= base || (value > UINT64_MAX / 16 && value > (UINT64_MAX - digit) / base))
			return false;
		value = value * base + digit;
	}
	*out = (int64_t)(minus ? 0 - value : value);
	*at = p < end ? p + 1 : NULL;
	return true;
}

static bool read_xattrs(char **at, char *end, struct arena *a, struct journal_line *out)
{
	const struct journal_xattr **last = &out->xattrs;
	char *name, *value;

	while (*at) {
		struct journal_xattr *x = arena_alloc(a, sizeof *x);
		struct buf b = { .max = LINE_XATTRS_MAX };
		bool good = x && next_text(at, end, &name) && *at && next_text(at, end, &value) && *name &&
		            json_unbase64(value, &b) && (x->value = arena_copy(a, buf_text(&b), b.len));

		if (good) {
			x->name = name;
			x->len = b.len;
			*last = x;
			last = (const struct journal_xattr **)&x->next;
		}
		buf_release(&b);
		if (!good)
			return false;
	}
	return true;
}

static bool in_range(const int64_t *n)
{
	return n[0] >= 0 && n[1] >= LINE_NOT_KEPT && n[1] < INT16_MAX && n[2] >= 0 && n[2] <= 0177777 &&
	       n[3] >= 0 && n[3] <= UINT32_MAX && n[4] >= 0 && n[4] <= UINT32_MAX;
}

bool line_read(char *text, size_t len, struct arena *a, struct journal_line *out)
{
	static const char form[] = "ntnonnnnnnnnnnntt"; /* number, octal number, text */
	char *at = text + 2, *end = text + len, *texts[3];
	int64_t n[FIELDS];
	size_t n_texts = 0, n_numbers = 0;

	*out = (struct journal_line){ .kind = len ? text[0] : 0 };
	if (len < 3 || text[1] != '\t' || !out->kind || !strchr(LINE_ACTS "bsveud", out->kind))
		return false;
	for (size_t i = 0; i < FIELDS; i++) {
		if (!at ||
		    !(form[i] == 't' ? next_text(&at, end, &texts[n_texts++])
		                     : next_number(&at, end, form[i] == 'o' ? 8 : 10, &n[n_numbers++])))
			return false;
	}
	if (!in_range(n))
		return false;
	out->at = n[0];
	out->store = (int)n[1];
	out->mode = (mode_t)n[2];
	out->uid = (uid_t)n[3];
	out->gid = (gid_t)n[4];
	out->ino = (uint64_t)n[5];
	out->size = (uint64_t)n[6];
	out->held = (uint64_t)n[7];
	out->mtime_ns = n[8];
	out->atime_ns = n[9];
	out->above_ns = n[10];
	out->to_above_ns = n[11];
	out->of = n[12];
	out->reborn = (uint64_t)n[13];
	out->command = texts[0];
	out->path = texts[1];
	out->to_path = texts[2];
	return strlen(out->path) < LINE_PATH_MAX && strlen(out->to_path) < LINE_PATH_MAX &&
	       read_xattrs(&at, end, a, out);
}
