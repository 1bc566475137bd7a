#include "audit/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/canonical.h"
#include "audit/writer.h"
#include "base/fd.h"
#include "base/path.h"

enum { LINE_MAX_BYTES = 1 << 20, MAX_FILES = 1000 };

struct walk {
	const struct chain_key *key;
	struct writer_head head;
	bool has_head;
	bool head_seen; /* the entry the head names was there, with that hash */
	bool started;
	struct chain_link last;
	struct verify_result *r;
};

__attribute__((format(printf, 2, 3))) static void broken(struct walk *w, const char *fmt, ...)
{
	va_list ap;

	w->r->broken = true;
	va_start(ap, fmt);
	vsnprintf(w->r->reason, sizeof w->r->reason, fmt, ap);
	va_end(ap);
}

/* Does the entry stand behind the one before? The first one of all must be number 1, or what the head says.
 */
static bool check_place(struct walk *w, const struct chain_link *link)
{
	const char *expected = w->last.entry;
	uint64_t sequence = w->last.sequence + 1;

	if (!w->started) {
		expected = w->has_head ? w->head.first_prev : "";
		sequence = w->has_head && w->head.first_sequence ? w->head.first_sequence : 1;
	}
	if (strcmp(link->prev, expected))
		return broken(w, "prev_hash mismatch: expected \"%s\", got \"%s\"", expected, link->prev),
		       false;
	if (link->sequence != sequence)
		return broken(w, "sequence mismatch: expected %llu, got %llu", (unsigned long long)sequence,
		              (unsigned long long)link->sequence),
		       false;
	return true;
}

/* 1 the hash is right, 0 it is not, -1 no entry (then counted or reported). The text as it stands first,
 * since that is how our own lines are hashed. */
static int check_hash(struct walk *w, const char *line, size_t len, struct chain_link *link, char *computed)
{
	AUTO_BUF event = { .max = LINE_MAX_BYTES * 2 };
	size_t event_len;
	int kind;

	if (chain_split(line, len, &event_len, link) && chain_check(w->key, line, event_len, link, computed))
		return 1;
	kind = canonical_split(line, len, &event, link);
	if (kind == 1) {
		chain_hash(w->key, link->sequence, link->prev, event.data, event.len, computed);
		return !strcmp(computed, link->entry);
	}
	if (kind == 0 && !w->has_head)
		w->r->skipped++;
	else
		broken(w, kind ? "not an entry: damaged" : "entry without integrity");
	return -1;
}

static void check_line(struct walk *w, const char *line, size_t len)
{
	struct chain_link link;
	char computed[CHAIN_HEX + 1];
	int good = check_hash(w, line, len, &link, computed);

	if (good < 0)
		return;
	if (!w->started && w->has_head && link.sequence < w->head.first_sequence)
		return; /* its file is about to be deleted */
	if (!check_place(w, &link))
		return;
	if (!good) {
		broken(w, "entry_hash mismatch: computed \"%s\", got \"%s\"", computed, link.entry);
		return;
	}
	w->started = true;
	w->last = link;
	w->r->verified++;
	if (w->has_head && link.sequence == w->head.last.sequence) {
		w->head_seen = true;
		if (strcmp(link.entry, w->head.last.entry))
			broken(w, "entry_hash mismatch: the head file has \"%s\", got \"%s\"",
			       w->head.last.entry, link.entry);
	}
}

/* `torn_ok`: the last line may still be on its way. */
static int check_file(struct walk *w, int fd, const char *path, struct err *e)
{
	FILE *f = fdopen(fd, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (!f) {
		close(fd);
		return err_set(e, "out of memory");
	}
	w->r->line = 0;
	while (!w->r->broken && (n = getline(&line, &cap, f)) > 0) {
		w->r->line++;
		if (line[n - 1] != '\n')
			broken(w, "the line is not complete");
		else if (n > LINE_MAX_BYTES)
			broken(w, "the line is too long");
		else if (n > 1)
			check_line(w, line, (size_t)n - 1);
	}
	free(line);
	if (ferror(f)) {
		err_sys(e, "read %s", path);
		fclose(f);
		return -1;
	}
	fclose(f);
	return 0;
}

/* The end: the entry that the head names must have come by. */
static void check_end(struct walk *w)
{
	if (w->r->broken || !w->has_head || w->head_seen)
		return;
	w->r->line++;
	broken(w, "truncated: the head file names entry %llu, the log ends with %llu",
	       (unsigned long long)w->head.last.sequence, (unsigned long long)w->last.sequence);
}

int verify_log(const char *path, const struct chain_key *key, struct verify_result *out, struct err *e)
{
	struct walk w = { .key = key, .r = out };
	char name[4096 + 16];
	unsigned oldest = 0;
	int have;

	*out = (struct verify_result){ 0 };
	if (strlen(path) >= 4096)
		return err_set(e, "name too long");
	have = writer_head_read(path, &w.head, e);
	if (have < 0)
		return -1;
	w.has_head = have > 0;
	out->has_head = w.has_head;
	out->is_keyed = w.has_head && w.head.kind != CHAIN_SHA256;
	/* Rotated files belong to the chain only where a head says that this is our log. */
	for (unsigned n = 1; w.has_head && n < MAX_FILES; n++)
		if (access(writer_file_name(path, n, name, sizeof name), F_OK) == 0)
			oldest = n;
	for (unsigned n = oldest + 1; n-- > 0 && !out->broken;) {
		int fd =
		        open(writer_file_name(path, n, name, sizeof name), O_RDONLY | O_CLOEXEC | O_NONBLOCK);

		if (fd < 0 && n && errno == ENOENT)
			continue;
		if (fd < 0)
			return err_sys(e, "open %s", name);
		snprintf(out->file, sizeof out->file, "%s", n ? path_base(name) : "");
		if (check_file(&w, fd, name, e) < 0)
			return -1;
	}
	check_end(&w);
	return 0;
}
