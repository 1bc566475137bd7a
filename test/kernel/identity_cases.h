/* The driver's side of identity.c. */
#pragma once

const struct lab_attack lab_attacks[] = {
	{ "mark", a_mark },
	{ "copy", a_copy },
	{ "masquerade", a_masquerade },
	{ "hard-link", a_hard_link },
	{ "unreadable", a_unreadable },
	{ "memfd", a_memfd },
	{ "memfd-own", a_memfd_own },
	{ "memfd-proc", a_memfd_proc },
	{ "unlinked", a_unlinked },
	{ "tmpfile", a_tmpfile },
	{ "shebang", a_shebang },
	{ "moved", a_moved },
	{ "orphan", a_orphan },
	{ "fine-changed", b_changed },
	{ "fine-own", b_own },
	{ "swap", a_swap },
	{ "if-canary", a_if_canary },
	{ "loader", a_loader },
	{ "loader-copy", a_loader_copy },
	{ "copied-loader", a_copied_loader },
	{ "loader-swap", a_loader_swap },
	{ "loader-preload", a_loader_preload },
	{ "late-loader", a_late_loader },
	{ "late-loader-fixed", a_late_loader_fixed },
	{ "fine-late-list", b_late_loader_list },
	{ "fine-loader", b_loader },
	{ "busybox", a_busybox },
	{ "busybox-argv", a_busybox_argv },
	{ "busybox-copy", a_busybox_copy },
	{ "busybox-copy-argv", a_busybox_copy_argv },
	{ "busybox-link", a_busybox_link },
	{ "applet-shell", a_applet_shell },
	{ "applet-shell-argv", a_applet_shell_argv },
	{ "applet-shell-copy", a_applet_shell_copy },
	{ "fine-busybox", b_busybox_copy },
	{ "copied-tool", a_copied_tool },
	{ "role", a_role },
	{ "fine-role", b_role },
	{ NULL, NULL },
};

static struct outcome got;
static const char *more = "";

/* The canary is another file than the tool, and the policy knows where it lies. */
static void begin(void)
{
	char policy[2048];
	int fd;

	lab_start();
	lab_copy("/proc/self/exe", lab.canary);
	fd = open(lab.canary, O_WRONLY | O_APPEND | O_CLOEXEC);
	lab_need(fd >= 0 && write(fd, "x", 1) == 1, lab.canary);
	close(fd);
	snprintf(policy, sizeof policy,
	         "version: 1\nname: lab\ncommand_rules:\n"
	         "  - name: allow-git\n    commands: [git]\n    decision: allow\n"
	         "  - name: deny-canary\n    commands: [canary, %s]\n    decision: deny\n"
	         "  - name: deny-tools\n    commands: [touch, pkill]\n    decision: deny\n%s" LAB_TAIL,
	         lab.canary, more);
	lab_write(lab.policy, policy, 0644);
}

static void must_be_denied(const char *name, const char *rule, const char *by, uid_t uid)
{
	char text[128];

	begin();
	lab_attack(name, false, uid, &got);
	ok(lab_exit(&got) == 0 && got.reached, "%s works ungoverned (uid %u)", name, (unsigned)uid);
	begin();
	lab_attack(name, true, uid, &got);
	if (!ok(!got.reached, "%s: nothing happened (uid %u)", name, (unsigned)uid))
		lab_show(&got);
	is_int(lab_exit(&got), EACCES, "%s: the caller gets EACCES", name);
	snprintf(text, sizeof text, ": denied by rule '%s' (lab.yaml:", rule);
	ok(strstr(got.err, text), "%s: a line says why", name);
	snprintf(text, sizeof text, "\"rule\":\"%s\"", rule);
	if (!ok(lab_logged(&got, "\"decision\":\"deny\"", text), "%s: an event names the rule", name))
		lab_show(&got);
	snprintf(text, sizeof text, "\"identity\":\"%s\"", by);
	if (*by && !ok(lab_logged(&got, text, "\"identity_of\":\"/"), "%s: recognised by its %s", name, by))
		lab_show(&got);
}

static void must_work(const char *name, uid_t uid, int status)
{
	begin();
	lab_attack(name, true, uid, &got);
	if (!is_int(lab_exit(&got), status, "%s works (uid %u)", name, (unsigned)uid))
		lab_show(&got);
}

T_CASE(copies)
{
	static const char *const names[] = { "copy",     "masquerade", "memfd",  "memfd-proc",
		                             "unlinked", "tmpfile",    "shebang" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		must_be_denied(names[i], "deny-canary", "content", lab.user);
		must_be_denied(names[i], "deny-canary", "content", 0);
	}
	ok(lab_logged(&got, "deny-canary", "\"sha256\":\""), "the event has the content's hash");
	must_be_denied("unreadable", "deny-canary", "unreadable", lab.user);
	must_be_denied("unreadable", "deny-canary", "content", 0);
}

