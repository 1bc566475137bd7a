/* files_open - what opening a file may and may not do when the supervisor judges it: FS-02, FS-03, FS-06,
 * FS-10 to FS-12, FS-28, FS-29, OK-38, OK-61. Each attack is run three times: governed, where it must fail;
 * governed without the judge, and not governed, where it must succeed. */
#include "test/kernel/files_attacks.h"
#include "test/kernel/files_open.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

static const char *const policy = LAB_HEAD LAB_TAIL "file_rules:\n"
                                                    "  - name: deny-env\n"
                                                    "    paths: [\"**/.env\", \"**/vault/**\"]\n"
                                                    "    operations: [\"*\"]\n"
                                                    "    decision: deny\n"
                                                    "    message: \"{{.Path}} is closed\"\n"
                                                    "  - name: deny-changes\n"
                                                    "    paths: [\"**/fixed\"]\n"
                                                    "    operations: [write, truncate]\n"
                                                    "    decision: deny\n"
                                                    "  - name: allow-rest\n"
                                                    "    paths: [\"/\", \"/**\"]\n"
                                                    "    operations: [\"*\"]\n"
                                                    "    decision: allow\n";

const struct lab_attack lab_attacks[] = { { "plain", a_plain },
	                                  { "absolute", a_absolute },
	                                  { "dots", a_dots },
	                                  { "root_link", a_root_link },
	                                  { "cwd_link", a_cwd_link },
	                                  { "directory", a_directory },
	                                  { "reopened", a_reopened },
	                                  { "dev_fd", a_dev_fd },
	                                  { "link", a_link },
	                                  { "directory_link", a_directory_link },
	                                  { "link_to_descriptor", a_link_to_descriptor },
	                                  { "hard_flags", a_hard_flags },
	                                  { "both", a_both },
	                                  { "openat2", a_openat2 },
	                                  { "beneath", a_beneath },
	                                  { "in_root", a_in_root },
	                                  { "no_links", a_no_links },
	                                  { "thread", a_thread },
	                                  { "child", a_child },
	                                  { "mode_three", a_mode_three },
	                                  { "empty", a_empty },
	                                  { "creat", a_creat },
	                                  { "append", a_append },
	                                  { "write", a_write },
	                                  { "write2", a_write2 },
	                                  { "dangling", a_dangling },
	                                  { "unnamed", a_unnamed },
	                                  { "nested", a_nested },
	                                  { "race_name", a_race_name },
	                                  { "race_both", a_race_both },
	                                  { "race_missing", a_race_missing },
	                                  { "race_fifo", a_race_fifo },
	                                  { "race_device", a_race_device },
	                                  { "race_terminal", a_race_terminal },
	                                  { "race_how", a_race_how },
	                                  { "race_link", a_race_link },
	                                  { "race_directory", a_race_directory },
	                                  { "roots_file", a_roots_file },
	                                  { "outsider", a_outsider },
	                                  { "alias", a_alias },
	                                  { "stdin_alias", a_stdin_alias },
	                                  { "proc_alias", a_proc_alias },
	                                  { "redirected", redirected },
	                                  { "own_process", own_process },
	                                  { "starved", a_starved },
	                                  { "roots_directory", a_roots_directory },
	                                  { "outsiders_root", a_outsiders_root },
	                                  { "outsiders_thread", a_outsiders_thread },
	                                  { "bait", a_bait },
	                                  { "trap", a_trap },
	                                  { "fixed_emptied", a_fixed_emptied },
	                                  { "fixed_both", a_fixed_both },
	                                  { "fixed_appended", a_fixed_appended },
	                                  { "fixed_created", a_fixed_created },
	                                  { "day_creating", day_creating },
	                                  { "day_errors", day_errors },
	                                  { "day_unnamed", day_unnamed },
	                                  { "day_fifos", day_fifos },
	                                  { "day_devices", day_devices },
	                                  { "day_proc", day_proc },
	                                  { "day_places", day_places },
	                                  { "day_strings", day_strings },
	                                  { "day_limits", day_limits },
	                                  { "day_interrupted", day_interrupted },
	                                  { "day_threads", day_threads },
	                                  { "day_another_user", day_another_user },
	                                  { "day_neighbours", day_neighbours },
	                                  { "day_descriptors", day_descriptors },
	                                  { "day_nonsense", day_nonsense },
	                                  { "", NULL } };

/* ---- the driver -------------------------------------------------------------------------------------------
 */

enum { OTHER = 30555 };

static struct outcome o;

static void in_drop(const char *name, char *out)
{
	snprintf(out, PATH_MAX, "%s/%s", lab.drop, name);
}

static void put(const char *name, const char *text, mode_t mode)
{
	char path[PATH_MAX];

	in_drop(name, path);
	lab_write(path, text, mode);
}

static void make_dir(const char *name, mode_t mode)
{
	char path[PATH_MAX];

	in_drop(name, path);
	lab_need((mkdir(path, mode) == 0 || errno == EEXIST) && chmod(path, mode) == 0, path);
}

