/* rsync: the last operand is where it writes, unless it is the only one. */
#include "facts/scan.h"

static const struct option_row rows[] = {
	{ "delete", 0, TAKES_NONE, FACT_RSYNC_DELETE, 0, 0 },
	{ "del", 0, TAKES_NONE, FACT_RSYNC_DELETE, 0, 0 },
	{ "delete-before", 0, TAKES_NONE, FACT_RSYNC_DELETE, 0, 0 },
	{ "delete-during", 0, TAKES_NONE, FACT_RSYNC_DELETE, 0, 0 },
	{ "delete-delay", 0, TAKES_NONE, FACT_RSYNC_DELETE, 0, 0 },
	{ "delete-after", 0, TAKES_NONE, FACT_RSYNC_DELETE, 0, 0 },
	{ "delete-excluded", 0, TAKES_NONE, FACT_RSYNC_DELETE, 0, 0 },
	{ "delete-missing-args", 0, TAKES_NONE, FACT_RSYNC_DELETE, 0, 0 },
	{ "remove-source-files", 0, TAKES_NONE, FACT_RSYNC_DELETE, 0, 0 },
	{ "remove-sent-files", 0, TAKES_NONE, FACT_RSYNC_DELETE, 0, 0 },
	{ "rsh", 'e', TAKES_VALUE, FACT_RSYNC_EXEC, 0, 0 },
	{ "rsync-path", 0, TAKES_VALUE, FACT_RSYNC_EXEC, 0, 0 },
	{ "early-input", 0, TAKES_VALUE, FACT_RSYNC_EXEC, 0, 0 },
	{ "daemon", 0, TAKES_NONE, FACT_RSYNC_SERVER, 0, 0 },
	{ "server", 0, TAKES_NONE, FACT_RSYNC_SERVER, 0, 0 },
	{ .name = NULL },
};

static const struct grammar grammar = {
	.rows = rows,
	.letters = "vqcarRbudlLkKHpEAXgotOJNSnWxUDiPzhymCFV046sIjf:T:M:B:@:",
	.longs = " verbose quiet info= debug= stderr= no-motd checksum checksum-choice= cc= archive recursive"
	         " relative backup backup-dir= suffix= update inplace append append-verify dirs old-dirs"
	         " old-d mkpath links copy-links copy-unsafe-links safe-links munge-links copy-dirlinks"
	         " keep-dirlinks hard-links perms executability chmod= acls xattrs owner group devices"
	         " copy-devices write-devices specials times atimes open-noatime crtimes omit-dir-times"
	         " omit-link-times super fake-super sparse preallocate dry-run whole-file one-file-system"
	         " block-size= existing ignore-non-existing ignore-existing ignore-missing-args"
	         " ignore-errors force max-delete= max-size= min-size= max-alloc= partial partial-dir="
	         " delay-updates prune-empty-dirs numeric-ids usermap= groupmap= chown= timeout="
	         " contimeout= ignore-times size-only modify-window= temp-dir= fuzzy compare-dest="
	         " copy-dest= link-dest= compress compress-choice= zc= compress-level= zl= skip-compress="
	         " cvs-exclude filter= exclude= exclude-from= include= include-from= files-from= from0"
	         " old-args secluded-args protect-args trust-sender copy-as= address= port= sockopts="
	         " blocking-io outbuf= stats 8-bit-output human-readable progress itemize-changes"
	         " remote-option= out-format= log-format= log-file= log-file-format= password-file="
	         " list-only bwlimit= stop-after= stop-at= time-limit= fsync write-batch="
	         " only-write-batch= read-batch= protocol= iconv= checksum-seed= ipv4 ipv6 version help"
	         " config= dparam= detach sender compress-threads= zt= confine-root= insecure-links"
	         " inc-recursive i-r ",
	.flags = GRAMMAR_NEGATES | GRAMMAR_EQUALS,
	.unknown = FACT_RSYNC_UNKNOWN,
};

static void place(struct facts *f, enum fact fact, const char *text)
{
	facts_text(f, fact, text);
	if (strstr(text, "://")) {
		url_facts(f, text, NULL);
		facts_set(f, FACT_RSYNC_REMOTE);
	} else if (url_is_remote(text)) {
		url_remote_facts(f, text);
		facts_set(f, FACT_RSYNC_REMOTE);
	}
}

void model_rsync(struct facts *f, const char *name, const char *const *argv, size_t argc)
{
	struct scan s = { .g = &grammar, .f = f, .argv = argv, .argc = argc, .at = 1 };
	const char *last = NULL;
	size_t n = 0;

	(void)name;
	for (enum item i; (i = scan_next(&s)) != ITEM_END;) {
		if (i != ITEM_OPERAND)
			continue;
		if (last)
			place(f, FACT_RSYNC_SOURCE, last);
		last = s.value;
		n++;
	}
	if (last)
		place(f, n > 1 ? FACT_RSYNC_TARGET : FACT_RSYNC_SOURCE, last);
}
