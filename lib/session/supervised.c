#include "session/supervised.h"

#include "enforce/files/instead.h"
#include "policy/policy.h"
#include "session/policy_wire.h"
#include "sys/caps.h"
#include "sys/tag.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

static struct policy *load_policy(struct msg_reader *r, int fd, bool places, struct err *e)
{
	struct policy *policy = policy_wire_take(r, fd, e);

	/* Nobody asks us about files and connections. */
	if (policy && !places)
		policy_drop_places(policy);
	return policy;
}

static void rules_free(struct rules *rules)
{
	serve_free(rules->governor);
	if (CONFIG_FILES)
		files_free(rules->files);
	if (CONFIG_LAYER_NET)
		net_free(rules->net);
	policy_free(rules->policy);
	free(rules);
}

static struct governor *make_governor(struct supervised *s, struct rules *rules, struct err *e)
{
	struct governor_options o = { .policy = rules->policy,
		                      .tag = s->tag,
		                      .session_id = s->session_id,
		                      .sink = s->sink,
		                      .answered = s->answered,
		                      .sink_arg = s->arg,
		                      .approval_ns = s->approval_ns,
		                      .teach = true };

	if (CONFIG_FILES && s->wired.calls) {
		rules->files = wired_files(&s->wired, rules->policy, e);
		if (!rules->files)
			return NULL;
		o.file_call = files_call;
		o.file_wait = files_wait;
		o.file_exec = files_exec;
		o.file_write = files_write;
		o.files = rules->files;
	}
	if (CONFIG_FILES) {
		o.programs = s->wired.programs;
		o.n_programs = s->wired.n_programs;
	}
#if CONFIG_LAYER_NET
	if (s->net.flags) {
		rules->net = net_wired_judge(&s->net, rules->policy, s->tag, &o, e);
		if (!rules->net)
			return NULL;
		net_watch(rules->net, s->loop);
	}
#endif
	return serve_new(&o, e);
}

int supervised_rules(struct supervised *s, struct msg_reader *r, int fd, struct err *e)
{
	struct rules *rules = calloc(1, sizeof *rules);

	if (!rules)
		return err_set(e, "out of memory");
	rules->policy =
	        load_policy(r, fd, (CONFIG_FILES && s->wired.calls) || (CONFIG_LAYER_NET && s->net.flags), e);
	if (rules->policy)
		rules->governor = make_governor(s, rules, e);
	if (!rules->governor) {
		rules_free(rules);
		return -1;
	}
	rules->older = s->rules;
	s->rules = rules;
	return 0;
}

void supervised_forget(struct supervised *s, const struct desk *desk)
{
	for (struct rules **at = &s->rules->older; *at;) {
		struct rules *old = *at;

		if (desk_has(desk, old->governor)) {
			at = &old->older;
			continue;
		}
		*at = old->older;
		rules_free(old);
	}
}

static bool read_groups(struct supervised *s, struct msg_reader *r)
{
	const char *pids_dir, *memory_dir;

	s->held = msg_get_u32(r);
	pids_dir = msg_get_str(r);
	memory_dir = msg_get_str(r);
	if (!msg_ok(r) || strlen(pids_dir) >= sizeof s->pids_dir ||
	    strlen(memory_dir) >= sizeof s->memory_dir)
		return false;
	strcpy(s->pids_dir, pids_dir);
	strcpy(s->memory_dir, memory_dir);
	return true;
}

/* What it says before the rules. */
static int read_start(struct supervised *s, struct msg_reader *r, uid_t *uid, gid_t *gid, const char **user,
                      struct err *e)
{
	const char *id = msg_get_str(r);

	s->tag = msg_get_u64(r);
	*uid = msg_get_u32(r);
	*gid = msg_get_u32(r);
	*user = msg_get_str(r);
	s->rung = (enum rung)msg_get_u32(r);
	if (CONFIG_LIMITS && !read_groups(s, r))
		return err_set(e, "bad start message");
	s->wired.session = s->session_id;
	s->wired.o.tag = s->tag;
	if (CONFIG_FILES && wired_read(&s->wired, r, e) < 0)
		return -1;
	if (CONFIG_LAYER_NET && net_wired_read(&s->net, r, e) < 0)
		return -1;
	if (CONFIG_APPROVALS)
		s->approval_ns = (int64_t)msg_get_u64(r);
	if (!msg_ok(r) || strlen(id) >= sizeof s->session_id)
		return err_set(e, "bad start message");
	strcpy(s->session_id, id);
	return 0;
}

int supervised_start(struct supervised *s, struct wire_in *in, struct err *e)
{
	struct msg_reader r;
	const char *user;
	int n = in->n_fds;
	uid_t uid;
	gid_t gid;

	if (msg_open(&r, in->data.data, in->data.len) != WIRE_START)
		return err_set(e, "bad start message");
	if (read_start(s, &r, &uid, &gid, &user, e) < 0)
		return -1;
	/* The last of them, if there is one. */
	if (CONFIG_LAYER_NET && s->net.flags & NET_WIRED_PAGE &&
	    (!n || net_wired_page(&s->net, in->fds[--n], e) < 0))
		return -1;
	if (n != 3 && !(CONFIG_LAYER_FUSE && n == 5))
		return err_set(e, "bad start message");
	if (CONFIG_LAYER_FUSE && n == 5) {
		if (wired_shown(&s->wired, in->fds[3], e) < 0)
			return -1;
		s->wired.lower = in->fds[4];
		in->fds[4] = -1;
	}
	s->ring = ring_map(in->fds[1], e);
	if (!s->ring)
		return -1;
	s->inbox = in->fds[2];
	in->fds[2] = -1;
	/* What we do on a caller's socket has our number in it. */
	if (CONFIG_LAYER_NET && tag_deputise(s->tag, e) < 0)
		return -1;
	/* While we may: nothing is ever started from here. */
	if ((CONFIG_CONFINE && caps_confine(~0ULL, 0, e) < 0) ||
	    caps_become(uid, gid, *user ? user : NULL, CAPS_SYS_PTRACE, e) < 0)
		return -1;
	caps_hide();
	/* The next server takes over what is in the ring: by then nobody may add to it. A stopped process
	 * would not notice that its control socket closed. After the change of ids, which forgets it; had the
	 * server died before, the socket says so. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_sys(e, "die with the server");
	if (CONFIG_LAYER_NET && CONFIG_FILES && s->wired.calls && s->net.dns.addr.len == 4) {
		int fd = instead_make(s->net.dns.addr.bytes, s->net.dns.port);

		s->wired.o.resolver = fd > 0 ? fd : 0;
	}
	return supervised_rules(s, &r, in->fds[0], e);
}

/* Which of the policies it waits under, nobody knows. */
bool supervised_resolve(struct supervised *s, struct msg_reader *r)
{
	const char *id = msg_get_str(r);
	bool approved = msg_get_u32(r) == 1;
	const char *reason = msg_get_str(r);

	if (!msg_end(r))
		return false;
	for (struct rules *rules = s->rules; rules; rules = rules->older)
		if (serve_approve(rules->governor, id, approved, reason))
			break;
	return true;
}
