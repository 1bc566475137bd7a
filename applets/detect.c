/* detect - what this host can do, and what of it is armed
 *
config APPLET_DETECT
        bool "detect"
        default y
        help
          Try each kernel mechanism in a child and report what really works, as
          table, JSON or YAML; write a configuration that fits.
 */
#include "applet.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/fd.h"
#include "base/opt.h"
#include "enforce/exec/try.h"
#include "enforce/landlock/try.h"
#include "enforce/limits/try.h"
#include "enforce/net/try.h"
#include "json/read.h"
#include "json/write.h"
#include "json/yaml.h"
#include "policy/policy.h"
#include "sys/probe.h"
#include "sys/proc.h"

static const char usage[] = "[-o|--output table|json|yaml]\n       agentsh detect config [-o FILE]";

enum { EXEC_DEADLINE_MS = 2000 };

/* ---- what was found ---- */

struct found {
	struct probe p[PROBE_N];
	unsigned proofs;       /* PROOF_…: what a governed command showed */
	struct probe governed; /* its detail says why proofs are missing */
	int score;
	const char *mode;
};

/* One line of CAPABILITIES. `version`: an integer instead of yes or no. In the order of the names. */
static const struct {
	const char *key;
	enum probe_id id;
	bool version;
} capabilities[] = {
	{ "capabilities_drop", PROBE_CAPS, false },
	{ "cgroups_v1", PROBE_CGROUP_V1, false },
	{ "cgroups_v2", PROBE_CGROUP, false },
	{ "ebpf", PROBE_EBPF, false },
	{ "fuse", PROBE_FUSE, false },
	{ "landlock", PROBE_LANDLOCK, false },
	{ "landlock_abi", PROBE_LANDLOCK, true },
	{ "landlock_network", PROBE_LANDLOCK_NET, false },
	{ "no_new_privs", PROBE_NO_NEW_PRIVS, false },
	{ "pid_namespace", PROBE_PID_NAMESPACE, false },
	{ "pidfd", PROBE_PIDFD, false },
	{ "proc_mem", PROBE_PROC_MEM, false },
	{ "process_vm_readv", PROBE_VM_READ, false },
	{ "ptrace", PROBE_PTRACE, false },
	{ "seccomp", PROBE_SECCOMP, false },
	{ "seccomp_addfd", PROBE_ADDFD, false },
	{ "seccomp_basic", PROBE_SECCOMP, false },
	{ "seccomp_sync_wakeup", PROBE_SYNC_WAKE, false },
	{ "seccomp_user_notify", PROBE_NOTIFY, false },
	{ "seccomp_wait_killable", PROBE_KILLABLE, false },
};

/* What only a command that was really governed can show: a layer counts as armed only with its proof. */
enum proof {
	NOT_BUILT = 0,
	PROOF_NO_NEW_PRIVS = 1,
	PROOF_SECCOMP = 2,
	PROOF_FLOOR = 4, /* it could not look at a process outside */
	/* An allowed command did run, a denied one did not … */
	PROOF_EXEC = 8,   /* … below another, which was not traced */
	PROOF_TRACE = 16, /* … below another, which was traced */
	PROOF_ENTRY = 32, /* … by itself; below another it did */
	PROOF_ANY = PROOF_EXEC | PROOF_TRACE | PROOF_ENTRY,
	/* It could not start as many others as it liked: in groups of its own, or in none. */
	PROOF_GROUPS_V2 = 64,
	PROOF_GROUPS_V1 = 128,
	PROOF_COUNTED = 256,
	PROOF_LIMITS = PROOF_GROUPS_V2 | PROOF_GROUPS_V1 | PROOF_COUNTED,
	/* It could not read what file rules deny: names anywhere, whole trees. */
	PROOF_NAMES = 512,
	PROOF_TREES = 1024,
	PROOF_JUDGED = 2048,   /* it could not connect where rules deny it, and could beside that */
	PROOF_OPTIONAL = 4096, /* never shown: the configuration arms it, by the key in its description */
};
#define FILES(proof) (!CONFIG_FILES ? NOT_BUILT : POLICY_FILES_ENFORCED ? (proof) : PROOF_OPTIONAL)
#define NET          (CONFIG_LAYER_NET ? PROOF_OPTIONAL : NOT_BUILT)

