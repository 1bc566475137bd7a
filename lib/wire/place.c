#include "wire/place.h"

#include "base/fd.h"
#include "sys/tag.h"
#include "wire/conn.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

void place_dir(int i, uid_t uid, char *out, size_t size)
{
	if (i == 0)
		snprintf(out, size, "/run/agentsh");
	else if (i == 1)
		snprintf(out, size, "/var/lib/agentsh");
	else
		snprintf(out, size, "/tmp/agentsh-%u", (unsigned)uid);
}

bool place_ok(const char *dir, uid_t uid)
{
	struct stat st;

	return lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && (st.st_uid == 0 || st.st_uid == uid) &&
	       !(st.st_mode & 022);
}

/* Where the user owns the place, so may the agent: then the listener must not be one of its processes. */
static bool is_server(int fd, uid_t uid)
{
	struct ucred peer;
	socklen_t len = sizeof peer;
	uint32_t command;
	uint64_t tag;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	if (peer.uid == 0 && uid != 0)
		return true;
	return peer.uid == uid && !tag_of(peer.pid, &tag, &command);
}

int place_connect(uid_t uid)
{
	char dir[64], path[96];

	for (int i = 0; i < PLACES; i++) {
		int fd;

		place_dir(i, uid, dir, sizeof dir);
		snprintf(path, sizeof path, "%s/" PLACE_SOCKET, dir);
		fd = wire_connect(path);
		if (fd >= 0 && place_ok(dir, uid) && is_server(fd, uid))
			return fd;
		fd_close(&fd);
	}
	errno = ECONNREFUSED;
	return -1;
}
