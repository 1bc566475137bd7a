/* netspace - a network namespace of its own: nothing but loopback, and every address leads to it.
 *
 * In it all addresses are local (route(7), "AnyIP"), so what listens inside is all there is to reach; other
 * ports are refused by the kernel. It is gone when nobody is in it and nobody has a descriptor of it.
 * To make and to enter one takes CAP_SYS_ADMIN, to make one CAP_NET_ADMIN, too.
 */
#pragma once

#include "base/err.h"

/* A new one: its descriptor (close-on-exec), or -1. */
int netspace_new(struct err *e);

/* Go there for a while. What to come back by, or -1: then nothing has changed. Of the calling thread alone.
 */
int netspace_enter(int space, struct err *e);
/* Back; takes the descriptor. Who cannot come back ends: sockets would be made where they do not belong. */
void netspace_leave(int back);
