/* rename - renameat2(2), Linux 3.15. */
#pragma once

/* Rename unless the new name is taken: -1 with EEXIST then. */
int rename_new(int from_dirfd, const char *from, int to_dirfd, const char *to);

/* The two change places. */
int rename_exchange(int dirfd, const char *name, int other_dirfd, const char *other);
