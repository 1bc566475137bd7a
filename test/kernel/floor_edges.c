/* floor_edges - the corners of the Landlock floor: links, names that come later, stores, what is closed in
 * any case, directories with too many entries; trees to start programs from, TCP ports, abstract sockets.
 * Each deed is also done without the domain, where it must succeed.
 */
#include "enforce/landlock/programs.h"
#include "test/kernel/floor.h"

#include <arpa/inet.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

T_CASE(links)
{
	struct ground g;

	if (!arrive())
		return;
	dir("etc", 0755);
	dir("run", 0755);
	dir("loose", 0777);
	file("run/resolv", 0644);
	file("run/other", 0644);
	file("run/secret", 0644);
	symlink("../run/resolv", at("etc/resolv.conf"));
	symlink("loose/link", at("to-loose"));
	symlink("../run/secret", at("loose/link"));
	if (!ground(&g, USER, NULL,
	            "  - {name: a, paths: ['%s/etc/resolv.conf', '%s/to-loose', '%s/loose/**'], " ALL_OF))
		return;
	open_to(&g, USER, reads, at("etc/resolv.conf"), "an allowed name that is root's link");
	open_to(&g, USER, reads, at("run/resolv"), "what it leads to, by its own name");
	held(&g, USER, reads, at("run/other"), "its neighbour");
	held(&g, USER, reads, at("to-loose"), "a link through a link that anybody can change");
	held(&g, USER, reads, at("loose/link"), "a link in a directory of everybody's");
	release(&g);
	/* Root may make links there: what they lead to is its own choice, not the policy's. */
	if (!ground(&g, 0, NULL, "  - {name: a, paths: ['%s/etc/**', '%s/etc/resolv.conf'], " ALL_OF))
		return;
	held(&g, 0, reads, at("etc/resolv.conf"), "a link that the session may put there itself");
	release(&g);
}

/* Who may move directories about while the ruleset is made must not choose what is granted. */
T_CASE(swapped_directories)
{
	int ruleset;

	if (!arrive())
		return;
	dir("real", 0755);
	file("real/key", 0666);
	symlink("real", at("seen"));
	ruleset = landlock_new(LANDLOCK_CHANGE | LANDLOCK_READ, false, NULL);
	is_int(landlock_grant(ruleset, at("seen/key"), LANDLOCK_READ), -1, "a link on the way");
	is_int(landlock_grant(ruleset, at("seen"), LANDLOCK_READ), -1, "a link");
	is_int(under(ruleset, USER, reads, at("real/key")), EACCES, "nothing was granted");
	is_int(landlock_grant(ruleset, at("real/key"), LANDLOCK_READ), 0, "no link");
	is_int(under(ruleset, USER, reads, at("real/key")), 0, "granted");
	close(ruleset);
}

T_CASE(a_workspace_that_was_replaced)
{
	const char *trees[1];
	struct floor_rules with = { .execute = trees, .n_execute = 1 };
	struct ground g;

	if (!arrive())
		return;
	dir("proj", 0755);
	dir("tools", 0755);
	with.workspace = strdup(at("proj"));
	trees[0] = strdup(at("tools"));
	if (ground(&g, USER, &with, "  - {name: a, paths: ['%s/**'], " ALL_OF)) {
		file("proj/a", 0644);
		ok(!floor_is_replaced(&g.floor), "what is made in it counts for nothing");
		rename(at("proj"), strdup(at("old")));
		ok(floor_is_replaced(&g.floor), "it is gone");
		dir("proj", 0755);
		ok(floor_is_replaced(&g.floor), "another one");
		ok(floor_is_stale(&g.floor), "a new ruleset is wanted");
	}
	release(&g);
	if (ground(&g, USER, &with, "  - {name: a, paths: ['%s/**'], " ALL_OF)) {
		rmdir(at("tools"));
		ok(floor_is_replaced(&g.floor), "a tree of programs");
	}
	release(&g);
}

/* Where each call is judged, what is made beside something closed can be started: it is read for that. */
T_CASE(programs_that_come_later)
{
	struct floor_rules with = { .judged = true };
	struct ground g;

	if (!arrive())
		return;
	dir("home", 0755);
	dir("home/.ssh", 0755);
	if (!ground(&g, USER, &with,
	            "  - {name: s, paths: ['%s/home/.ssh/**'], operations: ['*'], decision: deny}\n"
	            "  - {name: a, paths: ['%s/home/**'], " ALL_OF))
		return;
	dir("home/new", 0755);
	file("home/new/tool", 0644);
	open_to(&g, USER, reads, at("home/new/tool"), "what the session made");
	ok(g.floor.inexact & FLOOR_READ, "somebody else keeps what is closed");
	release(&g);
}

