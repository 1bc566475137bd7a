/* keep - what file calls owe the journal: versions of what they destroy, lines about the rest.
 *
 * Every judge of changes asks keep_decide() instead of act_decide(), and puts the change between
 * keep_before() and keep_after(). Where nothing is to be kept these do nothing.
 */
#pragma once

#include "enforce/files/impl.h"
#include "journal/record.h"
#include "sys/at.h"

/* As act_decide(), and denied, too: what lies in the journal's store ("journal-store"); what is to be kept
 * where nothing can be ("journal-missing"); what the rule would have done elsewhere (a redirect of anything
 * but writing). */
struct verdict keep_decide(struct act *a, enum access_kind kind, const struct place *p);

/* Is this act recorded: because the rule says so, or the configuration? */
bool keep_wants(const struct act *a, enum journal_kind kind, const struct place *p, const struct verdict *v);

/* Can keep_name() tell of what is to be made in its directory without that directory? */
bool keep_knows(const struct act *a, const struct place *p);

/* Has this command made it and told so? Of what is open: its birth is known. */
bool keep_has_made(const struct act *a, const struct place *p);

/* Is it another name of a file that this command made itself? Nothing is lost with it. */
bool keep_is_spare(const struct act *a, const struct place *p);

/* What was kept for one call. Zeroed: nothing. */
struct keep {
	char token[2][JOURNAL_TOKEN];
	size_t n;
};

/* Before it happens; an overwritten target before the rename. 0, or the errno with which the act fails
 * without having happened. */
int keep_before(struct act *a, struct keep *k, const struct journal_act *act);

/* The same for a name and what has it, or for what is to have it. */
int keep_name(struct act *a, struct keep *k, enum journal_kind kind, const struct place *p);
/* The same for a name that becomes another, or changes places with it. */
int keep_names(struct act *a, struct keep *k, enum journal_kind kind, const struct place *from,
               const struct place *to);
/* The same for its attributes, before its flags change (chattr). */
int keep_flags(struct act *a, struct keep *k, const struct place *p);

/* The same for an object, wherever its name is by now. */
int keep_object(struct act *a, struct keep *k, enum journal_kind kind, const struct place *p);

/* The file that was just made and kept as JOURNAL_CREATE: what its command does to it is kept no more. */
void keep_made(struct act *a, const struct keep *k, const struct at_facts *made);

/* The file that keep_name() has just deleted as JOURNAL_DELETE is there again. False: it stays in the store.
 */
bool keep_put_back(struct act *a, const struct keep *k, const struct place *p);

/* It happened, or it failed. Harmless when nothing was kept. Returns `error`. */
int keep_after(struct act *a, struct keep *k, int error);
