/* Messages, descriptors, and peers that do not keep to the rules. */
#include "wire/conn.h"

#include "base/fd.h"
#include "test/t.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int pair[2];

static void open_pair(void)
{
	ok(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "socket pair");
}

static void close_pair(void)
{
	close(pair[0]);
	close(pair[1]);
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static void send_text(const char *text, size_t len, const int *fds, int n_fds)
{
	struct msg m = { 0 };
	struct err e;

	msg_start(&m, WIRE_HELLO);
	msg_bytes(&m, text, len);
	is_int(wire_send(pair[0], &m, fds, n_fds, 0, &e), 0, "sent %zu bytes, %d descriptors", len, n_fds);
	msg_release(&m);
}

static bool got_text(struct wire_in *in, const char *text, size_t len)
{
	struct msg_reader r;
	struct err e = { 0 };
	const void *p;
	size_t n;

	if (!ok(wire_recv(pair[1], in, 0, &e) == 1, "received"))
		return false;
	is_int(msg_open(&r, in->data.data, in->data.len), WIRE_HELLO, "operation");
	p = msg_get_bytes(&r, &n);
	return ok(n == len && !memcmp(p, text, len) && msg_end(&r), "same bytes");
}

T_CASE(small_and_large)
{
	static const size_t sizes[] = { 0, 1, 1000, 98000, 98304, 200000, 4 << 20 };
	char *text = calloc(1, 4 << 20);
	struct wire_in in = { 0 };

	open_pair();
	for (size_t i = 0; i < 4 << 20; i++)
		text[i] = (char)(i * 31 >> 3);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		send_text(text, sizes[i], NULL, 0);
		got_text(&in, text, sizes[i]);
		is_int(in.n_fds, 0, "no descriptors");
	}
	wire_in_release(&in);
	free(text);
	close_pair();
}

T_CASE(too_large)
{
	struct msg m = { 0 };
	struct err e;

	open_pair();
	msg_start(&m, WIRE_HELLO);
	ok(buf_room(&m.b, WIRE_MAX) != NULL, "room");
	m.b.len = WIRE_MAX + 1;
	is_int(wire_send(pair[0], &m, NULL, 0, 0, &e), -1, "more than WIRE_MAX is not sent");
	msg_release(&m);
	close_pair();
}

static bool same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

T_CASE(descriptors)
{
	static char big[120000];
	struct wire_in in = { 0 };
	int before, fds[WIRE_FDS];

	open_pair();
	for (int i = 0; i < WIRE_FDS; i++)
		fds[i] = memfd_create("test", MFD_CLOEXEC);
	before = count_fds();
	send_text("x", 1, fds, WIRE_FDS);
	got_text(&in, "x", 1);
	is_int(in.n_fds, WIRE_FDS, "all arrive");
	for (int i = 0; i < WIRE_FDS; i++)
		ok(same_file(in.fds[i], fds[i]) && fcntl(in.fds[i], F_GETFD) == FD_CLOEXEC, "descriptor %d",
		   i);
	send_text(big, sizeof big, fds, WIRE_FDS);
	got_text(&in, big, sizeof big);
	is_int(in.n_fds, WIRE_FDS, "all arrive with a large message");
	for (int i = 0; i < WIRE_FDS; i++)
		ok(same_file(in.fds[i], fds[i]), "descriptor %d", i);
	send_text("y", 1, NULL, 0);
	got_text(&in, "y", 1);
	is_int(in.n_fds, 0, "a later message has none");
	wire_in_release(&in);
	is_int(count_fds(), before, "nothing leaked");
	for (int i = 0; i < WIRE_FDS; i++)
		close(fds[i]);
	close_pair();
}

/* A packet as any peer could write it. */
static void raw(const void *data, size_t len, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int) * 32)];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds) {
		mh.msg_control = control.space;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		control.h.cmsg_level = SOL_SOCKET;
		control.h.cmsg_type = SCM_RIGHTS;
		control.h.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(&control.h), fds, sizeof(int) * n_fds);
	}
	ok(sendmsg(pair[0], &mh, 0) == (ssize_t)len, "raw packet");
}