T_CASE(links)
{
	must_be_denied("hard-link", "deny-canary", "file", 0);
	must_be_denied("moved", "deny-canary", "gone", 0);
	must_be_denied("orphan", "deny-canary", "gone", 0);
}

T_CASE(usual_folders)
{
	must_be_denied("copied-tool", "deny-tools", "content", lab.user);
	must_be_denied("copied-tool", "deny-tools", "content", 0);
}

T_CASE(neighbours)
{
	for (uid_t uid = 0; uid <= lab.user; uid += lab.user) {
		must_work("fine-own", uid, 0);
		must_work("fine-changed", uid, 0);
		ok(got.reached, "a program of the same size and other content runs");
	}
}

/* The policy may refuse memory files altogether. */
T_CASE(memory_files)
{
	begin();
	lab_attack("memfd-own", true, lab.user, &got);
	ok(got.reached && lab_logged(&got, "/memfd:harmless", "allow-rest"),
	   "a memory file runs, and is named");
	more = "  - name: deny-memory-files\n    commands: ['/memfd:*']\n    decision: deny\n";
	must_be_denied("memfd-own", "deny-memory-files", "", lab.user);
	must_be_denied("memfd-own", "deny-memory-files", "", 0);
	more = "";
}

static void race(const char *name, const char *rule, uid_t uid)
{
	begin();
	lab_attack(name, false, uid, &got);
	ok(got.reached, "%s: ungoverned, it is reached", name);
	begin();
	lab_attack(name, true, uid, &got);
	if (!ok(!got.reached, "%s: not once in %d execs", name, atoi(got.out)) ||
	    !ok(atoi(got.out) > 20 && lab_exit(&got) == 0, "%s: it was tried", name))
		lab_show(&got);
	ok(lab_logged(&got, rule, "\"decision\":\"deny\""), "%s: some were denied at once", name);
	ok(lab_logged(&got, "exec_intercept", "killed"), "%s: some were found out at their start", name);
}

T_CASE(content_race)
{
	race("swap", "deny-canary", lab.user);
}

T_CASE(loaders)
{
	if (!loader())
		return;
	must_be_denied("loader", "deny-tools", "", lab.user);
	must_be_denied("loader-copy", "deny-tools", "content", lab.user);
	must_be_denied("copied-loader", "deny-tools", "content", 0);
	must_work("fine-loader", lab.user, 0);
	must_work("fine-loader", 0, 0);
	race("loader-swap", "deny-tools", lab.user);
	race("loader-swap", "deny-tools", 0);
	begin();
	lab_attack("loader-preload", true, lab.user, &got);
	ok(!got.reached, "what is judged is mapped as well: not once in %d execs", atoi(got.out));
}

/* What cannot be told is denied; what nobody here could exchange can be told. */
T_CASE(late_loaders)
{
	begin();
	lab_attack("late-loader", false, lab.user, &got);
	ok(got.reached, "a loader that maps late works ungoverned");
	for (int i = 0; i < 3; i++) {
		begin();
		lab_attack(i ? "late-loader-fixed" : "late-loader", true, i < 2 ? 0 : lab.user, &got);
		if (i == 2) {
			ok(got.reached && !lab_exit(&got), "a program in the hands of root, run by a user");
		} else {
			ok(!got.reached && lab_exit(&got) == 128 + SIGKILL, "one that could be exchanged");
			ok(lab_logged(&got, "loader-program", "\"effective_action\":\"killed\""), "says why");
		}
	}
	begin();
	lab_attack("late-loader", true, lab.user, &got);
	ok(!got.reached && lab_logged(&got, "loader-program", "killed"), "a user's own program");
	must_work("fine-late-list", lab.user, 0);
}

T_CASE(multicall)
{
	if (access("/bin/busybox", X_OK) < 0)
		return;
	must_be_denied("busybox", "deny-tools", "", lab.user);
	must_be_denied("busybox-argv", "deny-tools", "", lab.user);
	must_be_denied("busybox-copy", "deny-tools", "content", lab.user);
	must_be_denied("busybox-copy-argv", "deny-tools", "content", 0);
	must_be_denied("busybox-link", "deny-tools", "", lab.user);
	must_work("fine-busybox", lab.user, 0);
	more = "  - name: deny-applet-shell\n    commands: [applet-shell]\n    decision: deny\n";
	must_be_denied("applet-shell", "deny-applet-shell", "", lab.user);
	must_be_denied("applet-shell-argv", "deny-applet-shell", "", lab.user);
	must_be_denied("applet-shell-copy", "deny-applet-shell", "content", 0);
	must_work("fine-busybox", lab.user, 0);
	more = "";
}

T_CASE(roles)
{
	char to[PATH_MAX];
	ssize_t n = readlink("/usr/bin/pkill", to, sizeof to);

	if (n != 5 || memcmp(to, "pgrep", 5) != 0)
		return;
	must_work("role", lab.user, EACCES);
	ok(lab_logged(&got, "deny-tools", "\"identity\":\"name\""), "by the name it was called with");
	must_work("fine-role", lab.user, 1);
}
