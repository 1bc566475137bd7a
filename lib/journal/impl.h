/* Private to journal. */
#pragma once

#include "journal/record.h"
#include "journal/store.h"

/* SHA-256 of a file's content, in hex to `hex` (JOURNAL_HASH). */
int journal_hash(int dirfd, const char *name, char *hex, struct err *e);

/* The name of a manifest. */
void journal_manifest_name(const char *token, char *out, size_t size);

/* Parts of a store beside payload/ and manifest/: the lines of its writers, and how much all of them keep. */
#define JOURNAL_ACTS  JOURNAL_STORE_ACTS
#define JOURNAL_USAGE "usage"
enum { JOURNAL_ACTS_NAME = 48, JOURNAL_PER_VERSION = 1024 /* what a version costs beside its bytes */ };

/* The open file of usage: add so much (0: ask) in one step. What it says then, >= 0. */
int64_t journal_usage_add(int fd, int64_t bytes);
void journal_usage_set(int fd, int64_t bytes);

/* Of a store: for readers that drop or restore. Nothing where nobody counts. */
void journal_uses(const struct journal *j, int64_t bytes);

int journal_read_manifest(const struct journal *j, struct arena *a, const char *token,
                          struct journal_entry *out, struct err *e);
bool journal_has_payload(const struct journal *j, const char *token);

/* Out of the store, to another file system by a copy; `path` is for errors. What has the name is in the way
 * but with `force`. */
int journal_move_out(struct journal *j, const char *token, int dir, const char *name, bool force,
                     const char *path, struct err *e);

/* Write it as `temporary` in manifest/, which must not exist. */
int journal_write_manifest(const struct journal *j, const struct journal_entry *en, const char *temporary,
                           struct err *e);

/* The directory of `path`, which starts below the one `from` stands for. Links are not followed; missing
 * directories are made with `create`. `name` is the last component. The descriptor, or -1. */
int journal_open_way(int from, const char *path, bool create, char *name, size_t size, struct err *e);
/* The same from "/", which is `root`; of what lies under something else, there. Of `top` itself the name is
 * ".". */
int journal_open_under(int root, const struct journal_under *under, const char *path, bool create, char *name,
                       size_t size, struct err *e);
/* An absolute path is about to be changed. 0 or -1. */
int journal_tell_under(const struct journal_under *under, const char *path, struct err *e);
