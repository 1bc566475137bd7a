/* install - put the shim in place of a root's shells, and take it out again
 *
config APPLET_INSTALL
        bool "install"
        default y
        depends on APPLET_SHIM
        help
          "shim install-shell", "shim uninstall-shell" and "shim status":
          puts the shim in place of /bin/sh and /bin/bash below a root.
 */
#include "applets/applet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/die.h"
#include "base/fd.h"
#include "base/opt.h"
#include "json/write.h"
#include "shell/root.h"
#include "shell/swap.h"

static const char conf_header[] = "# Written by: agentsh shim install-shell\n";
static const char understood[] = "i-understand-this-modifies-the-host";

struct install {
	const char *root, *shim, *output;
	bool bash, bash_only, host_too, dry_run, force;
	struct buf shim_bytes;
	struct swap swap;
	struct buf plan; /* what a dry run prints */
	struct json json;
};

/* ---- telling what would be done --------------------------------------------------------------- */

static void add_json(struct json *j, const struct swap_step *step)
{
	const char *const fields[][2] = { { "op", step->op },
		                          { "path", step->path },
		                          { "from", step->from },
		                          { "to", step->to },
		                          { "note", step->note } };

	json_object(j);
	for (int i = 0; i < 5; i++) {
		if (fields[i][1])
			json_key_text(j, fields[i][0], fields[i][1]);
	}
	json_end(j);
}

static void add_step(void *arg, const struct swap_step *step)
{
	struct install *o = arg;

	if (strcmp(o->output, "json") == 0) {
		add_json(&o->json, step);
	} else if (step->from) {
		buf_fmt(&o->plan, "rename %s -> %s\n", step->from, step->to);
	} else if (strcmp(step->op, "note") == 0) {
		struct json line = { .out = &o->plan };
		buf_str(&o->plan, "note ");
		add_json(&line, step);
		buf_chr(&o->plan, '\n');
	} else {
		buf_fmt(&o->plan, "%s %s (%s)\n", step->op, step->path, step->note);
	}
}

static void begin_plan(struct install *o)
{
	if (strcmp(o->output, "json") != 0)
		return;
	o->json = (struct json){ .out = &o->plan, .indent = true };
	json_object(&o->json);
	json_key_text(&o->json, "root", o->root);
	if (o->shim)
		json_key_text(&o->json, "shim", o->shim);
	json_key(&o->json, "actions");
	json_array(&o->json);
}

static void print(struct buf *text)
{
	if (text->failed || fd_write(STDOUT_FILENO, buf_text(text), text->len) < 0)
		die(EXIT_FAILED, "agentsh: cannot write the output");
}

static void end_plan(struct install *o)
{
	if (o->json.depth) {
		json_end(&o->json);
		json_end(&o->json);
		buf_chr(&o->plan, '\n');
	}
	print(&o->plan);
}

/* ---- etc/agentsh/shim.conf -------------------------------------------------------------------- */

/* The path of the folder, made if `make`. 1, 0 if it is not there, or -1. */
static int conf_folder(const struct install *o, bool make, char *out, size_t size, struct err *e)
{
	char folder[SWAP_TEXT];
	int root = o->swap.root_fd;

	if (make)
		mkdirat(root, "etc", 0755);
	if (root_resolve(root, "/etc", folder, sizeof folder, e) < 0)
		return e->code == ENOENT ? 0 : -1;
	if (strlen(folder) + sizeof "/agentsh" > sizeof folder)
		return err_set(e, "'%s' is too long", folder);
	strcat(folder, "/agentsh");
	if (make && mkdirat(root, folder + 1, 0755) < 0 && errno != EEXIST)
		return err_sys(e, "make '%s%s'", o->swap.root, folder);
	if (root_resolve(root, folder, out, size, e) < 0)
		return e->code == ENOENT ? 0 : -1;
	return 1;
}

/* The file's other keys go to `out`. Whether it forces. */
static bool conf_parse(char *text, struct buf *out)
{
	bool forces = false;
	char *rest;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		line += strspn(line, " \t");
		size_t len = strcspn(line, "= \t");
		if (*line == '#' || !strchr(line, '='))
			continue;
		if (len != 5 || strncmp(line, "force", 5) != 0) {
			buf_fmt(out, "%s\n", line);
			continue;
		}
		const char *value = strchr(line, '=') + 1;
		value += strspn(value, " \t");
		forces = strncmp(value, "true", 4) == 0 || *value == '1';
	}
	return forces;
}

