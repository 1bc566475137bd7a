#include "enforce/files/instead.h"

#include "base/fd.h"
#include "base/path.h"
#include "enforce/files/open.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONF "/etc/resolv.conf"

enum { PORT = 53, TEXT_MAX = 4096, SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

static bool is_kept(const char *line)
{
	static const char *const words[] = { "search", "domain", "options" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t len = strlen(words[i]);

		if (!strncmp(line, words[i], len) && (line[len] == ' ' || line[len] == '\t'))
			return true;
	}
	return false;
}

/* Its other lines go with it, as long as they are whole. */
static int write_text(int to, const uint8_t *address)
{
	AUTO_FD fd = open(CONF, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char text[TEXT_MAX], *rest = text, *line;
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

	dprintf(to, "nameserver %d.%d.%d.%d\n", address[0], address[1], address[2], address[3]);
	text[n > 0 ? n : 0] = '\0';
	while ((line = strsep(&rest, "\n")))
		if (rest && is_kept(line))
			dprintf(to, "%s\n", line);
	return fcntl(to, F_ADD_SEALS, SEALS);
}

int instead_make(const uint8_t address[4], uint16_t port)
{
	int fd = port == PORT ? memfd_create("resolv.conf", MFD_CLOEXEC | MFD_ALLOW_SEALING) : -1;

	if (fd >= 0 && (fchmod(fd, 0444) < 0 || write_text(fd, address) < 0))
		fd_close(&fd);
	return fd;
}

int instead_open(const struct act *a, const struct opening *o, const struct place *p)
{
	struct stat conf;
	char name[40];

	if (!a->f->o.resolver || o->how.flags & (OPEN_MODE | O_TRUNC) || !S_ISREG(p->st.st_mode) ||
	    !strstr(path_base(place_path(p)), "resolv.conf") || stat(CONF, &conf) < 0 ||
	    conf.st_ino != p->st.st_ino || conf.st_dev != p->st.st_dev)
		return -1;
	snprintf(name, sizeof name, "/proc/self/fd/%d", a->f->o.resolver);
	return open(name, O_RDONLY | O_CLOEXEC);
}
