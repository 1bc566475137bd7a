/* spawn - start a command of a session from the server: the API's exec.
 *
 * One launch routine for every way in: the command is judged, logged, given
 * its environment and directory, put under the session's plan and started.
 */
#pragma once

#include "decide/decide.h"
#include "session/session.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

struct exec_spec {
	const char *command, *argv0; /* argv0 NULL or "" = command */
	const char *const *args;     /* after argv[0] */
	size_t n_args;
	const char
	        *working_dir; /* "/workspace/…", or relative to the session's; NULL or "" = the session's */
	const struct policy_pair *env;
	size_t n_env;
};

struct exec_start {
	bool denied;
	struct verdict verdict;
	char message[1024];
	int exit_code; /* 2 or 127 when it could not start */
	char error[512];
	struct command *command;
	pid_t pid;
	int pidfd, in_fd, out_fd, err_fd; /* nonblocking, owned by the caller once started */
};

/* 0 = see out; -1 = internal error. */
int session_exec(struct core *core, struct session *s, const struct exec_spec *spec, struct exec_start *out,
                 struct err *e);

/* Writes command_finished, frees the command's process slot. */
void session_exec_finished(struct core *core, struct command *c, int wait_status, const struct rusage *usage);

/* Signal all processes of that command. */
int session_kill(struct core *core, struct command *c, int signo);
