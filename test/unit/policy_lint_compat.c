/* The two policies that users have today: lint finds what is known to be wrong with them, rule by rule.
 *
 * What was said of another implementation and does not hold for this one stands at the end as comments.
 */
#include "policy/lint.h"

#include "base/fd.h"
#include "test/t.h"

#include <stdlib.h>
#include <unistd.h>

struct known {
	enum lint_class class;
	const char *rule;
	const char *text; /* part of the finding */
};

static const struct known both[] = {
	{ LINT_UNREACHABLE, "approve-package-install", "'allow-dev-tools'" },
	{ LINT_WEAK, "approve-package-install", "'i x'" },
	{ LINT_WEAK, "block-rm-recursive", "'-fr x', '-Rf x', '-R x', '-vrf x'" },
	{ LINT_WEAK, "block-rm-recursive", "'my-report.txt'" },
	{ LINT_WEAK, "allow-other-commands", "docker" },
	{ LINT_WEAK, "block-shell-escape", "doas, pkexec" },
	{ LINT_WEAK, "block-system-commands", "poweroff" },
	{ LINT_UNREACHABLE, "allow-llm-proxy", "'allow-localhost'" },
	{ LINT_PARTLY, "block-metadata-services",
	  "'169.254.169.254/32' is always taken by 'block-private-networks'" },
	{ LINT_WEAK, "block-metadata-services", "fd00:ec2::254" },
	{ LINT_WEAK, "block-evil-domains", "a.b.evil.com" },
	{ LINT_WEAK, "block-private-networks", "100.64.0.0/10, 0.0.0.0/8, fc00::/7, fe80::/10" },
	{ LINT_PARTLY, "approve-ssh-access", "where the project is the home directory" },
	{ LINT_PARTLY, "approve-aws-credentials", "where the project is the home directory" },
	{ LINT_PARTLY, "approve-cloud-credentials", "where the project is the home directory" },
	{ LINT_PARTLY, "approve-env-files", "in the project" },
	{ LINT_PARTLY, "approve-git-credentials", "where the project is the home directory" },
	{ LINT_WEAK, "allow-workspace-read", "${HOME}/.ssh/id_rsa" },
	{ LINT_WEAK, "allow-workspace-write", "${HOME}/.bashrc" },
	{ LINT_WEAK, "allow-workspace-write", "symlink, link, truncate, chown" },
	{ LINT_WEAK, "approve-ssh-access", "while approvals are off" },
	{ LINT_WEAK, "approve-aws-credentials", "while approvals are off" },
	{ LINT_WEAK, "approve-cloud-credentials", "while approvals are off" },
	{ LINT_WEAK, "approve-env-files", "while approvals are off" },
	{ LINT_WEAK, "approve-git-credentials", "while approvals are off" },
	{ LINT_WEAK, "approve-package-install", "while approvals are off" },
	{ LINT_PARTLY, "allow-tmp", "'/tmp'" },
	{ LINT_WEAK, "block-dangerous-binaries", "file rules do not decide commands: pkexec, doas" },
	{ LINT_UNENFORCED, "include_stdout", "" },
	{ LINT_UNENFORCED, "include_stderr", "" },
	{ LINT_UNENFORCED, "include_file_content", "" },
	{ LINT_UNENFORCED, "retention_days", "" },
	{ LINT_UNENFORCED, "disk_read_bps_max", "" },
	{ LINT_UNENFORCED, "disk_write_bps_max", "" },
	{ LINT_UNENFORCED, "approve-ssh-access", "'timeout'" },
};

static const struct known e2b[] = {
	{ LINT_PARTLY, "block-e2b-interference", "'socat' is always taken by 'block-network-tools'" },
	{ LINT_WEAK, "allow-etc-minimal", "without 'open'" },
	{ LINT_WEAK, "allow-proc-self", "/proc/self/environ" },
	{ LINT_WEAK, "env_policy.allow", "'GIT_*' admits GIT_SSH_COMMAND" },
	{ LINT_WEAK, "env_policy.allow", "'NODE_PATH'" },
	{ LINT_WEAK, "env_policy.allow", "'PYTHONPATH'" },
	{ LINT_WEAK, "env_policy.allow", "'PIP_*' admits PIP_INDEX_URL" },
	{ LINT_WEAK, "env_policy.allow", "'NPM_*' admits NPM_CONFIG_REGISTRY" },
	{ LINT_WEAK, "env_policy.allow", "NPM_TOKEN" },
};

