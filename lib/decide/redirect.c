/* Redirects of names and connections. They change where something leads, never whether it may be. */
#include "decide/impl.h"

#include "base/num.h"
#include "match/host.h"

#include <stdio.h>
#include <string.h>

static int word_of(const char *word, const char *const words[3])
{
	for (int i = 1; i < 3; i++)
		if (!strcmp(word, words[i]))
			return i;
	return 0;
}

static bool take_host(const char *text, struct net_redirect *out)
{
	struct host h;

	if (!host_parse(text, &h))
		return false;
	memcpy(out->host, h.name, h.len + 1);
	out->addr_len = h.kind == HOST_ADDRESS ? h.address.len : 0;
	memcpy(out->addr, h.address.addr, out->addr_len);
	return true;
}

/* "host" or "host:port", as the loader has checked it. */
static bool take_place(const char *text, bool has_port, struct net_redirect *out)
{
	const char *colon = has_port ? strrchr(text, ':') : NULL;
	char host[sizeof out->host];
	uint64_t port = 0;
	size_t len = colon ? (size_t)(colon - text) : strlen(text);

	if (len >= sizeof host || (has_port && (!colon || !num_u64(colon + 1, 1, UINT16_MAX, &port))))
		return false;
	memcpy(host, text, len);
	host[len] = 0;
	out->port = (uint16_t)port;
	return take_host(host, out);
}

static enum redirect_found find(const struct redirect_rule *rules, size_t n, const char *subject,
                                bool has_port, struct net_redirect *out)
{
	static const char *const visibilities[] = { "silent", "audit_only", "warn" }, *const failures[] = {
		"fail_closed", "fail_open", "retry_original"
	};
	const char *const words[] = { subject };

	for (size_t i = 0; i < n; i++) {
		const struct redirect_rule *r = &rules[i];
		enum regex_result match = regex_match(&r->regex, words, 1);

		if (match == REGEX_NO)
			continue;
		*out = (struct net_redirect){ .rule = &r->head.rule };
		out->visibility = (enum redirect_visibility)word_of(r->visibility, visibilities);
		out->on_failure = (enum redirect_failure)word_of(r->on_failure, failures);
		out->sni = !strcmp(r->tls_mode, "rewrite_sni") ? r->sni : NULL;
		if (match == REGEX_YES && take_place(r->to, has_port, out))
			return REDIRECT_FOUND;
		if (out->on_failure == REDIRECT_FAIL_CLOSED)
			return REDIRECT_UNSURE;
	}
	return REDIRECT_NONE;
}

enum redirect_found decide_name_redirect(const struct policy *p, const char *name, struct net_redirect *out)
{
	return find(p->dns_redirects, p->n_dns, name, false, out);
}

enum redirect_found decide_connect_redirect(const struct policy *p, const char *host, uint16_t port,
                                            struct net_redirect *out)
{
	char subject[sizeof out->host + 8];

	if (!p->n_connect)
		return REDIRECT_NONE;
	snprintf(subject, sizeof subject, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, (unsigned)port);
	return find(p->connect_redirects, p->n_connect, subject, true, out);
}
