/* tar, GNU's, with options in the old style ("tar xzf FILE") as well. */
#include "facts/scan.h"

static const struct option_row rows[] = {
	{ "create", 'c', TAKES_NONE, FACT_TAR_CREATE, 0, 0 },
	{ "append", 'r', TAKES_NONE, FACT_TAR_CREATE, 0, 0 },
	{ "update", 'u', TAKES_NONE, FACT_TAR_CREATE, 0, 0 },
	{ "catenate", 'A', TAKES_NONE, FACT_TAR_CREATE, 0, 0 },
	{ "concatenate", 0, TAKES_NONE, FACT_TAR_CREATE, 0, 0 },
	{ "extract", 'x', TAKES_NONE, FACT_TAR_EXTRACT, 0, 0 },
	{ "get", 0, TAKES_NONE, FACT_TAR_EXTRACT, 0, 0 },
	{ "list", 't', TAKES_NONE, FACT_TAR_LIST, 0, 0 },
	{ "diff", 'd', TAKES_NONE, FACT_TAR_LIST, 0, 0 },
	{ "compare", 0, TAKES_NONE, FACT_TAR_LIST, 0, 0 },
	{ "delete", 0, TAKES_NONE, FACT_TAR_DELETE, 0, 0 },
	{ "remove-files", 0, TAKES_NONE, FACT_TAR_DELETE, 0, 0 },
	{ "recursive-unlink", 0, TAKES_NONE, FACT_TAR_DELETE, 0, 0 },
	{ "use-compress-program", 'I', TAKES_VALUE, FACT_TAR_EXEC, 0, 0 },
	{ "info-script", 'F', TAKES_VALUE, FACT_TAR_EXEC, 0, 0 },
	{ "new-volume-script", 0, TAKES_VALUE, FACT_TAR_EXEC, 0, 0 },
	{ "to-command", 0, TAKES_VALUE, FACT_TAR_EXEC, 0, 0 },
	{ "checkpoint-action", 0, TAKES_VALUE, FACT_TAR_EXEC, 0, 0 },
	{ "rmt-command", 0, TAKES_VALUE, FACT_TAR_EXEC, 0, 0 },
	{ "rsh-command", 0, TAKES_VALUE, FACT_TAR_EXEC, 0, 0 },
	{ "absolute-names", 'P', TAKES_NONE, FACT_TAR_ABSOLUTE, 0, 0 },
	{ "file", 'f', TAKES_VALUE, 0, 0, FACT_TAR_FILE },
	{ "directory", 'C', TAKES_VALUE, 0, 0, FACT_TAR_DIRECTORY },
	{ "one-top-level", 0, TAKES_MAYBE, 0, 0, FACT_TAR_DIRECTORY },
	{ "files-from", 'T', TAKES_VALUE, FACT_TAR_FROM_FILE, 0, 0 },
	{ "add-file", 0, TAKES_VALUE, 0, 0, FACT_TAR_MEMBER },
	{ .name = NULL },
};

static const struct grammar grammar = {
	.rows = rows,
	.letters = "aBhijJklmMnoOpRsSUvwWzZG?b:g:H:K:L:N:V:X:0123456789",
	.longs = " test-label check-device no-check-device listed-incremental= incremental hole-detection="
	         " ignore-failed-read level= no-seek seek occurrence? sparse-version= sparse exclude="
	         " exclude-backups exclude-caches exclude-caches-all exclude-caches-under exclude-ignore="
	         " exclude-ignore-recursive= exclude-tag= exclude-tag-all= exclude-tag-under= exclude-vcs"
	         " exclude-vcs-ignores no-null null no-recursion recursion no-unquote unquote"
	         " no-verbatim-files-from verbatim-files-from exclude-from= anchored no-anchored ignore-case"
	         " no-ignore-case wildcards no-wildcards wildcards-match-slash no-wildcards-match-slash"
	         " keep-directory-symlink keep-newer-files keep-old-files no-overwrite-dir overwrite"
	         " overwrite-dir skip-old-files unlink-first verify ignore-command-error"
	         " no-ignore-command-error to-stdout atime-preserve? clamp-mtime delay-directory-restore"
	         " no-delay-directory-restore group= group-map= mode= mtime= touch no-same-owner"
	         " no-same-permissions numeric-owner owner= owner-map= preserve-permissions"
	         " same-permissions same-owner sort= preserve-order same-order acls no-acls selinux"
	         " no-selinux xattrs no-xattrs xattrs-exclude= xattrs-include= force-local tape-length="
	         " multi-volume volno-file= blocking-factor= read-full-records ignore-zeros record-size="
	         " format= old-archive portability pax-option= posix label= auto-compress no-auto-compress"
	         " bzip2 xz lzip lzma lzop zstd gzip gunzip ungzip compress uncompress backup?"
	         " hard-dereference dereference starting-file= newer-mtime= newer= after-date="
	         " one-file-system suffix= strip-components= transform= xform= checkpoint? full-time"
	         " index-file= check-links no-quote-chars= quote-chars= quoting-style= block-number"
	         " show-defaults show-omitted-dirs show-snapshot-field-ranges show-transformed-names"
	         " show-stored-names totals? utc verbose warning= interactive confirmation help restrict"
	         " usage version set-mtime-command= set-mtime-format= ",
	.flags = GRAMMAR_ABBREVIATES,
	.unknown = FACT_TAR_UNKNOWN,
};

static bool is_option(const struct scan *s, const char *name)
{
	return s->row && s->row->name && !strcmp(s->row->name, name);
}

/* What the tables cannot say. */
static void look_at(struct scan *s, bool *executes, const char **archive)
{
	bool actions = is_option(s, "checkpoint-action");

	/* Of the actions only exec=COMMAND starts something. */
	*executes |=
	        s->row && s->row->set == FACT_TAR_EXEC && !(actions && s->value && !starts(s->value, "exec"));
	*executes |= !s->row && s->name && starts(s->name, "set-mtime-c");
	if (is_option(s, "file"))
		*archive = s->value;
	/* Options may stand in the list of names. */
	if (is_option(s, "files-from")) {
		facts_doubt(s->f, FACT_TAR_MEMBER);
		facts_doubt(s->f, FACT_TAR_DIRECTORY);
		facts_doubt(s->f, FACT_TAR_EXEC);
	}
}

void model_tar(struct facts *f, const char *name, const char *const *argv, size_t argc)
{
	struct scan s = { .g = &grammar, .f = f, .argv = argv, .argc = argc, .at = 1 };
	const char *archive = NULL;
	bool executes = false, local = false;

	(void)name;
	if (argc > 1 && argv[1][0] && argv[1][0] != '-') {
		s.cluster = argv[1];
		s.old_style = true;
		s.at = 2;
	}
	for (enum item i; (i = scan_next(&s)) != ITEM_END; s.old_style &= s.cluster != NULL) {
		if (i == ITEM_OPERAND)
			facts_text(f, FACT_TAR_MEMBER, s.value);
		else if (i == ITEM_OPTION)
			look_at(&s, &executes, &archive);
		local |= i == ITEM_OPTION && s.name && starts(s.name, "force-l");
	}
	if (archive && !local && url_is_remote(archive)) {
		facts_set(f, FACT_TAR_REMOTE);
		executes = true;
	}
	if (!executes)
		facts_clear(f, FACT_TAR_EXEC);
	else
		facts_set(f, FACT_TAR_EXEC);
}
