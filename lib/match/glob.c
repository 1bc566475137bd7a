#include "match/glob.h"

#include <string.h>

enum { RAW = 0x110000, WORDS = GLOB_STEPS / 64, WORK = 6 << 10 };

struct build {
	struct arena *work;      /* multiplied-out texts are not kept */
	struct arena *arena;     /* for what is */
	struct glob_step *steps; /* NULL: only counted */
	size_t n, sequences;
	struct err *err;
	bool never;
};

static uint32_t wide_symbol(const char **text, const char *end)
{
	const unsigned char *s = (const unsigned char *)*text;
	size_t left = (size_t)(end - *text);
	uint32_t c = s[0], min = 0;
	size_t n = 1;

	if (c >= 0xc2 && c <= 0xdf)
		n = 2, c &= 0x1f, min = 0x80;
	else if ((c & 0xf0) == 0xe0)
		n = 3, c &= 0x0f, min = 0x800;
	else if (c >= 0xf0 && c <= 0xf4)
		n = 4, c &= 0x07, min = 0x10000;
	for (size_t i = 1; i < n && i < left; i++) {
		if ((s[i] & 0xc0) != 0x80)
			n = 1;
		else
			c = c << 6 | (s[i] & 0x3f);
	}
	if (n == 1 || n > left || c < min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
		(*text)++;
		return RAW + s[0];
	}
	*text += n;
	return c;
}

uint32_t glob_symbol(const char **text, const char *end)
{
	unsigned char c = (unsigned char)**text;

	if (c >= 0x80)
		return wide_symbol(text, end);
	(*text)++;
	return c;
}

bool glob_step_takes(const struct glob_step *step, uint32_t symbol, char separator)
{
	if (step->kind == GLOB_LITERAL)
		return step->symbol == symbol;
	if (step->kind == GLOB_ONE)
		return !separator || symbol != (unsigned char)separator;
	if (step->kind != GLOB_CLASS)
		return false;
	for (size_t i = 0; i < step->class->n; i++)
		if (symbol >= step->class->ranges[i].low && symbol <= step->class->ranges[i].high)
			return !step->class->negated;
	return step->class->negated;
}

/* ---- compiling ---- */

static int put(struct build *b, struct glob_step step)
{
	if (b->n == GLOB_STEPS)
		return err_set(b->err, "pattern is too long");
	if (b->steps)
		b->steps[b->n] = step;
	b->n++;
	return 0;
}

/* After the '[' of a class: past its ']', or NULL. */
static const char *class_end(const char *p)
{
	const char *start = p + (*p == '!');

	for (p = start; *p && (*p != ']' || p == start); p++)
		if (*p == '\\' && p[1])
			p++;
	return *p ? p + 1 : NULL;
}

/* "a-z" pairs if the second character is a dash, else a plain list in which a dash is itself. */
static int fill_class(struct build *b, const char *p, const char *end, struct glob_class *set)
{
	struct glob_range *ranges = arena_array(b->arena, (size_t)(end - p), sizeof *ranges);
	const char *second = p;
	bool pairs;

	if (!ranges)
		return err_set(b->err, "out of memory");
	glob_symbol(&second, end);
	pairs = second < end && *second == '-';
	while (p < end) {
		if (!pairs && *p == '\\' && p + 1 < end)
			p++;
		ranges[set->n].low = ranges[set->n].high = glob_symbol(&p, end);
		if (pairs) {
			if (p + 1 >= end || *p++ != '-')
				return err_set(
				        b->err,
				        "after a range like a-z in [...] another range or ']' is expected");
			ranges[set->n].high = glob_symbol(&p, end);
		}
		if (ranges[set->n].low > ranges[set->n].high)
			return err_set(b->err, "range in [...] runs backwards");
		set->n++;
	}
	set->ranges = ranges;
	return 0;
}

static int put_class(struct build *b, const char **pattern)
{
	const char *p = *pattern + 1, *end = class_end(p);
	struct glob_class *set = arena_alloc(b->arena, sizeof *set);

	if (!set)
		return err_set(b->err, "out of memory");
	if (!end)
		return err_set(b->err, "unclosed '['; write \\[ for the character itself");
	set->negated = *p == '!';
	p += set->negated;
	if (p == end - 1 || *p == ']')
		return err_set(b->err, "empty [...]");
	*pattern = end;
	if (fill_class(b, p, end - 1, set) < 0)
		return -1;
	return put(b, (struct glob_step){ .kind = GLOB_CLASS, .class = set });
}

/* A pattern without braces (an escaped one or a stray '}' is itself). */
static int put_sequence(struct build *b, const char *p, size_t len)
{
	const char *end = p + len;

	if (++b->sequences > GLOB_SEQUENCES)
		return err_set(b->err, "too many alternatives in {...}");
	while (p < end) {
		struct glob_step step = { .kind = GLOB_LITERAL };
		char c = *p;

		if (c == '[') {
			if (put_class(b, &p) < 0)
				return -1;
			continue;
		}
		if (c == '*') {
			step.kind = p[1] == '*' ? GLOB_SUPER : GLOB_STAR;
			p += 1 + (p[1] == '*');
		} else if (c == '?') {
			step.kind = GLOB_ONE;
			p++;
		} else {
			if (c == '\\' && ++p == end)
				return err_set(b->err, "ends in a single '\\'");
			step.symbol = glob_symbol(&p, end);
		}
		if (put(b, step) < 0)
			return -1;
	}
	return put(b, (struct glob_step){ .kind = GLOB_END });
}

