/* Settings that make git start programs of somebody's choice, or read other settings. */
#include "facts/git.h"

enum { KEY_MAX = 256 };

/* section.key, or section.*.key where a sub-section stands between; lower case. A key of "*" is any. */
static const char *const executing[] = {
	"core.sshcommand",
	"core.pager",
	"core.editor",
	"core.fsmonitor",
	"core.hookspath",
	"core.askpass",
	"core.gitproxy",
	"core.alternaterefscommand",
	"core.worktree",
	"sequence.editor",
	"gpg.program",
	"gpg.*.program",
	"gpg.ssh.defaultkeycommand",
	"diff.external",
	"diff.*.command",
	"diff.*.textconv",
	"merge.*.driver",
	"mergetool.*.cmd",
	"mergetool.*.path",
	"difftool.*.cmd",
	"difftool.*.path",
	"filter.*.clean",
	"filter.*.smudge",
	"filter.*.process",
	"credential.helper",
	"credential.*.helper",
	"pager.*",
	"browser.*.cmd",
	"browser.*.path",
	"man.*.cmd",
	"man.*.path",
	"guitool.*.cmd",
	"uploadpack.packobjectshook",
	"remote.*.uploadpack",
	"remote.*.receivepack",
	"remote.*.vcs",
	"protocol.allow",
	"protocol.*.allow",
	"include.path",
	"includeif.*.path",
	"init.templatedir",
	"sendemail.*",
	"imap.tunnel",
	"interactive.difffilter",
	"trailer.*.command",
	"trailer.*.cmd",
	"submodule.*.update",
	"instaweb.*",
	"gc.recentobjectshook",
	"hook.*.command",
	"tar.*.command",
	"ssh.variant",
	"sendpack.sideband",
	"url.*.insteadof",
	"url.*.pushinsteadof",
	"core.attributesfile",
	"receive.procreceiverefs",
};

/* Does "a.b.c" with any dots in b fit "a.*.c", "a.*"? */
static bool fits(const char *key, const char *pattern)
{
	const char *star = strchr(pattern, '*');
	size_t len = strlen(key), head, tail;

	if (!star)
		return !strcmp(key, pattern);
	head = (size_t)(star - pattern);
	tail = strlen(star + 1);
	return len > head + tail && !strncmp(key, pattern, head) && !strcmp(key + len - tail, star + 1);
}

/* What a remote's settings make of a later push: remote.NAME.push = +REF, remote.NAME.mirror. */
static void push_setting(struct facts *f, const char *key, const char *value)
{
	if (fits(key, "remote.*.push") && (!value || strchr("+!:", *value))) {
		facts_doubt(f, FACT_GIT_PUSH_FORCE);
		facts_doubt(f, FACT_GIT_PUSH_DELETE);
	}
	if (fits(key, "remote.*.mirror")) {
		facts_doubt(f, FACT_GIT_PUSH_FORCE);
		facts_doubt(f, FACT_GIT_PUSH_DELETE);
		facts_doubt(f, FACT_GIT_PUSH_ALL);
	}
}

void git_setting(struct facts *f, const char *text, const char *value)
{
	char key[KEY_MAX];
	size_t n = 0;

	for (; text[n] && text[n] != '=' && n + 1 < sizeof key; n++)
		key[n] = (char)(text[n] >= 'A' && text[n] <= 'Z' ? text[n] | 0x20 : text[n]);
	key[n] = 0;
	if (!value && text[n] == '=')
		value = text + n + 1;
	facts_set(f, FACT_GIT_CONFIG_SET);
	facts_value(f, FACT_GIT_CONFIG_KEY, key, n);
	push_setting(f, key, value);
	/* Too long to be told. */
	if (n + 1 == sizeof key)
		facts_set(f, FACT_GIT_CONFIG_EXEC);
	if (starts(key, "alias.") && (!value || *value == '!'))
		facts_set(f, FACT_GIT_CONFIG_EXEC);
	for (size_t i = 0; i < sizeof executing / sizeof *executing; i++)
		if (fits(key, executing[i]))
			facts_set(f, FACT_GIT_CONFIG_EXEC);
}

void git_address(struct facts *f, const char *text)
{
	/* "ext::sh -c ..." and other helpers by name */
	if (strstr(text, "::") && strcspn(text, "/") > strcspn(text, ":") && *text != '[') {
		facts_set(f, FACT_GIT_EXEC);
		facts_text(f, FACT_NET_URL, text);
		facts_set(f, FACT_NET_URL_UNKNOWN);
		facts_doubt(f, FACT_NET_URL_HOST);
		return;
	}
	if (strstr(text, "://"))
		url_facts(f, text, NULL);
	else if (url_is_remote(text))
		url_remote_facts(f, text);
}
