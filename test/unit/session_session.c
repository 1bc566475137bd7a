#include "session_world.h"

#include "base/clock.h"
#include "decide/decide.h"

T_CASE(ids)
{
	ok(session_id_ok("a") && session_id_ok("session-0_Z"));
	ok(!session_id_ok("") && !session_id_ok("-a") && !session_id_ok("a/b") && !session_id_ok("..") &&
	   !session_id_ok("a.b") && !session_id_ok("a b") && !session_id_ok("\xc3\xa4") &&
	   !session_id_ok("_a"));
	char longest[200];
	memset(longest, 'a', sizeof longest);
	longest[128] = 0;
	ok(session_id_ok(longest));
	longest[128] = 'a';
	longest[129] = 0;
	ok(!session_id_ok(longest));
}

T_CASE(create_and_refuse)
{
	struct session_spec spec = { .workspace = w.ws, .detect_project_root = -1, .uid = getuid() };
	struct session *s;
	char link[100];

	if (!world_begin("  default_timeout: 1h\n  max_sessions: 3\n"))
		return;
	s = new_session(NULL);
	ok(!strncmp(s->id, "session-", 8) && strlen(s->id) == 44 && s->id[22] == '4', "%s", s->id);
	is_str(s->workspace, w.ws);
	is_str(s->cwd, "/workspace");
	is_str(session_state_name(s), "ready");
	is_int(s->session_timeout_ns, 3600000000000, "the minimum of policy and configuration");
	ok(s->tag > UINT32_MAX - 1 && s->tag < UINT64_MAX, "above every command number, below infinity");
	ok(session_find(w.core, s->id) == s && session_by_tag(w.core, s->tag) == s);
	is_int(logged("\"type\":\"session_created\""), 1);
	ok(new_session("my-id") != NULL);
	spec.workspace = w.ws;
	spec.id = "my-id";
	is_int(refused(&spec, "session already exists"), EEXIST);
	spec.id = "../x";
	is_int(refused(&spec, "invalid session id"), EINVAL);
	spec.id = NULL;
	spec.workspace = NULL;
	is_int(refused(&spec, "workspace is required"), EINVAL);
	spec.workspace = "ws";
	is_int(refused(&spec, "absolute"), EINVAL);
	spec.workspace = "/nonexistent/x";
	is_int(refused(&spec, "workspace stat"), EINVAL);
	spec.workspace = w.log;
	is_int(refused(&spec, "must be a directory"), EINVAL);
	snprintf(link, sizeof link, "%s/slash", w.dir);
	is_int(symlink("/", link), 0);
	spec.workspace = link;
	is_int(refused(&spec, "must not be the root directory"), EINVAL);
	spec.workspace = w.ws;
	spec.project_root = "/";
	is_int(refused(&spec, "project_root"), EINVAL);
	spec.project_root = NULL;
	spec.policy = "../../etc/shadow";
	is_int(refused(&spec, "invalid policy name"), EINVAL);
	spec.policy = "nope";
	is_int(refused(&spec, "policy \"nope\" not found in"), ENOENT);
	write_file("policies/bad.yaml", "version: 1\nname: bad\ncomand_rules: []\n");
	spec.policy = "bad";
	is_int(refused(&spec, "bad.yaml:3:"), EIO);
	write_file("policies/var.yaml", "version: 1\nname: var\nfile_rules:\n"
	                                "  - {name: a, paths: ['${FOO}/**'], decision: allow}\n");
	spec.policy = "var";
	is_int(refused(&spec, "undefined variable"), EINVAL);
	spec.policy = NULL;
	ok(session_new(w.core, &spec, NULL) != NULL);
	is_int(refused(&spec, "max sessions reached"), EUSERS);
	is_int(w.core->n_sessions, 3);
	world_end();
}

