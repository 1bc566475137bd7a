#include "match/regex_translate.h"

#include <string.h>

enum { DEPTH = 32, REPEATS = 3, REPEAT_DIGITS = 4 };

/* Which ways there are to match nothing, of a group or of all. The engine follows only one of them: with `^`
 * or
 * `\b` on it the others are lost, and what matches is taken for what does not. */
struct ways {
	bool nothing, asserts;     /* the alternative being read: by nothing so far; with ^ $ \b on the way */
	bool several, any_asserts; /* of those before it */
	bool one;
};

struct translate {
	const char *p;
	struct arena *arena;
	struct buf *posix;
	struct buf literal; /* piece under construction */
	struct regex_piece pieces[REGEX_PIECES];
	struct regex *out;
	struct err *err;
	int depth, repeats, digits;
	struct ways ways[DEPTH + 2];
	bool before;  /* the atom that may be repeated: what was before it matches nothing */
	bool asserts; /* and it can do so itself, with an assertion */
	bool atom;    /* something stands here that may be repeated */
	bool star;    /* the last token was `.*` */
	bool simple;  /* so far literals with `.*` between them */
};

static void end_piece(struct translate *t)
{
	struct regex *r = t->out;

	if (!t->literal.len || !t->simple)
		return;
	if (r->n == REGEX_PIECES) {
		t->simple = false;
		return;
	}
	t->pieces[r->n].text = arena_copy(t->arena, buf_text(&t->literal), t->literal.len);
	t->pieces[r->n].len = t->literal.len;
	t->simple = t->pieces[r->n].text != NULL;
	r->n++;
	buf_clear(&t->literal);
}

static struct ways *ways(struct translate *t)
{
	return &t->ways[t->depth];
}

static void add_atom(struct translate *t, bool nothing, bool asserts)
{
	t->atom = true;
	t->before = ways(t)->nothing;
	t->asserts = nothing && asserts;
	ways(t)->nothing &= nothing;
	ways(t)->asserts |= t->asserts;
}

static void end_alternative(struct translate *t)
{
	struct ways *w = ways(t);

	if (w->nothing) {
		w->several |= w->one;
		w->one = true;
		w->any_asserts |= w->asserts;
	}
	t->out->unsure |= w->several && w->any_asserts;
	w->nothing = true;
	w->asserts = false;
}