struct backend {
	const char *name;
	enum probe_id needs;
	enum proof proof;
	const char *description;
};

struct domain {
	const char *name;
	int weight;
	struct backend backends[5];
};

static const struct domain domains[] = {
	{ "File Protection",
	  25,
	  { { "file-monitor", PROBE_ADDFD, FILES(PROOF_NAMES), "file rules by acting for the caller" },
	    { "landlock-files", PROBE_LANDLOCK, FILES(PROOF_TREES), "file rules on whole trees" },
	    { "fuse", PROBE_FUSE, CONFIG_LAYER_FUSE ? PROOF_OPTIONAL : NOT_BUILT,
	      "rules in a view (fuse.mount)" } } },
	{ "Command Control",
	  25,
	  { { "seccomp-notify", PROBE_NOTIFY, PROOF_EXEC, "each execve is judged" },
	    { "ptrace", PROBE_PTRACE, CONFIG_RUNGS ? PROOF_TRACE : NOT_BUILT,
	      "each execve is judged, slower" },
	    { "entry", PROBE_LANDLOCK, CONFIG_RUNGS ? PROOF_ENTRY : NOT_BUILT,
	      "what is started first is judged, nothing below it" } } },
	{ "Network",
	  20,
	  { { "net-monitor", PROBE_ADDFD, CONFIG_LAYER_NET ? PROOF_JUDGED : NOT_BUILT,
	      "connections (network.enabled)" },
	    { "proxy", PROBE_NO_NEW_PRIVS, NET, "domains, addresses, ports (network.enabled)" },
	    { "landlock-network", PROBE_LANDLOCK_NET, NET, "TCP ports" },
	    { "ebpf", PROBE_EBPF, NOT_BUILT, "connections by control group" } } },
	{ "Resource Limits",
	  15,
	  { { "cgroups-v2", PROBE_CGROUP, CONFIG_LIMITS ? PROOF_GROUPS_V2 : NOT_BUILT,
	      "memory, processor, processes" },
	    { "cgroups-v1", PROBE_CGROUP_V1, CONFIG_LIMITS ? PROOF_GROUPS_V1 : NOT_BUILT,
	      "memory, processor, processes" },
	    { "supervisor", PROBE_SECCOMP, CONFIG_LIMITS ? PROOF_COUNTED : NOT_BUILT,
	      "processes counted, memory watched" } } },
	{ "Isolation",
	  15,
	  { { "no-new-privs", PROBE_NO_NEW_PRIVS, PROOF_NO_NEW_PRIVS, "no way to more rights" },
	    { "seccomp-static", PROBE_SECCOMP, PROOF_SECCOMP,
	      "mounts, modules, tracing and the like denied" },
	    { "landlock-floor", PROBE_LANDLOCK, PROOF_FLOOR, "no tracing or reading of processes outside" },
	    { "pid-namespace", PROBE_PID_NAMESPACE, NOT_BUILT, "other processes out of sight" },
	    { 0 } } },
};

enum {
	N_DOMAINS = sizeof domains / sizeof *domains,
	N_CAPABILITIES = sizeof capabilities / sizeof *capabilities
};

