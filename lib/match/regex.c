#include "match/regex.h"

#include "match/regex_translate.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <tre/tre.h>

enum { JOINED = 4096 };

/* A place in the words joined by spaces. At the end of a word but the last stands a space. */
struct place {
	const char *const *words;
	size_t n, word, at;
};

static int byte_at(const struct place *p)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): word < n */
	unsigned char c = (unsigned char)p->words[p->word][p->at];

	if (c)
		return c;
	return p->word + 1 < p->n ? ' ' : -1;
}

static void step(struct place *p)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): word < n */
	if (p->words[p->word][p->at])
		p->at++;
	else {
		p->word++;
		p->at = 0;
	}
}

static int lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* Does the piece stand here? Then the place moves behind it. */
static bool stands_at(const struct regex *r, size_t piece, struct place *p)
{
	struct place q = *p;

	for (size_t i = 0; i < r->pieces[piece].len; i++) {
		int c = byte_at(&q), want = (unsigned char)r->pieces[piece].text[i];

		if (c != want && !(r->fold && lower(c) == lower(want)))
			return false;
		step(&q);
	}
	if (r->before_blank && piece + 1 == r->n && byte_at(&q) >= 0 && byte_at(&q) != ' ')
		return false;
	*p = q;
	return true;
}

/* How many bytes are left. */
static size_t left(struct place p)
{
	size_t sum = 0;

	for (; p.word < p.n; p.word++, p.at = 0)
		sum += strlen(p.words[p.word] + p.at) + (p.word + 1 < p.n);
	return sum;
}

static bool find_piece(const struct regex *r, size_t piece, struct place *p)
{
	bool at_blank = true, anywhere = piece || !r->after_blank;

	while (!(anywhere || at_blank) || !stands_at(r, piece, p)) {
		if (byte_at(p) < 0)
			return false;
		at_blank = byte_at(p) == ' ';
		step(p);
	}
	return true;
}

/* Does the last piece stand at the end? */
static bool ends_with(const struct regex *r, size_t piece, struct place *p)
{
	size_t rest = left(*p), len = r->pieces[piece].len;
	bool at_blank = true;

	if (rest < len || (!piece && r->at_start && rest != len))
		return false;
	for (rest -= len; rest; rest--) {
		at_blank = byte_at(p) == ' ';
		step(p);
	}
	return (piece || !r->after_blank || at_blank) && stands_at(r, piece, p);
}

static bool match_pieces(const struct regex *r, const char *const *words, size_t n)
{
	static const char *const nothing[] = { "" };
	struct place p = { .words = n ? words : nothing, .n = n ? n : 1 };

	for (size_t i = 0; i < r->n; i++) {
		bool found = i + 1 == r->n && r->at_end ? ends_with(r, i, &p)
		             : !i && r->at_start        ? stands_at(r, i, &p)
		                                        : find_piece(r, i, &p);

		if (!found)
			return false;
	}
	return true;
}

/* ---- TRE ---- */

static int next_char(tre_char_t *c, unsigned *advance, void *context)
{
	struct place *p = context;
	int byte = byte_at(p);

	*advance = 1;
	*c = (tre_char_t)(byte < 0 ? 0 : byte);
	if (byte < 0)
		return 1;
	step(p);
	return 0;
}

static enum regex_result result_of(int rc)
{
	return rc == REG_OK ? REGEX_YES : rc == REG_NOMATCH ? REGEX_NO : REGEX_UNKNOWN;
}

static size_t join(const char *const *words, size_t n, char *out, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		size_t word = strlen(words[i]);

		if (word + 2 > size - len)
			return SIZE_MAX;
		memcpy(out + len, words[i], word);
		len += word;
		if (i + 1 < n)
			out[len++] = ' ';
	}
	out[len] = 0;
	return len;
}

static enum regex_result match_tre(const regex_t *re, const char *const *words, size_t n)
{
	char text[JOINED];
	size_t len = join(words, n, text, sizeof text);
	struct place p = { .words = words, .n = n };
	tre_str_source source = { .get_next_char = next_char, .context = &p };

	if (len != SIZE_MAX)
		return result_of(tre_regnexecb(re, text, len, 0, NULL, 0));
	return result_of(tre_reguexec(re, &source, 0, NULL, 0));
}

/* TRE does not tell how many transitions it made. Its struct tnfa begins so (the version is pinned; a test
 * would notice). */
struct tnfa_begin {
	void *transitions;
	unsigned n;
};

static int compile_tre(const char *posix, struct regex *out, struct err *e)
{
	regex_t *re = calloc(1, sizeof *re);
	unsigned n;
	int rc;

	if (!re)
		return err_set(e, "out of memory");
	rc = tre_regcompb(re, posix, REG_EXTENDED | REG_NOSUB | (out->fold ? REG_ICASE : 0));
	if (rc != REG_OK) {
		char why[100];

		tre_regerror(rc, re, why, sizeof why);
		free(re);
		return err_set(e, "%s", why);
	}
	n = ((const struct tnfa_begin *)re->value)->n;
	out->tre = re;
	out->weight = n <= REGEX_TRANSITIONS ? 4 * (n + 1) : 0;
	if (out->weight)
		return 0;
	regex_release(out);
	return err_set(e, "takes too much work (%u transitions, at most %d); write fewer or smaller {n,m}", n,
	               REGEX_TRANSITIONS);
}

int regex_compile(struct arena *a, const char *pattern, struct regex *out, struct err *e)
{
	AUTO_BUF posix = { .max = 1 << 16 };
	bool simple = false;

	*out = (struct regex){ 0 };
	if (regex_translate(a, pattern, &posix, out, &simple, e) < 0)
		return -1;
	for (size_t i = 0; i < out->n && simple; i++)
		out->weight = out->pieces[i].len > out->weight ? (uint32_t)out->pieces[i].len : out->weight;
	if (simple)
		return 0;
	out->n = 0;
	if (CONFIG_POLICY_REGEX)
		return compile_tre(buf_text(&posix), out, e);
	return err_set(e, "this build has no regular expressions; use literals with .* between them");
}

void regex_release(struct regex *r)
{
	if (CONFIG_POLICY_REGEX && r->tre) {
		tre_regfree(r->tre);
		free(r->tre);
	}
	*r = (struct regex){ 0 };
}

enum regex_result regex_match(const struct regex *r, const char *const *words, size_t n)
{
	enum regex_result result;

	if (CONFIG_POLICY_REGEX && r->tre)
		result = match_tre(r->tre, words, n);
	else
		result = match_pieces(r, words, n) ? REGEX_YES : REGEX_NO;
	return result == REGEX_NO && r->unsure && r->tre ? REGEX_UNKNOWN : result;
}
