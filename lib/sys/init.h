/* init - what process 1 of a pid namespace owes the others. */
#pragma once

/* As process 1 every orphan becomes ours, and signals without a handler do not reach us. So stay behind, hand
 * signals on and reap, while a child goes on. -1: go on (we are that child, or not process 1 at all); else
 * the child has ended and this is its exit status, 128+N when signal N killed it. Failure to fork is 126. */
int init_stay(void);