/* Where Landlock is all there is, and nobody asked for it: work goes on in the workspace, the rest is closed.
 */
T_CASE(alone_and_not_asked_for)
{
	struct floor_rules with = { .roomy = true };
	struct ground g;

	if (!arrive())
		return;
	dir("home", 0755);
	dir("home/.ssh", 0755);
	dir("srv", 0777);
	file("srv/key", 0644);
	if (!ground(&g, USER, &with,
	            "  - {name: s, paths: ['%s/home/.ssh/**'], operations: ['*'], decision: deny}\n"
	            "  - {name: d, paths: ['%s/home/**'], operations: [delete], decision: soft_delete}\n"
	            "  - {name: a, paths: ['%s/home/**'], " ALL_OF))
		return;
	file("home/late", 0666);
	open_to(&g, USER, reads, at("home/late"), "what came later is read");
	open_to(&g, USER, writes, at("home/late"), "and written");
	held(&g, USER, reads, at("srv/key"), "elsewhere");
	is_int(g.floor.inexact & FLOOR_REMOVE, FLOOR_REMOVE, "nothing is kept");
	release(&g);
}

T_CASE(names_that_come_later)
{
	struct ground g;

	if (!arrive())
		return;
	dir("late", 0755);
	unlink(at("late/conf"));
	if (!ground(&g, USER, NULL, "  - {name: a, paths: ['%s/late/conf'], " ALL_OF))
		return;
	ok(!floor_is_stale(&g.floor), "as it was");
	file("late/conf", 0644);
	is_int(under(g.floor.ruleset, USER, reads, at("late/conf")), EACCES, "closed to what runs already");
	ok(floor_is_stale(&g.floor), "a new one is wanted");
	release(&g);
	if (!ground(&g, USER, NULL, "  - {name: a, paths: ['%s/late/conf'], " ALL_OF))
		return;
	open_to(&g, USER, reads, at("late/conf"), "and has it");
	ok(floor_grants(&g.floor, at("late/conf"), LANDLOCK_READ), "and says so");
	ok(!floor_grants(&g.floor, at("late"), LANDLOCK_READ), "but not of the directory");
	release(&g);
}

T_CASE(stores)
{
	const char *stores[1];
	struct floor_rules with = { .stores = stores, .n_stores = 1 };
	struct ground g;

	if (!arrive())
		return;
	stores[0] = at("ws/.trash");
	with.workspace = at("ws");
	dir("ws", 0777);
	dir("ws/src", 0777);
	dir("ws/.trash", 0777);
	file("ws/.trash/kept", 0666);
	file("ws/closed", 0666);
	file("ws/src/x", 0666);
	if (!ground(&g, USER, &with, "  - {name: a, paths: ['%s/ws/**'], " ALL_OF))
		return;
	ok((g.floor.inexact & (FLOOR_WRITE | FLOOR_REMOVE)) == (FLOOR_WRITE | FLOOR_REMOVE),
	   "in a tree that is granted it is for somebody else to hold");
	release(&g);
	if (!ground(&g, USER, &with,
	            "  - {name: d, paths: ['%s/ws/closed'], operations: ['*'], decision: deny}\n"
	            "  - {name: a, paths: ['%s/ws/**'], " ALL_OF))
		return;
	is_int(g.floor.inexact & (FLOOR_WRITE | FLOOR_REMOVE), 0,
	       "exact, where entries are granted one by one");
	held(&g, USER, writes, at("ws/.trash/kept"), "writing what is kept");
	held(&g, USER, writes, at("ws/closed"), "writing what is denied");
	is_int(under(g.floor.ruleset, USER, removes, at("ws/.trash/kept")), EACCES, "removing it");
	open_to(&g, USER, writes, at("ws/src/x"), "writing beside it");
	open_to(&g, USER, makes, at("ws/src/new"), "making a file beside it");
	is_int(under(g.floor.ruleset, USER, makes, at("ws/new")), EACCES, "but not among what is listed");
	ok(!floor_grants(&g.floor, at("ws/new"), LANDLOCK_READ), "which it does not claim");
	release(&g);
}