static const struct {
	const char *key, *impact, *action;
} tips[] = {
	{ "cgroups_v2",
	  "Limits of sessions are held by cgroups v1, or but for processor time by the supervisor",
	  "Delegate a cgroup v2 subtree with the cpu, memory and pids controllers" },
	{ "ebpf", "Connections are not watched by control group", "Grant CAP_BPF and CAP_NET_ADMIN" },
	{ "fuse", "Fine-grained filesystem control disabled",
	  "Load the fuse module and give access to /dev/fuse (on Debian: apt-get install fuse3)" },
	{ "landlock_network", "TCP ports cannot be restricted by the kernel", "Use Linux 6.7 or newer" },
	{ "seccomp", "Commands cannot be governed", "Use a kernel with CONFIG_SECCOMP_FILTER" },
};

static bool offers(const struct found *f, const struct backend *b)
{
	return f->p[b->needs].works;
}

static bool is_armed(const struct found *f, const struct backend *b)
{
	return b->proof && offers(f, b) && (f->proofs & b->proof);
}

static bool has(const struct found *f, const char *key)
{
	for (size_t i = 0; i < N_CAPABILITIES; i++)
		if (!strcmp(capabilities[i].key, key))
			return f->p[capabilities[i].id].works;
	return false;
}

/* A governed command ran but did not show what it should have: what it could do. */
static const char *missing_proof(enum proof proof)
{
	switch (proof) {
	case PROOF_NO_NEW_PRIVS:
		return "a governed command could gain rights";
	case PROOF_SECCOMP:
		return "a governed command ran without a filter";
	case PROOF_FLOOR:
		return "a governed command could read /proc/PID/environ of a process outside";
	case PROOF_NAMES:
	case PROOF_TREES:
		return "a governed command could read what file rules deny";
	case PROOF_GROUPS_V2:
	case PROOF_GROUPS_V1:
	case PROOF_COUNTED:
		return "a governed command was not held by it";
	default:
		return "a governed command was not judged";
	}
}

/* Why a backend is not armed, or "armed". */
static const char *state(const struct found *f, const struct backend *b, char *out, size_t size)
{
	const char *why = *f->governed.detail ? f->governed.detail : missing_proof(b->proof);

	if (is_armed(f, b))
		return "armed";
	if (b->proof == PROOF_OPTIONAL)
		return "not armed (by configuration only)";
	if (b->proof == NOT_BUILT)
		return "not armed (not built in this version)";
	if (f->proofs & (b->proof & PROOF_ANY ? PROOF_ANY : PROOF_LIMITS) & (b->proof - 1) &&
	    b->proof & (PROOF_ANY | PROOF_LIMITS))
		return "not needed: a better one is armed";
	if (!offers(f, b))
		why = *f->p[b->needs].detail ? f->p[b->needs].detail : "the kernel cannot";
	snprintf(out, size, "not armed: %s", why);
	return out;
}

static const struct backend *active(const struct found *f, const struct domain *d)
{
	for (const struct backend *b = d->backends; b < d->backends + 5 && b->name; b++)
		if (is_armed(f, b))
			return b;
	return NULL;
}

/* What can be walked round by starting another program counts for nothing. */
static int score(const struct found *f, const struct domain *d)
{
	const struct backend *a = active(f, d);

	return a && a->proof != PROOF_ENTRY ? d->weight : 0;
}

/* ---- governing one command, really ---- */

_Static_assert(PROOF_NO_NEW_PRIVS == (int)TRY_NO_NEW_PRIVS && PROOF_SECCOMP == (int)TRY_FILTER &&
                       PROOF_FLOOR == (int)TRY_FLOOR,
               "proofs are what it says");

static unsigned conclude(int said)
{
	const unsigned seen = (unsigned)said & (PROOF_NO_NEW_PRIVS | PROOF_SECCOMP | PROOF_FLOOR);

	if (!said)
		return 0;
	return seen | (!(said & TRY_BELOW) ? PROOF_ENTRY : (said & TRY_TRACED) ? PROOF_TRACE : PROOF_EXEC);
}

