/* Where hosts are listed whose TLS the proxy ends: the file that the session's programs are to trust. It lies
 * where policies let programs read; who changes it only changes whom he trusts himself. Its server holds a
 * lock on it for as long as it lives: one without is a dead server's. */
#include "session/proxied_impl.h"

#include "base/fd.h"
#include "config/config.h"
#include "session/impl.h"
#include "wire/conn.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLACE  "/tmp"
#define PREFIX "agentsh-trust-"

enum { READ_BY_ALL = 0644, TRIES = 4 };

bool proxied_inspects(const struct session *s)
{
	return CONFIG_TLS_INTERCEPT && s->core->config->sandbox.network.tls_inspection.enabled &&
	       s->core->config->sandbox.network.tls_inspection.hosts.n;
}

/* Ours, with one name, and nobody who made it is there. */
static void sweep_one(int dir, const char *name)
{
	AUTO_FD fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	    st.st_nlink == 1 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		unlinkat(dir, name, 0);
}

static void sweep(void)
{
	DIR *d = opendir(PLACE);
	const struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (fnmatch(PREFIX "??????.pem", entry->d_name, 0) == 0)
			sweep_one(dirfd(d), entry->d_name);
	if (d)
		closedir(d);
}

/* False: who sweeps was faster. */
static bool make_locked(struct proxied *p)
{
	struct stat st;

	snprintf(p->trust, sizeof p->trust, PLACE "/" PREFIX "XXXXXX.pem");
	p->trust_fd = mkostemps(p->trust, 4, O_CLOEXEC);
	return p->trust_fd < 0 ||
	       (flock(p->trust_fd, LOCK_EX | LOCK_NB) == 0 && fstat(p->trust_fd, &st) == 0 && st.st_nlink);
}

int proxied_trust_open(struct proxied *p, struct err *e)
{
	struct proxied_shared *shared = p->session->core->proxied;

	if (!shared->swept)
		sweep();
	shared->swept = true;
	for (int i = 0; i < TRIES && !make_locked(p); i++)
		proxied_trust_close(p);
	if (p->trust_fd >= 0 && fchmod(p->trust_fd, READ_BY_ALL) == 0)
		return 0;
	err_sys(e, "%s", p->trust);
	proxied_trust_close(p);
	return -1;
}

void proxied_trust_close(struct proxied *p)
{
	if (p->trust_fd >= 0)
		unlink(p->trust);
	fd_close(&p->trust_fd);
	p->trust[0] = 0;
}

int proxied_trust_send(const struct proxied *p, struct err *e)
{
	const struct config_list *hosts = &p->session->core->config->sandbox.network.tls_inspection.hosts;
	struct msg m = { 0 };
	int rc;

	msg_start(&m, WIRE_TRUST);
	msg_u32(&m, (uint32_t)hosts->n);
	for (size_t i = 0; i < hosts->n; i++)
		msg_str(&m, hosts->items[i]);
	rc = wire_send(p->control, &m, &p->trust_fd, 1, MSG_DONTWAIT, e);
	msg_release(&m);
	return rc;
}

size_t proxied_trust_env(const struct proxied *p, struct policy_pair *out)
{
	static const char *const names[] = { "SSL_CERT_FILE",       "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE",
		                             "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "PIP_CERT",
		                             "CARGO_HTTP_CAINFO",   "AWS_CA_BUNDLE" };
	const size_t n = sizeof names / sizeof *names;

	if (!p->trust[0])
		return 0;
	for (size_t i = 0; i < n; i++)
		out[i] = (struct policy_pair){ names[i], p->trust };
	return n;
}