/* The shim governs always, so that this changes nothing for ours: it is recorded for those who read it. */
static int record_force(struct install *o, struct err *e)
{
	char folder[SWAP_TEXT], path[2 * SWAP_TEXT + 16], shown[SWAP_TEXT + 32];
	AUTO_BUF old = { .max = 65536 };
	AUTO_BUF kept = { 0 };
	bool forces = false;
	int there = conf_folder(o, o->force && !o->dry_run, folder, sizeof folder, e);

	if (there < 0 || (!there && !o->force))
		return there;
	snprintf(shown, sizeof shown, "%s/etc/agentsh/shim.conf", o->swap.root);
	snprintf(path, sizeof path, "%s%s/shim.conf", o->swap.root, there ? folder : "");
	if (there && fd_slurp_file(path, old.max, &old, e) < 0 && e->code != ENOENT)
		return -1;
	buf_str(&kept, conf_header);
	if (old.len)
		forces = conf_parse(old.data, &kept);
	if (!o->force && !forces)
		return 0;
	buf_fmt(&kept, "force=%s\n", o->force ? "true" : "false");
	if (o->dry_run) {
		add_step(o, &(struct swap_step){ .op = "write",
		                                 .path = shown,
		                                 .note = o->force ? "write shim.conf with force=true"
		                                                  : "clear force=true from shim.conf" });
		return 0;
	}
	return fd_replace_file(path, kept.data, kept.len, 0644, e);
}

/* ---- the three commands ----------------------------------------------------------------------- */

static int install_shell(struct install *o, struct err *e)
{
	struct swap *s = &o->swap;

	/* When sh is bash, bash can not be governed alone: sh would find a shim and no sh.real. */
	if ((!o->bash_only || swap_is_link_to(s, "sh", "bash")) && swap_put(s, "sh", e) < 0)
		return -1;
	if ((o->bash || o->bash_only) && swap_put(s, "bash", e) < 0)
		return -1;
	if (!s->n_shells && !o->dry_run)
		return err_set(e, "no %s in '%s/bin' to stand in for; 'agentsh run' governs without a shell",
		               o->bash_only ? "bash"
		               : o->bash    ? "sh or bash"
		                            : "sh",
		               s->root);
	return record_force(o, e);
}

static int uninstall_shell(struct install *o, struct err *e)
{
	struct swap *s = &o->swap;

	/* First bash: a link from sh to it can only come back when it is the real one again. */
	if (o->bash && swap_take_out(s, "bash", e) < 0)
		return -1;
	return swap_take_out(s, "sh", e);
}

static const char *type_name(mode_t mode)
{
	return !mode ? "" : S_ISREG(mode) ? "file" : S_ISLNK(mode) ? "symlink" : "other";
}

static void status_json(struct json *j, const char *target, const char *name, const struct swap_status *st)
{
	char real[SWAP_TEXT + 32];

	snprintf(real, sizeof real, "%s.real", target);
	json_key(j, name);
	json_object(j);
	json_key_text(j, "name", name);
	json_key_text(j, "state", st->state);
	json_key_text(j, "target_path", target);
	json_key_text(j, "real_path", real);
	json_key_bool(j, "target_exists", st->mode);
	if (st->mode) {
		json_key_int(j, "target_mode", st->mode & 07777);
		json_key_text(j, "target_type", type_name(st->mode));
	}
	if (st->link[0])
		json_key_text(j, "target_link", st->link);
	json_key_bool(j, "real_exists", st->real_mode);
	if (st->real_mode) {
		json_key_int(j, "real_mode", st->real_mode & 07777);
		json_key_text(j, "real_type", type_name(st->real_mode));
	}
	if (st->real_link[0])
		json_key_text(j, "real_link", st->real_link);
	json_key_bool(j, "shim_matches", st->matches);
	json_end(j);
}

static const char *yes_no(bool value)
{
	return value ? "true" : "false";
}

static void status_of(struct install *o, const char *name)
{
	char target[SWAP_TEXT + 16];
	struct swap_status st;
	struct err e;

	if (swap_status(&o->swap, name, &st, &e) < 0)
		complain("agentsh: %s", e.text);
	snprintf(target, sizeof target, "%s/bin/%s", o->swap.root, name);
	if (o->json.out)
		status_json(&o->json, target, name, &st);
	else
		buf_fmt(&o->plan, "%s: state=%s target=%s exists=%s type=%s real_exists=%s shim_matches=%s\n",
		        name, st.state, target, yes_no(st.mode), type_name(st.mode), yes_no(st.real_mode),
		        yes_no(st.matches));
}

static int status(struct install *o)
{
	if (strcmp(o->output, "json") == 0) {
		o->json = (struct json){ .out = &o->plan, .indent = true };
		json_object(&o->json);
		json_key_text(&o->json, "root", o->root);
		if (o->shim)
			json_key_text(&o->json, "shim_path", o->shim);
	} else {
		buf_fmt(&o->plan, "root=%s\n", o->root);
		if (o->shim)
			buf_fmt(&o->plan, "shim=%s\n", o->shim);
	}
	status_of(o, "sh");
	if (o->bash)
		status_of(o, "bash");
	if (o->json.out) {
		json_end(&o->json);
		buf_chr(&o->plan, '\n');
	}
	print(&o->plan);
	return EXIT_DONE;
}

