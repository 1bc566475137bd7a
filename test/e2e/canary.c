/* canary - stands for a program the policy denies; tells by two ways that it ran.
 *
 * It prints "CANARY name" and leaves the file /tmp/canary/name. Called with
 * arguments it then runs them, as sudo and its like would.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char exe[4096], path[4200];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	const char *name = n > 0 ? (exe[n] = '\0', strrchr(exe, '/') + 1) : argv[0];

	dprintf(1, "CANARY %s\n", name);
	mkdir("/tmp/canary", 0777);
	chmod("/tmp/canary", 01777);
	snprintf(path, sizeof path, "/tmp/canary/%s", name);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
	if (fd >= 0)
		close(fd);
	if (argc > 1 && argv[1][0] != '-' && !getenv("CANARY") &&
	    !setenv("CANARY", "1", 1)) /* its own #! line, once */
		execvp(argv[1], argv + 1);
	return 0;
}
