/* showing - the process that serves the view of a workspace, for the sessions that work in it.
 *
 * Started by the mounter with the server's socket, the device of the mount, the directory below and a page in
 * which it says whether it gets on, as descriptors 3 to 6. It judges what processes of its sessions ask for
 * by the policy of each, and writes their events into a ring of each; others (the operator's own shell,
 * sessions that are elsewhere) see the directory as it is. A session's supervisor has judged already what it
 * asks for (enforce/acting.h): here it is only kept what must be kept.
 *
 *   WIRE_SHOW   uid, gid, user; path of the view; name of the store in it, which nobody sees
 *   WIRE_JOIN   tag, id; flags, quota, time to live, bytes up to which files are hashed; policy as for
 *               supervisors; with policy, ring, shared page. Again: another policy
 *   WIRE_LEAVE  tag
 *   WIRE_ENDED  tag, id of a command
 *   WIRE_UNDER  with a socket for view_attend(): somebody changes what is below
 *
 * JOIN and LEAVE are answered by WIRE_READY with the tag, and, when it failed, with why; WIRE_NEWS says
 * that there are records in some ring. It ends when the server is gone, or the view is taken away.
 */
#pragma once

#include "base/err.h"

/* Flags of WIRE_JOIN. */
enum { SHOWING_LOG_READS = 1, SHOWING_SOFT_BLOCK = 2, SHOWING_KEEP = 4, SHOWING_STRICT = 8 };

/* Its life; 0 when it was asked to end. */
int showing_run(struct err *e);
