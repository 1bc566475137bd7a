#include "enforce/landlock/try.h"

#include "base/fd.h"
#include "sys/attempt.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

enum { SAID = 64 };

/* The directory is one in which sessions make files, and may hold anything; /etc can be closed as a whole. */
static const char policy_text[] = "version: 1\nname: files\n"
                                  "command_rules: [{name: all, commands: [\"*\"], decision: allow}]\n"
                                  "file_rules:\n"
                                  "  - {name: name, paths: [\"**/agentsh-detect-closed\"],"
                                  " operations: [\"*\"], decision: deny}\n"
                                  "  - {name: tree, paths: [\"/etc/**\"], operations: [\"*\"],"
                                  " decision: deny}\n"
                                  "  - {name: rest, paths: [\"**\"], operations: [\"*\"],"
                                  " decision: allow}\n";
static const char script[] = ": <\"$0/agentsh-detect-open\" || exit 1\n"
                             "n=64\n"
                             "(: </etc/passwd) 2>/dev/null || n=$((n + 1))\n"
                             "(: <\"$0/agentsh-detect-closed\") 2>/dev/null || n=$((n + 2))\n"
                             "exit $n\n";

static int put(const char *dir, const char *name, const char *text, size_t len, char path[PATH_MAX])
{
	if ((size_t)snprintf(path, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		return -1;
	return fd_replace_file(path, text, len, 0600, NULL);
}

int try_files(const char *dir, int ms)
{
	char policy[PATH_MAX] = "", open[PATH_MAX] = "", closed[PATH_MAX] = "", place[PATH_MAX];
	char *const argv[] = { "agentsh", "run", "--allow-degraded", "--policy", policy, "--",
		               "/bin/sh", "-c",  (char *)script,     place,      NULL };
	int said = 0;

	snprintf(place, sizeof place, "%s", dir);
	if (access("/etc/passwd", R_OK) == 0 &&
	    put(dir, "files.yaml", policy_text, sizeof policy_text - 1, policy) == 0 &&
	    put(dir, "agentsh-detect-open", "x\n", 2, open) == 0 &&
	    put(dir, "agentsh-detect-closed", "x\n", 2, closed) == 0)
		said = attempt(argv, ms);
	unlink(policy);
	unlink(open);
	unlink(closed);
	return said >= SAID && said <= SAID + TRY_TREE + TRY_NAME ? said - SAID : 0;
}
