/* What the program that takes the server's place gets of the API. */
#include "session/handover.h"

#include "api/impl.h"
#include "base/fd.h"

#include <stdio.h>

void api_pause(struct api *a)
{
	api_streams_close(a);
	http_server_pause(a->server);
}

void api_resume(struct api *a)
{
	http_server_resume(a->server);
}

bool api_has_commands(const struct api *a)
{
	list_each(n, &a->execs)
	{
		const struct exec *x = list_item(n, struct exec, node);

		if (!x->lingers || !x->exited)
			return true;
	}
	return false;
}

void api_hand_over(const struct api *a, struct handover *h)
{
	int i = 0, fd;

	do
		handover_fd(h, fd = http_server_listener(a->server, i++));
	while (fd >= 0);
	msg_str(&h->m, a->socket);
	list_each(n, &a->execs)
	{
		const struct exec *x = list_item(n, struct exec, node);

		for (int k = 0; k < STREAMS; k++)
			if (x->pipes[k].open)
				handover_fd(h, x->pipes[k].watch.fd);
	}
	handover_fd(h, -1);
}

int api_take_over(struct api *a, struct msg_reader *r, struct err *e)
{
	int fd;

	while ((fd = handover_get_fd(r)) >= 0)
		if (api_listen(a, fd, e) < 0)
			return -1;
	snprintf(a->socket, sizeof a->socket, "%s", msg_get_str(r));
	while ((fd = handover_get_fd(r)) >= 0)
		if (api_exec_linger(a, fd, e) < 0)
			return -1;
	return msg_ok(r) ? 0 : err_set(e, "a listening socket is missing");
}
