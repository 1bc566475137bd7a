/* Private to journal: a writer's open journal. */
#pragma once

#include "journal/impl.h"
#include "journal/line.h"
#include "journal/record.h"

#include <sys/stat.h>

enum { LOG_STORES = 32, LOG_KEPT = 4096, LOG_TOLD = 64, LOG_ROTATE = 64 << 20, LOG_WAITING = 32 << 10 };

struct log_store {
	struct journal store;
	uint64_t mount; /* its id, or the number of the device where the kernel tells no mounts */
	bool failed;    /* there is none: what lies here is copied to the home */
};

/* What was kept last of a file, and for which command. */
struct log_kept {
	uint64_t file, command; /* hashes; 0 = none */
	int64_t at;             /* the act that kept it */
	bool content;
	bool made; /* there was nothing to keep */
};

/* A directory of which a line of this command tells already when it was changed before. */
struct log_told {
	uint64_t dir, command; /* hashes; 0 = none */
	int store;
};

struct journal_log {
	struct log_store stores[LOG_STORES]; /* the first is the home */
	int n_stores;
	char session[160];
	uint64_t copy_max, hash_up_to;
	int64_t quota, ttl_ns;
	bool strict, batch;
	int at;        /* owned: what the home was opened from, or -1: then by its path */
	char *name;    /* owned: with that */
	int acts;      /* the directory of lines, in the home */
	int fd;        /* of this writer's lines; -1 until there is one */
	off_t len;     /* of it */
	off_t settled; /* of its lines those before have their manifests */
	int64_t last;  /* the last token */
	int usage;     /* descriptor of the file that tells how much all writers keep, < 0 without a quota */
	int64_t known; /* what it said; < 0 = not asked yet */
	int64_t own;   /* what this writer kept since */
	int64_t full_until; /* monotonic: no room was to be made */
	int64_t looked;     /* monotonic: the stores were there */
	struct log_kept kept[LOG_KEPT];
	struct log_told told[LOG_TOLD];
	struct buf line;
	struct buf waiting; /* lines about what was made */
	size_t last_waits;  /* where the last of them begins */
};

/* Where an act happens. */
struct log_place {
	int store;        /* index */
	int64_t above_ns; /* mtime of its directory; 0: an earlier line tells it, or it is no matter */
	struct log_told *told, tells; /* what is known once the line is written; NULL: nothing new */
	bool guessed;                 /* as for the last one there: a mount may have come since */
};

/* The store for what lies in the directory of the act. 0 or -1. */
int log_place(struct journal_log *log, const struct journal_act *act, struct log_place *out, struct err *e);

/* What was told of directories counts no more: a line of it is void, or they have other names. */
void log_tell_again(struct journal_log *log);

/* Where an operator has removed the stores that are open, others are made in their places. 1 when that was
 * so: ask for the place again; 0, or -1. Looked at now and then, or, with `now`, in any case. */
int log_renew(struct journal_log *log, const struct log_place *p, bool now, struct err *e);

/* Write the lines that wait. */
int log_flush(struct journal_log *log, struct err *e);

/* Append a line; l->at is set to a new token unless it is a remark. */
int log_append(struct journal_log *log, struct journal_line *l, struct err *e);

/* The act `at` did not happen. */
void log_void(struct journal_log *log, int64_t at);

/* Is there room for so many bytes more? They count as kept from here on. -1: ENOSPC. */
int log_charge(struct journal_log *log, uint64_t bytes, struct err *e);

/* Tell the other writers what this one kept. */
void log_count(struct journal_log *log);

/* When the open directory was changed; 0 = not known. */
int64_t log_mtime(int dirfd);

/* The mount, or the device where the kernel tells no mounts. */
uint64_t log_mount(const struct statx *st);
