#include "http/parse.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static void refuse(struct http_parser *p, int status, const char *why)
{
	p->state = HTTP_REFUSED;
	p->refusal = status;
	p->why = why;
}

void http_parser_init(struct http_parser *p, bool is_answer, size_t max_body)
{
	*p = (struct http_parser){ .is_answer = is_answer };
	p->text.max = HTTP_LINE_MAX + HTTP_HEAD_MAX + 4;
	p->body.max = max_body;
}

void http_parser_reset(struct http_parser *p)
{
	size_t max_body = p->body.max;
	bool is_answer = p->is_answer;

	http_parser_release(p);
	http_parser_init(p, is_answer, max_body);
}

void http_parser_release(struct http_parser *p)
{
	buf_release(&p->text);
	buf_release(&p->body);
}

bool http_parser_idle(const struct http_parser *p)
{
	return p->state == HTTP_HEAD && !p->text.len;
}

const char *http_field(const struct http_head *h, const char *name)
{
	for (size_t i = 0; i < h->n_fields; i++)
		if (!strcasecmp(h->fields[i].name, name))
			return h->fields[i].value;
	return NULL;
}

static size_t count_fields(const struct http_head *h, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n_fields; i++)
		n += !strcasecmp(h->fields[i].name, name);
	return n;
}

static bool is_token(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("!#$%&'*+-.^_`|~", *s))
			return false;
	return true;
}

/* "HTTP/1.0" or "HTTP/1.1"; the minor number or -1. */
static int version_minor(const char *s)
{
	if (strncmp(s, "HTTP/1.", 7) || (s[7] != '0' && s[7] != '1') || s[8])
		return -1;
	return s[7] - '0';
}

