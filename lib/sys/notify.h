/* notify - seccomp user notification: seccomp_unotify(2).
 *
 * A notification is a system call of another task that waits for our answer.
 * Its arguments were copied by the kernel, what they point to was not: read it
 * with mem.h, and remember that it may change until the call is over.
 */
#pragma once

#include "base/err.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* Put the calling thread under `filter` and return its listener (close-on-exec), or -1. Needs no_new_privs.
 * `killable`: while an answer is awaited only fatal signals interrupt (Linux 6.0; see notify_probe_killable).
 */
int notify_install(const struct sock_filter *filter, size_t n, bool killable, struct err *e);

/* The same without a listener. 0 or -1. */
int notify_filter(const struct sock_filter *filter, size_t n, struct err *e);

/* Let one exec, and messages, pass unasked: draw a number and put it into a program that has a place for it
 * (the unused sixth argument of execve and sendmsg is searched for none of its bits: enforce/exec/filter.c).
 * 0: no such program, or no number. It must not become known: it is only in the memory of the caller, which
 * cannot be looked at from now on, and gone with its exec. */
uint64_t notify_pass(struct sock_filter *filter, size_t n);

/* Are there filters that look at messages? Shims of another program's server may be under one. */
#define NOTIFY_PASSES (CONFIG_LAYER_NET || !CONFIG_APPLET_SERVER)

/* sendmsg(2) with that number, or 0. */
ssize_t notify_send(int fd, const struct msghdr *m, int flags, uint64_t pass);

/* execve(2) with that number. Returns only when it failed, with errno. */
void notify_exec(const char *path, char *const *argv, char *const *env, uint64_t pass);

/* Does WAIT_KILLABLE_RECV really behave on this kernel? Tries it in a child. */
bool notify_probe_killable(void);

/* Can a call be held and let go on? Tries it in a child. 0 or -1; then e->code EAGAIN: it could not be found
 * out. */
int notify_probe(struct err *e);

/* Can a process be put under a filter at all? */
bool notify_probe_filter(void);

/* Ask for wake-ups on the answering CPU where the kernel can (6.6). Failure is harmless. */
void notify_sync_wakeup(int listener);

/* Next notification: 1, or 0 when there is none after all (the caller was interrupted or died), or -1. */
int notify_receive(int listener, struct seccomp_notif *out);
bool notify_waits(int listener); /* is there one? */

/* Is the notification still waiting? Check after using anything named by its pid. */
bool notify_valid(int listener, uint64_t id);

/* Let the call go on as it is / fail with `error` (positive errno) / return `value`. False when nobody waits.
 */
bool notify_continue(int listener, uint64_t id);
bool notify_fail(int listener, uint64_t id, int error);
bool notify_return(int listener, uint64_t id, int64_t value);
/* Put a copy of our descriptor `fd` into the caller, which gets its number; `flags`: O_CLOEXEC or 0. 0, or
 * the errno of what is not answered yet: EMFILE, or EBADF for an O_PATH descriptor, which the kernel does not
 * hand over. */
int notify_inject(int listener, uint64_t id, int fd, int flags);
/* The first step of that: the number of the caller's copy, which is to be returned, or -errno; ours stays. */
int notify_add(int listener, uint64_t id, int fd, int flags);
