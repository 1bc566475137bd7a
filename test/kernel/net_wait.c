/* net_wait - whatever else is done to a socket meanwhile, who answers for it does not wait: a call that is on
 * its way to a full listener, on a socket that another thread sets to wait again and again.
 */
#include "test/kernel/net_lab.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/fsuid.h>
#include <sys/time.h>

enum { TRIES = 40, TICK_US = 5000 };

static const char policy[] =
        NL_POLICY "  - name: allow-all\n    cidrs: [\"0.0.0.0/0\", \"::/0\"]\n    decision: allow\n";

static atomic_int sock = -1, stop;

static void *set_to_wait(void *arg)
{
	(void)arg;
	while (!stop)
		fcntl(sock, F_SETFL, 0);
	return NULL;
}

static void on_signal(int signo)
{
	(void)signo;
}

/* Each of ours ends by a signal: one as somebody else is not tried again. */
static void tick(void)
{
	const struct sigaction act = { .sa_handler = on_signal };
	const struct itimerval often = { { 0, TICK_US }, { 0, TICK_US } };

	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

static int try_all(int family, const struct sockaddr *to, socklen_t len)
{
	sigset_t alarm;
	pthread_t t;
	const int ends = *lab_env("NL_AS") ? EAGAIN : EINTR;
	int ended = 0, worst = 0;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm, NULL);
	pthread_create(&t, NULL, set_to_wait, NULL);
	sigprocmask(SIG_UNBLOCK, &alarm, NULL);
	tick();
	for (int i = 0; i < TRIES; i++) {
		int fd = socket(family, SOCK_STREAM, 0);
		long long began = lab_now();

		sock = fd;
		ended += connect(fd, to, len) < 0 && errno == ends;
		worst = lab_now() - began > worst ? (int)(lab_now() - began) : worst;
		close(fd);
	}
	stop = 1;
	pthread_join(t, NULL);
	printf("%d of %d ended, the longest took %d ms\n", ended, TRIES, worst);
	return ended > TRIES / 2 ? 0 : 1;
}

static int local(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), rc;

	snprintf(a.sun_path, sizeof a.sun_path, "full-%d", (int)getpid());
	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || chmod(a.sun_path, 0666) < 0 || listen(fd, 0) < 0)
		return 90;
	do
		rc = connect(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), (struct sockaddr *)&a,
		             sizeof a);
	while (rc == 0);
	if (errno != EAGAIN)
		return 91;
	if (*lab_env("NL_AS"))
		setfsuid((uid_t)atoi(lab_env("NL_AS")));
	return try_all(AF_UNIX, (struct sockaddr *)&a, sizeof a);
}

static int inet(void)
{
	union nl_addr a;
	socklen_t len = nl_addr(&a, "127.0.0.1", PORT_FULL);

	return try_all(AF_INET, &a.any, len);
}

const struct lab_attack lab_attacks[] = { { "local", local }, { "inet", inet }, { 0 } };

static struct outcome o;

static void attack(const char *name, uid_t uid)
{
	lab_attack(name, true, uid, &o);
	if (!ok(lab_exit(&o) == 0, "%s, uid %d: %d, %s", name, (int)uid, lab_exit(&o), o.out))
		lab_show(&o);
}

T_CASE(nobody_is_waited_for)
{
	nl_build();
	lab_write(lab.policy, policy, 0644);
	attack("local", lab.user);
	attack("local", 0);
	attack("inet", lab.user);
	/* By a process of its own. */
	setenv("NL_AS", "12345", 1);
	attack("local", 0);
	unsetenv("NL_AS");
}