static void try_governed(struct found *f)
{
	char dir[] = "/tmp/agentsh-detect-XXXXXX";
	int said;
	struct err e;

	f->proofs = 0;
	f->governed = (struct probe){ 0 };
	if (!CONFIG_APPLET_RUN) {
		f->governed = (struct probe){ .detail = "governing commands is not built into this file" };
	} else if (proc_check(&e) < 0) {
		snprintf(f->governed.detail, sizeof f->governed.detail, "%.90s", e.text);
	} else if (!mkdtemp(dir)) {
		f->governed = (struct probe){ .detail = "no place to try it: /tmp" };
	} else {
		f->proofs = conclude(try_exec(dir, EXEC_DEADLINE_MS, &f->governed));
		/* Then ourselves, under a policy with limits. */
		said = CONFIG_LIMITS && f->proofs ? try_limited(dir, EXEC_DEADLINE_MS) : 0;
		if (said & TRY_REFUSED)
			f->proofs |= said & TRY_V2   ? PROOF_GROUPS_V2
			             : said & TRY_V1 ? PROOF_GROUPS_V1
			                             : PROOF_COUNTED;
		said = FILES(PROOF_NAMES) == PROOF_NAMES && f->proofs ? try_files(dir, EXEC_DEADLINE_MS) : 0;
		f->proofs |= (said & TRY_NAME ? PROOF_NAMES : 0) | (said & TRY_TREE ? PROOF_TREES : 0);
		if (CONFIG_LAYER_NET && f->proofs && try_net(dir, EXEC_DEADLINE_MS))
			f->proofs |= PROOF_JUDGED;
		rmdir(dir);
	}
}

static void find_out(struct found *f)
{
	probe_all(f->p);
	try_governed(f);
	f->score = 0;
	for (size_t i = 0; i < N_DOMAINS; i++)
		f->score += score(f, &domains[i]);
	/* The words that existing clients know, as rung_mode() says them of sessions. */
	f->mode = !(f->proofs & PROOF_ANY) || !(f->proofs & PROOF_FLOOR) || !f->p[PROBE_LANDLOCK].works
	                  ? "minimal"
	          : !(f->proofs & PROOF_NAMES)  ? "landlock-only"
	          : !(f->proofs & PROOF_JUDGED) ? "landlock"
	                                        : "full";
}

/* ---- table ---- */

