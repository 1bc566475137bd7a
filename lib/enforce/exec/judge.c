#include "enforce/exec/impl.h"

#include "audit/ring.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/room.h"
#include "enforce/denial.h"
#include "shell/plain.h"
#include "sys/mem.h"
#include "sys/proc.h"
#include "sys/tag.h"
#include "sys/uapi/compat.h"
#include "wire/msg.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel takes at most 3/4 of 8 MiB for arguments and environment together (fs/exec.c). */
enum { ARGS_MAX = 6 * 1024 * 1024, ARGC_MAX = 1024 * 1024, CHAIN_MAX = 5 };

static const struct rule unreadable = { .name = "unreadable-arguments",
	                                .file = "built-in",
	                                .decision = EFFECT_DENY,
	                                .message = "what would run could not be read" };
static const struct rule too_deep = { .name = "interpreter-chain",
	                              .file = "built-in",
	                              .decision = EFFECT_DENY,
	                              .message = "too many interpreters in a row" };

static const struct rule unrecorded = { .name = "audit-unavailable",
	                                .file = "built-in",
	                                .decision = EFFECT_DENY,
	                                .message = "events cannot be written, and what is not "
	                                           "recorded does not happen" };

static void begin(struct attempt *a)
{
	memset(a, 0, offsetof(struct attempt, image.path));
	a->given = "";
	a->image.path[0] = a->message[0] = 0;
}

static bool index_args(struct arena *mem, struct args *a, const struct buf *b, size_t n)
{
	const char *p = b->data;

	a->v = arena_array(mem, n + 1, sizeof *a->v);
	if (!a->v)
		return false;
	for (size_t i = 0; i < n; i++) {
		a->v[i] = p;
		p += strlen(p) + 1;
	}
	a->n = n;
	return true;
}

/* A script as its interpreter is to find it (fs/exec.c, alloc_bprm). */
static const char *script_name(struct arena *mem, int dirfd, const char *given)
{
	ROOM char name[PATH_MAX + 24];

	if (dirfd == AT_FDCWD || given[0] == '/')
		return given;
	snprintf(name, sizeof name, "/dev/fd/%d%s%s", dirfd, given[0] ? "/" : "", given);
	return arena_str(mem, name);
}

/* The arguments as the interpreter of a script gets them: interpreter, its argument, the script, the rest. */
static bool interpreter_args(struct arena *mem, const struct image *script, const char *given,
                             const struct args *from, struct args *to)
{
	size_t extra = script->arg[0] ? 3 : 2, rest = from->n ? from->n - 1 : 0, n = 0;

	to->v = arena_array(mem, extra + rest + 1, sizeof *to->v);
	if (!to->v)
		return false;
	to->v[n++] = arena_str(mem, script->interp);
	if (script->arg[0])
		to->v[n++] = arena_str(mem, script->arg);
	to->v[n++] = given;
	for (size_t i = 0; i < rest; i++)
		to->v[n++] = from->v[i + 1];
	to->n = n;
	return !mem->failed;
}

/* Judge file after file as the kernel would go from script to interpreter. 0, or errno for the caller. The
 * arguments of the image that will really start are left in a->args. */
static int follow_chain(const struct call *k, struct attempt *a, int dirfd, int flags)
{
	const char *given = a->given;
	pid_t pid = (pid_t)k->n->pid;

	for (int level = 0;; level++) {
		struct args next = { 0 };
		int rc = image_find(k->g->images, pid, dirfd, given, flags, &a->image);

		if (rc)
			return rc;
		if (!S_ISREG(a->image.mode))
			return EACCES;
		ask_file(k, a, given, &a->args);
		if (a->verdict.effective == EFFECT_ALLOW)
			ask_payload(k, a);
		if (a->image.kind != IMAGE_SCRIPT || a->verdict.effective != EFFECT_ALLOW)
			return 0;
		if (level == CHAIN_MAX) {
			a->verdict = (struct verdict){ .rule = &too_deep };
			return 0;
		}
		given = script_name(&k->g->scratch, dirfd, given);
		if (!given || !interpreter_args(&k->g->scratch, &a->image, given, &a->args, &next))
			return ENOMEM;
		a->is_script = true;
		a->args = next;
		given = next.v[0];
		dirfd = AT_FDCWD;
		flags = 0;
	}
}

