#include "base/path.h"

#include <string.h>

size_t path_clean(const char *path, char *out, size_t size)
{
	size_t n = 0;

	if (*path != '/' || size < 2)
		return 0;
	while (*path) {
		size_t len;

		while (*path == '/')
			path++;
		len = strcspn(path, "/");
		if (!len || (len == 1 && path[0] == '.')) {
			path += len;
			continue;
		}
		if (len == 2 && path[0] == '.' && path[1] == '.') {
			while (n && out[n - 1] != '/')
				n--;
			if (n)
				n--;
			path += len;
			continue;
		}
		if (len + 2 > size - n)
			return 0;
		out[n++] = '/';
		memcpy(out + n, path, len);
		n += len;
		path += len;
	}
	if (!n)
		out[n++] = '/';
	out[n] = 0;
	return n;
}

size_t path_join(const char *dir, const char *path, char *out, size_t size)
{
	char both[8192];
	size_t d, p;

	if (*path == '/')
		return path_clean(path, out, size);
	d = strlen(dir);
	p = strlen(path);
	if (d + p + 2 > sizeof both)
		return 0;
	memcpy(both, dir, d);
	both[d] = '/';
	memcpy(both + d + 1, path, p + 1);
	return path_clean(both, out, size);
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool path_within(const char *path, const char *dir)
{
	size_t n = 0;

	/* Most are told apart by their first names: no more of either is read. */
	while (dir[n] && path[n] == dir[n])
		n++;
	return !dir[n] && (!path[n] || path[n] == '/' || (n == 1 && dir[0] == '/'));
}

bool path_name_ok(const char *name, size_t max)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	size_t len = strspn(name, good);

	return len && len <= max && !name[len];
}