/* ---- arguments -------------------------------------------------------------------------------- */

static const char usage[] =
        "install-shell --shim FILE [--root DIR] [--bash | --bash-only] [--force] [--dry-run]\n"
        "                                  [--output shell|json]\n"
        "       agentsh shim uninstall-shell [--root DIR] [--bash] [--dry-run] [--output shell|json]\n"
        "       agentsh shim status [--root DIR] [--shim FILE] [--bash] [--output shell|json]\n"
        "\n"
        "The real shells stay beside the shim, as sh.real and bash.real. --bash means both. For the root of\n"
        "this system, --i-understand-this-modifies-the-host must be given too.";

static int usage_error(const char *text)
{
	complain("agentsh: %s", text);
	return EXIT_FAILED;
}

/* By the folder itself: "/", "/../" and /proc/self/root are all the host. */
static bool is_host(const char *root)
{
	struct stat a, b;

	return stat(root, &a) == 0 && stat("/", &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static void load_shim(struct install *o)
{
	struct err e;

	if (fd_slurp_file(o->shim, SWAP_MAX_FILE, &o->shim_bytes, &e) < 0)
		die(EXIT_FAILED, "agentsh: read shim: %s", e.text);
	if (!swap_is_shim(&o->shim_bytes))
		die(EXIT_FAILED, "agentsh: '%s' is not an agentsh shim", o->shim);
	o->swap.shim = &o->shim_bytes;
}

static int change(struct install *o, bool in)
{
	struct err e;

	o->swap.dry_run = o->dry_run;
	o->swap.bash_too = o->bash;
	if (o->dry_run) {
		o->swap.step = add_step;
		o->swap.arg = o;
		begin_plan(o);
	}
	umask(022);
	if (swap_open(&o->swap, o->root, &e) < 0 || (in ? install_shell(o, &e) : uninstall_shell(o, &e)) < 0)
		die(EXIT_FAILED, "agentsh: %s", e.text);
	if (o->dry_run)
		end_plan(o);
	return EXIT_DONE;
}

static int command(struct install *o, const char *word)
{
	bool in = strcmp(word, "install-shell") == 0;
	struct err e;

	if (strcmp(o->output, "shell") != 0 && strcmp(o->output, "json") != 0)
		die(EXIT_FAILED, "agentsh: invalid --output \"%s\" (expected shell|json)", o->output);
	if (in && !o->shim)
		return usage_error("--shim is required");
	if (o->bash && o->bash_only)
		return usage_error("--bash and --bash-only are mutually exclusive");
	if (o->shim && *o->shim)
		load_shim(o);
	if (strcmp(word, "status") == 0) {
		if (swap_open(&o->swap, o->root, &e) < 0)
			die(EXIT_FAILED, "agentsh: %s", e.text);
		return status(o);
	}
	if (!o->dry_run && !o->host_too && is_host(o->root))
		die(EXIT_FAILED, "agentsh: refusing to modify host rootfs (\"%s\"); pass --%s to continue",
		    o->root, understood);
	return change(o, in);
}

static int run(int argc, char **argv)
{
	struct install o = { .root = "/", .output = "shell" };
	const struct opt table[] = {
		{ .name = "root", .type = OPT_TEXT, .to = &o.root },
		{ .name = "shim", .type = OPT_TEXT, .to = &o.shim },
		{ .name = "bash", .type = OPT_FLAG, .to = &o.bash },
		{ .name = "bash-only", .type = OPT_FLAG, .to = &o.bash_only },
		{ .name = understood, .type = OPT_FLAG, .to = &o.host_too },
		{ .name = "dry-run", .type = OPT_FLAG, .to = &o.dry_run },
		{ .name = "force", .type = OPT_FLAG, .to = &o.force },
		{ .name = "output", .type = OPT_TEXT, .to = &o.output },
		{ 0 },
	};
	struct opt_args args;
	struct err e;
	const char *word = argc > 1 ? argv[1] : "";

	if (strcmp(word, "install-shell") != 0 && strcmp(word, "uninstall-shell") != 0 &&
	    strcmp(word, "status") != 0)
		return usage_error("expected install-shell, uninstall-shell or status");
	if (argc == 3 && strcmp(argv[2], "--help") == 0) {
		printf("usage: agentsh shim %s\n", usage);
		return flushed();
	}
	if (opt_parse(argc - 1, argv + 1, table, false, &args, &e) < 0)
		return usage_error(e.text);
	if (args.n)
		die(EXIT_FAILED, "agentsh: unexpected argument '%s'", args.items[0]);
	if (!*o.root)
		o.root = "/";
	return command(&o, word);
}

const struct applet applet_install = {
	.name = "install",
	.alias = { "shim install-shell", "shim uninstall-shell", "shim status" },
	.summary = "put the shim in place of a root's shells, or take it out",
	.usage = usage,
	.run = run,
};
