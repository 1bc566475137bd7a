#include "enforce/acting.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* As many commands as may run in a session at a time, and some that just ended. */
enum { NAMES = 2048, ALL_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

struct acting {
	_Atomic(pid_t) pid;
	_Atomic uint32_t number;
	struct {
		_Atomic uint32_t number; /* written last, and cleared first */
		char id[ACTING_ID];
	} names[NAMES];
};

struct acting *acting_map(int fd, struct err *e)
{
	struct stat st;
	void *at;

	if (fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(struct acting)) {
		err_set(e, "the shared page is too small");
		return NULL;
	}
	at = mmap(NULL, sizeof(struct acting), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at != MAP_FAILED)
		return at;
	err_sys(e, "map the shared page");
	return NULL;
}

struct acting *acting_new(int *fd, struct err *e)
{
	struct acting *a = NULL;

	*fd = memfd_create("acting", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0 || ftruncate(*fd, sizeof *a) < 0 || fcntl(*fd, F_ADD_SEALS, ALL_SEALS) < 0)
		err_sys(e, "shared page");
	else
		a = acting_map(*fd, e);
	if (!a && *fd >= 0) {
		close(*fd);
		*fd = -1;
	}
	return a;
}

void acting_unmap(struct acting *a)
{
	if (a)
		munmap(a, sizeof *a);
}

void acting_name(struct acting *a, uint32_t number, const char *id)
{
	size_t at = number % NAMES;

	atomic_store(&a->names[at].number, 0);
	snprintf(a->names[at].id, sizeof a->names[at].id, "%s", id);
	atomic_store(&a->names[at].number, number);
}

void acting_for(struct acting *a, uint32_t number)
{
	if (!atomic_load_explicit(&a->pid, memory_order_relaxed))
		atomic_store(&a->pid, getpid());
	atomic_store(&a->number, number);
}

bool acting_is(const struct acting *a, pid_t pid, uint32_t *number)
{
	if (pid <= 0 || atomic_load_explicit(&a->pid, memory_order_relaxed) != pid)
		return false;
	*number = atomic_load(&a->number);
	return true;
}

void acting_id(const struct acting *a, uint32_t number, char out[ACTING_ID])
{
	size_t at = number % NAMES;

	*out = 0;
	if (!number || atomic_load(&a->names[at].number) != number)
		return;
	memcpy(out, a->names[at].id, ACTING_ID);
	out[ACTING_ID - 1] = 0;
	if (atomic_load(&a->names[at].number) != number)
		*out = 0;
}
