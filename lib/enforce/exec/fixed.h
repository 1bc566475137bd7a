/* fixed - paths that only root can lead elsewhere.
 *
 * What a session's user cannot rename, replace or write need not be looked at
 * again for every program that is started. Whatever it is, the image that
 * starts is compared with the one that was judged.
 */
#pragma once

#include <stdbool.h>

/* True when `given` leads to the file `path`, both absolute, either as it stands or by one symbolic link
 * beside that file, and every directory on the way and the file itself belong to root, are written by nobody
 * else, and are no symbolic links but for those of a merged /usr (/bin -> usr/bin). */
bool fixed_path(const char *given, const char *path);

/* True when the symbolic link `link` says `path`, a file, and neither they nor a directory on the way to them
 * can be changed by others than root, nor are directories on the way links. */
bool fixed_link(const char *link, const char *path);