static bool parse_request_line(struct http_head *h, char *line)
{
	char *target = strchr(line, ' ');
	char *version = target ? strchr(target + 1, ' ') : NULL;

	if (!version || version == target + 1)
		return false;
	*target++ = *version++ = 0;
	h->method = line;
	h->target = target;
	h->minor = version_minor(version);
	for (const char *c = target; *c; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
			return false;
	return h->minor >= 0 && is_token(line) && strlen(line) < 20;
}

static bool parse_status_line(struct http_head *h, char *line)
{
	char *status = strchr(line, ' ');

	if (!status)
		return false;
	*status++ = 0;
	h->minor = version_minor(line);
	for (int i = 0; i < 3; i++)
		if (!isdigit((unsigned char)status[i]))
			return false;
	h->status = (status[0] - '0') * 100 + (status[1] - '0') * 10 + (status[2] - '0');
	return h->minor >= 0 && h->status >= 100 && (!status[3] || status[3] == ' ');
}

static bool parse_field(struct http_head *h, char *line)
{
	char *colon = strchr(line, ':');
	char *value, *end;

	if (!colon || h->n_fields == HTTP_FIELDS_MAX)
		return false;
	*colon = 0;
	value = colon + 1 + strspn(colon + 1, " \t");
	end = value + strlen(value);
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = 0;
	h->fields[h->n_fields++] = (struct http_field){ .name = line, .value = value };
	return is_token(line); /* also refuses folded lines and "Name :" */
}

bool http_list_has(const char *list, const char *word)
{
	size_t n = strlen(word);

	while (list && *list) {
		size_t len;

		list += strspn(list, ", \t");
		len = strcspn(list, ", \t");
		if (len == n && !strncasecmp(list, word, n))
			return true;
		list += len;
	}
	return false;
}

static bool parse_length(const char *text, uint64_t *out)
{
	uint64_t n = 0;
	size_t len = strlen(text);

	if (!len || len > 18)
		return false;
	for (; *text; text++) {
		if (!isdigit((unsigned char)*text))
			return false;
		n = n * 10 + (uint64_t)(*text - '0');
	}
	*out = n;
	return true;
}

/* How the body is delimited. Two lengths are the root of request smuggling: refused, even when they agree. */
static const char *choose_body(struct http_parser *p)
{
	const char *length = http_field(&p->head, "Content-Length");
	const char *coding = http_field(&p->head, "Transfer-Encoding");

	if (count_fields(&p->head, "Content-Length") > 1 || count_fields(&p->head, "Transfer-Encoding") > 1 ||
	    (length && coding))
		return "more than one body length";
	if (coding) {
		if (strcasecmp(coding, "chunked") || p->head.minor < 1)
			return "unknown transfer coding";
		p->decoder.kind = HTTP_BODY_CHUNKED;
		return NULL;
	}
	if (length) {
		if (!parse_length(length, &p->decoder.left))
			return "bad content length";
		p->decoder.kind = HTTP_BODY_LENGTH;
		p->decoder.done = !p->decoder.left;
		return NULL;
	}
	p->decoder.kind = p->is_answer ? HTTP_BODY_REST : HTTP_BODY_NONE;
	if (p->is_answer && (p->head.status < 200 || p->head.status == 204 || p->head.status == 304))
		p->decoder.kind = HTTP_BODY_NONE;
	p->decoder.done = p->decoder.kind == HTTP_BODY_NONE;
	return NULL;
}

static const char *check_request(struct http_head *h)
{
	if (count_fields(h, "Host") > 1)
		return "more than one host";
	if (h->minor == 1 && !http_field(h, "Host"))
		return "no host";
	if (http_field(h, "Expect"))
		h->expect_continue = !strcasecmp(http_field(h, "Expect"), "100-continue");
	return NULL;
}

/* The head is whole: p->text ends with an empty line. */
static void finish_head(struct http_parser *p)
{
	struct http_head *h = &p->head;
	char *line = p->text.data, *next;
	const char *why;

	for (bool first = true; (next = strstr(line, "\r\n")) && next != line;
	     first = false, line = next + 2) {
		*next = 0;
		if (first && !(p->is_answer ? parse_status_line(h, line) : parse_request_line(h, line))) {
			refuse(p, 400, "bad start line");
			return;
		}
		if (!first && !parse_field(h, line)) {
			refuse(p, 400, "bad header line");
			return;
		}
	}
	why = p->is_answer && !h->status ? "bad start line" : choose_body(p);
	if (!why && !p->is_answer)
		why = check_request(h);
	if (why) {
		refuse(p, 400, why);
		return;
	}
	h->keep_alive = h->minor ? !http_list_has(http_field(h, "Connection"), "close")
	                         : http_list_has(http_field(h, "Connection"), "keep-alive");
	if (p->decoder.kind == HTTP_BODY_LENGTH && p->body.max && p->decoder.left > p->body.max) {
		refuse(p, 413, "request body too large");
		return;
	}
	p->state = p->decoder.done ? HTTP_DONE : HTTP_BODY;
}

/* A start line without a version would be HTTP/0.9, whose head has no end: tell at once. */
static bool start_line_has_version(const struct http_parser *p)
{
	size_t n = p->first_len;

	if (p->is_answer)
		return true;
	return n > 9 && p->text.data[n - 9] == ' ' &&
	       version_minor((char[9]){ p->text.data[n - 8], p->text.data[n - 7], p->text.data[n - 6],
	                                p->text.data[n - 5], p->text.data[n - 4], p->text.data[n - 3],
	                                p->text.data[n - 2], p->text.data[n - 1] }) >= 0;
}

/* A line has ended. True when the head is whole. */
static bool end_line(struct http_parser *p)
{
	size_t len = p->line_len;

	p->line_len = 0;
	p->after_cr = false;
	if (!p->n_lines++) {
		p->first_len = len;
		if (!start_line_has_version(p))
			refuse(p, 400, "bad start line");
		return false;
	}
	if (len && p->n_lines > HTTP_FIELDS_MAX + 1)
		refuse(p, 431, "too many header lines");
	return !len;
}

/* One byte of the head. True when the head is whole. */
static bool head_byte(struct http_parser *p, unsigned char c)
{
	bool first = !p->n_lines;

	buf_chr(&p->text, (char)c);
	if (p->after_cr) {
		if (c == '\n')
			return end_line(p);
		refuse(p, 400, "carriage return inside a line");
		return false;
	}
	if (c == '\r') {
		p->after_cr = true;
		return false;
	}
	p->line_len++;
	if ((c < ' ' && (first || c != '\t')) || c == 0x7f || (first && !p->is_answer && c >= 0x80))
		refuse(p, 400, "control character in the head");
	else if (first && p->line_len > HTTP_LINE_MAX)
		refuse(p, 431, "request line too long");
	else if (p->text.failed || p->text.len - p->first_len > HTTP_HEAD_MAX + (first ? HTTP_LINE_MAX : 0))
		refuse(p, 431, "header lines too long");
	return false;
}

static size_t feed_body(struct http_parser *p, const char *data, size_t len)
{
	size_t taken = http_body_feed(&p->decoder, data, len, &p->body);

	if (p->decoder.bad)
		refuse(p, 400, "bad chunk");
	else if (p->decoder.too_large)
		refuse(p, 413, "request body too large");
	else if (p->decoder.done)
		p->state = HTTP_DONE;
	return taken;
}

size_t http_parser_feed(struct http_parser *p, const char *data, size_t len)
{
	size_t i = 0;

	if (p->state == HTTP_BODY)
		return feed_body(p, data, len);
	while (i < len && p->state == HTTP_HEAD)
		if (head_byte(p, (unsigned char)data[i++])) {
			finish_head(p);
			break;
		}
	return i;
}