T_CASE(too_many_descriptors)
{
	struct wire_in in = { 0 };
	struct err e;
	int before, fds[32];

	open_pair();
	for (int i = 0; i < 32; i++)
		fds[i] = 1;
	before = count_fds();
	raw("i\1\2\3\4", 5, fds, WIRE_FDS + 1);
	is_int(wire_recv(pair[1], &in, 0, &e), 1, "one too many");
	is_int(in.n_fds, WIRE_FDS, "is dropped");
	raw("i\1\2\3\4", 5, fds, 32);
	is_int(wire_recv(pair[1], &in, 0, &e), -1, "far too many: refused");
	wire_in_release(&in);
	is_int(count_fds(), before, "nothing leaked");
	close_pair();
}

static void refused(const char *what, int file, int n_more)
{
	struct wire_in in = { 0 };
	struct err e;
	int fds[8] = { file, 1, 1, 1, 1, 1 };
	int before = count_fds();

	raw("f", 1, fds, file < 0 ? 0 : 1 + (size_t)n_more);
	is_int(wire_recv(pair[1], &in, 0, &e), -1, "%s", what);
	wire_in_release(&in);
	is_int(count_fds(), before, "%s: nothing leaked", what);
}

T_CASE(message_files)
{
	char path[] = "/tmp/agentsh-wire-XXXXXX";
	int seals = F_SEAL_SHRINK | F_SEAL_GROW, file, ends[2];

	open_pair();
	refused("no file", -1, 0);
	file = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ok(ftruncate(file, 64) == 0, "memory file");
	refused("not sealed", file, 0);
	refused("not sealed, with more", file, 4);
	ok(fcntl(file, F_ADD_SEALS, seals) == 0, "half sealed");
	refused("half sealed", file, 0);
	close(file);
	file = mkstemp(path);
	ok(ftruncate(file, 64) == 0 && unlink(path) == 0, "ordinary file");
	refused("an ordinary file, which has no seals at all", file, 0);
	close(file);
	ok(pipe(ends) == 0, "pipe");
	refused("a pipe", ends[0], 0);
	close(ends[0]);
	close(ends[1]);
	file = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ok(ftruncate(file, WIRE_MAX + 1L) == 0 && fcntl(file, F_ADD_SEALS, seals | F_SEAL_WRITE) == 0,
	   "huge");
	refused("larger than WIRE_MAX", file, 0);
	close(file);
	close_pair();
}

T_CASE(too_long_a_packet)
{
	static char big[150000] = "i";
	struct wire_in in = { 0 };
	struct err e;

	open_pair();
	raw(big, sizeof big, NULL, 0);
	is_int(wire_recv(pair[1], &in, 0, &e), -1, "cut short: refused");
	wire_in_release(&in);
	close_pair();
}

T_CASE(ends_and_waits)
{
	struct wire_in in = { 0 };
	struct err e = { 0 };
	struct msg m = { 0 };
	int rc = 0;

	open_pair();
	is_int(wire_recv(pair[1], &in, MSG_DONTWAIT, &e), 0, "nothing there");
	is_int(e.code, EAGAIN, "said so");
	msg_start(&m, WIRE_NEWS);
	for (int i = 0; i < 100000 && rc == 0; i++)
		rc = wire_send(pair[0], &m, NULL, 0, MSG_DONTWAIT, &e);
	ok(rc == -1 && e.code == EAGAIN, "a full queue does not block");
	close(pair[0]);
	while ((rc = wire_recv(pair[1], &in, 0, &e)) == 1)
		;
	is_int(rc, 0, "end of file");
	is_int(wire_send(pair[1], &m, NULL, 0, 0, &e), -1, "nobody there: an error and no signal");
	msg_release(&m);
	wire_in_release(&in);
	close(pair[1]);
}

T_CASE(credentials)
{
	struct wire_in in = { 0 };
	struct err e;
	int one = 1;

	open_pair();
	setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
	send_text("x", 1, (int[]){ 1, 1, 1, 1 }, 4);
	ok(wire_recv(pair[1], &in, 0, &e) == 1 && in.from.pid == getpid() && in.n_fds == 4, "from whom");
	wire_in_release(&in);
	close_pair();
}

T_CASE(connect)
{
	char path[200];

	memset(path, 'x', sizeof path);
	path[sizeof path - 1] = 0;
	ok(wire_connect(path) == -1 && errno == ENAMETOOLONG, "too long a path");
	ok(wire_connect("/nonexistent/socket") == -1 && errno == ENOENT, "no socket");
}
