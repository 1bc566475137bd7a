/* Another program takes the server's place: addresses stay, and who serves them. */
#include "session/proxied_impl.h"

#include "base/fd.h"
#include "session/handover.h"
#include "session/impl.h"
#include "sys/proc.h"

#include <stdio.h>
#include <stdlib.h>

int proxied_hand_over(const struct session *s, struct handover *h, struct err *e)
{
	const struct proxied *p = s->proxied;

	msg_u32(&h->m, p != NULL);
	if (!p)
		return 0;
	if (p->stuck.text)
		return err_set(e, "events of the proxy of session %s are not in the log", s->id);
	msg_str(&h->m, p->url);
	for (int i = 0; i < PROXIED_SOCKETS; i++)
		handover_fd(h, p->fds[i]);
	handover_fd(h, p->page);
	handover_fd(h, p->space);
	msg_str(&h->m, p->lacks);
	msg_str(&h->m, p->trust);
	if (p->trust[0])
		handover_fd(h, p->trust_fd);
	msg_u32(&h->m, p->ring != NULL);
	msg_u32(&h->m, p->deaths);
	handover_fd(h, p->control);
	handover_fd(h, p->asking);
	msg_u32(&h->m, (uint32_t)p->pid);
	msg_u64(&h->m, (uint64_t)p->since_ns);
	msg_u32(&h->m, p->demands);
	return 0;
}

static int get(struct proxied *p, struct msg_reader *r, bool *ring, struct err *e)
{
	snprintf(p->url, sizeof p->url, "%s", msg_get_str(r));
	for (int i = 0; i < PROXIED_SOCKETS; i++)
		p->fds[i] = handover_get_fd(r);
	p->page = handover_get_fd(r);
	p->space = handover_get_fd(r);
	snprintf(p->lacks, sizeof p->lacks, "%s", msg_get_str(r));
	snprintf(p->trust, sizeof p->trust, "%s", msg_get_str(r));
	if (p->trust[0])
		p->trust_fd = handover_get_fd(r);
	*ring = msg_get_u32(r) != 0;
	p->deaths = msg_get_u32(r);
	p->control = handover_get_fd(r);
	p->asking = handover_get_fd(r);
	p->pid = (pid_t)msg_get_u32(r);
	p->since_ns = (int64_t)msg_get_u64(r);
	p->demands = msg_get_u32(r) != 0;
	if (!msg_ok(r) || p->page < 0)
		return err_set(e, "the proxy of session %s is missing", p->session->id);
	proxied_places_of(p);
	return 0;
}

int proxied_take_over(struct session *s, struct msg_reader *r, bool dry, struct err *e)
{
	char path[4096];
	struct proxied *p;
	bool ring;

	if (!msg_get_u32(r))
		return 0;
	p = proxied_make(s);
	if (!p)
		return err_set(e, "out of memory");
	if (get(p, r, &ring, e) < 0)
		return -1;
	if (dry)
		return 0;
	if (snprintf(path, sizeof path, "%s/" SESSION_PROXY_RING, s->dir) >= (int)sizeof path)
		return err_set(e, "session directory: name too long");
	if (ring && !(p->ring = ring_open(path, e)))
		return -1;
	if (p->control < 0)
		return proxied_wait(p, e);
	p->pidfd = proc_pidfd(p->pid);
	return proxied_hear(p, e);
}

void proxied_hand_over_ports(const struct core *core, struct handover *h)
{
	msg_u32(&h->m, core->proxied != NULL);
	if (!core->proxied)
		return;
	handover_fd(h, core->proxied->own);
	handover_fd(h, core->proxied->ports);
}

int proxied_take_over_ports(struct core *core, struct msg_reader *r, bool dry, struct err *e)
{
	struct proxied_shared *p;

	if (!msg_get_u32(r))
		return 0;
	core->proxied = p = calloc(1, sizeof *p);
	if (!p)
		return err_set(e, "out of memory");
	p->own = handover_get_fd(r);
	p->ports = handover_get_fd(r);
	if (p->own < 0 || p->ports < 0)
		return err_set(e, "the server's ports are missing");
	return dry ? 0 : proxied_map_ports(p, e);
}
