#include "enforce/files/open.h"

#include "base/fd.h"
#include "sys/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PLACES = 64 };

/* A call that waits for the other end of a FIFO. */
struct parked {
	int listener; /* owned: a copy; -1 = free */
	uint64_t id;
	int fd; /* owned: the reading end; O_PATH where a writer waits */
	bool writes;
	int flags; /* of the writing end */
	int cloexec;
	dev_t dev;
	ino_t ino;
};

struct park {
	struct parked places[PLACES];
	size_t n;
};

static struct parked *free_place(struct files *f)
{
	if (!f->park) {
		f->park = calloc(1, sizeof *f->park);
		for (size_t i = 0; f->park && i < PLACES; i++)
			f->park->places[i].listener = -1;
	}
	for (size_t i = 0; f->park && i < PLACES; i++)
		if (f->park->places[i].listener < 0)
			return &f->park->places[i];
	return NULL;
}

int park_call(struct act *a, const struct opening *o, const struct place *p, int fd)
{
	struct parked *w = free_place(a->f);
	int listener = w ? fcntl(a->k->c->listener, F_DUPFD_CLOEXEC, 3) : -1;

	if (listener < 0) {
		close(fd);
		return EAGAIN;
	}
	*w = (struct parked){ .listener = listener,
		              .id = a->k->n->id,
		              .fd = fd,
		              .writes = (o->how.flags & OPEN_MODE) == O_WRONLY,
		              .flags = (int)(o->how.flags & (O_WRONLY | O_DIRECT | O_APPEND)),
		              .cloexec = (int)(o->how.flags & O_CLOEXEC),
		              .dev = p->st.st_dev,
		              .ino = p->st.st_ino };
	a->f->park->n++;
	a->answered = true;
	return 0;
}

static void leave(struct park *park, struct parked *w)
{
	fd_close(&w->fd);
	fd_close(&w->listener);
	park->n--;
}

static void finish(struct park *park, struct parked *w, int fd)
{
	int error;

	fd_nonblock(fd, 0);
	error = notify_inject(w->listener, w->id, fd, w->cloexec);
	if (error)
		notify_fail(w->listener, w->id, error);
	leave(park, w);
}

/* A reader has a writer when there is something to read, or was; a writer tries again. */
static void look(struct park *park, struct parked *w)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN };
	char name[40];
	int fd;

	if (!notify_valid(w->listener, w->id)) {
		leave(park, w);
	} else if (!w->writes) {
		if (poll(&p, 1, 0) > 0)
			finish(park, w, w->fd);
	} else {
		snprintf(name, sizeof name, "/proc/self/fd/%d", w->fd);
		fd = open(name, w->flags | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0) {
			finish(park, w, fd);
			close(fd);
		} else if (errno != ENXIO) {
			notify_fail(w->listener, w->id, errno);
			leave(park, w);
		}
	}
}

bool park_wake(struct files *f, const struct stat *fifo, unsigned mode)
{
	bool woken = false;

	for (size_t i = 0; f->park && i < PLACES && f->park->n; i++) {
		struct parked *w = &f->park->places[i];

		if (w->listener < 0 || w->dev != fifo->st_dev || w->ino != fifo->st_ino ||
		    mode == (w->writes ? O_WRONLY : O_RDONLY))
			continue;
		if (!notify_valid(w->listener, w->id)) {
			leave(f->park, w);
			continue;
		}
		woken = true;
		if (w->writes)
			look(f->park, w);
		else
			finish(f->park, w, w->fd);
	}
	return woken;
}

bool park_look(struct files *f)
{
	for (size_t i = 0; f->park && i < PLACES && f->park->n; i++)
		if (f->park->places[i].listener >= 0)
			look(f->park, &f->park->places[i]);
	return f->park && f->park->n;
}

void park_free(struct files *f)
{
	for (size_t i = 0; f->park && i < PLACES; i++)
		if (f->park->places[i].listener >= 0)
			leave(f->park, &f->park->places[i]);
	free(f->park);
	f->park = NULL;
}
