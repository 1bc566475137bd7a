/* rename - renameat2(2), Linux 3.15. */
#pragma once

enum { RENAME_NEW = 1, RENAME_BOTH = 2, RENAME_LEAVE_WHITEOUT = 4 };

/* Rename unless the new name is taken: -1 with EEXIST then. */
int rename_new(int from_dirfd, const char *from, int to_dirfd, const char *to);
/* The same with these flags, 0 = as rename(2). */
int rename_how(int from_dirfd, const char *from, int to_dirfd, const char *to, unsigned flags);