static const struct known daytona[] = {
	{ LINT_UNREACHABLE, "block-git-force-push", "'allow-dev-tools'" },
	{ LINT_UNREACHABLE, "block-git-push-main", "'allow-dev-tools'" },
	{ LINT_UNREACHABLE, "block-git-reset-hard", "'allow-dev-tools'" },
	{ LINT_UNREACHABLE, "block-git-clean-force", "'allow-dev-tools'" },
	{ LINT_WEAK, "block-git-force-push", "'push origin +x'" },
	{ LINT_WEAK, "block-git-push-main", "'push origin feature/maintenance'" },
	{ LINT_PARTLY, "block-bash-builtins", "'kill' is always taken by 'block-system-commands'" },
	{ LINT_WEAK, "approve-network-tools-nested", "while approvals are off" },
	{ LINT_CONTRADICTORY, "soft-delete-daytona-home", "'deny-delete-workspace'" },
	{ LINT_WEAK, "allow-etc-read", "/etc/shadow, /etc/gshadow, /etc/sudoers" },
	{ LINT_WEAK, "allow-etc-read", "/etc/agentsh/config.yaml" },
	{ LINT_WEAK, "deny-proc-sys", "/proc/self" },
	{ LINT_WEAK, "approve-unknown-https", "while approvals are off" },
	{ LINT_WEAK, "approve-unknown-http", "while approvals are off" },
	{ LINT_WEAK, "allow-dev-run",
	  "/run/agentsh/x, /var/lib/agentsh/events.db, /var/log/agentsh/server.log" },
	{ LINT_WEAK, "allow-daytona-home", "symlink, link, truncate, chown" },
};

/* Not here: block-shell-escape, approve-network-tools-nested and block-bash-builtins as "never checked":
 * every execve is judged in this implementation, at its depth, and wrappers are seen through. The sudoers
 * file and the comments that rely on unset options are no part of a policy. */

static bool is_found(const struct lint_report *r, const struct known *k)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->items[i].class == k->class && strcmp(r->items[i].rule, k->rule) == 0 &&
		    strstr(r->items[i].text, k->text))
			return true;
	return false;
}

static bool load(const char *name, struct lint_report *r)
{
	static const char *const dirs[] = { "../shared/compat", "../../shared/compat" };
	const char *dir = getenv("AGENTSH_COMPAT");
	AUTO_BUF text = { .data = NULL };
	struct err e;
	char path[4096];

	for (size_t i = 0; !dir && i < sizeof dirs / sizeof *dirs; i++)
		dir = access(dirs[i], R_OK) == 0 ? dirs[i] : NULL;
	if (!dir) {
		t_skip("the real policies are not here (../shared/compat)");
		return false;
	}
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return ok(fd_slurp_file(path, 1 << 20, &text, &e) == 0, "%s", path) &&
	       ok(policy_lint(buf_text(&text), text.len, r, &e) == 0, "lint %s", name);
}

static void check(const struct lint_report *r, const struct known *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ok(is_found(r, &list[i]), "%s %s: %s", lint_class_name(list[i].class), list[i].rule,
		   list[i].text);
}

T_CASE(e2b)
{
	struct lint_report r = { .n = 0 };

	if (!load("e2b-default.yaml", &r))
		return;
	check(&r, both, sizeof both / sizeof *both);
	check(&r, e2b, sizeof e2b / sizeof *e2b);
	lint_release(&r);
}

T_CASE(daytona)
{
	struct lint_report r = { .n = 0 };

	if (!load("daytona-default.yaml", &r))
		return;
	check(&r, both, sizeof both / sizeof *both);
	check(&r, daytona, sizeof daytona / sizeof *daytona);
	lint_release(&r);
}
