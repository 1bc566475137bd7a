/* Sets of bytes in patterns: [a-z], [^\w.-], [[:alpha:]], \d. */
#include "match/regex_translate.h"

#include <ctype.h>
#include <string.h>

static int is_word(int c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool regex_set_escape(char letter, bool set[256])
{
	bool negated = letter == 'D' || letter == 'W' || letter == 'S';
	char kind = (char)(letter | 0x20);

	if (kind != 'd' && kind != 'w' && kind != 's')
		return false;
	for (int c = 1; c < 256; c++) {
		bool in = kind == 'd'   ? c >= '0' && c <= '9'
		          : kind == 'w' ? is_word(c)
		                        : strchr("\t\n\f\r ", c) != NULL;

		if (in != negated)
			set[c] = true;
	}
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int hex_escape(const char **p, struct err *e)
{
	bool braces = **p == '{';
	const char *s = *p + braces;
	int value = 0, n = 0;

	for (; hex_digit(*s) >= 0 && n < 2 + 4 * braces; s++, n++)
		value = value * 16 + hex_digit(*s);
	if (n < 1 + !braces || (braces && *s++ != '}') || value < 1 || value > 0x7f)
		return err_set(e, "\\x must name one ASCII character; write \\x41 or the character itself");
	*p = s;
	return value;
}

int regex_escape(const char **p, struct err *e)
{
	static const char letters[] = "tnrfva", bytes[] = "\t\n\r\f\v\a";
	char c = **p;
	const char *found = c ? strchr(letters, c) : NULL;

	if (!c)
		return err_set(e, "ends in a single '\\'");
	(*p)++;
	if (found)
		return bytes[found - letters];
	if (c == 'x')
		return hex_escape(p, e);
	if (c >= '0' && c <= '9')
		return err_set(e, "back-references and octal escapes like \\%c are not supported", c);
	if ((unsigned char)c >= 0x80 || is_word(c))
		return err_set(e, "unknown escape \\%c", c);
	return (unsigned char)c;
}

static const struct {
	const char *name;
	int (*is)(int);
} named[] = { { "alnum", isalnum }, { "alpha", isalpha }, { "blank", isblank }, { "cntrl", iscntrl },
	      { "digit", isdigit }, { "graph", isgraph }, { "lower", islower }, { "print", isprint },
	      { "punct", ispunct }, { "space", isspace }, { "upper", isupper }, { "xdigit", isxdigit },
	      { "word", is_word } };

/* "[:alpha:]" at *p; 0 if it is none. */
static int named_class(const char **p, bool set[256], struct err *e)
{
	const char *end = strstr(*p, ":]"), *name = *p + 2;
	bool negated = *name == '^';

	if ((*p)[1] != ':' || !end)
		return 0;
	name += negated;
	for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
		if (end < name || (size_t)(end - name) != strlen(named[i].name) ||
		    memcmp(named[i].name, name, (size_t)(end - name)) != 0)
			continue;
		for (int c = 1; c < 256; c++)
			if ((c < 0x80 && named[i].is(c)) != negated)
				set[c] = true;
		*p = end + 2;
		return 1;
	}
	return err_set(e, "unknown character class %.20s", *p);
}

/* One member byte; -1 on error. */
static int member(const char **p, struct err *e)
{
	unsigned char c = (unsigned char)**p;

	if (c >= 0x80)
		return err_set(e, "only ASCII may stand in [...]; write (a|\xc3\xa4) instead");
	(*p)++;
	return c == '\\' ? regex_escape(p, e) : c;
}

static int one_item(const char **p, bool set[256], struct err *e)
{
	int named_found = **p == '[' ? named_class(p, set, e) : 0, low, high;

	if (named_found)
		return named_found < 0 ? -1 : 0;
	if (**p == '\\' && regex_set_escape((*p)[1], set)) {
		*p += 2;
		return 0;
	}
	low = high = member(p, e);
	if (low < 0)
		return -1;
	if (**p == '-' && (*p)[1] && (*p)[1] != ']') {
		(*p)++;
		high = member(p, e);
		if (high < 0)
			return -1;
		if (high < low)
			return err_set(e, "range in [...] runs backwards");
	}
	for (; low <= high; low++)
		set[low] = true;
	return 0;
}

int regex_set_parse(const char **p, bool fold, bool set[256], struct err *e)
{
	bool negated = **p == '^', any = false;
	const char *first;

	*p += negated;
	for (first = *p; **p && (**p != ']' || *p == first);)
		if (one_item(p, set, e) < 0)
			return -1;
	if (!**p)
		return err_set(e, "unclosed '['");
	(*p)++;
	for (int c = 'a'; fold && c <= 'z'; c++)
		set[c] = set[c - 32] = set[c] || set[c - 32];
	for (int c = 1; c < 256; c++) {
		set[c] = set[c] != negated;
		any = any || set[c];
	}
	return any ? 0 : err_set(e, "[...] matches nothing");
}

static bool is_special(int c)
{
	return c == '[' || c == ']' || c == '^' || c == '-';
}

/* The set's runs as ranges, as few as there are: TRE makes a transition of each, from every place before it.
 * What is special in brackets may stand within a range; at its ends it is left `alone`. */
static void emit_ranges(const bool set[256], bool alone[256], struct buf *out)
{
	for (int from = 1, to; from < 256; from = to + 1) {
		int end;

		for (to = from; to < 256 && set[to]; to++)
			;
		end = to;
		for (; from < end && is_special(from); from++)
			alone[from] = true;
		for (; end > from && is_special(end - 1); end--)
			alone[end - 1] = true;
		if (end == from)
			continue;
		buf_chr(out, (char)from);
		if (end - from > 2)
			buf_chr(out, '-');
		if (end - from > 1)
			buf_chr(out, (char)(end - 1));
	}
}

/* POSIX brackets know no escapes: ']' goes first, '-' last, '^' not first, '[' not before a mark. */
void regex_set_emit(const bool set[256], struct buf *out)
{
	bool plain = false, alone[256] = { false };
	AUTO_BUF ranges = { .max = 1024 };

	for (int c = 1; c < 256; c++)
		plain = plain || (set[c] && c != '^' && c != '-');
	if (!plain) {
		buf_str(out, set['^'] && set['-'] ? "[-^]" : set['^'] ? "\\^" : "-");
		return;
	}
	emit_ranges(set, alone, &ranges);
	buf_str(out, alone[']'] ? "[]" : "[");
	buf_add(out, ranges.data, ranges.len);
	out->failed = out->failed || ranges.failed;
	buf_str(out, alone['['] ? "[" : "");
	buf_str(out, alone['^'] ? "^" : "");
	buf_str(out, alone['-'] ? "-]" : "]");
}
