/* audit - verify the chain of a log; show a session's events
 *
config APPLET_AUDIT
        bool "audit"
        default y
        select LIB_BEARSSL
        help
          Verify that nothing in an audit log was changed, removed or slipped in,
          and show the events of a session.
 */
#include "applet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/log.h"
#include "audit/query.h"
#include "audit/verify.h"
#include "base/buf.h"
#include "base/die.h"
#include "base/fd.h"
#include "base/opt.h"
#include "enforce/exec/role.h"

static const char usage[] =
        "verify LOG [--key-file FILE | --key-env VARIABLE] [--algorithm hmac-sha256|hmac-sha512]\n"
        "       agentsh audit --session ID [--log PATH]";

struct options {
	const char *key_file, *key_env, *algorithm, *session, *log;
	struct api_client_options api;
};

static struct chain_key get_key(const struct options *o)
{
	struct chain_key key = { .kind = CHAIN_SHA256 };
	enum chain_kind kind = CHAIN_HMAC_SHA256;
	AUTO_BUF text = { 0 };
	struct err e;

	if (o->algorithm && (!chain_kind_parse(o->algorithm, &kind) || kind == CHAIN_SHA256))
		die(EXIT_FAILED, "agentsh-audit: unsupported algorithm '%s': hmac-sha256 or hmac-sha512",
		    o->algorithm);
	if (o->key_file && o->key_env)
		die(EXIT_FAILED, "agentsh-audit: --key-file and --key-env exclude each other");
	if (o->key_file) {
		if (fd_slurp_file(o->key_file, 65536, &text, &e) < 0)
			die(EXIT_FAILED, "agentsh-audit: key: %s", e.text);
	} else if (o->key_env) {
		const char *value = getenv(o->key_env);

		if (!value || !*value)
			die(EXIT_FAILED, "agentsh-audit: the variable '%s' is not set", o->key_env);
		buf_str(&text, value);
	} else if (o->algorithm) {
		die(EXIT_FAILED, "agentsh-audit: either --key-file or --key-env is required");
	} else {
		return key;
	}
	if (chain_key_set(&key, kind, buf_text(&text), text.len, &e) < 0)
		die(EXIT_FAILED, "agentsh-audit: %s", e.text);
	return key;
}

static int verify(const struct options *o, const char *path)
{
	struct chain_key key = get_key(o);
	struct verify_result r;
	struct err e;

	if (verify_log(path, &key, &r, &e) < 0)
		die(EXIT_FAILED, "agentsh-audit: %s", e.text);
	if (r.is_keyed && key.kind == CHAIN_SHA256)
		die(EXIT_FAILED, "agentsh-audit: either --key-file or --key-env is required");
	printf("Verified %llu entries (%llu skipped without integrity)\n", (unsigned long long)r.verified,
	       (unsigned long long)r.skipped);
	if (r.broken && *r.file)
		printf("Chain BROKEN at entry %llu: %s (in %s)\n", (unsigned long long)r.line, r.reason,
		       r.file);
	else if (r.broken)
		printf("Chain BROKEN at entry %llu: %s\n", (unsigned long long)r.line, r.reason);
	else
		printf("Chain intact: OK\n");
	if (flushed() != EXIT_DONE)
		return EXIT_FAILED;
	if (r.broken)
		complain("integrity verification failed");
	else if (!r.has_head)
		complain("agentsh-audit: no %s.head: entries missing at the end would not be noticed", path);
	if (r.broken && !r.verified && key.kind == CHAIN_SHA256)
		complain("agentsh-audit: for a log with a key, either --key-file or --key-env is required");
	return r.broken ? EXIT_FAILED : EXIT_DONE;
}

/* From the file where we may read it, else from the server. */
static int show(const struct options *o)
{
	struct query q = { .session = o->session, .limit = QUERY_LIMIT_MAX };
	struct err e = { 0 };
	char path[4096];
	int result;

	query_log_path(o->log, path, sizeof path);
	if (access(path, R_OK) == 0) {
		result = query_write(path, &q, STDOUT_FILENO, &e);
	} else if (o->log || !CONFIG_API_HTTP) {
		result = err_sys(&e, "%s", path);
	} else {
		struct api_client client;

		result = api_client_init(&client, &o->api, &e);
		if (result == 0)
			result = api_log_write(&client, &q, STDOUT_FILENO, &e);
	}
	if (result < 0)
		die(EXIT_FAILED, "agentsh-audit: %s", e.text);
	return EXIT_DONE;
}

static int run(int argc, char **argv)
{
	struct options o = { 0 };
	const struct opt table[] = {
		API_CLIENT_OPTIONS(o.api),
		{ "key-file", 0, OPT_TEXT, &o.key_file, NULL },
		{ "key-env", 0, OPT_TEXT, &o.key_env, NULL },
		{ "algorithm", 0, OPT_TEXT, &o.algorithm, NULL },
		{ "session", 0, OPT_TEXT, &o.session, NULL },
		{ "log", 0, OPT_TEXT, &o.log, NULL },
		{ 0 },
	};
	struct opt_args args;
	struct err e;

	if (opt_parse(argc, argv, table, false, &args, &e) < 0)
		die(EXIT_FAILED, "agentsh-audit: %s", e.text);
	if (args.n == 2 && !strcmp(args.items[0], "verify"))
		return verify(&o, args.items[1]);
	if (args.n == 0 && o.session)
		return show(&o);
	die(EXIT_FAILED, "usage: agentsh audit %s", usage);
}

const struct applet applet_audit = {
	.name = "audit",
	.summary = "verify the chain of an audit log, show a session's events",
	.usage = usage,
	.run = run,
	.roles = ROLE_READ | ROLE_ASK,
};
