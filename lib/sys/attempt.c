#include "sys/attempt.h"

#include "base/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(char *const argv[])
{
	int null = open("/dev/null", O_RDWR);

	setpgid(0, 0);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		_exit(1);
	execv("/proc/self/exe", argv);
	_exit(1);
}

int attempt(char *const argv[], int ms)
{
	int64_t until = clock_mono_ns() + ms * 1000000LL;
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		become(argv);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (clock_mono_ns() > until) {
			kill(-pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -1;
		}
		poll(NULL, 0, 2);
	}
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}
