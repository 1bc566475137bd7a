/* plain - is the text of `bash -c TEXT` one simple command that needs no shell?
 *
 * Only words of harmless characters, the first of which is neither a builtin,
 * a reserved word nor an assignment: then running the program itself gives the
 * same result as bash, which would exec it too. Everything doubtful is not plain.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { PLAIN_WORDS = 64, PLAIN_TEXT = 4096 };

struct plain {
	char text[PLAIN_TEXT];
	char *words[PLAIN_WORDS + 1]; /* NULL-terminated, into text */
	size_t n;
};

/* False when TEXT is anything but a plain command. */
bool plain_parse(const char *text, struct plain *out);

/* Do these shell arguments (argv without argv[0]) have the form `-c TEXT [NAME …]`? The text, else NULL. */
const char *plain_text(const char *const *args, size_t n);

/* May a shell with this environment be left out? Not when a variable would make it do something first.
 * `bash_env_ok`: the BASH_ENV that is set is known to switch off builtins only. */
bool plain_env(const char *const *env, bool bash_env_ok);

/* Is this the file of a shell, by its name (a ".real" at the end does not count)? */
bool shell_is(const char *path);

/* Does this start-up file do nothing but `enable -n …`? */
bool plain_startup(const char *text, size_t len);
