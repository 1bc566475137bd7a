#include "shell/plain.h"

#include "base/path.h"

#include <string.h>

/* Builtins and reserved words of bash 5, dash and BusyBox ash. */
static const char special[] =
        "! . : [ [[ ]] alias bg bind break builtin caller case cd chdir command compgen "
        "complete compopt continue coproc declare dirs disown do done echo elif else enable "
        "esac eval exec exit export false fc fg fi for function getopts hash help history if "
        "in jobs kill let local logout mapfile popd printf pushd pwd read readarray readonly "
        "return select set shift shopt source suspend test then time times trap true type "
        "typeset ulimit umask unalias unset until wait while { } ";

static bool is_special(const char *word)
{
	size_t len = strlen(word);

	for (const char *at = special; *at; at = strchr(at, ' ') + 1)
		if (!strncmp(at, word, len) && at[len] == ' ')
			return true;
	return false;
}

static bool is_harmless(char c, bool first_word)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return strchr(first_word ? "_-./+" : "_-./+,:@%=", c) && c;
}

bool plain_parse(const char *text, struct plain *out)
{
	char *p = out->text;

	out->n = 0;
	if (strlen(text) >= sizeof out->text)
		return false;
	strcpy(out->text, text);
	for (;;) {
		p += strspn(p, " \t");
		if (!*p)
			break;
		if (out->n == PLAIN_WORDS)
			return false;
		out->words[out->n] = p;
		while (*p && *p != ' ' && *p != '\t') {
			if (!is_harmless(*p, out->n == 0))
				return false;
			p++;
		}
		out->n++;
		if (*p)
			*p++ = 0;
	}
	out->words[out->n] = NULL;
	return out->n > 0 && !is_special(out->words[0]);
}

const char *plain_text(const char *const *args, size_t n)
{
	return n >= 2 && !strcmp(args[0], "-c") && args[1][0] != '-' ? args[1] : NULL;
}

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

bool plain_env(const char *const *env, bool bash_env_ok)
{
	static const char *const odd[] = { "ENV=",         "BASHOPTS=",      "SHELLOPTS=", "POSIXLY_CORRECT=",
		                           "BASH_COMPAT=", "BASH_XTRACEFD=", "PS4=",       "LD_",
		                           "EXECIGNORE=",  "BASH_FUNC_" };

	for (; *env; env++) {
		if (starts(*env, "BASH_ENV=") && (*env)[9] && !bash_env_ok)
			return false;
		if (starts(*env, "SHLVL=") && strspn(*env + 6, "0123456789") != strlen(*env + 6))
			return false;
		if (starts(*env, "SHLVL=") && strlen(*env) > 6 + 3)
			return false;
		for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
			if (starts(*env, odd[i]) && !starts(*env, "LD_LIBRARY_PATH="))
				return false;
	}
	return true;
}

/* One command between separators: blank, a comment, or "enable -n NAME…" with plain words, output thrown
 * away. */
static bool startup_command(const char *text, size_t len)
{
	static const char allowed[] = "enable -n";
	static const char quiet[] = " 2>/dev/null";
	bool named = false;

	while (len && (*text == ' ' || *text == '\t'))
		text++, len--;
	while (len && (text[len - 1] == ' ' || text[len - 1] == '\t' || text[len - 1] == '\r'))
		len--;
	if (!len || *text == '#')
		return true;
	if (len > sizeof quiet - 1 && !memcmp(text + len - (sizeof quiet - 1), quiet, sizeof quiet - 1))
		len -= sizeof quiet - 1;
	/* With a name behind it: alone it prints a list, and glued to it stands another option. */
	if (len < sizeof allowed || memcmp(text, allowed, sizeof allowed - 1) != 0 ||
	    text[sizeof allowed - 1] != ' ')
		return false;
	for (size_t i = sizeof allowed - 1; i < len; i++) {
		if (!(text[i] == ' ' || (text[i] >= 'a' && text[i] <= 'z')))
			return false;
		named |= text[i] != ' ';
	}
	return named;
}

bool plain_startup(const char *text, size_t len)
{
	size_t start = 0;

	if (memchr(text, 0, len))
		return false;
	for (size_t i = 0; i <= len; i++) {
		bool comment = false;

		if (i < len && text[i] != '\n' && text[i] != ';')
			continue;
		for (size_t k = start; k < i && !comment; k++)
			comment = text[k] == '#';
		if (comment && i < len && text[i] == ';')
			continue; /* part of the comment */
		if (!startup_command(text + start, i - start))
			return false;
		start = i + 1;
	}
	return true;
}

bool shell_is(const char *path)
{
	static const char *const shells[] = { "sh", "bash", "dash", "ash", "zsh", "ksh", "mksh" };
	const char *base = path_base(path);
	size_t len = strlen(base);

	if (len > 5 && !strcmp(base + len - 5, ".real"))
		len -= 5;
	for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
		if (strlen(shells[i]) == len && !memcmp(shells[i], base, len))
			return true;
	return false;
}