/* Rules may call the workspace /workspace. */
T_CASE(virtual_names)
{
	struct floor_rules with = { .n_stores = 0 };
	struct ground g;

	if (!arrive())
		return;
	with.workspace = at("vw/project");
	dir("vw", 0755);
	dir("vw/project", 0777);
	dir("vw/project/closed", 0777);
	file("vw/project/x", 0666);
	file("vw/project/closed/x", 0666);
	file("vw/x", 0666);
	if (!ground(&g, USER, &with,
	            "  - {name: d, paths: ['/workspace/closed/**'], operations: ['*'], decision: deny}\n"
	            "  - {name: a, paths: ['/workspace/**'], " ALL_OF))
		return;
	open_to(&g, USER, writes, at("vw/project/x"), "allowed as /workspace/x");
	held(&g, USER, writes, at("vw/project/closed/x"), "denied as /workspace/closed/x");
	held(&g, USER, writes, at("vw/x"), "above it");
	release(&g);
}

/* Of a policy that allows everything, while "own" is ours. */
static bool ground_with_ours(struct ground *g)
{
	const struct floor_item item = { .path = at("own"), .secret = true };
	struct floor_options o = { .uid = 0, .items = &item, .n = 1 };

	dir("own", 0755);
	file("own/key", 0666);
	*g = (struct ground){ .policy = policy_of("version: 1\nname: t\nfile_rules:\n"
		                                  "  - {name: a, paths: ['/**'], " ALL_OF) };
	g->rules.policy = g->policy;
	o.rules = &g->rules;
	return ok(g->policy && floor_make(&g->floor, &o, NULL) == 0, "floor");
}

T_CASE(closed_in_any_case)
{
	struct ground g;

	if (!arrive())
		return;
	file("free", 0666);
	if (!ground_with_ours(&g))
		return;
	held(&g, 0, reads, at("own/key"), "reading what is ours, by a policy that allows all");
	held(&g, 0, writes, at("own/key"), "writing it");
	open_to(&g, 0, writes, at("free"), "anything else");
	release(&g);
}

/* LL-09: a mount that was there before shows it under another name, in a tree that is granted. */
T_CASE(closed_under_its_other_name)
{
	struct ground g;

	if (!arrive())
		return;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		t_skip("no mounts of one's own: %s", strerror(errno));
		return;
	}
	dir("own", 0755);
	dir("beside", 0777);
	dir("beside/shown", 0777);
	file("beside/free", 0666);
	if (!ok(mount(at("own"), at("beside/shown"), NULL, MS_BIND, NULL) == 0, "mount"))
		return;
	if (ground_with_ours(&g)) {
		held(&g, 0, reads, at("beside/shown/key"), "reading what is ours, by its other name");
		held(&g, 0, writes, at("beside/shown/key"), "writing it");
		open_to(&g, 0, writes, at("beside/free"), "what lies beside that name");
		release(&g);
	}
	umount2(at("beside/shown"), MNT_DETACH);
}

T_CASE(opened_by_the_configuration)
{
	const char *read[1], *write[1];
	struct floor_rules with = { .read = read, .write = write, .n_read = 1, .n_write = 1 };
	struct ground g;

	if (!arrive())
		return;
	read[0] = at("extra");
	write[0] = at("out");
	dir("extra", 0777);
	dir("out", 0777);
	file("extra/x", 0666);
	file("extra/denied", 0666);
	if (!ground(&g, USER, &with,
	            "  - {name: d, paths: ['%s/extra/denied'], operations: ['*'], decision: deny}\n"))
		return;
	open_to(&g, USER, reads, at("extra/x"), "landlock.allow_read");
	held(&g, USER, writes, at("extra/x"), "which is not writing");
	held(&g, USER, reads, at("extra/denied"), "nor what a rule denies");
	open_to(&g, USER, makes, at("out/new"), "landlock.allow_write");
	release(&g);
}

