/* mounter_clean - FU-12: what nobody serves is taken away when a server starts; what does not answer is left,
 * and however much of it there is, it is waited for once. */
#include "test/t.h"

#include "session/mounter_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HUNG = 8, WAIT_MS = 2000 /* one wait is 500, eight are 4000 */ };

static char top[64];

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static const char *at(const char *name, int n)
{
	static char path[4][100];
	static unsigned next;
	char *out = path[next++ % 4];

	snprintf(out, sizeof path[0], "%s/%s%d", top, name, n);
	return out;
}

/* A view; who has the descriptor serves it, and never answers. -1: none can be mounted. */
static int view_at(const char *path)
{
	int dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[100];

	mkdir(path, 0755);
	snprintf(options, sizeof options, "fd=%d,rootmode=40755,user_id=0,group_id=0", dev);
	if (dev >= 0 && mount("lab", path, "fuse.agentsh", MS_NOSUID | MS_NODEV, options) == 0)
		return dev;
	printf("# %s: %s\n", path, strerror(errno));
	close(dev);
	return -1;
}

/* How many mounts there are of that name. */
static int mounts_at(const char *path)
{
	FILE *f = fopen("/proc/self/mounts", "re");
	char line[512], want[120];
	int n = 0;

	snprintf(want, sizeof want, " %s fuse.agentsh ", path);
	while (f && fgets(line, sizeof line, f))
		n += strstr(line, want) != NULL;
	if (f)
		fclose(f);
	return n;
}

static void leave(void)
{
	for (int i = 0; i < HUNG; i++) {
		umount2(at("hung", i), MNT_DETACH);
		rmdir(at("hung", i));
	}
	for (int i = 0; i < 2; i++) {
		while (umount2(at("dead", i), MNT_DETACH) == 0)
			;
		rmdir(at("dead", i));
	}
	rmdir(top);
}

/* In the order in which they come to lie there: 1 is served, 0 by nobody. */
static void pile(const char *path, const char *served, int *kept)
{
	int dead[4], n = 0;

	for (; *served; served++) {
		int dev = view_at(path);

		if (*served == '1')
			*kept = dev;
		else
			dead[n++] = dev;
	}
	while (n > 0)
		close(dead[--n]);
}

T_CASE(many_that_do_not_answer)
{
	long long began;
	int kept = -1;

	if (geteuid() != 0)
		t_skip_all("not root");
	if (access("/dev/fuse", F_OK) < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		t_skip_all("no FUSE, or no mounts of one's own");
	snprintf(top, sizeof top, "/dev/shm/mounter-clean.%d", (int)getpid());
	mkdir(top, 0755);
	for (int i = 0; i < HUNG; i++)
		if (view_at(at("hung", i)) < 0)
			return;
	pile(at("dead", 0), "0", &kept);
	pile(at("dead", 1), "100", &kept); /* two that are dead lie on one that is served */
	is_int(mounts_at(at("dead", 1)), 3, "three on one another");
	began = now_ms();
	mounter_clean();
	began = now_ms() - began;
	ok(began < WAIT_MS, "%d that do not answer are waited for together: %lld ms", HUNG, began);
	is_int(mounts_at(at("dead", 0)), 0, "what nobody serves is gone");
	is_int(mounts_at(at("dead", 1)), 1, "and what lay on another, which stays");
	for (int i = 0; i < HUNG; i++)
		is_int(mounts_at(at("hung", i)), 1, "what does not answer stays");
	close(kept);
	leave();
}
