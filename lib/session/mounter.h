/* mounter - the process that puts views of workspaces in their places, and takes them away.
 *
 * A child of the server from before it gave up its privileges: to mount takes CAP_SYS_ADMIN, or as a user
 * fusermount3, which is set-user-id and so of no use to who has no_new_privs. It hears the server only, on
 * descriptor 3, and works by itself: mount(2) and helpers run in children with a deadline, and whatever hangs
 * hangs it alone. When the server is gone it takes all its views away and ends. It is the parent of the
 * processes that serve views (session/showing.h), as these need more than the server has, and looks after
 * them: one that is stopped, or gets nowhere, is ended within a second or half a minute.
 *
 *   WIRE_MOUNT    number, uid, path, marker, command to enable FUSE (may be empty); with the directory
 *                 (O_PATH) and the view's control socket
 *   WIRE_PLACE    number, that of a view, path: a session's own way to it
 *   WIRE_UNMOUNT  number, that of a view; of a session's own way: 0 and its path
 *   WIRE_MOUNTED  number, 0 or 1 for done, by what or why not: follows each of these
 *
 * By itself it says WIRE_UNMOUNT with the number of a view whose process got nowhere and was given up: it is
 * to be taken away.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

/* Its life; 0 when the server is gone. */
int mounter_run(struct err *e);

/* Can the device be used by this process? */
bool mounter_usable(void);

/* Is what this descriptor leads to in a view? The view itself is not asked. */
bool mounter_is_view(int fd);
