#include "audit/event.h"

#include <bearssl.h>
#include <string.h>

#include "base/clock.h"
#include "json/write.h"

enum { MAX_FIELDS = 48 };

/* How much is kept of each part. The second row makes the longest possible event fit into EVENT_TEXT_MAX:
 * about 15 texts of 256 bytes and as many in base64, argv, fields. */
struct limits {
	size_t text, argv, fields;
};
static const struct limits generous = { 4096, 4096, 6144 };
static const struct limits tight = { 256, 768, 3072 };

/* Where the text goes: memory of EVENT_TEXT_MAX bytes. What does not fit sets `full` and is left out. */
struct output {
	char *at, *end;
	const struct limits *max;
	bool full, cut;
};

static size_t two(unsigned n, char *out)
{
	out[0] = (char)('0' + n / 10 % 10);
	out[1] = (char)('0' + n % 10);
	return 2;
}

/* Days since 1970-01-01 to year, month, day (proleptic Gregorian; eras of 400 years starting on 1 March). */
static void civil(int64_t days, unsigned *y, unsigned *m, unsigned *d)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*d = doy - (153 * mp + 2) / 5 + 1;
	*m = mp < 10 ? mp + 3 : mp - 9;
	*y = yoe + (unsigned)(era * 400) + (*m <= 2);
}

size_t event_time(int64_t real_ns, char *out)
{
	int64_t s = real_ns / 1000000000, days;
	unsigned ns, y, m, d, day_s;
	size_t n = 0;

	if (real_ns < 0) /* before 1970 nothing happened */
		s = real_ns = 0;
	ns = (unsigned)(real_ns % 1000000000);
	days = s / 86400;
	day_s = (unsigned)(s % 86400);
	civil(days, &y, &m, &d);
	n += two(y / 100, out + n);
	n += two(y % 100, out + n);
	out[n++] = '-';
	n += two(m, out + n);
	out[n++] = '-';
	n += two(d, out + n);
	out[n++] = 'T';
	n += two(day_s / 3600, out + n);
	out[n++] = ':';
	n += two(day_s / 60 % 60, out + n);
	out[n++] = ':';
	n += two(day_s % 60, out + n);
	if (ns) {
		out[n++] = '.';
		for (unsigned unit = 100000000; ns; unit /= 10) {
			out[n++] = (char)('0' + ns / unit);
			ns %= unit;
		}
	}
	out[n++] = 'Z';
	out[n] = 0;
	return n;
}

/* `n` digits, then the character `then` (unless 0). */
static bool take_digits(const char **at, int n, char then, int max, int *out)
{
	*out = 0;
	for (int i = 0; i < n; i++, ++*at) {
		if (**at < '0' || **at > '9')
			return false;
		*out = *out * 10 + **at - '0';
	}
	if (*out > max || (then && (**at | 32) != (then | 32)))
		return false;
	*at += then != 0;
	return true;
}

/* "Z" or "+hh:mm". */
static bool take_zone(const char **at, int *offset_s)
{
	int h, m, sign = **at == '-' ? -1 : 1;

	*offset_s = 0;
	if ((**at | 32) == 'z') {
		++*at;
		return true;
	}
	if (**at != '+' && **at != '-')
		return false;
	++*at;
	if (!take_digits(at, 2, ':', 23, &h) || !take_digits(at, 2, 0, 59, &m))
		return false;
	*offset_s = sign * (h * 3600 + m * 60);
	return true;
}

