#include "session/impl.h"

#include "base/fd.h"
#include "session/place.h"
#include "test/t.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char top[64];

static const char *at(const char *rest)
{
	static char paths[8][200];
	static int n;
	char *path = paths[n++ & 7];

	snprintf(path, sizeof *paths, "%s%s", top, rest);
	return path;
}

static void touch(const char *path)
{
	fd_replace_file(path, "", 0, 0644, NULL);
}

static bool begin(void)
{
	strcpy(top, "/tmp/agentsh-test-XXXXXX");
	return ok(mkdtemp(top) != NULL) && chmod(top, 0755) == 0;
}

static void end(void)
{
	char command[100];

	snprintf(command, sizeof command, "rm -rf %s", top);
	ok(system(command) == 0, "removed");
}

static void is_root(const char *dir, const char *home, const char *project, const char *git)
{
	static const char *const markers[] = { ".git", "go.mod", NULL };
	struct roots r;

	is_int(root_find(dir, markers, getuid(), home, &r), 0);
	is_str(r.project, project);
	is_str(r.git, git);
	free(r.project);
	free(r.git);
}

T_CASE(roots_stop_where_somebody_else_could_have_put_a_marker)
{
	char *w;

	if (!begin())
		return;
	mkdir(at("/a"), 0755);
	mkdir(at("/a/b"), 0755);
	mkdir(at("/a/b/c"), 0755);
	is_root(at("/a/b/c"), NULL, at("/a/b/c"), at("/a/b/c"));
	mkdir(at("/a/.git"), 0755);
	is_root(at("/a/b/c"), NULL, at("/a"), at("/a"));
	touch(at("/a/b/go.mod"));
	is_root(at("/a/b/c"), NULL, at("/a/b"), at("/a"));
	is_root(at("/a/b/c"), at("/a/b/c"), at("/a/b/c"), at("/a/b/c"));
	is_root(at("/a/b/c"), at("/a/b"), at("/a/b"), at("/a/b"));
	w = root_of_workspace(at("/a/b/c"), getuid(), NULL);
	is_str(w, at("/a"));
	free(w);
	chmod(at("/a"), 0777);
	is_root(at("/a/b/c"), NULL, at("/a/b"), at("/a/b"));
	w = root_of_workspace(at("/a/b/c"), getuid(), NULL);
	is_str(w, at("/a/b/c"), "anybody could have put that .git there");
	free(w);
	end();
}

T_CASE(system_directories_are_no_workspaces)
{
	static const char *const yes[] = { "/",          "/etc", "/etc/agentsh", "/usr/src/x",
		                           "/proc/self", "/tmp", "/home",        "/var",
		                           "/var/log",   "/opt", "/lib64" };
	static const char *const no[] = { "/home/user", "/tmp/x",    "/app",       "/opt/x",  "/root",
		                          "/var/www",   "/etcetera", "/workspace", "/library" };

	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		ok(root_is_system(yes[i]), "%s", yes[i]);
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		ok(!root_is_system(no[i]), "%s", no[i]);
}

static void is_user(const char *passwd, uid_t uid, const char *want_home, const char *want_name)
{
	char *home, *name;
	bool found = user_find(passwd, uid, &home, &name);

	is_int(found, want_name != NULL);
	is_str(home, want_home);
	is_str(name, want_name);
	free(home);
	free(name);
}

T_CASE(password_file)
{
	static const char text[] = "root:x:0:0:root:/root:/bin/bash\n"
	                           "# comment\n"
	                           "broken\n"
	                           ":::::\n"
	                           "user:x:1000:1000:,,,:/home//user/:/bin/sh\n"
	                           "second:x:1000:1000::/other:/bin/sh\n"
	                           "rel:x:1001:1::home:/bin/sh\n"
	                           "short:x:1002\n"
	                           "big:x:4294967296:1::/x:/y\n"
	                           "last:x:5:5::/last:";

	is_user(text, 0, "/root", "root");
	is_user(text, 1000, "/home/user", "user");
	is_user(text, 1001, NULL, "rel");
	is_user(text, 1002, NULL, "short");
	is_user(text, 5, "/last", "last");
	is_user(text, 77, NULL, NULL);
	is_user("", 0, NULL, NULL);
}

static int connects(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	AUTO_FD fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path);
	return connect(fd, (struct sockaddr *)&addr, sizeof addr);
}

T_CASE(one_server_a_place)
{
	struct place p, q;
	struct err e = { 0 };
	struct stat st;

	if (!begin())
		return;
	if (!ok(place_take(&p, at("/run/x.sock"), &e) == 0, "%s", e.text))
		return;
	is_str(p.socket, at("/run/gate.sock"));
	is_int(connects(p.socket), 0);
	is_int(stat(p.socket, &st), 0);
	is_int(st.st_mode & 0777, getuid() ? 0600 : 0666);
	is_int(place_take(&q, at("/run/x.sock"), &e), -1);
	ok(strstr(e.text, "another server is running (pid ") != NULL, "%s", e.text);
	is_int(connects(p.socket), 0, "the first one is not disturbed");
	place_leave(&p);
	ok(access(at("/run/gate.sock"), F_OK) < 0, "the socket is gone");
	/* A server that was killed leaves socket and lock file. */
	is_int(place_take(&p, at("/run/x.sock"), &e), 0);
	fd_close(&p.gate);
	fd_close(&p.lock);
	is_int(connects(at("/run/gate.sock")), -1);
	is_int(place_take(&p, at("/run/x.sock"), &e), 0, "its place is taken over");
	is_int(connects(p.socket), 0);
	place_leave(&p);
	end();
}

T_CASE(directories_of_strangers_are_not_used)
{
	struct place p;
	struct err e = { 0 };
	bool usable;
	char path[108];

	if (!begin())
		return;
	mkdir(at("/open"), 0700);
	chmod(at("/open"), 0777);
	is_int(place_take(&p, at("/open/s"), &e), -1);
	ok(strstr(e.text, "can be written by others") != NULL, "%s", e.text);
	ok(symlink(at("/open"), at("/link")) == 0);
	is_int(place_take(&p, at("/link/s"), &e), -1);
	if (getuid() == 0) {
		mkdir(at("/theirs"), 0700);
		ok(chown(at("/theirs"), 65534, 65534) == 0);
		is_int(place_take(&p, at("/theirs/s"), &e), -1);
		ok(strstr(e.text, "belongs to uid 65534") != NULL, "%s", e.text);
	}
	is_int(place_take(&p, at("/no/such/s"), &e), -1);
	for (unsigned i = 0; place_candidate(i, 4711, path, sizeof path, &usable); i++)
		ok(strstr(path, "agentsh") && strstr(path, "/gate.sock"), "%s", path);
	ok(!place_candidate(4, 4711, path, sizeof path, &usable));
	ok(!place_candidate(3, 0, path, sizeof path, &usable));
	end();
}