/* Everything anew for each run. */
static void lay_out(void)
{
	char command[200], path[PATH_MAX];

	snprintf(command, sizeof command, "rm -rf '%s'", lab.drop);
	lab_need(system(command) == 0 && mkdir(lab.drop, 0777) == 0 && chmod(lab.drop, 0777) == 0, lab.drop);
	make_dir("w", 0777);
	make_dir("w/a", 0755);
	make_dir("w/a/b", 0755);
	make_dir("vault", 0777);
	make_dir("w/private", 0700);
	put("w/.env", "secret\n", 0666);
	put("w/a/b/.env", "secret\n", 0666);
	put("vault/file", "secret\n", 0666);
	put("w/fine", "fine", 0666);
	put("w/fixed", "canary\n", 0666);
	make_dir("sticky", 01777);
	put("sticky/bait", "bait", 0666);
	put("sticky/aim", "secret\n", 0644);
	in_drop("sticky/bait", path);
	lab_need(chown(path, OTHER, OTHER) == 0, path);
	in_drop("sticky/trap", path);
	lab_need(symlink("aim", path) == 0 && lchown(path, OTHER, OTHER) == 0, path);
	put("w/roots", "root's", 0600);
	put("w/private/file", "root's", 0644);
}

static void attack(const char *name, bool governed, const char *option, uid_t uid)
{
	lab_start();
	lab_write(lab.policy, option ? policy : LAB_HEAD LAB_TAIL, 0644);
	lay_out();
	lab.option = option;
	lab_attack(name, governed, uid, &o);
}

#define JUDGED "--judge-files"

static void denied_by(const char *name, const char *rule, uid_t uid)
{
	attack(name, true, JUDGED, uid);
	if (!ok(!o.reached && lab_exit(&o) == EACCES, "%s: EACCES and no more (%d)", name, lab_exit(&o)))
		lab_show(&o);
	ok(lab_logged(&o, rule, "\"denied\""), "%s: in the log with its rule", name);
	attack(name, true, NULL, uid);
	ok(o.reached, "%s: reached without the judge", name);
}

static void denied(const char *name, uid_t uid)
{
	denied_by(name, "\"deny-env\"", uid);
}

T_CASE(attacks)
{
	const struct lab_attack *a = lab_attacks;

	lab_start();
	for (; strcmp(a->name, "roots_file") != 0; a++)
		if (strcmp(a->name, "mode_three") != 0) {
			denied(a->name, lab.user);
			denied(a->name, 0);
		}
}

/* FS-12: each way to change a file, where reading it is allowed. */
T_CASE(what_may_only_be_read)
{
	static const char *const names[] = { "fixed_emptied", "fixed_both", "fixed_appended",
		                             "fixed_created" };

	for (size_t i = 0; i < 4; i++) {
		denied_by(names[i], "\"deny-changes\"", lab.user);
		denied_by(names[i], "\"deny-changes\"", 0);
	}
}

/* Mode 3 opens for neither. */
T_CASE(odd_modes)
{
	lab_start();
	attack("mode_three", true, JUDGED, lab.user);
	ok(!o.reached && lab_exit(&o) == EACCES, "flags of 3");
}

/* FS-29. Permissions are the defence: with the canary in the same tree, root itself reads it. */
T_CASE(permissions)
{
	static const char *const names[] = { "roots_file", "roots_directory" };

	for (size_t i = 0; i < 2; i++) {
		attack(names[i], true, JUDGED, 0);
		ok(!o.reached && lab_exit(&o) == EACCES, "%s: root that became somebody else", names[i]);
		attack(names[i], true, JUDGED, 0);
		attack(names[i], false, NULL, 0);
		ok(!o.reached && lab_exit(&o) == EACCES, "%s: as without us", names[i]);
	}
}

/* FS-29. As the kernel has it by fs.protected_regular and fs.protected_symlinks, whatever they say. */
T_CASE(what_others_leave_in_tmp)
{
	static const char *const names[] = { "bait", "trap" };

	for (size_t i = 0; i < 2; i++) {
		attack(names[i], true, JUDGED, lab.user);
		ok(!o.reached && lab_exit(&o) == EACCES, "%s: EACCES (%d)", names[i], lab_exit(&o));
		attack(names[i], false, NULL, OTHER);
		ok(o.reached, "%s: whose it is", names[i]);
	}
}

#include "test/kernel/files_supervisor.h"

static void same_day(const char *name, uid_t uid)
{
	attack(name, false, NULL, uid);
	is_int(lab_exit(&o), 0, "%s: not governed", name);
	if (lab_exit(&o))
		lab_show(&o);
	attack(name, true, JUDGED, uid);
	is_int(lab_exit(&o), 0, "%s: as %s", name, uid ? "a user" : "root");
	if (lab_exit(&o))
		lab_show(&o);
}

T_CASE(everyday)
{
	lab_start();
	for (const struct lab_attack *a = lab_attacks; *a->name; a++)
		if (!strncmp(a->name, "day_", 4) && strcmp(a->name, "day_descriptors") != 0) {
			same_day(a->name, lab.user);
			same_day(a->name, 0);
		}
}