/* From `p` (a '{' or behind one) to the next ',' or '}' of the same level, "" if there is none. */
static const char *brace_next(const char *p)
{
	int depth = 0;

	for (; *p; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '[') {
			const char *end = class_end(p + 1);

			if (!end)
				return p + strlen(p);
			p = end - 1;
		} else if (*p == '{')
			depth++;
		else if (*p == '}' && depth)
			depth--;
		else if ((*p == ',' || *p == '}') && !depth)
			break;
	}
	return p;
}

static const char *brace_open(const char *p)
{
	for (; *p && *p != '{'; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '[') {
			const char *end = class_end(p + 1);

			if (!end)
				return NULL;
			p = end - 1;
		}
	}
	return *p ? p : NULL;
}

static const char *brace_close(const char *p)
{
	for (p = brace_next(p); *p == ','; p = brace_next(p + 1))
		;
	return p;
}

/* What follows an unclosed brace is not compiled, but an unclosed class in it is still an error. */
static int check_classes(struct build *b, const char *p)
{
	for (; *p; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '[' && !class_end(p + 1))
			return err_set(b->err, "unclosed '['; write \\[ for the character itself");
	}
	return 0;
}

/* Multiply out the first brace, then the rest. Depth is bounded by the number of braces in the pattern. */
static int expand(struct build *b, const char *pattern, int depth)
{
	const char *open = brace_open(pattern), *close, *from, *to;

	if (!open)
		return put_sequence(b, pattern, strlen(pattern));
	if (depth > 64)
		return err_set(b->err, "too many {...} in one pattern");
	close = brace_close(open + 1);
	if (!*close) {
		b->never = true;
		return check_classes(b, open);
	}
	for (from = open + 1; from <= close; from = to + 1) {
		char *one;

		to = brace_next(from);
		one = arena_fmt(b->work, "%.*s%.*s%s", (int)(open - pattern), pattern, (int)(to - from), from,
		                close + 1);
		if (!one)
			return err_set(b->err, "out of memory");
		if (expand(b, one, depth + 1) < 0)
			return -1;
	}
	return 0;
}

static char edge(const struct glob_step *step)
{
	return step->kind == GLOB_LITERAL && step->symbol < 0x80 ? (char)step->symbol : 0;
}

static void set_edges(const struct build *b, struct glob *out)
{
	if (b->sequences != 1 || b->n < 2)
		return;
	out->first = edge(&b->steps[0]);
	out->last = edge(&b->steps[b->n - 2]);
}

int glob_compile(struct arena *a, const char *pattern, char separator, struct glob *out, struct err *e)
{
	/* Work in a second arena: multiplied-out texts are not kept. */
	_Alignas(16) char little[WORK];
	AUTO_ARENA work = { .max = 4 << 20 };
	struct build b = { .work = &work, .arena = &work, .err = e };

	*out = (struct glob){ .separator = separator };
	if (strlen(pattern) > 4096)
		return err_set(e, "pattern is too long");
	arena_on(&work, little, sizeof little);
	if (expand(&b, pattern, 0) < 0)
		return -1;
	b.steps = arena_array(a, b.n, sizeof *b.steps);
	if (!b.steps)
		return err_set(e, "out of memory");
	b.arena = a;
	b.n = b.sequences = 0;
	if (expand(&b, pattern, 0) < 0)
		return -1;
	out->never = b.never;
	set_edges(&b, out);
	out->n = b.never ? 0 : b.n;
	out->steps = b.steps;
	return 0;
}

size_t glob_escape(const char *text, char *out, size_t size)
{
	size_t n = 0;

	for (; *text; text++) {
		if (strchr("*?[]{},!\\", *text)) {
			if (n + 1 >= size)
				return 0;
			out[n++] = '\\';
		}
		if (n + 1 >= size)
			return 0;
		out[n++] = *text;
	}
	if (!size)
		return 0;
	out[n] = 0;
	return n;
}

/* ---- matching: the set of steps that may come next, one bit each ---- */

static void reach(const struct glob *g, uint64_t *set, size_t i)
{
	set[i / 64] |= (uint64_t)1 << i % 64;
	while (g->steps[i].kind == GLOB_STAR || g->steps[i].kind == GLOB_SUPER) {
		i++;
		set[i / 64] |= (uint64_t)1 << i % 64;
	}
}

static bool advance(const struct glob *g, const uint64_t *now, uint64_t *then, uint32_t symbol)
{
	size_t words = (g->n + 63) / 64;
	bool alive = false;

	memset(then, 0, words * sizeof *then);
	for (size_t w = 0; w < words; w++)
		for (uint64_t bits = now[w]; bits; bits &= bits - 1) {
			size_t i = w * 64 + (size_t)__builtin_ctzll(bits);
			const struct glob_step *step = &g->steps[i];

			if (step->kind == GLOB_SUPER ||
			    (step->kind == GLOB_STAR &&
			     (!g->separator || symbol != (unsigned char)g->separator)))
				reach(g, then, i);
			else if (glob_step_takes(step, symbol, g->separator))
				reach(g, then, i + 1);
			else
				continue;
			alive = true;
		}
	return alive;
}

bool glob_match(const struct glob *g, const char *text, size_t len)
{
	uint64_t sets[2][WORDS], *now = sets[0], *then = sets[1], *swap;
	const char *end = text + len;

	if ((g->first && (!len || *text != g->first)) || (g->last && (!len || end[-1] != g->last)))
		return false;
	memset(now, 0, (g->n + 63) / 64 * sizeof *now);
	for (size_t i = 0; i < g->n; i++)
		if (!i || g->steps[i - 1].kind == GLOB_END)
			reach(g, now, i);
	while (text < end) {
		if (!advance(g, now, then, glob_symbol(&text, end)))
			return false;
		swap = now;
		now = then;
		then = swap;
	}
	for (size_t i = 0; i < g->n; i++)
		if (g->steps[i].kind == GLOB_END && now[i / 64] >> i % 64 & 1)
			return true;
	return false;
}