static size_t utf8_tail(const char *p)
{
	size_t n = 0;

	while (((unsigned char)p[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* Is there a repetition at `p`? Fills in its length. */
static bool is_repeat(const char *p, size_t *len)
{
	size_t n = 1, digits;

	*len = 1;
	if (*p == '*' || *p == '+' || *p == '?')
		return true;
	if (*p != '{')
		return false;
	digits = strspn(p + n, "0123456789");
	n += digits;
	if (p[n] == ',')
		n += 1 + strspn(p + n + 1, "0123456789");
	*len = n + 1;
	return digits && p[n] == '}';
}

/* A literal character; UTF-8 sequences are grouped so that a repetition takes all of it. */
static int literal(struct translate *t, const char *bytes, size_t len)
{
	size_t unused;

	if (len > 1)
		buf_chr(t->posix, '(');
	for (size_t i = 0; i < len; i++) {
		if (strchr("\\.[]{}()*+?^$|", bytes[i]))
			buf_chr(t->posix, '\\');
		buf_chr(t->posix, bytes[i]);
	}
	if (len > 1)
		buf_chr(t->posix, ')');
	if (is_repeat(t->p, &unused))
		t->simple = false;
	buf_add(&t->literal, bytes, len);
	add_atom(t, false, false);
	return 0;
}

static int set(struct translate *t, const bool members[256])
{
	regex_set_emit(members, t->posix);
	t->simple = false;
	add_atom(t, false, false);
	return 0;
}

static int escape(struct translate *t)
{
	bool members[256] = { false };
	char c = t->p[1], byte;
	int value;

	t->p++;
	if (c && regex_set_escape(c, members)) {
		t->p++;
		return set(t, members);
	}
	if (c == 'b' || c == 'B' || c == 'A' || c == 'z') {
		buf_str(t->posix, c == 'b' ? "\\b" : c == 'B' ? "\\B" : c == 'A' ? "^" : "$");
		t->simple = t->atom = false;
		ways(t)->asserts = true;
		t->p++;
		return 0;
	}
	value = regex_escape(&t->p, t->err);
	if (value < 0)
		return -1;
	byte = (char)value;
	return literal(t, &byte, 1);
}

static int bracket(struct translate *t)
{
	bool members[256] = { false };

	t->p++;
	if (regex_set_parse(&t->p, t->out->fold, members, t->err) < 0)
		return -1;
	return set(t, members);
}

static int repeat(struct translate *t, size_t len)
{
	const char *p = t->p;

	if (!t->atom)
		return err_set(t->err, "'%.*s' has nothing to repeat; write \\%c for the character itself",
		               (int)len, p, *p);
	if (*p == '{') {
		for (size_t i = 0; i < len; i++)
			t->digits += p[i] >= '0' && p[i] <= '9';
		if (++t->repeats > REPEATS || t->digits > REPEAT_DIGITS)
			return err_set(t->err, "at most %d repetitions {n,m} with %d digits in all", REPEATS,
			               REPEAT_DIGITS);
	}
	if (*p == '*' || *p == '?' || (*p == '{' && p[1] == '0')) {
		ways(t)->nothing = t->before;
		t->out->unsure |= t->asserts;
	}
	buf_add(t->posix, p, len);
	t->p += len;
	if (*t->p == '?') /* lazy: makes no difference to whether it matches */
		t->p++;
	if (is_repeat(t->p, &len))
		return err_set(t->err, "two repetitions in a row; put the first in (...)");
	t->atom = false;
	t->simple = false;
	return 0;
}

static int dot(struct translate *t)
{
	size_t len;
	bool star = t->p[1] == '*';

	t->p++;
	add_atom(t, false, false);
	if (!t->simple || !star || is_repeat(t->p + 1 + (t->p[1] == '?'), &len)) {
		buf_chr(t->posix, '.');
		t->simple = false;
		return 0;
	}
	end_piece(t);
	t->out->open = t->star = true;
	if (!t->out->n) /* `^.*` is no anchor */
		t->out->at_start = false;
	ways(t)->nothing = t->before;
	buf_str(t->posix, ".*");
	t->p += 1 + (t->p[1] == '?');
	t->atom = false;
	return 0;
}

/* "(^| )" before a literal in front and "( |$)" behind one at the end: that a word begins or ends there. */
static bool blank(struct translate *t, bool first)
{
	const char *spelled = first ? "(^| )" : "( |$)", *next = t->p + 5;

	/* What follows could take it away again, or leave nothing to look for. */
	if (strncmp(t->p, spelled, 5) != 0 ||
	    (first ? strchr(".$*+?{", *next) != NULL : *next || !t->literal.len))
		return false;
	*(first ? &t->out->after_blank : &t->out->before_blank) = true;
	buf_str(t->posix, spelled);
	t->p = next;
	t->atom = false;
	return true;
}

static int group(struct translate *t, bool first)
{
	if (t->simple && blank(t, first))
		return 0;
	t->p++;
	if (*t->p == '?') {
		if (t->p[1] != ':')
			return err_set(t->err,
			               "(?...) is supported as (?:...) and as (?i) at the very start only");
		t->p += 2;
	}
	if (++t->depth > DEPTH)
		return err_set(t->err, "more than %d nested (...)", DEPTH);
	buf_chr(t->posix, '(');
	t->simple = t->atom = false;
	*ways(t) = (struct ways){ .nothing = true };
	return 0;
}

/* '^' in front and '$' at the end keep a pattern simple; elsewhere they are left to the engine. */
static int anchor(struct translate *t, bool first)
{
	char c = *t->p++;

	buf_chr(t->posix, c);
	if (c == '^' && first)
		t->out->at_start = true;
	else if (c == '$' && !*t->p)
		t->out->at_end = !t->star;
	else
		t->simple = false;
	t->atom = false;
	ways(t)->asserts = true;
	return 0;
}

static int close_group(struct translate *t)
{
	struct ways inner;

	t->p++;
	if (!t->depth)
		return err_set(t->err, "unmatched ')'; write \\) for the character itself");
	end_alternative(t);
	inner = *ways(t);
	t->depth--;
	buf_chr(t->posix, ')');
	add_atom(t, inner.one, inner.any_asserts);
	return 0;
}

static int token(struct translate *t, bool first)
{
	size_t len;
	const char *from = t->p;

	if (is_repeat(t->p, &len))
		return repeat(t, len);
	if (*t->p != '$')
		t->star = false;
	switch (*t->p) {
	case '\\':
		return escape(t);
	case '[':
		return bracket(t);
	case '.':
		return dot(t);
	case '(':
		return group(t, first);
	case ')':
		return close_group(t);
	case '^':
	case '$':
		return anchor(t, first);
	case '|':
		buf_chr(t->posix, *t->p++);
		t->simple = t->atom = false;
		end_alternative(t);
		return 0;
	}
	t->p++;
	t->p += (unsigned char)*from >= 0xc0 ? utf8_tail(t->p) : 0;
	return literal(t, from, (size_t)(t->p - from));
}

/* "(?i)", "(?s)", "(?is)" in front. `s` is how `.` always behaves here. */
static int flags(struct translate *t)
{
	size_t n;

	if (strncmp(t->p, "(?", 2) != 0)
		return 0;
	n = strspn(t->p + 2, "is");
	if (!n || t->p[2 + n] != ')')
		return 0;
	t->out->fold = memchr(t->p + 2, 'i', n) != NULL;
	t->p += n + 3;
	return 0;
}

int regex_translate(struct arena *a, const char *pattern, struct buf *posix, struct regex *out, bool *simple,
                    struct err *e)
{
	struct translate t = {
		.p = pattern, .arena = a, .posix = posix, .out = out, .err = e, .simple = true
	};
	struct regex_piece *pieces;
	const char *start;
	int rc = 0;

	if (strlen(pattern) > 1000)
		return err_set(e, "pattern is longer than 1000 bytes");
	flags(&t);
	t.ways[0].nothing = true;
	for (start = t.p; !rc && *t.p;)
		rc = token(&t, t.p == start);
	end_piece(&t);
	if (!rc && !t.depth)
		end_alternative(&t);
	if (!rc && t.depth)
		rc = err_set(e, "unclosed '('; write \\( for the character itself");
	if (!rc && (posix->failed || t.literal.failed))
		rc = err_set(e, "out of memory");
	buf_release(&t.literal);
	*simple = t.simple && (out->n || out->open || !(out->at_start && out->at_end));
	if (rc || !*simple || !out->n)
		return rc;
	out->pieces = pieces = arena_array(a, out->n, sizeof *pieces);
	if (!pieces)
		return err_set(e, "out of memory");
	memcpy(pieces, t.pieces, out->n * sizeof *pieces);
	return 0;
}
