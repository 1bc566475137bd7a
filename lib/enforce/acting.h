/* acting - a page that a session's server, its supervisor and the view of its workspace share.
 *
 * The view sees who asks as a process number. A process of the session bears its command's number
 * (sys/tag.h); the server says here which id that is. The supervisor acts for others: its requests are
 * decided already, and it says here for which command, before it acts. One page for each session, sealed
 * against growing and shrinking; sessions never see it.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct acting;

enum { ACTING_ID = 44 };

/* A new one, and its descriptor (close-on-exec); or one that was passed. NULL on failure. */
struct acting *acting_new(int *fd, struct err *e);
struct acting *acting_map(int fd, struct err *e);
void acting_unmap(struct acting *a); /* NULL is harmless */

/* The server: command `number` is called `id`. */
void acting_name(struct acting *a, uint32_t number, const char *id);

/* The supervisor: this process acts for the session, and from now on for that command. */
void acting_for(struct acting *a, uint32_t number);

/* The view: does `pid` act for the session, and then for which command? */
bool acting_is(const struct acting *a, pid_t pid, uint32_t *number);
/* The id of a command, "" when it is not known (any more). */
void acting_id(const struct acting *a, uint32_t number, char out[ACTING_ID]);