T_CASE(too_many_entries)
{
	struct ground g;
	char name[32];

	if (!arrive())
		return;
	dir("wide", 0755);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "wide/%d", i);
		file(name, 0644);
	}
	if (!ground(&g, USER, NULL,
	            "  - {name: d, paths: ['%s/wide/7'], operations: ['*'], decision: deny}\n"
	            "  - {name: a, paths: ['%s/wide/**'], operations: [read], decision: allow}\n"))
		return;
	ok(g.floor.inexact & FLOOR_READ, "said to be inexact");
	is_int(g.floor.inexact & ~(uint32_t)FLOOR_READ, 0, "and nothing else is");
	ok(g.floor.n_grants < 100, "%zu rules", g.floor.n_grants);
	open_to(&g, USER, reads, at("wide/8"), "what is allowed there works");
	release(&g);
}

/* ---- programs, ports, sockets ---- */

static void copy_of(const char *from, const char *name)
{
	char command[PATH_MAX * 2];

	snprintf(command, sizeof command, "cp -L '%s' '%s' && chmod 755 '%s'", from, at(name), at(name));
	ok(system(command) == 0, "copy of %s", from);
}

T_CASE(programs)
{
	const char *trees[] = { "/bin", NULL };
	struct floor_rules with = { .execute = trees, .n_execute = 2 };
	struct ground g;

	if (!arrive())
		return;
	trees[1] = at("bin");
	dir("bin", 0755);
	dir("elsewhere", 0777);
	copy_of("/bin/true", "bin/true");
	copy_of("/bin/true", "elsewhere/true");
	if (!ground(&g, USER, &with, "  - {name: a, paths: ['/**'], " ALL_OF))
		return;
	open_to(&g, USER, runs, "/bin/true", "from a tree of the list, with its loader");
	open_to(&g, USER, runs, at("bin/true"), "from another");
	held(&g, USER, runs, at("elsewhere/true"), "from elsewhere");
	held(&g, 0, runs, at("elsewhere/true"), "from elsewhere, as root");
	open_to(&g, USER, reads, at("elsewhere/true"), "it can be read there");
	release(&g);
	with.n_execute = 0;
	if (!ground(&g, USER, &with, "  - {name: a, paths: ['/**'], " ALL_OF))
		return;
	open_to(&g, USER, runs, at("elsewhere/true"), "from anywhere, without a list");
	release(&g);
}

static int tcp(int (*call)(int, const struct sockaddr *, socklen_t), const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	error = call(fd, (struct sockaddr *)&to, sizeof to) < 0 ? errno : 0;
	close(fd);
	return error;
}

static int binds(const char *port)
{
	return tcp(bind, port);
}

static int connects(const char *port)
{
	return tcp(connect, port);
}

T_CASE(ports)
{
	const uint16_t allowed[] = { 23456 };
	const struct floor_rules with = { .ports = LANDLOCK_BIND | LANDLOCK_CONNECT,
		                          .bind_ports = allowed,
		                          .n_bind_ports = 1 };
	struct ground g;

	if (!arrive())
		return;
	if (landlock_abi() < 4) {
		t_skip("no TCP ports");
		return;
	}
	if (!ground(&g, USER, &with, "  - {name: a, paths: ['/**'], " ALL_OF))
		return;
	open_to(&g, USER, binds, "23456", "a port of the list");
	held(&g, USER, binds, "23457", "another port");
	is_int(under(g.floor.ruleset, USER, connects, "23457"), EACCES, "connecting: refused");
	is_int(under(-1, USER, connects, "23457"), ECONNREFUSED, "connecting: not without the domain");
	release(&g);
}

/* A kernel that does not know a right refuses the whole ruleset: none is asked of it. */
T_CASE(older_kernels)
{
	const struct floor_rules r = { .ports = LANDLOCK_BIND, .abstract = true, .n_execute = 1 };

	for (int abi = LANDLOCK_ENOUGH; abi < 8; abi++) {
		struct landlock_handled h = { 0 };

		programs_handle(&r, abi, &h);
		is_int(h.files == LANDLOCK_EXECUTE, true, "ABI %d: programs", abi);
		is_int(h.ports, abi < 4 ? 0 : LANDLOCK_BIND, "ABI %d: ports", abi);
		is_int(h.inside, abi < 6 ? 0 : LANDLOCK_ABSTRACT, "ABI %d: abstract sockets", abi);
	}
}

static const char abstract_name[] = "agentsh-edges";

static socklen_t name_socket(struct sockaddr_un *to, const char *path)
{
	*to = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (path) {
		snprintf(to->sun_path, sizeof to->sun_path, "%s", path);
		return sizeof *to;
	}
	snprintf(to->sun_path + 1, sizeof to->sun_path - 1, "%s-%d", abstract_name, (int)getppid());
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(to->sun_path + 1));
}