static int64_t days_from_civil(int y, int m, int d)
{
	int years = y - (m <= 2), era = years / 400, yoe = years - era * 400;
	int doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;

	return (int64_t)era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

bool event_time_parse(const char *text, int64_t *real_ns)
{
	int y, mon, d, h, m, s, zone;
	int64_t ns = 0, total;

	if (!take_digits(&text, 4, '-', 2261, &y) || !take_digits(&text, 2, '-', 12, &mon) ||
	    !take_digits(&text, 2, 't', 31, &d) || !take_digits(&text, 2, ':', 23, &h) ||
	    !take_digits(&text, 2, ':', 59, &m) || !take_digits(&text, 2, 0, 60, &s) || !mon || !d ||
	    y < 1970)
		return false;
	if (*text == '.') {
		int64_t unit = 100000000;

		for (text++; *text >= '0' && *text <= '9' && unit; text++, unit /= 10)
			ns += (*text - '0') * unit;
	}
	if (!take_zone(&text, &zone))
		return false;
	total = days_from_civil(y, mon, d) * 86400 + h * 3600 + m * 60 + s - zone;
	*real_ns = total * 1000000000 + ns;
	return total >= 0;
}

static void put(struct output *o, const char *text, size_t len)
{
	if (len > (size_t)(o->end - o->at)) {
		o->full = true;
		return;
	}
	memcpy(o->at, text, len);
	o->at += len;
}

static void put_chr(struct output *o, char c)
{
	put(o, &c, 1);
}

/* A comma unless something was just opened, then the key. */
static void put_key(struct output *o, const char *key, const char *suffix)
{
	size_t n = strlen(key), n_suffix = strlen(suffix);

	if (n + n_suffix + 4 > (size_t)(o->end - o->at)) {
		o->full = true;
		return;
	}
	if (o->at[-1] != '{')
		*o->at++ = ',';
	*o->at++ = '"';
	memcpy(o->at, key, n);
	memcpy(o->at + n, suffix, n_suffix);
	o->at += n + n_suffix;
	*o->at++ = '"';
	*o->at++ = ':';
}

/* A string value. Returns the bytes taken. */
static size_t put_string(struct output *o, const char *text, size_t max, bool *invalid)
{
	size_t len = strlen(text), room = (size_t)(o->end - o->at), taken, n;

	if (room < 2) {
		o->full = true;
		return 0;
	}
	*o->at++ = '"';
	taken = json_escape_to(o->at, max < room - 2 ? max : room - 2, text, len, &n, invalid);
	o->at += n;
	*o->at++ = '"';
	if (taken < len) {
		o->cut = true;
		o->full |= max >= room - 2;
	}
	return taken;
}

static void put_base64(struct output *o, const char *data, size_t len)
{
	size_t n = (len + 2) / 3 * 4;

	if (n + 2 > (size_t)(o->end - o->at)) {
		o->full = true;
		return;
	}
	*o->at++ = '"';
	json_base64_to(o->at, data, len);
	o->at += n;
	*o->at++ = '"';
}

static void put_text(struct output *o, const char *key, const char *text)
{
	bool invalid = false;
	size_t taken;

	if (!text || !*text)
		return;
	put_key(o, key, "");
	taken = put_string(o, text, o->max->text, &invalid);
	if (!invalid)
		return;
	put_key(o, key, "_base64");
	put_base64(o, text, taken);
}

static void put_number(struct output *o, const char *key, int64_t number)
{
	const int64_t exact = (int64_t)1
	                      << 53; /* beyond it readers that use doubles would see another number */
	bool quote = number > exact || number < -exact;
	uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	char text[24];
	size_t at = sizeof text;

	put_key(o, key, "");
	if (quote)
		text[--at] = '"';
	do {
		text[--at] = (char)('0' + left % 10);
		left /= 10;
	} while (left);
	if (number < 0)
		text[--at] = '-';
	if (quote)
		text[--at] = '"';
	put(o, text + at, sizeof text - at);
}

static void put_bool(struct output *o, const char *key, bool value)
{
	put_key(o, key, "");
	put(o, value ? "true" : "false", value ? 4 : 5);
}

/* Several strings within one limit. Returns how many were started. */
static size_t put_items(struct output *o, const char *const *list, size_t max, bool *invalid)
{
	const char *start = o->at;
	size_t n = 0;

	for (; list[n]; n++) {
		size_t used = (size_t)(o->at - start);

		if (used >= max) {
			o->cut = true;
			break;
		}
		if (n)
			put_chr(o, ',');
		put_string(o, list[n], max - used, invalid);
	}
	return n;
}

/* The list and, when some item is not UTF-8, the same items in base64. True if anything was cut. */
static bool put_list(struct output *o, const char *key, const char *const *list, size_t max)
{
	bool invalid = false, outer = o->cut, cut;
	size_t n;

	put_key(o, key, "");
	put_chr(o, '[');
	o->cut = false;
	n = put_items(o, list, max, &invalid);
	cut = o->cut;
	o->cut = outer || cut;
	put_chr(o, ']');
	if (!invalid)
		return cut;
	put_key(o, key, "_base64");
	put_chr(o, '[');
	for (size_t i = 0; i < n; i++) {
		size_t len = strnlen(list[i], max);

		if (i)
			put_chr(o, ',');
		put_base64(o, list[i], len);
		max -= len;
	}
	put_chr(o, ']');
	return cut;
}

/* What the whole argv was: how many, and their hash. */
static void put_hash(struct output *o, const char *const *argv)
{
	static const char digit[] = "0123456789abcdef";
	unsigned char sum[br_sha256_SIZE];
	char hex[2 * sizeof sum];
	br_sha256_context c;

	br_sha256_init(&c);
	for (size_t i = 0; argv[i]; i++)
		br_sha256_update(&c, argv[i], strlen(argv[i]) + 1);
	br_sha256_out(&c, sum);
	for (size_t i = 0; i < sizeof sum; i++) {
		hex[2 * i] = digit[sum[i] >> 4];
		hex[2 * i + 1] = digit[sum[i] & 15];
	}
	put_key(o, "argv_sha256", "");
	put_chr(o, '"');
	put(o, hex, sizeof hex);
	put_chr(o, '"');
}

/* argc sorts before argv, but whether argv fits is known only after it: if not, write it again behind argc.
 */
static void put_argv(struct output *o, const char *const *argv)
{
	char *start = o->at;
	int64_t argc = 0;

	if (!put_list(o, "argv", argv, o->max->argv))
		return;
	o->at = start;
	while (argv[argc])
		argc++;
	put_number(o, "argc", argc);
	put_list(o, "argv", argv, o->max->argv);
	put_hash(o, argv);
}

static void put_policy(struct output *o, const struct event *ev)
{
	const struct rule *rule = ev->verdict->rule;

	put_key(o, "policy", "");
	put_chr(o, '{');
	put_text(o, "decision", effect_name(ev->verdict->decision));
	put_text(o, "effective_decision", effect_name(ev->verdict->effective));
	if (rule)
		put_text(o, "file", rule->file);
	if (rule && rule->line)
		put_number(o, "line", rule->line);
	put_text(o, "message", ev->message);
	if (rule)
		put_text(o, "rule", rule->name);
	put_chr(o, '}');
}

/* Indexes of the fields in order of their names. Returns how many. */
static size_t sort_fields(const struct event *ev, unsigned char *order)
{
	size_t n = 0;

	for (size_t i = 0; i < ev->n_fields && n < MAX_FIELDS; i++) {
		size_t at = n++;

		for (; at && strcmp(ev->fields[order[at - 1]].name, ev->fields[i].name) > 0; at--)
			order[at] = order[at - 1];
		order[at] = (unsigned char)i;
	}
	return n;
}

static void put_field(struct output *o, const struct event_field *f)
{
	if (f->list)
		put_list(o, f->name, f->list, o->max->text);
	else if (f->text)
		put_text(o, f->name, f->text);
	else if (f->is_bool)
		put_bool(o, f->name, f->number != 0);
	else
		put_number(o, f->name, f->number);
}

static void put_fields(struct output *o, const struct event *ev)
{
	unsigned char order[MAX_FIELDS];
	size_t n = sort_fields(ev, order);
	const char *start;

	if (!n)
		return;
	put_key(o, "fields", "");
	put_chr(o, '{');
	start = o->at;
	o->cut |= n < ev->n_fields;
	for (size_t i = 0; i < n; i++) {
		const struct event_field *f = &ev->fields[order[i]];

		if (i && !strcmp(f->name, ev->fields[order[i - 1]].name))
			continue; /* a key twice would make the line unreadable */
		if ((size_t)(o->at - start) >= o->max->fields) {
			o->cut = true;
			break;
		}
		put_field(o, f);
	}
	put_chr(o, '}');
}

static void put_time(struct output *o, int64_t real_ns)
{
	char text[36];
	size_t len = event_time(real_ns ? real_ns : clock_real_ns(), text);

	put_key(o, "timestamp", "");
	put_chr(o, '"');
	put(o, text, len);
	put_chr(o, '"');
}

static void format(const struct event *ev, struct output *o)
{
	put_chr(o, '{');
	if (ev->abstract)
		put_bool(o, "abstract", true);
	if (ev->argv)
		put_argv(o, ev->argv);
	put_text(o, "command_id", ev->command_id);
	if (ev->depth > 0 || (!ev->depth && ev->filename))
		put_number(o, "depth", ev->depth);
	put_text(o, "domain", ev->domain);
	put_text(o, "effective_action", ev->effective_action);
	put_fields(o, ev);
	put_text(o, "filename", ev->filename);
	put_text(o, "id", ev->id);
	put_text(o, "operation", ev->operation);
	if (ev->parent_pid)
		put_number(o, "parent_pid", ev->parent_pid);
	put_text(o, "path", ev->path);
	if (ev->pid)
		put_number(o, "pid", ev->pid);
	if (ev->verdict)
		put_policy(o, ev);
	put_text(o, "raw_filename", ev->raw_filename);
	put_text(o, "remote", ev->remote);
	put_text(o, "session_id", ev->session_id);
	put_text(o, "source", ev->source);
	put_time(o, ev->real_ns);
	if (ev->truncated || o->cut)
		put_bool(o, "truncated", true);
	put_text(o, "type", ev->type);
	put_chr(o, '}');
}

void event_format(const struct event *ev, struct buf *out)
{
	char *room = buf_room(out, EVENT_TEXT_MAX);
	struct output o;

	if (!room)
		return;
	o = (struct output){ .at = room, .end = room + EVENT_TEXT_MAX, .max = &generous };
	format(ev, &o);
	if (o.full) {
		o = (struct output){ .at = room, .end = room + EVENT_TEXT_MAX, .max = &tight, .cut = true };
		format(ev, &o);
	}
	if (o.full) { /* cannot be, see limits */
		out->failed = true;
		return;
	}
	out->len += (size_t)(o.at - room);
	out->data[out->len] = 0;
}
