/* filter - the seccomp program every governed process runs under.
 *
 * Built once per session, the same for all its commands. Three kinds of answers besides "allow":
 *   EPERM   what no policy grants: foreign ABIs, io_uring, the mount API, namespaces, tracing, modules, bpf …
 *   notify  what the supervisor decides: starting programs, the first sign of life of a new image, signals
 *   a mark  one call that never succeeds elsewhere tells a program that it is governed (filter_here())
 * Numbers above the newest call known here are ENOSYS, so that programs fall back to what is judged.
 */
#pragma once

#include "base/err.h"

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FILTER_MAX = 1024 };

struct filter {
	struct sock_filter code[FILTER_MAX];
	size_t n;
};

/* An architecture: what seccomp calls it, and what is answered to which of its calls. */
struct filter_row;
struct filter_target {
	uint32_t arch;
	const struct filter_row *rows;
	size_t n_rows;
};
extern const struct filter_target filter_native;

/* Calls on files: openings that only read; that write, create or truncate, and openat2(2), whose flags are in
 * memory; what makes, moves and removes names; what changes modes, owners, times, attributes and sizes; what
 * only tells status, permissions and the text of links. Openings with O_PATH are never asked about. */
enum { FILTER_READS = 1, FILTER_WRITES = 2, FILTER_NAMES = 4, FILTER_ATTRIBUTES = 8, FILTER_METADATA = 16 };

/* Of ioctl(2), what changes files through descriptors that only read: asked about with FILTER_ATTRIBUTES. By
 * number, since not all headers have all; those of Btrfs are made of their place in its list. */
enum {
	FILTER_SETFLAGS = 0x40086602,
	FILTER_FSSETXATTR = 0x401c5820,
	FILTER_SETVERSION = 0x40087602,
	FILTER_EXT4_SETVERSION = 0x40086604,
	FILTER_VERITY = 0x40806685,
	FILTER_ENCRYPT = (int)0x800c6613,
	FILTER_FAT_ATTRIBUTES = 0x40047211,
	FILTER_BTRFS_SNAPSHOT = 0x50009401,
	FILTER_BTRFS_SUBVOLUME = 0x5000940e,
	FILTER_BTRFS_DESTROY = 0x5000940f,
	FILTER_BTRFS_SNAPSHOT2 = 0x50009417,
	FILTER_BTRFS_SUBVOLUME2 = 0x50009418,
	FILTER_BTRFS_FLAGS = 0x4008941a,
	FILTER_BTRFS_DESTROY2 = 0x5000943f,
};

/* For whom the calls are marked that are neither allowed nor refused: a listener, a tracer, or nobody. In the
 * last case programs start unasked, signals pass if `signals` (Landlock then keeps them inside), and whatever
 * else there would be to decide is refused. FILTER_OWN is for the server, which starts supervisors and
 * commands that inherit it: it only refuses what is refused to every session and no supervisor needs. */
enum filter_kind { FILTER_LISTENER, FILTER_TRACER, FILTER_ALONE, FILTER_OWN };
struct filter_options {
	enum filter_kind kind;
	bool signals;
	unsigned files; /* FILTER_…: of a listener, also asked on files */
	bool net; /* a listener is also asked where connections and messages lead; else there is TCP only, and
	             nothing connects but by connect(2) */
	bool apart; /* nobody is asked, but all addresses are its own (sys/netspace.h): TCP and UDP. Of the
	               server: it makes such places, and sends its commands there */
	bool tasks; /* the supervisor sets RLIMIT_NPROC: sessions may not */
	const int *blocked; /* further system call numbers to refuse with EPERM */
	size_t n_blocked;
};

int filter_make(struct filter *f, const struct filter_target *t, const struct filter_options *o,
                struct err *e);

/* The same for a listener. `blocked`: further system call numbers to refuse with EPERM. Fails only when the
 * program grows too large.
 */
int filter_build_for(struct filter *f, const struct filter_target *t, const int *blocked, size_t n_blocked,
                     struct err *e);
int filter_build(struct filter *f, const int *blocked, size_t n_blocked, struct err *e);

/* Is the calling process under the very program `f` of FILTER_OWN? */
bool filter_own_here(const struct filter *f);

/* Is the calling process governed? Asks the kernel, not the environment: only our filter gives this answer,
 * and a process cannot get rid of the filter. (It can add one that hides the answer; the server then refuses
 * it.) */
bool filter_here(void);
