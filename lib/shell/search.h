/* search - execve(2) along a search path, without looking at our own environment and without falling back to
 * a shell. */
#pragma once

/* Run `program` (a path, or a name looked up in `path`, then in the standard places when `path` is NULL).
 * Returns only on failure, with the errno that says most: EACCES beats ENOENT. */
void search_exec(const char *program, const char *path, char *const *argv, char *const *env);

/* Value of a variable in an environment, or NULL. */
const char *search_env(char *const *env, const char *name);