T_CASE(policy_files_others_can_write_are_refused)
{
	struct session_spec spec = { .detect_project_root = -1, .policy = "open", .uid = getuid() };
	char path[200];

	if (!world_begin(""))
		return;
	spec.workspace = w.ws;
	write_file("policies/open.yaml", policy_text);
	snprintf(path, sizeof path, "%s/policies/open.yaml", w.dir);
	chmod(path, 0646);
	is_int(refused(&spec, "can be written by others"), EIO);
	chmod(path, 0644);
	if (getuid() == 0 && chown(path, 65534, 65534) == 0) {
		is_int(refused(&spec, "belongs to uid 65534"), EIO);
		chown(path, 0, 0);
	}
	snprintf(path, sizeof path, "%s/policies", w.dir);
	chmod(path, 0777);
	is_int(refused(&spec, "can be written by others"), EIO);
	chmod(path, 0755);
	write_file("policies/open.yaml", "");
	unlink(path);
	world_end();
}

T_CASE(policies_are_shared_and_read_anew)
{
	struct session *a, *b, *c;

	if (!world_begin(""))
		return;
	a = new_session("a");
	b = new_session("b");
	ok(a->policy == b->policy && a->policy->refs == 2, "one compiled policy for both");
	ok(a->policy != w.core->standard, "the standard one has no variables");
	is_int(strlen(a->policy->hash), 64);
	write_file("policies/default.yaml", "# changed\nversion: 1\nname: test\ncommand_rules: []\n");
	c = new_session("c");
	ok(c->policy != a->policy && strcmp(c->policy->hash, a->policy->hash),
	   "a new session reads the new file");
	session_end(w.core, a, "session_destroyed", "test");
	ok(b->policy->refs == 1 && b->policy->policy, "the old one lives on with those who use it");
	world_end();
}

static struct session *session_in(const char *id, const char *name, uid_t uid)
{
	char path[200];
	struct session_spec spec = { .id = id, .workspace = path, .detect_project_root = -1, .uid = uid };
	struct err e = { 0 };
	struct session *s;

	snprintf(path, sizeof path, "%s/%s", w.dir, name);
	mkdir(path, 0755);
	s = session_new(w.core, &spec, &e);
	ok(s != NULL, "%s: %s", id, e.text);
	return s;
}

static const char *rule_of(const struct session *s, const char *path)
{
	const struct whole_policy *whole = policies_engine(w.core, s->policy, NULL);
	static char name[100];

	if (ok(whole != NULL))
		snprintf(name, sizeof name, "%s",
		         decide_file(whole->policy, whole->cache,
		                     &(struct file_request){ .op = FILE_READ, .path = path })
		                 .rule->name);
	return name;
}

static const char own_text[] =
        "version: 1\nname: own\n"
        "file_rules:\n  - {name: own, paths: ['${PROJECT_ROOT}/**'], decision: allow}\n"
        "command_rules:\n  - {name: all, commands: ['*'], decision: allow}\n";

T_CASE(one_text_for_all_workspaces)
{
	struct session *a, *b, *c;
	char inside[200];

	if (!world_begin(""))
		return;
	write_file("policies/default.yaml", own_text);
	a = session_in("a", "a", getuid());
	b = session_in("b", "b", getuid());
	ok(a->policy != b->policy && a->policy->text == b->policy->text &&
	           a->policy->policy == b->policy->policy,
	   "what has no variables is there once");
	is_int(a->policy->text->refs, 2);
	snprintf(inside, sizeof inside, "%s/a/file", w.dir);
	is_str(rule_of(a, inside), "own");
	is_str(rule_of(b, inside), "default-deny-files", "each has its own variables");
	is_str(rule_of(b, inside), "default-deny-files", "twice");
	ok(w.core->whole.of == b->policy);
	policies_rest(w.core);
	is_str(rule_of(a, inside), "own", "also after a rest");
	write_file("policies/default.yaml", "version: 1\nname: none\ncommand_rules: []\n");
	c = session_in("c", "c", getuid());
	ok(c->policy->text != a->policy->text);
	is_str(rule_of(a, inside), "own", "a session keeps the text that it began with");
	is_str(rule_of(c, inside), "default-deny-files");
	session_end(w.core, a, "session_destroyed", "test");
	is_int(b->policy->text->refs, 1);
	ok(w.core->whole.of != b->policy && (rule_of(b, inside), w.core->whole.of == b->policy));
	is_str(rule_of(b, inside), "default-deny-files");
	world_end();
}

