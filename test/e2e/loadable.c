/* loadable - a builtin for bash: `enable -f FILE act`, then `act kill PID` or `act exec FILE ARG`.
 *
 * It acts inside the shell, as code of an attacker would, by system calls.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* As in bash's own headers. */
struct word {
	char *text;
	int flags;
};
struct words {
	struct words *next;
	struct word *word;
};
struct builtin {
	char *name;
	int (*run)(struct words *);
	int flags;
	char *const *help;
	const char *usage;
	char *handle;
};

static int act(struct words *w)
{
	char *argv[] = { NULL, NULL, NULL };
	int status = 0;

	if (!w || !w->next)
		return 2;
	if (!strcmp(w->word->text, "kill"))
		return syscall(SYS_kill, atoi(w->next->word->text), SIGKILL) < 0;
	argv[0] = w->next->word->text;
	argv[1] = w->next->next ? w->next->next->word->text : NULL;
	pid_t child = fork();
	if (child == 0) {
		execv(argv[0], argv);
		_exit(126);
	}
	waitpid(child, &status, 0);
	return WEXITSTATUS(status);
}

static char *const help[] = { "acts", NULL };
struct builtin act_struct = { "act", act, 1, help, "act", NULL };