static int listens_at(const char *path)
{
	struct sockaddr_un to;
	socklen_t len = name_socket(&to, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return bind(fd, (struct sockaddr *)&to, len) < 0 || listen(fd, 4) < 0 ? -1 : fd;
}

static int calls(const char *path)
{
	struct sockaddr_un to;
	socklen_t len = name_socket(&to, *path ? path : NULL);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

	error = connect(fd, (struct sockaddr *)&to, len) < 0 ? errno : 0;
	close(fd);
	return error;
}

/* Both ends in one command: OK-17. The listener's name has our pid in it, as the caller's parent. */
static int calls_itself(const char *path)
{
	int fd = listens_at(*path ? path : NULL), error = fd < 0 ? errno : calls(path);

	close(fd);
	return error;
}

/* The listener is a command of its own, in a domain made of the same ruleset. */
static pid_t serve(int ruleset, const char *path)
{
	int ready[2];
	char c;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		umask(0);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if ((ruleset >= 0 && landlock_enter(ruleset, NULL) < 0) || listens_at(path) < 0 ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	ok(read(ready[0], &c, 1) == 1, "listener");
	close(ready[0]);
	return pid;
}

static void dismiss(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

T_CASE(sockets)
{
	const struct floor_rules with = { .abstract = true };
	const char *path;
	struct ground g;
	pid_t pid;

	if (!arrive())
		return;
	if (landlock_abi() < 6) {
		t_skip("no scopes");
		return;
	}
	dir("sock", 0777);
	if (!ground(&g, USER, &with, "  - {name: a, paths: ['/**'], " ALL_OF))
		return;
	pid = serve(-1, NULL);
	is_int(under(g.floor.ruleset, USER, calls, ""), EPERM, "an abstract socket outside: refused");
	is_int(under(-1, USER, calls, ""), 0, "an abstract socket outside: not without the domain");
	dismiss(pid);
	open_to(&g, USER, calls_itself, "", "an abstract socket of the same command");
	open_to(&g, USER, calls_itself, at("sock/own"), "a socket in the file system of the same command");
	pid = serve(g.floor.ruleset, NULL);
	is_int(under(g.floor.ruleset, USER, calls, ""), EPERM,
	       "an abstract socket of another command is outside");
	dismiss(pid);
	path = at("sock/other");
	pid = serve(g.floor.ruleset, path);
	open_to(&g, USER, calls, path, "a socket in the file system of another command");
	dismiss(pid);
	release(&g);
}

static int names_socket(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

	snprintf(to.sun_path, sizeof to.sun_path, "%.100s", path);
	error = bind(fd, (struct sockaddr *)&to, sizeof to) < 0 ? errno : 0;
	unlink(path);
	close(fd);
	return error;
}

/* Where the supervisor names them nobody else does, wherever names may be made. */
T_CASE(sockets_get_no_names)
{
	const struct floor_rules with = { .sockets = true };
	struct ground g;

	if (!arrive())
		return;
	dir("named", 0777);
	if (!ground(&g, USER, &with, "  - {name: a, paths: ['/**'], " ALL_OF))
		return;
	held(&g, USER, names_socket, at("named/s"), "a socket");
	open_to(&g, USER, makes, at("named/f"), "a file beside it");
	release(&g);
	if (!ground(&g, USER, NULL, "  - {name: a, paths: ['/**'], " ALL_OF))
		return;
	open_to(&g, USER, names_socket, at("named/s"), "a socket, where nobody else names them");
	release(&g);
}

/* ---- no room for one more domain ---- */

static int runs_governed(const char *layers)
{
	const char *agentsh = getenv("AGENTSH");
	int ruleset = landlock_new(LANDLOCK_DEVICES, false, NULL);

	for (int i = atoi(layers); i > 0; i--)
		if (landlock_enter(ruleset, NULL) < 0)
			return 250;
	close(2);
	execl(agentsh ? agentsh : "build/out/agentsh", "agentsh", "run", "--", "/bin/true", (char *)NULL);
	return 251;
}

T_CASE(no_room)
{
	if (!arrive())
		return;
	is_int(under(-1, 0, runs_governed, "0"), 0, "a governed command");
	is_int(under(-1, 0, runs_governed, "16"), 126,
	       "below sixteen domains it is not run, rather than without one");
}
