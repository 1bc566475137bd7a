/* curl: operands and --url are addresses; what is written, sent and rerouted are options. */
#include "facts/scan.h"

static const struct option_row rows[] = {
	{ "output", 'o', TAKES_VALUE, FACT_CURL_OUTPUT, 0, 0 },
	{ "remote-name", 'O', TAKES_NONE, FACT_CURL_OUTPUT, 0, 0 },
	{ "remote-name-all", 0, TAKES_NONE, FACT_CURL_OUTPUT, 0, 0 },
	{ "remote-header-name", 'J', TAKES_NONE, FACT_CURL_OUTPUT, 0, 0 },
	{ "output-dir", 0, TAKES_VALUE, FACT_CURL_OUTPUT, 0, 0 },
	{ "cookie-jar", 'c', TAKES_VALUE, FACT_CURL_OUTPUT, 0, 0 },
	{ "dump-header", 'D', TAKES_VALUE, FACT_CURL_OUTPUT, 0, 0 },
	{ "trace", 0, TAKES_VALUE, FACT_CURL_OUTPUT, 0, 0 },
	{ "trace-ascii", 0, TAKES_VALUE, FACT_CURL_OUTPUT, 0, 0 },
	{ "libcurl", 0, TAKES_VALUE, FACT_CURL_OUTPUT, 0, 0 },
	{ "stderr", 0, TAKES_VALUE, FACT_CURL_OUTPUT, 0, 0 },
	{ "etag-save", 0, TAKES_VALUE, FACT_CURL_OUTPUT, 0, 0 },
	{ "hsts", 0, TAKES_VALUE, FACT_CURL_OUTPUT, 0, 0 },
	{ "alt-svc", 0, TAKES_VALUE, FACT_CURL_OUTPUT, 0, 0 },
	{ "ssl-sessions", 0, TAKES_VALUE, FACT_CURL_OUTPUT, 0, 0 },
	{ "upload-file", 'T', TAKES_VALUE, FACT_CURL_UPLOAD, 0, FACT_CURL_UPLOAD_FILE },
	{ "data", 'd', TAKES_VALUE, FACT_CURL_UPLOAD, 0, 0 },
	{ "data-ascii", 0, TAKES_VALUE, FACT_CURL_UPLOAD, 0, 0 },
	{ "data-binary", 0, TAKES_VALUE, FACT_CURL_UPLOAD, 0, 0 },
	{ "data-raw", 0, TAKES_VALUE, FACT_CURL_UPLOAD, 0, 0 },
	{ "data-urlencode", 0, TAKES_VALUE, FACT_CURL_UPLOAD, 0, 0 },
	{ "url-query", 0, TAKES_VALUE, FACT_CURL_UPLOAD, 0, 0 },
	{ "json", 0, TAKES_VALUE, FACT_CURL_UPLOAD, 0, 0 },
	{ "form", 'F', TAKES_VALUE, FACT_CURL_UPLOAD, 0, 0 },
	{ "form-string", 0, TAKES_VALUE, FACT_CURL_UPLOAD, 0, 0 },
	{ "request", 'X', TAKES_VALUE, 0, 0, FACT_CURL_METHOD },
	{ "insecure", 'k', TAKES_NONE, FACT_CURL_INSECURE, 0, 0 },
	{ "proxy-insecure", 0, TAKES_NONE, FACT_CURL_INSECURE, 0, 0 },
	{ "doh-insecure", 0, TAKES_NONE, FACT_CURL_INSECURE, 0, 0 },
	{ "proxy", 'x', TAKES_VALUE, FACT_CURL_REROUTE, 0, 0 },
	{ "preproxy", 0, TAKES_VALUE, FACT_CURL_REROUTE, 0, 0 },
	{ "proxy1.0", 0, TAKES_VALUE, FACT_CURL_REROUTE, 0, 0 },
	{ "socks4", 0, TAKES_VALUE, FACT_CURL_REROUTE, 0, 0 },
	{ "socks4a", 0, TAKES_VALUE, FACT_CURL_REROUTE, 0, 0 },
	{ "socks5", 0, TAKES_VALUE, FACT_CURL_REROUTE, 0, 0 },
	{ "socks5-hostname", 0, TAKES_VALUE, FACT_CURL_REROUTE, 0, 0 },
	{ "connect-to", 0, TAKES_VALUE, FACT_CURL_REROUTE, 0, 0 },
	{ "resolve", 0, TAKES_VALUE, FACT_CURL_REROUTE, 0, 0 },
	{ "doh-url", 0, TAKES_VALUE, FACT_CURL_REROUTE, 0, 0 },
	{ "dns-servers", 0, TAKES_VALUE, FACT_CURL_REROUTE, 0, 0 },
	{ "unix-socket", 0, TAKES_VALUE, FACT_CURL_REROUTE, 0, 0 },
	{ "abstract-unix-socket", 0, TAKES_VALUE, FACT_CURL_REROUTE, 0, 0 },
	{ "ipfs-gateway", 0, TAKES_VALUE, FACT_CURL_REROUTE, 0, 0 },
	{ "config", 'K', TAKES_VALUE, FACT_CURL_CONFIG, 0, 0 },
	{ "quote", 'Q', TAKES_VALUE, FACT_CURL_EXEC, 0, 0 },
	{ "engine", 0, TAKES_VALUE, FACT_CURL_EXEC, 0, 0 },
	{ "url", 0, TAKES_VALUE, 0, 0, FACT_NET_URL },
	{ .name = NULL },
};

