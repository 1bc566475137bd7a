#include "enforce/exec/impl.h"

#include "sys/notify.h"

#include <errno.h>
#include <unistd.h>

static bool keep(const struct call *k, bool proceed, int64_t value)
{
	k->answer->proceed = proceed;
	k->answer->value = value;
	return true;
}

bool call_valid(const struct call *k)
{
	return k->answer || notify_valid(k->c->listener, k->n->id);
}

bool call_continue(const struct call *k)
{
	return k->answer ? keep(k, true, 0) : notify_continue(k->c->listener, k->n->id);
}

bool call_fail(const struct call *k, int error)
{
	return k->answer ? keep(k, false, -error) : notify_fail(k->c->listener, k->n->id, error);
}

bool call_return(const struct call *k, int64_t value)
{
	return k->answer ? keep(k, false, value) : notify_return(k->c->listener, k->n->id, value);
}

void call_inject(const struct call *k, int fd, int flags)
{
	int error = k->answer ? EPERM : hand_over(&k->g->hand, k, fd, flags);

	if (error)
		call_fail(k, error);
}

int call_add(const struct call *k, int fd, int flags)
{
	return k->answer ? -EPERM : hand_add(&k->g->hand, k, fd, flags);
}

void call_give(const struct call *k, int fd, int flags)
{
	int number = call_add(k, fd, flags);

	close(fd);
	if (number < 0)
		call_fail(k, -number);
	else
		call_return(k, number);
}
