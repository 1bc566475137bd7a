/* message - what a caller wants to send, copied. */
#pragma once

#include "enforce/net/local.h"

enum { MESSAGE_MAX = 1 << 20, MESSAGE_CONTROL = 16 << 10, MESSAGE_FDS = 253 };

/* struct msghdr as the kernel has it on 64-bit machines. */
struct message_head {
	uint64_t name;
	uint32_t name_len, unused;
	uint64_t iov, n_iov, control, control_len;
	uint32_t flags, unused_too;
};

struct message {
	struct target to; /* len 0: where the socket leads */
	char *data;       /* owned */
	size_t len, sent;
	size_t gone;   /* sent before, and no longer in `data` */
	char *control; /* owned; with descriptors of ours */
	size_t control_len;
	int fds[MESSAGE_FDS]; /* owned */
	size_t n_fds;
	int flags;
	struct local local;
	uint64_t count_at; /* of sendmmsg(2): where the caller hears how much was sent; 0 = the answer says */
};

struct message *message_new(void);
void message_free(struct message *m);
#define AUTO_MESSAGE __attribute__((cleanup(message_cleanup))) struct message
static inline void message_cleanup(struct message **m)
{
	message_free(*m);
}

/* The same of sendto(2): one piece of data, whose address and length stand in `h` instead. */
int message_read_plain(const struct deed *d, const struct message_head *h, bool stream, struct message *m);

/* Read it. Of a stream's data, MESSAGE_MAX bytes at most. 0 or errno. */
int message_read(const struct deed *d, const struct message_head *h, bool stream, struct message *m);
