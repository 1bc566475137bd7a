/* wget: getopt_long, with "-nv", "-nc" ... as an option n that takes letters. */
#include "facts/scan.h"

static const struct option_row rows[] = {
	{ "output-document", 'O', TAKES_VALUE, FACT_WGET_OUTPUT, 0, 0 },
	{ "output-file", 'o', TAKES_VALUE, FACT_WGET_OUTPUT, 0, 0 },
	{ "append-output", 'a', TAKES_VALUE, FACT_WGET_OUTPUT, 0, 0 },
	{ "directory-prefix", 'P', TAKES_VALUE, FACT_WGET_OUTPUT, 0, 0 },
	{ "save-cookies", 0, TAKES_VALUE, FACT_WGET_OUTPUT, 0, 0 },
	{ "rejected-log", 0, TAKES_VALUE, FACT_WGET_OUTPUT, 0, 0 },
	{ "warc-file", 0, TAKES_VALUE, FACT_WGET_OUTPUT, 0, 0 },
	{ "hsts-file", 0, TAKES_VALUE, FACT_WGET_OUTPUT, 0, 0 },
	{ "post-data", 0, TAKES_VALUE, FACT_WGET_UPLOAD, 0, 0 },
	{ "body-data", 0, TAKES_VALUE, FACT_WGET_UPLOAD, 0, 0 },
	{ "post-file", 0, TAKES_VALUE, FACT_WGET_UPLOAD, 0, FACT_WGET_UPLOAD_FILE },
	{ "body-file", 0, TAKES_VALUE, FACT_WGET_UPLOAD, 0, FACT_WGET_UPLOAD_FILE },
	{ "method", 0, TAKES_VALUE, 0, 0, FACT_WGET_METHOD },
	{ "no-check-certificate", 0, TAKES_NONE, FACT_WGET_INSECURE, 0, 0 },
	{ "check-certificate", 0, TAKES_MAYBE, FACT_WGET_INSECURE, 0, 0 },
	{ "execute", 'e', TAKES_VALUE, FACT_WGET_CONFIG, 0, 0 },
	{ "input-file", 'i', TAKES_VALUE, FACT_WGET_CONFIG, 0, 0 },
	{ "input-metalink", 0, TAKES_VALUE, FACT_WGET_CONFIG, 0, 0 },
	{ "config", 0, TAKES_VALUE, FACT_WGET_CONFIG, 0, 0 },
	{ "use-askpass", 0, TAKES_VALUE, FACT_WGET_EXEC, 0, 0 },
	{ "recursive", 'r', TAKES_NONE, FACT_WGET_RECURSIVE, 0, 0 },
	{ "mirror", 'm', TAKES_NONE, FACT_WGET_RECURSIVE, 0, 0 },
	{ "page-requisites", 'p', TAKES_NONE, FACT_WGET_RECURSIVE, 0, 0 },
	{ .name = NULL },
};

static const struct grammar grammar = {
	.rows = rows,
	.letters = "VhbdqvFcNSx46EkKHLgsA:B:C:D:G:I:l:n:Q:R:t:T:U:w:X:Y:",
	.longs = " version help background debug quiet verbose report-speed= force-html base= tries="
	         " retry-connrefused retry-on-http-error= continue start-pos= progress= show-progress"
	         " timestamping if-modified-since use-server-timestamps server-response spider timeout="
	         " dns-timeout= connect-timeout= read-timeout= wait= waitretry= random-wait proxy? quota="
	         " bind-address= limit-rate= dns-cache restrict-file-names= ignore-case inet4-only"
	         " inet6-only prefer-family= user= password= ask-password iri local-encoding="
	         " remote-encoding= unlink xattr force-directories protocol-directories cut-dirs= http-user="
	         " http-passwd= http-password= cache? default-page= adjust-extension html-extension"
	         " ignore-length header= compression= max-redirect= proxy-user= proxy-passwd="
	         " proxy-password= referer= save-headers user-agent= http-keep-alive cookies load-cookies="
	         " keep-session-cookies content-disposition content-on-error auth-no-challenge"
	         " secure-protocol= https-only certificate= certificate-type= private-key="
	         " private-key-type= ca-certificate= ca-directory= crl-file= egd-file= random-file="
	         " pinnedpubkey= ciphers= hsts ftp-user= ftp-password= remove-listing glob passive-ftp"
	         " preserve-permissions retr-symlinks ftps-implicit ftps-resume-ssl"
	         " ftps-clear-data-connection ftps-fallback-to-ftp warc-header= warc-max-size= warc-cdx"
	         " warc-dedup= warc-compression warc-digests warc-keep-log warc-tempdir= level="
	         " delete-after convert-links convert-file-only backups? backup-converted strict-comments"
	         " accept= reject= accept-regex= reject-regex= regex-type= domains= exclude-domains="
	         " follow-ftp follow-tags= ignore-tags= span-hosts relative include-directories="
	         " trust-server-names exclude-directories= no parent clobber directories host-directories"
	         " config netrc dot-style= ",
	.flags = GRAMMAR_ABBREVIATES | GRAMMAR_NEGATES | GRAMMAR_BOOLEANS,
	.unknown = FACT_WGET_UNKNOWN,
};

static bool is_no(const char *value)
{
	return value && (is_in(" 0 off no OFF NO Off No ", value));
}

static void doubt_all(struct facts *f)
{
	facts_doubt_family(f, "wget.");
	facts_doubt_family(f, "net.");
}

/* True if something is written where an option says. */
static bool look_at(struct scan *s)
{
	const struct option_row *r = s->row;

	if (!r)
		return false;
	if (r->takes == TAKES_MAYBE && !is_no(s->value) && !s->negated)
		facts_clear(s->f, FACT_WGET_INSECURE);
	if (r->takes == TAKES_MAYBE && s->negated)
		facts_set(s->f, FACT_WGET_INSECURE);
	if (r->set == FACT_WGET_CONFIG) {
		doubt_all(s->f);
		if (r->letter == 'i' && s->value)
			url_facts(s->f, s->value, NULL);
	}
	if (r->set != FACT_WGET_OUTPUT || !s->value || !strcmp(s->value, "-"))
		return false;
	facts_text(s->f, FACT_WGET_OUTPUT_FILE, s->value);
	return true;
}

void model_wget(struct facts *f, const char *name, const char *const *argv, size_t argc)
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
		facts_set(f, FACT_WGET_OUTPUT);
	else
		facts_clear(f, FACT_WGET_OUTPUT);
}
