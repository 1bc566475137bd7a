/* far - the other end of a connection, as the kernel knows it: which socket it is, and who holds that.
 *
 * The address a peer used and what it says of itself do not matter. A process
 * of a session can do much with its socket: let a thread with descriptors of
 * its own hold it, or nobody at all (a socket can lie in another one's queue).
 * So not to be seen with it proves nothing; somebody else must be.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum far_kind {
	FAR_UNKNOWN, /* the kernel does not tell */
	FAR_NONE,    /* no socket of this machine, or of another network namespace */
	FAR_CLOSED,  /* there was one: its holders have let go of it */
	FAR_HELD
};

struct far_end {
	enum far_kind kind;
	unsigned long inode;
	uid_t uid; /* whose process made it; -1 = not known */
};

/* The other end of our connection `fd`, TCP or unix. FAR_CLOSED also when it has hung up meanwhile: what its
 * numbers stand for now may be somebody else's. */
void far_end(int fd, struct far_end *out);

/* The socket that listens where our TCP connection `fd` leads: FAR_HELD, or FAR_NONE where that is not on
 * this machine. */
void far_listener(int fd, struct far_end *out);

/* Number (its lower half) of the file that our unix socket `fd` is bound to. False when the kernel does not
 * tell. */
bool far_bound_file(int fd, uint32_t *inode);

/* Is it held by a process of this session? *command: of which command. */
bool far_is_held_in(const struct far_end *far, uint64_t tag, uint32_t *command);

/* Is it held by a process of a session? *tag: of that session, 0 = not known. False only when nobody of a
 * session was found with it and somebody else was, or when no session's process can have made it. `hint`: who
 * may be the one, looked at first; set to who it was. Our own process and its children do not count. */
bool far_is_governed(const struct far_end *far, uint64_t *tag, pid_t *hint);
