#include "session/inplace.h"

#include "base/die.h"
#include "base/fd.h"
#include "enforce/entry.h"
#include "enforce/exec/filter.h"
#include "session/place.h"
#include "shell/search.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static int run_it(char **argv, const char *argv0, char *const *env)
{
	char *program = argv[0];

	if (argv0)
		argv[0] = (char *)argv0;
	search_exec(program, search_env(env, "PATH"), argv, env);
	complain("agentsh: %s: %s", program,
	         errno == ENOSYS ? "no supervisor answers: denied" : strerror(errno));
	return errno == EACCES || errno == ENOSYS ? EXIT_DENIED : EXIT_NOTFOUND;
}

int inplace_exec(const struct inplace *what, struct err *e)
{
	char **argv = what->argv;
	char cwd[PATH_MAX];
	struct entry_hello h = { .kind = ENTRY_EXEC,
		                 .program = argv[0],
		                 .argv = (const char *const *)argv,
		                 .env = (const char *const *)environ,
		                 .cwd = cwd,
		                 .session = what->session };
	struct entry t;
	AUTO_FD fd = -1;
	int rc;

	if (filter_here())
		return run_it(argv, what->argv0, environ);
	fd = what->start ? place_reach(geteuid(), e) : place_connect(geteuid());
	if (fd < 0)
		return what->start ? -1 : err_set(e, "no server");
	if (!getcwd(cwd, sizeof cwd))
		strcpy(cwd, "/");
	if (entry_ask(fd, &h, NULL, &t, e) < 0) {
		complain("agentsh: denied: %s", e->text);
		return EXIT_DENIED;
	}
	if (!place_is_server(&t.in.from, geteuid())) {
		complain("agentsh: denied: the answer does not come from the server");
		return EXIT_DENIED;
	}
	if (t.refused) {
		rc = t.exit_code;
		if (fd_write(STDERR_FILENO, t.text, strlen(t.text)) < 0)
			rc = t.exit_code;
		entry_release(&t);
		return rc;
	}
	if (*t.dir && chdir(t.dir) < 0) {
		complain("agentsh: %s: %s", t.dir, strerror(errno));
		return EXIT_MISUSE;
	}
	if (entry_commit(&t, NULL, e) < 0) {
		complain("agentsh: denied: %s", e->text);
		return EXIT_DENIED;
	}
	fd_close(&fd);
	return run_it(argv, what->argv0, t.env);
}