static struct session *of_shim(const char *name, uid_t uid)
{
	char path[200];

	snprintf(path, sizeof path, "%s/%s", w.dir, name);
	return session_for_shim(w.core, uid, getgid(), path, NULL, NULL);
}

T_CASE(found_by_place_and_tag)
{
	struct session *s[40], *other, *gone;
	uint64_t tag;
	char id[20];

	if (!world_begin(""))
		return;
	for (int i = 0; i < 40; i++) {
		snprintf(id, sizeof id, "s%d", i);
		s[i] = session_in(id, i % 2 ? "odd" : i < 20 ? "even" : id, getuid());
	}
	for (int i = 0; i < 40; i++)
		ok(session_by_tag(w.core, s[i]->tag) == s[i] && session_find(w.core, s[i]->id) == s[i]);
	ok(of_shim("even", getuid()) == s[0], "the oldest of a place");
	ok(of_shim("s38", getuid()) == s[38]);
	other = session_in("other", "even", getuid() + 1);
	ok(of_shim("even", getuid() + 1) == other && of_shim("even", getuid()) == s[0], "each user's own");
	gone = s[0];
	tag = gone->tag;
	session_end(w.core, gone, "session_destroyed", "test");
	ok(of_shim("even", getuid()) == s[2] && !session_by_tag(w.core, tag), "then the next one");
	ok(of_shim("even", getuid() + 1) == other);
	for (int i = 18; i >= 2; i -= 2)
		session_end(w.core, s[i], "session_destroyed", "test");
	ok(of_shim("even", getuid() + 1) == other, "the last one of a place");
	session_end(w.core, other, "session_destroyed", "test");
	other = of_shim("even", getuid());
	ok(other && other->origin == SESSION_SHIM && of_shim("even", getuid()) == other, "a new one");
	world_end();
}

static int lost;

static void on_lost(struct command *c, void *owner)
{
	ok(owner == &lost && c->live);
	lost++;
}

T_CASE(commands_and_their_history)
{
	struct session *s;
	struct command *c, *d, *old[3];
	char id[41];

	if (!world_begin(""))
		return;
	s = new_session("s");
	c = command_begin(w.core, s, COMMAND_EXEC, "/bin/echo", NULL);
	if (!ok(c != NULL))
		return;
	ok(!strncmp(c->id, "cmd-", 4) && strlen(c->id) == 40 && c->number == 1);
	is_str(session_state_name(s), "busy");
	d = command_begin(w.core, s, COMMAND_SHIM, "x", NULL);
	is_int(d->number, 2);
	ok(command_find(s, c->id) == c && command_by_number(s, 2) == d && !command_by_number(s, 0) &&
	   !command_by_number(s, 257));
	command_finish(w.core, c, 7);
	command_finish(w.core, c, 8);
	is_int(c->exit_code, 7, "the first end counts");
	is_str(session_state_name(s), "busy");
	command_finish(w.core, d, 0);
	is_str(session_state_name(s), "ready");
	strcpy(id, c->id);
	for (int i = 0; i < COMMANDS_KEPT + 50; i++)
		command_finish(w.core, command_begin(w.core, s, COMMAND_EXEC, "x", NULL), 0);
	is_int(s->n_commands, COMMANDS_KEPT);
	ok(!command_find(s, id), "the oldest are forgotten");
	ok(command_by_number(s, 1052) && command_by_number(s, 600)->number == 600 &&
	   !command_by_number(s, 2));
	for (int i = 0; i < 3; i++)
		ok((old[i] = command_begin(w.core, s, COMMAND_EXEC, "x", NULL)) != NULL);
	for (int i = 0; i < COMMANDS_KEPT + 50; i++)
		command_finish(w.core, command_begin(w.core, s, COMMAND_EXEC, "x", NULL), 0);
	is_int(s->n_commands, COMMANDS_KEPT + 3);
	for (int i = 0; i < 3; i++)
		ok(old[i]->live && command_by_number(s, 1053 + (uint32_t)i) == old[i], "what runs is kept");
	for (int i = 0; i < 3; i++)
		command_finish(w.core, old[i], 0);
	c = command_begin(w.core, s, COMMAND_EXEC, "x", NULL);
	c->lost = on_lost;
	c->owner = &lost;
	session_end(w.core, s, "session_destroyed", "test");
	is_int(lost, 1, "the owner of a live command is told");
	is_int(w.kills, 1);
	is_int(w.core->n_sessions, 0);
	is_int(w.core->kept, 0);
	is_int(logged("\"type\":\"session_destroyed\""), 1);
	world_end();
}

