/* Programs that rules restrict, by their files and content. */
#include "enforce/exec/identity.h"

#include "decide/decide.h"
#include "test/alloc.h"
#include "test/t.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[64], path[128];

static const char *in_dir(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text)
{
	int fd = (unlink(in_dir(name)), open(in_dir(name), O_WRONLY | O_CREAT | O_EXCL, 0755));

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		ok(false, "write %s", name);
	close(fd);
}

static void end(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	if (system(command) != 0)
		fprintf(stderr, "# %s stays\n", dir);
}

static struct policy *load(void)
{
	static char text[1024];
	struct policy_options o = { 0 };
	struct policy_problems problems = { 0 };
	struct policy *p;

	if (!dir[0]) {
		snprintf(dir, sizeof dir, "/tmp/identity.XXXXXX");
		if (!mkdtemp(dir))
			exit(1);
		atexit(end);
	}
	put("prog", "the denied program");
	put("multi", "many programs in one");
	put("prog-2.1", "a denied program with a version");
	unlink(in_dir("role"));
	unlink(in_dir("prog-2"));
	if (symlink("multi", in_dir("role")) || symlink("prog-2.1", in_dir("prog-2")))
		exit(1);
	snprintf(text, sizeof text,
	         "version: 1\nname: t\ncommand_rules:\n"
	         "- {name: no, decision: deny, commands: [%s/prog, %s/role, %s/prog-2, 'x*', nope]}\n"
	         "- {name: two, decision: approve, commands: [asked], args_patterns: [never]}\n"
	         "- {name: three, decision: deny, commands: ['**'], args_patterns: [anything]}\n"
	         "- {name: yes, decision: allow, commands: ['*', friend]}\n",
	         dir, dir, dir);
	p = policy_load(text, strlen(text), "t.yaml", &o, &problems);
	if (!p)
		printf("# %s\n", problems.n ? problems.items[0].text : "no policy");
	policy_problems_release(&problems);
	return p;
}

static struct identity_found find(struct identity *t, const char *name)
{
	int fd = open(in_dir(name), O_PATH | O_CLOEXEC);
	struct identity_found f = { 0 };
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0)
		f = identity_find(t, fd, &st);
	else
		ok(false, "%s is not there", name);
	close(fd);
	return f;
}

T_CASE(names)
{
	struct policy *p = load();

	is_int(decide_named(p, "/usr/bin/nope"), NAMED_BY_RULE);
	is_int(decide_named(p, "/usr/bin/nope.real"), NAMED_BY_RULE);
	is_int(decide_named(p, "/opt/NOPE"), NAMED_BY_RULE, "as rules are matched");
	is_int(decide_named(p, "/usr/bin/xyz"), NAMED_BY_RULE, "by a pattern");
	is_int(decide_named(p, "/usr/bin/asked"), NAMED_BY_RULE, "whatever the arguments");
	is_int(decide_named(p, "/usr/bin/friend"), 0, "what is allowed");
	is_int(decide_named(p, "/usr/bin/other"), 0, "what a rule for everything restricts");
	is_int(decide_named(p, "/lib64/ld-linux-x86-64.so.2"), NAMED_OPAQUE);
	is_int(decide_named(p, "/bin/busybox"), NAMED_OPAQUE | NAMED_MULTICALL);
	policy_free(p);
}

