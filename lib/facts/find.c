/* find: options, places, then an expression whose words each take a known number of arguments. */
#include "facts/scan.h"

static const char none[] =
        " -a -and -d -daystart -delete -depth -empty -executable -false -follow -help --help"
        " -ignore_readdir_race -ls -mount -nogroup -noignore_readdir_race -noleaf -not"
        " -nouser -nowarn -o -or -print -print0 -prune -quit -readable -true -version"
        " --version -warn -writable -xdev -X -x -s ! ( ) , ";
static const char one[] =
        " -amin -anewer -atime -cmin -cnewer -context -ctime -fstype -gid -group -ilname -iname"
        " -inum -ipath -iregex -iwholename -links -lname -maxdepth -mindepth -mmin -mtime"
        " -name -newer -path -perm -printf -regex -regextype -samefile -size -type -uid"
        " -used -user -wholename -xtype ";

static void doubt(struct facts *f)
{
	facts_set(f, FACT_FIND_UNKNOWN);
	facts_doubt(f, FACT_FIND_EXEC);
	facts_doubt(f, FACT_FIND_COMMAND);
	facts_doubt(f, FACT_FIND_DELETE);
	facts_doubt(f, FACT_FIND_WRITE);
}

/* -exec COMMAND ... ; or {} +. The index behind it. */
static size_t skip_command(struct facts *f, const char *const *argv, size_t argc, size_t i)
{
	facts_set(f, FACT_FIND_EXEC);
	if (i < argc)
		facts_text(f, FACT_FIND_COMMAND, argv[i]);
	for (; i < argc; i++)
		if (!strcmp(argv[i], ";") || (!strcmp(argv[i], "+") && !strcmp(argv[i - 1], "{}")))
			return i + 1;
	return argc;
}

/* One word of the expression and its arguments. The index behind them. */
static size_t term(struct facts *f, const char *const *argv, size_t argc, size_t i)
{
	const char *word = argv[i++];

	if (is_in(" -exec -execdir -ok -okdir ", word))
		return skip_command(f, argv, argc, i);
	if (!strcmp(word, "-delete"))
		facts_set(f, FACT_FIND_DELETE);
	if (is_in(none, word))
		return i;
	if (is_in(" -fprint -fprint0 -fls -fprintf ", word)) {
		if (i < argc)
			facts_text(f, FACT_FIND_WRITE, argv[i]);
		return i + (strcmp(word, "-fprintf") ? 1 : 2);
	}
	if (!strcmp(word, "-files0-from")) {
		facts_set(f, FACT_FIND_FROM_FILE);
		facts_doubt(f, FACT_FIND_PATH);
		return i + 1;
	}
	if (is_in(one, word) || (starts(word, "-newer") && strlen(word) == 8))
		return i + 1;
	/* How many arguments it has is not known either; the next word is looked at like any other. */
	if (*word == '-')
		doubt(f);
	return i;
}

static bool begins_expression(const char *word)
{
	return (word[0] == '-' && word[1]) || !strcmp(word, "!") || !strcmp(word, "(") ||
	       !strcmp(word, ")") || !strcmp(word, ",");
}

void model_find(struct facts *f, const char *name, const char *const *argv, size_t argc)
{
	size_t i = 1;

	(void)name;
	for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		if (!strcmp(argv[i], "-D"))
			i++;
		else if (!strcmp(argv[i], "--")) {
			i++;
			break;
		} else if (!is_in(" -H -L -P ", argv[i]) && !starts(argv[i], "-O"))
			break;
	}
	for (; i < argc && !begins_expression(argv[i]); i++)
		facts_text(f, FACT_FIND_PATH, argv[i]);
	while (i < argc)
		i = term(f, argv, argc, i);
}