/* The message, and the name to show. */
static void explain(struct attempt *a)
{
	const char *path = a->image.path[0] ? a->image.path : a->given;

	a->subject = denial_message(&a->verdict, path, a->args.v, a->args.n, a->message, sizeof a->message);
	if (!a->verdict.subject && a->given[0])
		a->subject = path_base(a->given);
}

static void hex(const uint8_t *bytes, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static bool report_exec(const struct call *k, struct attempt *a, const char *type, const char *action)
{
	bool denied = a->verdict.effective != EFFECT_ALLOW;
	char hash[65] = "";
	const struct event_field fields[] = { { .name = "identity", .text = a->by },
		                              { .name = "identity_of", .text = a->original },
		                              { .name = "sha256", .text = hash } };
	struct event ev = {
		.type = type,
		.depth = k->g->needs.depth ? a->depth : -1,
		.parent_pid = a->parent,
		.verdict = &a->verdict,
		.message = a->message[0] ? a->message : NULL,
		.filename = a->image.path[0] ? a->image.path : a->given,
		.raw_filename = a->given,
		.argv = a->args.v,
		.operation = "execve",
		.effective_action = action,
		.fields = fields,
	};

	if (CONFIG_EXEC_IDENTITY && a->original) {
		ev.n_fields = a->sha256 ? 3 : 2;
		if (a->sha256)
			hex(a->sha256, sizeof hash / 2, hash);
	}
	return serve_report(k, &ev, denied ? RING_DENIED : 0);
}

static void refuse(const struct call *k, struct attempt *a)
{
	a->verdict.effective = EFFECT_DENY;
	explain(a);
	report_exec(k, a, "execve", "denied");
	teach(k, &(struct denial){ .subject = a->subject, .verdict = &a->verdict, .message = a->message });
	call_fail(k, EACCES);
}

static void join_args(const struct args *a, struct buf *out)
{
	for (size_t i = 0; i < a->n; i++)
		buf_add(out, a->v[i], strlen(a->v[i]) + 1);
	if (!a->n)
		buf_add(out, "", 1); /* the kernel makes up an empty argv[0] */
}

/* A loader is judged again when it has mapped what it was given, and so is what may have changed since
 * without showing it. Nothing must be left then of what an exec that failed was expected to start. */
static void expect(const struct call *k, const struct attempt *a, const struct buf *args)
{
	struct tree_expected want = { .dev = a->image.dev,
		                      .ino = a->image.ino,
		                      .state = a->image.state,
		                      .argv = args->data,
		                      .argv_len = (uint32_t)args->len };

	if (!a->is_loader && !a->image.same.unsettled)
		tree_expect(k->g->tree, k->pid, &want);
	else if (tree_expected(k->g->tree, k->pid, &want))
		free(want.argv);
}

static void permit(const struct call *k, struct attempt *a)
{
	AUTO_BUF joined = { 0 };

	if (!report_exec(k, a, "execve", "allowed")) {
		a->verdict = (struct verdict){ .rule = &unrecorded };
		refuse(k, a);
		return;
	}
	/* Which script an interpreter runs is an argument as well. */
	if (a->used_args || a->is_script)
		join_args(&a->args, &joined);
	if (joined.failed) {
		call_fail(k, ENOMEM);
		return;
	}
	expect(k, a, &joined);
	call_continue(k);
}

/* Read what the caller passed. False when it cannot be known. */
static bool read_attempt(const struct call *k, struct attempt *a, uint64_t path, uint64_t argv)
{
	static const struct mem_limits limits = { PATH_MAX, ARGS_MAX, ARGC_MAX };
	size_t n;

	buf_clear(&k->g->path);
	buf_clear(&k->g->args);
	if (mem_exec((pid_t)k->n->pid, path, argv, &limits, &k->g->path, &k->g->args, &n) < 0)
		return false;
	a->given = k->g->path.data;
	return index_args(&k->g->scratch, &a->args, &k->g->args, n);
}

static void shrink(struct buf *b)
{
	if (b->cap > 64 * 1024)
		buf_release(b);
}

static void clean_up(struct governor *g)
{
	arena_reset(&g->scratch);
	shrink(&g->path);
	shrink(&g->args);
}

/* Nothing is left of it but the question. */
static bool is_waiting(const struct call *k, struct attempt *a)
{
	if (!CONFIG_APPROVALS || a->verdict.effective != EFFECT_APPROVE)
		return false;
	explain(a);
	a->question.message = a->message;
	return held_ask(k, &a->question);
}

/* What was read is to be judged. */
static void judge_attempt(const struct call *k, struct attempt *a, int dirfd, int flags)
{
	int rc;

	if (k->g->needs.depth)
		a->depth = tree_depth(k->g->tree, k->pid, k->c->entry, k->c->entry_is_shell, &a->parent);
	rc = follow_chain(k, a, dirfd, flags);
	if (rc && a->verdict.rule && a->verdict.effective != EFFECT_ALLOW)
		rc = 0;
	if (rc)
		call_fail(k, rc);
	else if (a->verdict.effective == EFFECT_ALLOW)
		permit(k, a);
	else if (!is_waiting(k, a))
		refuse(k, a);
}

void judge_exec(const struct call *k)
{
	const struct seccomp_data *d = &k->n->data;
	bool at = d->nr == __NR_execveat;
	ROOM struct attempt a;

	begin(&a);
	a.may_wait = CONFIG_APPROVALS && held_can(k);
	if (!read_attempt(k, &a, d->args[at ? 1 : 0], d->args[at ? 2 : 1])) {
		a.verdict = (struct verdict){ .rule = &unreadable };
		refuse(k, &a);
	} else if (!call_valid(k)) {
		; /* the caller is gone, and what was read may be another's */
	} else {
		judge_attempt(k, &a, at ? (int)d->args[0] : AT_FDCWD, at ? (int)d->args[4] : 0);
	}
	clean_up(k->g);
}

/* The arguments the kernel gave the image that runs now. */
static bool read_cmdline(pid_t pid, struct buf *out)
{
	int fd = proc_open(pid, "cmdline", O_RDONLY);
	int rc;

	buf_clear(out);
	if (fd < 0)
		return false;
	out->max = ARGS_MAX;
	rc = fd_slurp(fd, out, NULL);
	out->max = 0;
	close(fd);
	return rc == 0;
}

/* Is the image that started the one that was allowed, with the arguments that were judged? */
static bool as_expected(const struct call *k, const struct image *now)
{
	struct tree_expected want;
	bool same;

	if (!tree_expected(k->g->tree, k->pid, &want))
		return false;
	same = want.dev == now->dev && want.ino == now->ino && want.state == now->state;
	if (same && want.argv)
		same = read_cmdline(k->pid, &k->g->args) && k->g->args.len == want.argv_len &&
		       !memcmp(buf_text(&k->g->args), want.argv, want.argv_len);
	free(want.argv);
	return same;
}

static void kill_caller(const struct call *k)
{
	int fd = proc_pidfd(k->pid);

	if (fd >= 0 && call_valid(k))
		proc_signal(fd, SIGKILL);
	fd_close(&fd);
	call_fail(k, EPERM);
}

static bool read_first(struct governor *g, struct attempt *a, struct msg_reader *r)
{
	a->given = msg_get_str(r);
	a->args.n = msg_get_u32(r);
	a->args.v = a->args.n <= r->len ? arena_array(&g->scratch, a->args.n + 1, sizeof *a->args.v) : NULL;
	for (size_t i = 0; a->args.v && i < a->args.n; i++)
		a->args.v[i] = msg_get_str(r);
	return a->args.v && msg_end(r);
}

/* It may run already. An exec that would fail fails by itself. */
bool serve_first(struct governor *g, struct governed *c, struct msg_reader *r)
{
	struct seccomp_notif call = { .pid = (uint32_t)c->entry };
	struct call_answer answer = { 0 };
	struct call k = { .g = g, .c = c, .n = &call, .pid = c->entry, .answer = &answer };
	ROOM struct attempt a;
	bool good;

	begin(&a);
	good = read_first(g, &a, r);
	if (good)
		judge_attempt(&k, &a, AT_FDCWD, 0);
	/* Who does not wait for us may be gone, and its number another's. */
	if (a.verdict.rule && a.verdict.effective != EFFECT_ALLOW && tag_match(k.pid, g->o.tag))
		kill_caller(&k);
	clean_up(g);
	return good;
}

/* What the entry starts was typed only while its first image, a shell, runs. */
static void note_start(const struct call *k, struct image *image)
{
	const char *base;

	if (k->pid != k->c->entry)
		return;
	if (k->c->started || image_name(k->pid, image))
		k->c->entry_is_shell = false;
	k->c->started = true;
	base = path_base(image->path);
	if (!shell_is(base) && strcmp(base, "busybox") != 0 && strcmp(base, "toybox") != 0)
		k->c->entry_is_shell = false;
}

/* Judge the image that runs, by what the kernel says about it. */
static void judge_running(const struct call *k, struct attempt *a)
{
	size_t n = 0;

	for (size_t i = 0; i < k->g->args.len; i++)
		n += !k->g->args.data[i];
	buf_add(&k->g->args, "", 1);
	a->given = a->image.path;
	if (k->g->needs.depth)
		a->depth = tree_depth(k->g->tree, k->pid, k->c->entry, k->c->entry_is_shell, &a->parent);
	if (k->g->args.failed || !index_args(&k->g->scratch, &a->args, &k->g->args, n)) {
		a->verdict = (struct verdict){ .rule = &unreadable };
		return;
	}
	ask_file(k, a, a->image.path, &a->args);
	if (a->verdict.effective == EFFECT_ALLOW)
		ask_payload(k, a);
	ask_scripts(k, a);
	if (!CONFIG_EXEC_IDENTITY || !a->is_loader || a->verdict.effective != EFFECT_ALLOW)
		return;
	if (k->fresh)
		k->answer->again = true;
	else
		loader_check(k, a);
}

bool judge_expected(const struct call *k)
{
	ROOM struct image now;

	if (image_running(k->pid, &now) || !as_expected(k, &now))
		return false;
	note_start(k, &now);
	call_continue(k);
	return true;
}

/* Something else started than what was judged (a race, a handler of binfmt_misc, an entry that fell out of
 * the table): judge what is there. The program has not run an instruction of its own that matters yet. */
void judge_start(const struct call *k)
{
	ROOM struct attempt a;

	if (judge_expected(k))
		return;
	begin(&a);
	if (image_running(k->pid, &a.image) || image_name(k->pid, &a.image) ||
	    image_identify(k->g->images, k->pid, &a.image) || !read_cmdline(k->pid, &k->g->args))
		a.verdict = (struct verdict){ .rule = &unreadable };
	else
		judge_running(k, &a);
	if (a.verdict.effective == EFFECT_ALLOW) {
		note_start(k, &a.image);
		call_continue(k);
	} else {
		explain(&a);
		report_exec(k, &a, "exec_intercept", "killed");
		teach(k,
		      &(struct denial){ .subject = a.subject, .verdict = &a.verdict, .message = a.message });
		kill_caller(k);
	}
	clean_up(k->g);
}