T_CASE(environment_and_directory)
{
	struct session *s;
	struct err e = { 0 };

	if (!world_begin(""))
		return;
	s = new_session("s");
	is_int(session_set_cwd(w.core, s, "/workspace/a/../b", &e), 0);
	is_str(s->cwd, "/workspace/b");
	is_int(session_set_cwd(w.core, s, "/workspace/../etc", &e), -1);
	is_int(e.code, EINVAL);
	is_int(session_set_cwd(w.core, s, "/workspaces", &e), -1);
	is_int(session_set_cwd(w.core, s, "workspace", &e), -1);
	is_str(s->cwd, "/workspace/b");
	is_int(session_set_env(w.core, s, "A", "secret-1", &e), 0);
	is_int(session_set_env(w.core, s, "A", "2", &e), 0);
	is_int(session_set_env(w.core, s, "A=B", "x", &e), -1);
	is_int(session_set_env(w.core, s, "1A", "x", &e), -1);
	is_int(session_set_env(w.core, s, "", "x", &e), -1);
	is_str(list_item(s->env.next, struct session_env, node)->value, "2");
	is_int(logged("secret-1"), 0, "values are not logged");
	session_unset_env(s, "A");
	ok(list_empty(&s->env));
	world_end();
}

T_CASE(shims_share_a_session_by_uid_and_root)
{
	struct session *a, *b;
	char sub[120];

	if (!world_begin("  max_sessions: 2\n"))
		return;
	snprintf(sub, sizeof sub, "%s/ws/.git", w.dir);
	mkdir(sub, 0755);
	snprintf(sub, sizeof sub, "%s/ws/src", w.dir);
	mkdir(sub, 0755);
	a = session_for_shim(w.core, getuid(), getgid(), w.ws, NULL, NULL);
	b = session_for_shim(w.core, getuid(), getgid(), sub, NULL, NULL);
	ok(a && a == b, "the same repository, the same session");
	is_str(a->workspace, w.ws);
	is_int(a->origin, SESSION_SHIM);
	ok(session_for_shim(w.core, getuid(), getgid(), w.ws, "session-of-my-own", NULL) == a,
	   "an id that does not exist is no reason for a new session");
	b = session_for_shim(w.core, getuid() + 1, getgid(), w.ws, a->id, NULL);
	ok(b && b != a && b->uid == getuid() + 1, "another user has another session, whatever id is given");
	ok(session_for_shim(w.core, getuid(), getgid(), w.dir, NULL, NULL) != NULL, "an idle one makes room");
	is_int(w.core->n_sessions, 2);
	world_end();
}

T_CASE(expiry)
{
	struct session *s, *busy;
	char id[64];

	if (!world_begin("  default_idle_timeout: 1ms\n  cleanup_interval: 1s\n"))
		return;
	s = new_session("idle");
	busy = new_session("busy");
	strcpy(id, s->id);
	command_begin(w.core, busy, COMMAND_EXEC, "sleep", NULL);
	int64_t start = clock_mono_ns();
	while (session_find(w.core, id) && clock_mono_ns() - start < 5000000000)
		loop_once(w.loop, 500, NULL);
	ok(!session_find(w.core, id), "an idle session ends");
	ok(session_find(w.core, "busy") == busy, "a busy one is not idle");
	is_int(logged("\"expired_by\":\"idle_timeout\""), 1);
	world_end();
}
