/* What the two halves of swap share: one name's state, and the steps that change it. */
#pragma once

#include "shell/swap.h"

#include "base/fd.h"

#include <sys/stat.h>

struct entry {
	const char *name;
	char target[SWAP_TEXT], real[SWAP_TEXT], memo[SWAP_TEXT]; /* for people: with the root in front */
	char real_name[64], memo_name[64];
	struct stat st, real_st;  /* st_mode 0: is not there */
	char leads_to[SWAP_TEXT]; /* target is a link: what it names in the end, from the root */
	struct buf bytes, real_bytes;
	bool is_shim; /* what the target is, or leads to */
	int fd;       /* that file, or -1 */
};

#define AUTO_ENTRY __attribute__((cleanup(swap_forget))) struct entry

/* Look at a name; refuses what cannot be a shell. Nothing is missing that may not be missing. */
int swap_look(const struct swap *s, const char *name, struct entry *t, struct err *e);
void swap_forget(struct entry *t);

void swap_say(const struct swap *s, const char *op, const char *path, const char *note);
void swap_say_rename(const struct swap *s, const char *from, const char *to);

/* A file with these bytes, complete on the disk before it has its name. */
int swap_write(const struct swap *s, const char *name, const struct buf *bytes, const struct stat *like,
               struct err *e);
int swap_rename(const struct swap *s, const char *from, const char *to, struct err *e);
int swap_remove(const struct swap *s, const char *name, struct err *e);
/* Remove what a killed run left half done; nothing in a dry run. */
int swap_sweep(const struct swap *s, const struct entry *t, struct err *e);
int swap_load(int fd, struct buf *out, const char *what, struct err *e);
