/* net_wait - calls that wait: whatever else is done to a socket meanwhile, who answers for it does not wait;
 * what waits for room is not much in all; and what was sent when a signal came is sent once.
 */
#include "test/kernel/net_lab.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/fsuid.h>
#include <sys/time.h>

enum { TRIES = 40, TICK_US = 5000, SENDERS = 150, MUCH = 1 << 20 };
enum { DATAGRAM = 300 << 10, MOST_KIB = 24 << 10 };

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

/* ---- much that waits ------------------------------------------------------------------------------------
 */

static unsigned char much[MUCH];

struct sender {
	pthread_t thread;
	int pair[2], type;
	atomic_int tid; /* from where it is about to wait */
	atomic_int error;
};

static struct sender senders[SENDERS];

static void *send_much(void *arg)
{
	struct sender *s = arg;
	const size_t len = s->type == SOCK_STREAM ? MUCH : DATAGRAM;
	size_t sent = 0;
	ssize_t n;

	while ((n = send(s->pair[0], much + sent, len - sent, MSG_DONTWAIT)) > 0)
		sent += s->type == SOCK_STREAM ? (size_t)n : 0;
	s->tid = (int)syscall(SYS_gettid);
	while (sent < len && !s->error) {
		struct iovec iov = { much + sent, len - sent };

		n = sendmsg(s->pair[0], &(struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1 }, 0);
		if (n < 0)
			s->error = errno;
		else
			sent += (size_t)n;
	}
	return NULL;
}

static bool is_waiting(const struct sender *s)
{
	char path[64], text[512];
	const char *at;

	snprintf(path, sizeof path, "/proc/self/task/%d/stat", s->tid);
	lab_read(path, text, sizeof text);
	at = strrchr(text, ')');
	return s->error || (s->tid && at && at[2] == 'S');
}

/* KiB, once all of them wait: who asks after them is answered after them. */
static int peak_of_supervisor(void)
{
	char path[64], text[8192];
	const char *at;

	for (size_t i = 0; i < SENDERS; i++)
		while (!is_waiting(&senders[i]))
			poll(NULL, 0, 1);
	if (nl_connect("127.0.0.1", PORT_OPEN, SOCK_STREAM) < 0)
		return -1;
	snprintf(path, sizeof path, "/proc/%d/status", (int)getppid());
	lab_read(path, text, sizeof text);
	at = strstr(text, "VmHWM:");
	return at ? atoi(at + 6) : -1;
}

/* Byte by byte what was sent? */
static bool take_stream(const struct sender *s)
{
	static unsigned char got[MUCH];
	size_t at = 0;
	ssize_t n;

	while (at < MUCH && (n = recv(s->pair[1], got + at, MUCH - at, 0)) > 0)
		at += (size_t)n;
	return at == MUCH && !memcmp(got, much, MUCH);
}

static void fill_pattern(void)
{
	for (size_t i = 0; i < MUCH; i++)
		much[i] = (unsigned char)(i * 2654435761U >> 20);
}

static int send_all(int type)
{
	const int room = 1 << 20;
	int peak, good = 0, refused = 0;

	fill_pattern();
	for (struct sender *s = senders; s < senders + SENDERS; s++) {
		s->type = type;
		if (socketpair(AF_UNIX, type, 0, s->pair) < 0)
			return 92;
		if (type == SOCK_DGRAM)
			setsockopt(s->pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
		pthread_create(&s->thread, NULL, send_much, s);
	}
	peak = peak_of_supervisor();
	for (struct sender *s = senders; s < senders + SENDERS; s++) {
		if (type == SOCK_STREAM)
			good += take_stream(s);
		else
			close(s->pair[1]);
		pthread_join(s->thread, NULL);
		refused += s->error == EAGAIN;
		good += type == SOCK_DGRAM && (s->error == EAGAIN || s->error == EPIPE ||
		                               s->error == ECONNREFUSED || s->error == ECONNRESET);
	}
	printf("%d KiB, %d good, %d refused\n", peak, good, refused);
	return peak > 0 && peak < MOST_KIB && good == SENDERS && !refused == (type == SOCK_STREAM) ? 0 : 1;
}

static int streams(void)
{
	return send_all(SOCK_STREAM);
}

static int datagrams(void)
{
	signal(SIGPIPE, SIG_IGN);
	return send_all(SOCK_DGRAM);
}

/* ---- signals --------------------------------------------------------------------------------------------
 */

static atomic_int n_signals;

static void on_restart(int signo)
{
	(void)signo;
	n_signals++;
}

/* What is there is taken once a signal has come: always in the middle of a message. */
static void *take_slowly(void *arg)
{
	static unsigned char got[MUCH];
	int *pair = arg, seen = 0;
	size_t at = 0;

	while (at < MUCH) {
		ssize_t n;

		while (n_signals == seen && at < MUCH / 2)
			poll(NULL, 0, 1);
		seen = n_signals;
		n = recv(pair[1], got + at, 100000 < MUCH - at ? 100000 : MUCH - at, 0);
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	return (void *)(intptr_t)(at == MUCH && !memcmp(got, much, MUCH));
}

static int in_pieces(void)
{
	const struct sigaction act = { .sa_handler = on_restart, .sa_flags = SA_RESTART };
	const struct itimerval often = { { 0, TICK_US }, { 0, TICK_US } };
	size_t sent = 0;
	sigset_t alarm;
	void *good;
	pthread_t t;
	int pair[2];

	fill_pattern();
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return 93;
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm, NULL);
	pthread_create(&t, NULL, take_slowly, pair);
	sigaction(SIGALRM, &act, NULL);
	sigprocmask(SIG_UNBLOCK, &alarm, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	while (sent < MUCH) {
		struct iovec iov = { much + sent, MUCH - sent };
		ssize_t n = sendmsg(pair[0], &(struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1 }, 0);

		if (n < 0 && errno != EINTR)
			return 94;
		sent += n > 0 ? (size_t)n : 0;
	}
	pthread_join(t, &good);
	printf("%d signals\n", (int)n_signals);
	return good ? 0 : 1;
}

const struct lab_attack lab_attacks[] = { { "local", local },         { "inet", inet },
	                                  { "streams", streams },     { "datagrams", datagrams },
	                                  { "in_pieces", in_pieces }, { 0 } };

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

T_CASE(what_waits_is_not_much)
{
	nl_build();
	lab_write(lab.policy, policy, 0644);
	attack("streams", lab.user);
	attack("datagrams", lab.user);
}

T_CASE(what_was_sent_is_not_sent_again)
{
	nl_build();
	lab_write(lab.policy, policy, 0644);
	attack("in_pieces", lab.user);
}
