/* Shared by the files of git's model. */
#pragma once

#include "facts/scan.h"

/* A setting "section.sub.key=value" or without a value; what it makes git do. */
void git_setting(struct facts *f, const char *text, const char *value);

/* Room for what an alias stands for, and the words given behind it. */
enum { GIT_WORDS = 256, GIT_TEXT = 2048 };
struct git_words {
	const char *argv[GIT_WORDS + 1];
	size_t argc;
	char text[GIT_TEXT];
};

/* What the sub-command argv[0] stands for by a "-c alias.NAME=..." among `before`, followed by argv[1...]. 1
 * (without words: what a shell will start), 0 if nothing there says so, -1 if it cannot be told. */
int git_alias(const char *const *before, size_t n_before, const char *const *argv, size_t argc,
              struct git_words *out);

/* Tell `each` which of `commands` (" a b ") git may run in place of one that it does not have. */
typedef void git_meant_fn(void *to, const char *command);
void git_meant(const char *typed, const char *commands, git_meant_fn *each, void *to);

/* What a sub-command's words say; argv[0] is the sub-command. */
void git_push(struct facts *f, const char *const *argv, size_t argc, bool plumbing);
void git_address(struct facts *f, const char *text);