static void print_domain(struct buf *out, const struct found *f, const struct domain *d)
{
	const struct backend *a = active(f, d);
	char title[40], why[160];

	snprintf(title, sizeof title, "%s", d->name);
	for (char *c = title; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	buf_fmt(out, "\n%-40s %d/%d\n", title, score(f, d), d->weight);
	for (const struct backend *b = d->backends; b < d->backends + 5 && b->name; b++)
		buf_fmt(out, "  %-20s %s  %-37s  %s\n", b->name, is_armed(f, b) ? "\xe2\x9c\x93" : "-",
		        state(f, b, why, sizeof why), b->description);
	buf_fmt(out, "  active backend:    %s\n", a ? a->name : "none");
}

static void print_capability(struct buf *out, const struct found *f, size_t i)
{
	const struct probe *p = &f->p[capabilities[i].id];
	const char *detail = *p->detail && !capabilities[i].version ? p->detail : "";

	buf_fmt(out, "  %-24s ", capabilities[i].key);
	if (capabilities[i].version)
		buf_fmt(out, p->version ? "\xe2\x9c\x93 (v%d)\n" : "-\n", p->version);
	else
		buf_fmt(out, "%s%s%s\n", p->works ? "\xe2\x9c\x93" : "-", *detail ? "  " : "", detail);
}

static void print_table(struct buf *out, const struct found *f)
{
	bool any = false;

	buf_fmt(out, "%-18s%s\n%-18s%s\n", "Platform:", "linux", "Security Mode:", f->mode);
	buf_fmt(out, "Protection Score: %d/100 (%d%%)\n", f->score, f->score);
	for (size_t i = 0; i < N_DOMAINS; i++)
		print_domain(out, f, &domains[i]);
	buf_str(out, "\nCAPABILITIES\n");
	for (size_t i = 0; i < N_CAPABILITIES; i++)
		print_capability(out, f, i);
	for (size_t i = 0; i < sizeof tips / sizeof *tips; i++) {
		if (has(f, tips[i].key))
			continue;
		buf_fmt(out, "%s  %s: %s\n    -> %s\n", any ? "" : "\nTIPS\n", tips[i].key, tips[i].impact,
		        tips[i].action);
		any = true;
	}
	buf_str(out, "\nRun 'agentsh detect config' to generate an optimized configuration.\n");
}

/* ---- JSON ---- */

static void write_domain(struct json *j, const struct found *f, const struct domain *d)
{
	const struct backend *a = active(f, d);
	char why[160];

	json_object(j);
	json_key_text(j, "name", d->name);
	json_key_int(j, "weight", d->weight);
	json_key_int(j, "score", score(f, d));
	json_key(j, "backends");
	json_array(j);
	for (const struct backend *b = d->backends; b < d->backends + 5 && b->name; b++) {
		json_object(j);
		json_key_text(j, "name", b->name);
		json_key_bool(j, "available", is_armed(f, b));
		json_key_bool(j, "kernel", offers(f, b));
		json_key_text(j, "detail", state(f, b, why, sizeof why));
		json_key_text(j, "description", b->description);
		json_key_text(j, "check_method", b->proof ? "governed command" : "probe");
		json_end(j);
	}
	json_end(j);
	json_key_text(j, "active", a ? a->name : "");
	json_end(j);
}

static void write_names(struct json *j, const struct found *f, const char *key, bool works)
{
	json_key(j, key);
	json_array(j);
	for (size_t i = 0; i < N_CAPABILITIES; i++)
		if (f->p[capabilities[i].id].works == works)
			json_text(j, capabilities[i].key);
	json_end(j);
}

static void write_tips(struct json *j, const struct found *f)
{
	bool any = false;

	json_key(j, "tips");
	for (size_t i = 0; i < sizeof tips / sizeof *tips; i++) {
		if (has(f, tips[i].key))
			continue;
		if (!any)
			json_array(j);
		any = true;
		json_object(j);
		json_key_text(j, "feature", tips[i].key);
		json_key_text(j, "status", "unavailable");
		json_key_text(j, "impact", tips[i].impact);
		json_key_text(j, "action", tips[i].action);
		json_end(j);
	}
	if (any)
		json_end(j);
	else
		json_null(j);
}

static void write_json(struct buf *out, const struct found *f)
{
	struct json j = { .out = out, .indent = true };

	json_object(&j);
	json_key_text(&j, "platform", "linux");
	json_key_text(&j, "security_mode", f->mode);
	json_key_int(&j, "protection_score", f->score);
	json_key(&j, "domains");
	json_array(&j);
	for (size_t i = 0; i < N_DOMAINS; i++)
		write_domain(&j, f, &domains[i]);
	json_end(&j);
	json_key(&j, "capabilities");
	json_object(&j);
	for (size_t i = 0; i < N_CAPABILITIES; i++) {
		if (capabilities[i].version)
			json_key_int(&j, capabilities[i].key, f->p[capabilities[i].id].version);
		else
			json_key_bool(&j, capabilities[i].key, f->p[capabilities[i].id].works);
	}
	json_end(&j);
	json_key(&j, "summary");
	json_object(&j);
	write_names(&j, f, "available", true);
	write_names(&j, f, "unavailable", false);
	json_end(&j);
	write_tips(&j, f);
	json_end(&j);
	buf_chr(out, '\n');
}

/* ---- YAML, from the JSON ---- */

static void write_yaml(struct buf *out, const struct found *f)
{
	AUTO_BUF json = { 0 };
	AUTO_ARENA a = { 0 };
	const struct json_value *v;
	struct err e;

	write_json(&json, f);
	v = json_read(&a, buf_text(&json), json.len, &e);
	if (v)
		json_yaml(out, v);
	else
		out->failed = true;
}

/* ---- detect config ---- */

static void write_config(struct buf *out, const struct found *f)
{
	const struct probe *landlock = &f->p[PROBE_LANDLOCK];

	buf_str(out, "# Made by 'agentsh detect config'.\n# Platform: linux\n");
	buf_fmt(out, "# Security mode: %s\n# Protection score: %d\n", f->mode, f->score);
	buf_fmt(out, "security:\n  mode: %s\n  strict: %s\n  warn_degraded: true\n", f->mode,
	        f->proofs & PROOF_EXEC ? "true" : "false");
	if (landlock->works) {
		buf_str(out, "landlock:\n  enabled: true\n"
		             "  allow_execute:\n    - /usr/bin\n    - /bin\n    - /usr/local/bin\n"
		             "  allow_read:\n    - /etc\n    - /lib\n    - /lib64\n    - /usr/lib\n"
		             "  deny_paths:\n    - /var/run/docker.sock\n    - /run/docker.sock\n"
		             "    - /run/containerd/containerd.sock\n");
		if (f->p[PROBE_LANDLOCK_NET].works)
			buf_str(out, "  network:\n    allow_connect_tcp: true\n    allow_bind_tcp: false\n");
	}
	buf_str(out, "capabilities:\n  allow: []\n");
}

/* ---- command line ---- */

static int print(const struct buf *out)
{
	if (out->failed)
		die(EXIT_FAILED, "agentsh-detect: out of memory");
	return fd_write(STDOUT_FILENO, out->data, out->len) < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int make_config(const char *path)
{
	AUTO_BUF out = { 0 };
	struct found f;
	struct err e;

	find_out(&f);
	write_config(&out, &f);
	if (!path)
		return print(&out);
	if (fd_replace_file(path, buf_text(&out), out.len, 0644, &e) < 0)
		die(EXIT_FAILED, "agentsh-detect: %s", e.text);
	printf("Configuration written to %s\n", path);
	return flushed();
}

static int run(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*write)(struct buf *out, const struct found *f);
	} formats[] = { { "table", print_table }, { "json", write_json }, { "yaml", write_yaml } };
	const char *output = NULL, *ignored;
	const struct opt table[] = {
		{ "output", 'o', OPT_TEXT, &output, NULL },
		{ "server", 0, OPT_TEXT, &ignored, NULL },
		{ "api-key", 0, OPT_TEXT, &ignored, NULL },
		{ "transport", 0, OPT_TEXT, &ignored, NULL },
		{ "grpc-addr", 0, OPT_TEXT, &ignored, NULL },
		{ "client-timeout", 0, OPT_TEXT, &ignored, NULL },
		{ 0 },
	};
	AUTO_BUF out = { 0 };
	struct opt_args args;
	struct found f;
	struct err e;

	if (opt_parse(argc, argv, table, false, &args, &e) < 0)
		die(EXIT_FAILED, "agentsh-detect: %s", e.text);
	if (CONFIG_LIMITS && args.n == 1 && !strcmp(args.items[0], "limits"))
		return try_limits(); /* asked by ourselves: try_governed() */
	if (CONFIG_LAYER_NET && args.n == 3 && !strcmp(args.items[0], "connections"))
		return try_connections(args.items[1], args.items[2]);
	if (args.n == 1 && !strcmp(args.items[0], "config"))
		return make_config(output);
	if (args.n)
		die(EXIT_FAILED, "usage: agentsh detect %s", usage);
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		if (strcmp(output ? output : "table", formats[i].name))
			continue;
		find_out(&f);
		formats[i].write(&out, &f);
		return print(&out);
	}
	die(EXIT_FAILED, "unknown output format: %s", output);
}

const struct applet applet_detect = {
	.name = "detect",
	.summary = "report what this host can do and what of it is armed",
	.usage = usage,
	.run = run,
};
