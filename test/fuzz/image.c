/* image - what a program says of itself: its first bytes, its path, its process's name. The first byte of the
 * input chooses. */
#include "enforce/exec/image.h"

#include "base/fd.h"
#include "sys/proc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINE = 255, NAME = 16 };

/* "#!", blanks, the interpreter, blanks, its argument, blanks: nothing of the line is lost, nothing added. */
static void check_script(const char *line, size_t len, const struct image *image)
{
	const char *end = line + len, *p = line + 2;
	size_t interp = strlen(image->interp), arg = strlen(image->arg);

	if (!interp || strpbrk(image->interp, " \t\n") || strchr(image->arg, '\n'))
		abort();
	p += strspn(p, " \t");
	if (strncmp(p, image->interp, interp) != 0)
		abort();
	p += interp;
	if (arg && *p != ' ' && *p != '\t')
		abort();
	p += strspn(p, " \t");
	if (strncmp(p, image->arg, arg) != 0)
		abort();
	p += arg;
	if (p + strspn(p, " \t") != end)
		abort();
}

static void first_bytes(struct image_cache *cache, const uint8_t *data, size_t size)
{
	AUTO_FD fd = memfd_create("image", MFD_CLOEXEC);
	struct image image;
	char line[LINE + 1];
	size_t len = size < LINE ? size : LINE;

	if (fd < 0 || fd_write(fd, data, size) < 0 ||
	    image_find(cache, getpid(), fd, "", AT_EMPTY_PATH, &image))
		abort();
	memcpy(line, data, len);
	line[len] = 0;
	len = strcspn(line, "\n");
	line[len] = 0;
	if (image.kind == IMAGE_SCRIPT)
		check_script(line, len, &image);
	else if (len > 2 && !memcmp(line, "#!", 2) && line[2 + strspn(line + 2, " \t")])
		abort();
	if ((image.kind == IMAGE_BINARY) != (size >= 4 && !memcmp(data, "\177ELF", 4)))
		abort();
}

/* Whatever the spelling: what we find is what the kernel would run. */
static void path_of(struct image_cache *cache, const uint8_t *data, size_t size)
{
	char path[2 * IMAGE_PATH];
	struct image image;
	struct stat st;
	int fd;

	if (size >= sizeof path)
		return;
	memcpy(path, data, size);
	path[size] = 0;
	if (image_find(cache, getpid(), AT_FDCWD, path, 0, &image))
		return;
	fd = open(path, O_PATH | O_CLOEXEC);
	/* Descriptors are opened on the way: their numbers mean something else later. */
	if (fd >= 0 && !strstr(path, "fd") && fstat(fd, &st) == 0 &&
	    (st.st_ino != image.ino || st.st_dev != image.dev))
		abort();
	fd_close(&fd);
}

/* An emulator of another architecture answers for /proc/PID itself. */
static bool is_kernels_own(void)
{
	struct proc_stat st;

	return prctl(PR_SET_NAME, "by whom") == 0 && proc_stat(getpid(), &st) &&
	       strcmp(st.comm, "by whom") == 0;
}

static void own_name(const uint8_t *data, size_t size)
{
	char name[NAME];
	struct proc_stat st;

	if (!is_kernels_own())
		return;
	size = size < NAME - 1 ? size : NAME - 1;
	memcpy(name, data, size);
	name[size] = 0;
	if (prctl(PR_SET_NAME, name) < 0)
		return;
	if (!proc_stat(getpid(), &st) || strcmp(st.comm, name) != 0 || st.ppid != getppid() ||
	    st.pgrp != getpgrp() || st.state != 'R' || !st.start || proc_no_new_privs(getpid()))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct image_cache *cache;

	if (!cache)
		cache = image_cache_new(NULL);
	if (!cache || !size)
		return 0;
	switch (data[0] % 3) {
	case 0:
		first_bytes(cache, data + 1, size - 1);
		break;
	case 1:
		path_of(cache, data + 1, size - 1);
		break;
	default:
		own_name(data + 1, size - 1);
	}
	return 0;
}
