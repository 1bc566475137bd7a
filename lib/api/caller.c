/* Is the caller a process of a session? Then it may not act on sessions: not end them, not make one with
 * other rules. A unix peer is named by the kernel. A TCP peer on loopback is looked up: its socket in
 * /proc/net, and who holds that socket among the tagged processes. */
#include "api/impl.h"

#include "sys/proc.h"
#include "sys/tag.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct search_for {
	char link[40]; /* "socket:[inode]" */
	bool tagged;   /* which processes to look at */
	bool found, unreadable;
};

/* The kernel prints an address as 32-bit words in host order. */
static bool parse_address(const char *hex, uint8_t *out)
{
	size_t words = strlen(hex) / 8;

	memset(out, 0, 16);
	if (words != 1 && words != 4)
		return false;
	if (words == 1)
		memset(out + 10, 0xff, 2);
	for (size_t i = 0; i < words; i++) {
		char word[9] = { 0 };
		uint32_t value;

		memcpy(word, hex + i * 8, 8);
		value = (uint32_t)strtoul(word, NULL, 16);
		memcpy(out + (words == 1 ? 12 : i * 4), &value, 4);
	}
	return true;
}

/* Inode of the peer's end in one table; 0 = not there. */
static unsigned long find_socket(const char *table, const struct http_peer *peer)
{
	FILE *file = fopen(table, "re");
	char line[512], address[40];
	unsigned long inode = 0, at;
	unsigned port;
	uint8_t bytes[16];

	while (file && !inode && fgets(line, sizeof line, file))
		if (sscanf(line, " %*d: %39[0-9A-Fa-f]:%x %*s %*x %*s %*s %*s %*u %*d %lu", address, &port,
		           &at) == 3 &&
		    port == peer->port && parse_address(address, bytes) &&
		    !memcmp(bytes, peer->addr, sizeof bytes))
			inode = at;
	if (file)
		fclose(file);
	return inode;
}

static void look_at(pid_t pid, struct search_for *s)
{
	char path[64], link[64];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir) {
		s->unreadable = true;
		return;
	}
	while (!s->found && (entry = readdir(dir))) {
		char name[24];
		ssize_t n;

		snprintf(name, sizeof name, "fd/%.16s", entry->d_name);
		n = proc_link(pid, name, link, sizeof link);
		s->found = n > 0 && (size_t)n == strlen(s->link) && !memcmp(link, s->link, (size_t)n);
	}
	closedir(dir);
}

static bool look_if(pid_t pid, void *arg)
{
	struct search_for *s = arg;
	uint64_t tag;
	uint32_t command;

	if (tag_of(pid, &tag, &command) == s->tagged)
		look_at(pid, s);
	return !s->found;
}

/* A process that hides its descriptors (PR_SET_DUMPABLE) could be the one: then somebody else must be found
 * to hold the socket. A caller that has hung up already wants no answer, and gets none of its wishes either.
 */
static bool tcp_peer_is_governed(const struct http_peer *peer)
{
	struct search_for s = { .tagged = true };
	unsigned long inode = find_socket("/proc/net/tcp", peer);

	if (!inode)
		inode = find_socket("/proc/net/tcp6", peer);
	if (!inode)
		return true;
	snprintf(s.link, sizeof s.link, "socket:[%lu]", inode);
	proc_each(look_if, &s);
	if (s.found || !s.unreadable)
		return s.found;
	s.tagged = false;
	proc_each(look_if, &s);
	return !s.found;
}

bool api_caller_is_governed(const struct call *c)
{
	const struct http_peer *peer = c->request->peer;
	uint64_t tag;
	uint32_t command;

	if (peer->is_unix)
		return tag_of(peer->pid, &tag, &command);
	if (!peer->is_local)
		return false;
	return tcp_peer_is_governed(peer);
}