static const struct grammar grammar = {
	.rows = rows,
	.letters = "aqfGgIi46jlLMnNZpR#SsvVB0123:w:A:b:C:E:e:H:hm:P:r:t:U:u:Y:y:z:",
	.longs = " anyauth append aws-sigv4= basic ca-native cacert= capath= cert= cert-status cert-type="
	         " ciphers="
	         " compressed compressed-ssh connect-timeout= continue-at= cookie= create-dirs"
	         " create-file-mode= crlf crlfile= curves= delegation= digest disable disable-eprt"
	         " disable-epsv disallow-username-in-url dns-interface= dns-ipv4-addr= dns-ipv6-addr="
	         " doh-cert-status dump-ca-embed ech= egd-file= eprt epsv etag-compare= expect100-timeout="
	         " fail fail-early fail-with-body false-start follow form-escape ftp-account="
	         " ftp-alternative-to-user= ftp-create-dirs ftp-method= ftp-pasv ftp-port= ftp-pret"
	         " ftp-skip-pasv-ip ftp-ssl ftp-ssl-ccc ftp-ssl-ccc-mode= ftp-ssl-control ftp-ssl-reqd get"
	         " globoff happy-eyeballs-timeout-ms= haproxy-clientip= haproxy-protocol head header= help"
	         " hostpubmd5= hostpubsha256= http0.9 http1.0 http1.1 http2 http2-prior-knowledge http3"
	         " http3-only ignore-content-length include interface= ip-tos= ipv4 ipv6 junk-session-cookies"
	         " keepalive keepalive-cnt= keepalive-time= key= key-type= knownhosts= krb= krb4= limit-rate="
	         " list-only local-port= location location-trusted login-options= mail-auth= mail-from="
	         " mail-rcpt= mail-rcpt-allowfails manual max-filesize= max-redirs= max-time= metalink mptcp"
	         " negotiate netrc netrc-file= netrc-optional next alpn buffer clobber npn progress-meter"
	         " sessionid noproxy= ntlm ntlm-wb oauth2-bearer= out-null parallel parallel-immediate"
	         " parallel-max= parallel-max-host= pass= path-as-is pinnedpubkey= post301 post302 post303"
	         " progress-bar proto= proto-default= proto-redir= proxy-anyauth proxy-basic proxy-ca-native"
	         " proxy-cacert= proxy-capath= proxy-cert= proxy-cert-type= proxy-ciphers= proxy-crlfile="
	         " proxy-digest proxy-header= proxy-http2 proxy-key= proxy-key-type= proxy-negotiate"
	         " proxy-ntlm proxy-pass= proxy-pinnedpubkey= proxy-service-name= proxy-ssl-allow-beast"
	         " proxy-ssl-auto-client-cert proxy-tls13-ciphers= proxy-tlsauthtype= proxy-tlspassword="
	         " proxy-tlsuser= proxy-tlsv1 proxy-user= proxytunnel pubkey= random-file= range= rate= raw"
	         " referer= remote-time remove-on-error request-target= retry= retry-all-errors"
	         " retry-connrefused retry-delay= retry-max-time= sasl-authzid= sasl-ir service-name="
	         " show-error show-headers sigalgs= silent skip-existing socks5-basic socks5-gssapi"
	         " socks5-gssapi-nec socks5-gssapi-service= speed-limit= speed-time= ssl ssl-allow-beast"
	         " ssl-auto-client-cert ssl-no-revoke ssl-reqd ssl-revoke-best-effort sslv2 sslv3"
	         " styled-output suppress-connect-headers tcp-fastopen tcp-nodelay telnet-option="
	         " test-event tftp-blksize= tftp-no-options time-cond= tls-earlydata tls-max= tls13-ciphers="
	         " tlsauthtype= tlspassword= tlsuser= tlsv1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 tr-encoding"
	         " trace-config= trace-ids trace-time upload-flags= use-ascii user= user-agent= variable="
	         " verbose version vlan-priority= write-out= xattr ",
	.flags = GRAMMAR_ABBREVIATES | GRAMMAR_NEGATES,
	.unknown = FACT_CURL_UNKNOWN,
};

