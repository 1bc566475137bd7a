/* Private to the resolver: the host's files, and what is remembered. */
#pragma once

#include "net/resolver.h"

#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <time.h>

enum { RESOLVER_SERVERS = 3 };

union resolver_server {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* A file as it was when it was read last. */
struct resolver_file {
	const char *path;
	struct timespec changed;
	ino_t inode;
	off_t size;
};

struct resolver_host {
	const char *name; /* in the table's text */
	struct dns_address address;
};

struct resolver_files {
	struct resolver_file hosts_file, servers_file;
	char *text; /* owned: of hosts */
	struct resolver_host *hosts;
	size_t n_hosts;
	union resolver_server servers[RESOLVER_SERVERS];
	int n_servers;
	uint16_t port;
};

/* hosts.c: read again what has changed. What cannot be read is as if it were empty. */
void resolver_read_hosts(struct resolver_files *f);
void resolver_read_servers(struct resolver_files *f);
bool resolver_local(struct resolver_files *f, const char *name, struct resolver_answer *out);
void resolver_forget_files(struct resolver_files *f);

/* remembered.c: answers by name, the oldest of them makes room. */
struct resolver_memory;
struct resolver_memory *resolver_memory_new(void);
void resolver_memory_free(struct resolver_memory *m);
bool resolver_recall(struct resolver_memory *m, const char *name, struct resolver_answer *out);
void resolver_remember(struct resolver_memory *m, const char *name, const struct resolver_answer *answer);
