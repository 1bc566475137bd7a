#include "api/impl.h"

#include <stdlib.h>
#include <string.h>

static const double bounds[API_BUCKETS] = { 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300 };
static const char *const ends[] = { "ok", "failed", "denied", "timeout", "not_started" };

/* The last place where `key` stands with a string value. Raw quotes cannot occur inside a JSON string, so
 * this is a key; "type" sorts behind "fields", so a field of that name comes earlier. */
static const char *last_value(const char *json, size_t len, const char *key, size_t *value_len)
{
	const char *at = json, *found = NULL, *end = json + len, *quote;

	while ((at = memmem(at, (size_t)(end - at), key, strlen(key)))) {
		at += strlen(key);
		found = at;
	}
	quote = found ? memchr(found, '"', (size_t)(end - found)) : NULL;
	*value_len = quote ? (size_t)(quote - found) : 0;
	return quote ? found : NULL;
}

static void count_type(struct api *a, const char *name, size_t len)
{
	for (size_t i = 0; i < a->n_types; i++) {
		if (strlen(a->types[i].name) == len && !memcmp(a->types[i].name, name, len)) {
			a->types[i].n++;
			return;
		}
	}
	if (a->n_types == API_TYPES)
		return;
	a->types[a->n_types].name = strndup(name, len);
	if (a->types[a->n_types].name)
		a->types[a->n_types++].n = 1;
}

void api_count_event(struct subscriber *sub, const char *json, size_t len)
{
	struct api *a = list_item(sub, struct api, counts);
	size_t n;
	const char *type = last_value(json, len, "\"type\":\"", &n);
	const char *decision;

	if (type)
		count_type(a, type, n);
	decision = last_value(json, len, "\"effective_decision\":\"", &n);
	if (decision)
		a->decisions[n == 5 && !memcmp(decision, "allow", 5)  ? 0
		             : n == 4 && !memcmp(decision, "deny", 4) ? 1
		                                                      : 2]++;
}

void api_count_exec(struct api *a, enum exec_end end, int64_t ns)
{
	double seconds = (double)ns / 1e9;
	int i = 0;

	a->execs_by_end[end]++;
	a->seconds += seconds;
	while (i < API_BUCKETS && seconds > bounds[i])
		i++;
	a->buckets[i]++;
}

static void family(struct buf *b, const char *name, const char *type, const char *help)
{
	buf_fmt(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void single(struct buf *b, const char *name, const char *type, const char *help, uint64_t value)
{
	family(b, name, type, help);
	buf_fmt(b, "%s %llu\n", name, (unsigned long long)value);
}

/* Types are our own words, but they came through a log line: quote them all the same. */
static void label(struct buf *b, const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buf_chr(b, '\\');
		buf_chr(b, *text);
	}
}

static void histogram(struct buf *b, const struct api *a)
{
	uint64_t n = 0;

	family(b, "agentsh_exec_duration_seconds", "histogram", "How long commands of the exec API ran.");
	for (int i = 0; i < API_BUCKETS; i++) {
		n += a->buckets[i];
		buf_fmt(b, "agentsh_exec_duration_seconds_bucket{le=\"%g\"} %llu\n", bounds[i],
		        (unsigned long long)n);
	}
	n += a->buckets[API_BUCKETS];
	buf_fmt(b, "agentsh_exec_duration_seconds_bucket{le=\"+Inf\"} %llu\n", (unsigned long long)n);
	buf_fmt(b, "agentsh_exec_duration_seconds_sum %.9g\n", a->seconds);
	buf_fmt(b, "agentsh_exec_duration_seconds_count %llu\n", (unsigned long long)n);
}

static void write_events(struct buf *b, const struct api *a)
{
	static const char *const decisions[] = { "allow", "deny", "other" };

	single(b, "agentsh_events_total", "counter", "Events written to the audit log.", a->core->n_events);
	family(b, "agentsh_events_by_type_total", "counter", "Events by type.");
	for (size_t i = 0; i < a->n_types; i++) {
		buf_str(b, "agentsh_events_by_type_total{type=\"");
		label(b, a->types[i].name);
		buf_fmt(b, "\"} %llu\n", (unsigned long long)a->types[i].n);
	}
	family(b, "agentsh_decisions_total", "counter", "Logged decisions by what came of them.");
	for (int i = 0; i < 3; i++)
		buf_fmt(b, "agentsh_decisions_total{decision=\"%s\"} %llu\n", decisions[i],
		        (unsigned long long)a->decisions[i]);
}

static void write_commands(struct buf *b, const struct api *a)
{
	family(b, "agentsh_exec_total", "counter", "Commands of the exec API by how they ended.");
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		buf_fmt(b, "agentsh_exec_total{result=\"%s\"} %llu\n", ends[i],
		        (unsigned long long)a->execs_by_end[i]);
	histogram(b, a);
}

void api_metrics(struct call *c)
{
	const struct api *a = c->api;
	AUTO_BUF b = { .data = NULL };

	single(&b, "agentsh_up", "gauge", "1 while the server runs.", 1);
	single(&b, "agentsh_sessions_active", "gauge", "Sessions that exist.", a->core->n_sessions);
	single(&b, "agentsh_http_connections", "gauge", "Open HTTP connections.",
	       (uint64_t)http_server_conns(a->server));
	single(&b, "agentsh_audit_log_writable", "gauge", "0 while the audit log cannot be written.",
	       !a->core->log_failed);
	write_events(&b, a);
	single(&b, "agentsh_net_ebpf_dropped_events_total", "counter", "Always 0: eBPF is not used.", 0);
	single(&b, "agentsh_net_ebpf_attach_fail_total", "counter", "Always 0: eBPF is not used.", 0);
	single(&b, "agentsh_net_ebpf_unavailable_total", "counter", "Always 0: eBPF is not used.", 0);
	write_commands(&b, a);
	http_respond(c->conn, 200, "text/plain; version=0.0.4; charset=utf-8", b.data, b.len);
}
