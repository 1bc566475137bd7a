/* debug-stats - count a session's events and decisions
 *
config APPLET_DEBUG_STATS
        bool "debug stats"
        default y
        depends on APPLET_SERVER && API_HTTP
        help
          Count the events and decisions of one session.
 */
#include "applet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/client.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/fd.h"
#include "base/num.h"
#include "enforce/exec/role.h"
#include "json/write.h"

enum { TYPES_MAX = 128 };

struct stats {
	char id[130], state[32];
	int64_t age_ns;
	struct {
		char name[64];
		int64_t n;
	} types[TYPES_MAX];
	size_t n_types;
	int64_t allow, deny, prompt, total;
};

static const char usage[] = "SESSION [--json]";

static void get(const struct api_client *client, const char *target, struct http_reply *reply)
{
	struct err e = { .code = 0 };

	if (api_client_expect(client, "GET", target, NULL, reply, &e) < 0)
		die(EXIT_FAILED, "agentsh: %s", e.text);
}

static int64_t age_since(const char *created)
{
	struct tm tm = { .tm_mday = 1 };

	if (!created || !strptime(created, "%Y-%m-%dT%H:%M:%S", &tm))
		return 0;
	return clock_real_ns() - (int64_t)timegm(&tm) * 1000000000LL;
}

static void read_session(const struct api_client *client, const char *id, struct stats *s)
{
	AUTO_ARENA arena = { .blocks = NULL };
	struct http_reply reply = { .status = 0 };
	const struct json_value *v;
	const char *state;
	char target[256];

	snprintf(target, sizeof target, "/api/v1/sessions/%s", id);
	get(client, target, &reply);
	v = json_read(&arena, buf_text(&reply.body), reply.body.len, NULL);
	state = json_get_string(v, "state");
	snprintf(s->id, sizeof s->id, "%s", id);
	snprintf(s->state, sizeof s->state, "%s", state ? state : "");
	s->age_ns = age_since(json_get_string(v, "created_at"));
	buf_release(&reply.body);
}

static void count(struct stats *s, const struct json_value *event)
{
	const char *type = json_get_string(event, "type");
	const char *decision = json_get_string(json_get(event, "policy"), "effective_decision");
	size_t i = 0;

	s->total++;
	if (decision)
		*(!strcmp(decision, "allow")  ? &s->allow
		  : !strcmp(decision, "deny") ? &s->deny
		                              : &s->prompt) += 1;
	while (type && i < s->n_types && strcmp(s->types[i].name, type))
		i++;
	if (!type || i == TYPES_MAX)
		return;
	if (i == s->n_types)
		snprintf(s->types[s->n_types++].name, sizeof s->types[i].name, "%s", type);
	s->types[i].n++;
}

static void read_events(const struct api_client *client, const char *id, struct stats *s)
{
	int64_t got = 0;

	for (int64_t offset = 0; offset == 0 || got == 5000; offset += got) {
		AUTO_ARENA arena = { .blocks = NULL };
		struct http_reply reply = { .status = 0 };
		const struct json_value *v;
		char target[300];

		snprintf(target, sizeof target,
		         "/api/v1/sessions/%s/history?limit=5000&order=asc&offset=%lld", id,
		         (long long)offset);
		get(client, target, &reply);
		v = json_read(&arena, buf_text(&reply.body), reply.body.len, NULL);
		if (!v || v->type != JSON_ARRAY)
			die(EXIT_FAILED, "agentsh: the server's answer is not a list");
		got = (int64_t)v->n;
		for (v = v->first; v; v = v->next)
			count(s, v);
		buf_release(&reply.body);
		if (!got)
			break;
	}
}

static int print_json(const struct stats *s)
{
	AUTO_BUF out = { .data = NULL };
	struct json j = { .out = &out, .indent = true };
	char duration[40];

	json_object(&j);
	json_key(&j, "decisions");
	json_object(&j);
	json_key_int(&j, "allow", s->allow);
	json_key_int(&j, "deny", s->deny);
	json_key_int(&j, "prompt", s->prompt);
	json_end(&j);
	json_key_text(&j, "duration", num_go_seconds(s->age_ns, duration, sizeof duration));
	json_key_int(&j, "duration_sec", s->age_ns / 1000000000);
	json_key(&j, "event_counts");
	json_object(&j);
	for (size_t i = 0; i < s->n_types; i++)
		json_key_int(&j, s->types[i].name, s->types[i].n);
	json_end(&j);
	json_key_text(&j, "session_id", s->id);
	json_key_text(&j, "state", s->state);
	json_key_int(&j, "total_events", s->total);
	json_end(&j);
	buf_chr(&out, '\n');
	return out.failed || fd_write(1, out.data, out.len) < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int print_table(const struct stats *s)
{
	char duration[40];

	num_go_seconds(s->age_ns, duration, sizeof duration);
	printf("Session:   %s\nState:     %s\nDuration:  %s\n", s->id, s->state, duration);
	printf("Decisions: %lld allow, %lld deny, %lld prompt\n", (long long)s->allow, (long long)s->deny,
	       (long long)s->prompt);
	printf("Events:    %lld\n", (long long)s->total);
	for (size_t i = 0; i < s->n_types; i++)
		printf("  %-24s %lld\n", s->types[i].name, (long long)s->types[i].n);
	return flushed();
}

static int run(int argc, char **argv)
{
	struct api_client_options options = { .server = NULL };
	bool json = false;
	const struct opt table[] = {
		API_CLIENT_OPTIONS(options),
		{ "json", 0, OPT_FLAG, &json, NULL },
		{ NULL, 0, OPT_FLAG, NULL, NULL },
	};
	struct stats s = { .total = 0 };
	struct api_client client;
	struct opt_args args;
	struct err e = { .code = 0 };

	if (opt_parse(argc, argv, table, false, &args, &e) < 0 || api_client_init(&client, &options, &e) < 0)
		die(EXIT_FAILED, "agentsh: %s", e.text);
	/* As "debug stats", the second word comes along. */
	if (args.n == 2 && !strcmp(args.items[0], "stats")) {
		args.items++;
		args.n--;
	}
	if (args.n != 1)
		die(EXIT_FAILED, "usage: agentsh debug stats %s", usage);
	if (!api_client_id_ok(args.items[0]))
		die(EXIT_FAILED, "agentsh: invalid session id");
	read_session(&client, args.items[0], &s);
	read_events(&client, args.items[0], &s);
	return json ? print_json(&s) : print_table(&s);
}

const struct applet applet_debug_stats = {
	.name = "debug-stats",
	.alias = { "debug stats" },
	.summary = "count a session's events and decisions",
	.usage = usage,
	.run = run,
	.roles = ROLE_READ | ROLE_ASK,
};
