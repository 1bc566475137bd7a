#include "enforce/files/known.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLOTS = 64, LENGTH = 256 };

struct known {
	uint64_t moves, dir_moves; /* how often something did */
	struct {
		struct at_facts of;
		uint64_t moves; /* of the kind that counts for it, then */
		int64_t until_ns;
		size_t len; /* 0: nothing is known */
		char path[LENGTH];
	} slots[SLOTS];
};

static size_t slot_of(const struct at_facts *of)
{
	return (size_t)((of->st.st_ino ^ of->st.st_ino >> 6 ^ of->mount) % SLOTS);
}

static uint64_t moves_of(const struct known *k, const struct at_facts *of)
{
	return S_ISDIR(of->st.st_mode) ? k->dir_moves : k->moves;
}

static bool is_same(const struct at_facts *a, const struct at_facts *b)
{
	return a->st.st_ino == b->st.st_ino && a->st.st_dev == b->st.st_dev && a->mount == b->mount &&
	       a->born.tv_sec == b->born.tv_sec && a->born.tv_nsec == b->born.tv_nsec &&
	       (a->st.st_mode & S_IFMT) == (b->st.st_mode & S_IFMT);
}

/* One name only. Whether all that moves is told of, who set up the filter knows. */
static bool can_be_known(const struct files *f, const struct at_facts *of)
{
	return f->o.masks && of->mount && (S_ISDIR(of->st.st_mode) || S_ISREG(of->st.st_mode)) &&
	       (S_ISDIR(of->st.st_mode) ? of->st.st_nlink > 0 : of->st.st_nlink == 1);
}

bool known_path(const struct files *f, const struct at_facts *of, char *out, size_t size, size_t *len)
{
	const struct known *k = f->known;
	size_t i = slot_of(of);

	if (!k || !can_be_known(f, of) || !k->slots[i].len || !is_same(&k->slots[i].of, of) ||
	    k->slots[i].len >= size || k->slots[i].moves != moves_of(k, of) ||
	    clock_mono_ns() >= k->slots[i].until_ns)
		return false;
	*len = k->slots[i].len;
	memcpy(out, k->slots[i].path, *len + 1);
	return true;
}

void known_learn(struct files *f, const struct at_facts *of, const char *path)
{
	static const char gone[] = " (deleted)";
	const size_t tail = sizeof gone - 1;
	size_t i = slot_of(of), len = strlen(path);

	if (!f->known)
		f->known = calloc(1, sizeof *f->known);
	if (!f->known || !can_be_known(f, of) || len >= LENGTH || path[0] != '/' ||
	    (len > tail && !strcmp(path + len - tail, gone)))
		return;
	f->known->slots[i].of = *of;
	f->known->slots[i].moves = moves_of(f->known, of);
	f->known->slots[i].until_ns = clock_mono_ns() + KNOWN_NS;
	f->known->slots[i].len = len;
	memcpy(f->known->slots[i].path, path, len + 1);
}

bool known_ask(struct files *f, int fd, char out[PATH_MAX], size_t *len)
{
	static const char gone[] = " (deleted)";
	const size_t tail = sizeof gone - 1;
	char digits[16], *link = digits + sizeof digits - 1;
	ssize_t n;

	if (f->fds < 0)
		f->fds = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	*link = 0;
	do
		*--link = (char)('0' + fd % 10);
	while (fd /= 10);
	n = readlinkat(f->fds, link, out, PATH_MAX - 1);
	if (n <= 0 || n == PATH_MAX - 1 || out[0] != '/')
		return false;
	out[n] = 0;
	*len = (size_t)n;
	return !((size_t)n > tail && !strcmp(out + n - tail, gone)) && !path_within(out, "/proc");
}

bool known_name(struct files *f, int fd, const struct at_facts *of, char out[PATH_MAX], size_t *len)
{
	if (known_path(f, of, out, PATH_MAX, len))
		return true;
	if (!known_ask(f, fd, out, len))
		return false;
	known_learn(f, of, out);
	return true;
}

void known_release(struct files *f)
{
	fd_close(&f->fds);
	free(f->known);
}

void known_moves(struct files *f, bool directory)
{
	if (!f->known)
		return;
	f->known->moves++;
	if (directory)
		f->known->dir_moves++;
}
