#include "net/resolver_impl.h"

#include "base/fd.h"
#include "match/host.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20, HOSTS_MAX = 20000, LOCAL_TTL = 5 };

/* Has it changed since it was read last? Notes how it is now. */
static bool is_new(struct resolver_file *f)
{
	struct stat st = { .st_size = 0 };

	stat(f->path, &st);
	if (st.st_ino == f->inode && st.st_size == f->size && st.st_ctim.tv_sec == f->changed.tv_sec &&
	    st.st_ctim.tv_nsec == f->changed.tv_nsec)
		return false;
	f->inode = st.st_ino;
	f->size = st.st_size;
	f->changed = st.st_ctim;
	return true;
}

static bool parse_address(const char *text, struct dns_address *out)
{
	if (inet_pton(AF_INET, text, out->addr) == 1)
		out->len = 4;
	else if (inet_pton(AF_INET6, text, out->addr) == 1)
		out->len = 16;
	else
		return false;
	return true;
}

static void add_host(struct resolver_files *f, char *name, const struct dns_address *a)
{
	struct host host;

	if (f->n_hosts == HOSTS_MAX || !host_parse(name, &host) || host.kind != HOST_NAME)
		return;
	if (!(f->n_hosts & (f->n_hosts - 1))) {
		size_t room = f->n_hosts ? 2 * f->n_hosts : 1;
		struct resolver_host *bigger = realloc(f->hosts, room * sizeof *bigger);

		if (!bigger)
			return;
		f->hosts = bigger;
	}
	/* The canonical form is never longer. */
	memcpy(name, host.name, host.len + 1);
	f->hosts[f->n_hosts++] = (struct resolver_host){ .name = name, .address = *a };
}

static void read_line(struct resolver_files *f, char *line)
{
	struct dns_address address;
	char *rest = NULL, *word;

	line[strcspn(line, "#")] = 0;
	word = strtok_r(line, " \t\r", &rest);
	if (!word || !parse_address(word, &address))
		return;
	while ((word = strtok_r(NULL, " \t\r", &rest)))
		add_host(f, word, &address);
}

void resolver_read_hosts(struct resolver_files *f)
{
	struct buf text = { 0 };
	char *rest = NULL;

	if (!is_new(&f->hosts_file))
		return;
	free(f->text);
	free(f->hosts);
	f->text = NULL;
	f->hosts = NULL;
	f->n_hosts = 0;
	if (fd_slurp_file(f->hosts_file.path, FILE_MAX, &text, NULL) < 0)
		buf_clear(&text);
	buf_chr(&text, '\n');
	f->text = buf_steal(&text);
	if (!f->text)
		return;
	for (char *line = strtok_r(f->text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		read_line(f, line);
}

static void add_server(struct resolver_files *f, char *text)
{
	union resolver_server *s = &f->servers[f->n_servers];
	struct dns_address a;

	text[strcspn(text, "%")] = 0;
	if (f->n_servers == RESOLVER_SERVERS || !parse_address(text, &a))
		return;
	*s = (union resolver_server){ .sa.sa_family = a.len == 4 ? AF_INET : AF_INET6 };
	if (a.len == 4) {
		memcpy(&s->in.sin_addr, a.addr, 4);
		s->in.sin_port = htons(f->port);
	} else {
		memcpy(&s->in6.sin6_addr, a.addr, 16);
		s->in6.sin6_port = htons(f->port);
	}
	f->n_servers++;
}

void resolver_read_servers(struct resolver_files *f)
{
	AUTO_BUF text = { 0 };
	char *rest = NULL, local[] = "127.0.0.1";

	if (!is_new(&f->servers_file) && f->n_servers)
		return;
	f->n_servers = 0;
	if (fd_slurp_file(f->servers_file.path, FILE_MAX, &text, NULL) < 0)
		buf_clear(&text);
	for (char *line = text.len ? strtok_r(text.data, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest)) {
		char *words = NULL, *word = strtok_r(line, " \t\r", &words);

		if (word && !strcmp(word, "nameserver") && (word = strtok_r(NULL, " \t\r", &words)))
			add_server(f, word);
	}
	if (!f->n_servers)
		add_server(f, local);
}

static void add_address(struct resolver_answer *out, const struct dns_address *a)
{
	if (out->n < RESOLVER_ADDRESSES)
		out->addresses[out->n++] = *a;
}

static bool is_localhost(const char *name)
{
	size_t n = strlen(name);

	return !strcmp(name, "localhost") || (n > 10 && !strcmp(name + n - 10, ".localhost"));
}

bool resolver_local(struct resolver_files *f, const char *name, struct resolver_answer *out)
{
	static const struct dns_address four = { { 127, 0, 0, 1 }, 4 }, six = { { [15] = 1 }, 16 };

	*out = (struct resolver_answer){ .status = RESOLVER_FOUND, .is_local = true, .ttl = LOCAL_TTL };
	resolver_read_hosts(f);
	for (int len = 4; len <= 16; len += 12)
		for (size_t i = 0; i < f->n_hosts; i++)
			if (f->hosts[i].address.len == len && !strcmp(f->hosts[i].name, name))
				add_address(out, &f->hosts[i].address);
	if (!out->n && is_localhost(name)) {
		add_address(out, &four);
		add_address(out, &six);
	}
	return out->n > 0;
}

void resolver_forget_files(struct resolver_files *f)
{
	free(f->text);
	free(f->hosts);
}