/* -d @FILE, --data-urlencode NAME@FILE, -F NAME=@FILE, NAME=<FILE */
static void sent_file(struct scan *s)
{
	const char *at = strpbrk(s->value, "@<");

	if (!at || !strcmp(s->row->name, "data-raw") || !strcmp(s->row->name, "form-string"))
		return;
	if (at == s->value || !strcmp(s->row->name, "data-urlencode") || at[-1] == '=')
		facts_value(s->f, FACT_CURL_UPLOAD_FILE, at + 1,
		            strcmp(s->row->name, "form") ? strlen(at + 1) : strcspn(at + 1, ";,"));
}

static void doubt_all(struct facts *f)
{
	facts_doubt_family(f, "curl.");
	facts_doubt_family(f, "net.");
}

/* True if something is written somewhere else than to standard output. */
static bool look_at(struct scan *s)
{
	const struct option_row *r = s->row;

	if (!r && s->value && (s->letter == 'w' || (s->name && starts("write-out", s->name))))
		return strstr(s->value, "%output{") != NULL;
	if (!r)
		return false;
	if (r->set == FACT_CURL_OUTPUT && s->value && strcmp(s->value, "-") != 0)
		facts_text(s->f, FACT_CURL_OUTPUT_FILE, s->value);
	if (r->set == FACT_CURL_UPLOAD && r->value == 0 && s->value)
		sent_file(s);
	if (r->set == FACT_CURL_CONFIG)
		doubt_all(s->f);
	if (r->value == FACT_NET_URL && s->value)
		url_facts(s->f, s->value, "http");
	return r->set == FACT_CURL_OUTPUT && (!s->value || strcmp(s->value, "-") != 0);
}

void model_curl(struct facts *f, const char *name, const char *const *argv, size_t argc)
{
	struct scan s = { .g = &grammar, .f = f, .argv = argv, .argc = argc, .at = 1 };
	bool writes = false;

	(void)name;
	for (enum item i; (i = scan_next(&s)) != ITEM_END;) {
		if (i == ITEM_OPERAND)
			url_facts(f, s.value, "http");
		else if (i == ITEM_UNKNOWN)
			doubt_all(f);
		else
			writes |= look_at(&s);
	}
	if (writes)
		facts_set(f, FACT_CURL_OUTPUT);
	else
		facts_clear(f, FACT_CURL_OUTPUT);
}
