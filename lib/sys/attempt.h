/* attempt - run this very program once more, with nothing attached, and see how it ends. */
#pragma once

/* Its exit code (255 when a signal ended it), or -1 when it had to be killed after `ms` milliseconds. */
int attempt(char *const argv[], int ms);
