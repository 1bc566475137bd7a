/* Aliases that stand in the arguments themselves: git -c alias.x='push -f' x. Those in files are started by
 * git as a command of their own, with the words they stand for, and judged then. */
#include "facts/git.h"

#include <strings.h>

/* As git splits them: blanks, quotes, backslashes. */
static bool split(const char *text, struct git_words *out)
{
	size_t at = 0;

	while (*text) {
		char quote = 0;

		text += strspn(text, " \t\n\v\f\r");
		if (!*text)
			break;
		if (out->argc == GIT_WORDS)
			return false;
		out->argv[out->argc++] = out->text + at;
		for (; *text && (quote || !strchr(" \t\n\v\f\r", *text)); text++) {
			if (at + 2 >= sizeof out->text)
				return false;
			if (*text == quote)
				quote = 0;
			else if (!quote && (*text == '\'' || *text == '"'))
				quote = *text;
			else if (*text == '\\' && quote != '\'' && text[1])
				out->text[at++] = *++text;
			else
				out->text[at++] = *text;
		}
		out->text[at++] = 0;
	}
	return out->argc > 0;
}

/* The value of "alias.NAME=VALUE", or NULL. */
static const char *value_of(const char *setting, const char *name)
{
	size_t len = strlen(name);

	if (strncasecmp(setting, "alias.", 6) != 0 || strncasecmp(setting + 6, name, len) != 0)
		return NULL;
	return setting[6 + len] == '=' ? setting + 7 + len : NULL;
}

int git_alias(const char *const *before, size_t n_before, const char *const *argv, size_t argc,
              struct git_words *out)
{
	const char *value = NULL;

	out->argc = 0;
	for (size_t i = 0; i + 1 < n_before; i++)
		if (!strcmp(before[i], "-c") && value_of(before[i + 1], argv[0]))
			value = value_of(before[i + 1], argv[0]);
	/* What begins with ! goes to a shell, which starts it as a command of its own. */
	if (!value || *value == '!')
		return value != NULL;
	if (!split(value, out) || out->argv[0][0] == '-' || out->argc + argc > GIT_WORDS)
		return -1;
	for (size_t i = 1; i < argc; i++)
		out->argv[out->argc++] = argv[i];
	out->argv[out->argc] = NULL;
	return 1;
}