T_CASE(files)
{
	struct policy *p = load();
	struct identity *t = identity_new(p);
	struct identity_names names;
	struct identity_found f;

	f = find(t, "prog");
	is_int(f.how, IDENTITY_FILE, "itself");
	identity_names(t, f.program, "x", &names);
	ok(names.n == 1 && !strcmp(names.path[0], in_dir("prog")) && !names.by_argv && !names.opaque,
	   "under its name");
	is_str(names.place, in_dir("prog"));
	ok(!identity_sha256(t, f.program), "nobody asked for its content");
	unlink(in_dir("hard"));
	ok(link(in_dir("prog"), "/dev/null") != 0, "(no link there)");
	put("copy", "the denied program");
	f = find(t, "copy");
	is_int(f.how, IDENTITY_CONTENT, "a copy");
	ok(f.unsettled, "that is new");
	ok(identity_sha256(t, f.program), "whose content has been hashed");
	put("same-size", "the Denied program");
	is_int(find(t, "same-size").program, 0, "another of the same size");
	put("other", "something else altogether");
	is_int(find(t, "other").program, 0, "another");
	f = find(t, "multi");
	is_int(f.how, IDENTITY_FILE, "what a link leads to");
	identity_names(t, f.program, "multi", &names);
	ok(!names.n && names.by_argv, "is not what the link says");
	identity_names(t, f.program, "/any/where/role", &names);
	is_int(names.n, 1, "but when it is called so");
	identity_names(t, f.program, "-role", &names);
	is_int(names.n, 1, "as a login shell, too");
	f = find(t, "prog-2.1");
	identity_names(t, f.program, "x", &names);
	is_int(names.n, 1, "a longer name of the same is");
	identity_free(t);
	policy_free(p);
}

T_CASE(moved_and_gone)
{
	struct policy *p = load();
	struct identity *t = identity_new(p);
	char to[128];

	put("copy", "the denied program");
	put("same-size", "the Denied program");
	snprintf(to, sizeof to, "%s", in_dir("moved"));
	rename(in_dir("prog"), to);
	is_int(find(t, "moved").how, IDENTITY_GONE, "itself, elsewhere");
	is_int(find(t, "copy").how, IDENTITY_GONE, "nothing is left to compare with");
	is_int(find(t, "same-size").how, IDENTITY_GONE, "nor for others of its size");
	rename(to, in_dir("prog"));
	ok(identity_refresh(t), "its change time is new");
	ok(!identity_refresh(t), "now nothing is");
	snprintf(to, sizeof to, "%s", in_dir("moved"));
	rename(in_dir("prog"), to);
	is_int(find(t, "copy").how, IDENTITY_GONE, "its beginning is known now: a copy");
	is_int(find(t, "same-size").program, 0, "and what begins otherwise is none");
	rename(to, in_dir("prog"));
	is_int(find(t, "copy").how, IDENTITY_CONTENT, "it is back, and is hashed");
	unlink(in_dir("prog"));
	put("copy", "the denied program");
	is_int(find(t, "copy").how, IDENTITY_CONTENT, "gone, but its hash is known");
	put("prog", "the denied program, newer");
	ok(identity_refresh(t), "a new version");
	put("copy-2", "the denied program, newer");
	is_int(find(t, "copy-2").how, IDENTITY_CONTENT, "a copy of the new one");
	is_int(find(t, "copy").how, IDENTITY_CONTENT, "a copy of the old one still is one");
	identity_free(t);
	policy_free(p);
}

T_CASE(remembered_when_settled)
{
	struct policy *p = load();
	struct identity *t = identity_new(p);
	struct identity_found f;
	int n = 0;

	put("copy", "the denied program");
	do
		f = find(t, "copy");
	while (f.unsettled && ++n < 10000 && (usleep(1000), true));
	ok(f.how == IDENTITY_CONTENT && !f.unsettled, "after a while a change would show");
	unlink(in_dir("prog"));
	is_int(find(t, "copy").how, IDENTITY_CONTENT, "and it is known without another look");
	identity_free(t);
	policy_free(p);
}

T_CASE(out_of_memory)
{
	struct policy *p = load();

	for (long n = 1;; n++) {
		struct identity *t;

		alloc_fail_at(n);
		t = identity_new(p);
		if (!alloc_failed()) {
			ok(t != NULL, "all allocations succeed");
			identity_free(t);
			break;
		}
		ok(t == NULL, "allocation %ld fails: no table", n);
	}
	alloc_fail_at(0);
	policy_free(p);
}
