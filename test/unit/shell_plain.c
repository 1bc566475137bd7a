/* What is called plain must give the same under bash and without it; what is hostile must not be called so.
 */
#include "shell/plain.h"

#include "test/t.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct result {
	int status;
	char out[4096];
};

/* Run with this file for /bin/ls and friends to look at; standard error goes nowhere. */
static struct result run(const char *program, char *const *argv)
{
	struct result r = { .status = -1 };
	int ends[2];
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	if (pipe(ends))
		return r;
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], 1);
		dup2(open("/dev/null", O_WRONLY), 2);
		dup2(open("/dev/null", O_RDONLY), 0);
		execvp(program, argv);
		_exit(127);
	}
	close(ends[1]);
	while (len < sizeof r.out - 1 && (n = read(ends[0], r.out + len, sizeof r.out - 1 - len)) > 0)
		len += (size_t)n;
	close(ends[0]);
	waitpid(pid, &r.status, 0);
	return r;
}

static void same_as_bash(const char *text)
{
	char *bash[] = { (char *)"bash", (char *)"-c", (char *)text, NULL };
	struct result with, without;
	struct plain p;

	if (!ok(plain_parse(text, &p), "plain: '%s'", text))
		return;
	with = run("/bin/bash", bash);
	without = run(p.words[0], p.words);
	is_int(without.status, with.status, "'%s': same status", text);
	is_str(without.out, with.out, "'%s': same output", text);
}

T_CASE(plain_commands)
{
	static const char *const table[] = {
		"/bin/true",
		"/bin/false",
		"/bin/echo a b c",
		"  /bin/echo\t a   b  ",
		"/bin/echo -n",
		"/bin/echo a=b --x=y,z @1 50% a:b +x",
		"/bin/echo 007 1e3 -1",
		"uname -s",
		"/usr/bin/expr 1 + 1",
		"/usr/bin/expr 0",
		"/usr/bin/printf %s-%d a 7",
		"basename /a/b/c.d .d",
		"env echo A=b",
		"/bin/sh -c exit",
		"/bin/ls /nonexistent-folder",
		"seq 3",
		"../../../../../../../../bin/echo up",
		"/bin//echo double",
		"/./bin/echo dot",
		"no-such-command-at-all x",
		"/no/such/file",
		"id -u",
		"/bin/echo . .. / -- -",
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		same_as_bash(table[i]);
}

static const char *const syntax[] = {
	"",
	" ",
	"\t",
	"\n",
	"ls\n",
	"ls\nid",
	"ls;id",
	"ls&",
	"ls|id",
	"ls>x",
	"ls<x",
	"ls 2>x",
	"(ls)",
	"{ ls; }",
	"ls $HOME",
	"$x",
	"ls `id`",
	"ls $(id)",
	"ls *",
	"ls ?",
	"ls [a]",
	"ls a{1,2}",
	"ls ~",
	"ls ~root",
	"ls a=~",
	"ls 'a b'",
	"ls \"a\"",
	"ls \\a",
	"ls #x",
	"#ls",
	"!ls",
	"! ls",
	"a=b",
	"a=b ls",
	"a+=b ls",
	"A=b",
	"ls!x",
	"ls a!b",
	"^a^b",
	"%1",
	"% ls",
	"ls\r",
	"ls\v",
	"ls \f",
	"l\302\240s",
	"\357\273\277ls",
	"caf\303\251",
	"ls \377",
	"ls \001",
	"~/x",
	"@x",
	"a:b",
	",x",
	"a,b c",
};

static const char *const keywords[] = {
	"[[ a ]]", "coproc ls", "do",    "done",  "fi",   "for",  "function", "if",   "in", "select",
	"then",    "time ls",   "until", "while", "case", "esac", "elif",     "else", "}",
};

static const char *const builtins[] = {
	":",        ".",      "[ a ]",       "alias",      "bg",        "break",    "builtin echo",
	"caller",   "cd /",   "command ls",  "compgen -c", "continue",  "declare",  "dirs",
	"disown",   "echo a", "enable -n x", "eval ls",    "exec ls",   "exit 3",   "export a",
	"false",    "fc",     "fg",          "getopts a",  "hash",      "help",     "history",
	"jobs",     "kill 1", "let a",       "local",      "logout",    "mapfile",  "popd",
	"printf a", "pushd",  "pwd",         "read",       "readarray", "readonly", "return",
	"set",      "shift",  "shopt",       "source x",   "suspend",   "test a",   "times",
	"trap",     "true",   "type ls",     "typeset",    "ulimit",    "umask",    "unalias",
	"unset",    "wait",   "bind",        "complete",   "compopt",   "chdir /",
};

static void none_plain(const char *const *texts, size_t n)
{
	struct plain p;

	for (size_t i = 0; i < n; i++)
		ok(!plain_parse(texts[i], &p), "not plain: '%s'", texts[i]);
}

T_CASE(not_plain)
{
	none_plain(syntax, sizeof syntax / sizeof *syntax);
	none_plain(keywords, sizeof keywords / sizeof *keywords);
	none_plain(builtins, sizeof builtins / sizeof *builtins);
}

/* Ask bash itself which words it takes before files. */
T_CASE(all_of_bashs_words)
{
	char *bash[] = { (char *)"bash", (char *)"--norc", (char *)"-c", (char *)"compgen -b; compgen -k",
		         NULL };
	struct result r = run("/bin/bash", bash);
	char *save = NULL;
	struct plain p;
	int n = 0;

	for (char *word = strtok_r(r.out, "\n", &save); word; word = strtok_r(NULL, "\n", &save), n++)
		if (plain_parse(word, &p))
			ok(false, "bash knows '%s'", word);
	ok(n > 60, "%d builtins and reserved words", n);
}

T_CASE(limits)
{
	static char text[2 * PLAIN_TEXT];
	struct plain p;

	memset(text, 'a', PLAIN_TEXT - 1);
	ok(plain_parse(text, &p) && p.n == 1, "the longest");
	text[PLAIN_TEXT - 1] = 'a';
	ok(!plain_parse(text, &p), "longer");
	memset(text, 0, sizeof text);
	for (int i = 0; i < PLAIN_WORDS; i++)
		strcat(text, "a ");
	ok(plain_parse(text, &p) && p.n == PLAIN_WORDS && !p.words[PLAIN_WORDS],
	   "as many words as there may be");
	strcat(text, "a");
	ok(!plain_parse(text, &p), "more");
}

T_CASE(arguments_of_the_shell)
{
	const char *c[] = { "-c", "ls", "name", NULL }, *l[] = { "-lc", "ls" }, *o[] = { "-c" },
	           *d[] = { "-c", "--", "ls" };

	is_str(plain_text(c, 3), "ls");
	is_str(plain_text(c, 2), "ls");
	ok(!plain_text(l, 2) && !plain_text(o, 1) && !plain_text(d, 3) && !plain_text(c, 0),
	   "other forms are not");
}

static bool env_ok(const char *entry, bool bash_env_ok)
{
	const char *env[] = { "PATH=/bin", entry, NULL };

	return plain_env(env, bash_env_ok);
}

T_CASE(environment)
{
	static const char *const bad[] = { "ENV=x",
		                           "BASHOPTS=extglob",
		                           "SHELLOPTS=xtrace",
		                           "POSIXLY_CORRECT=",
		                           "BASH_COMPAT=31",
		                           "BASH_XTRACEFD=1",
		                           "PS4=$(id)",
		                           "LD_PRELOAD=x",
		                           "LD_AUDIT=x",
		                           "LD_DEBUG=all",
		                           "LD_TRACE_LOADED_OBJECTS=1",
		                           "EXECIGNORE=*",
		                           "BASH_FUNC_ls%%=() { id; }",
		                           "BASH_ENV=x",
		                           "SHLVL=x",
		                           "SHLVL=-1",
		                           "SHLVL=1000" };
	static const char *const good[] = { "HOME=/", "LD_LIBRARY_PATH=/x", "SHLVL=1",
		                            "SHLVL=", "BASH_ENV=",          "A=ENV=x",
		                            "TERM=x" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ok(!env_ok(bad[i], false), "%s needs the shell", bad[i]);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		ok(env_ok(good[i], false), "%s does not", good[i]);
	ok(env_ok("BASH_ENV=x", true), "a start-up file that is known does not");
}

static bool startup(const char *text)
{
	size_t len = strlen(text);
	char *copy = malloc(len ? len : 1); /* without its zero: a byte too far is seen */
	bool yes;

	if (!copy)
		return false;
	memcpy(copy, text, len);
	yes = plain_startup(copy, len);
	free(copy);
	return yes;
}

T_CASE(startup_files)
{
	static const char *const good[] = {
		"",
		"\n",
		"# comment\n",
		"enable -n kill\n",
		"enable -n kill 2>/dev/null\n",
		"enable -n kill enable",
		"enable -n kill;enable -n ulimit\r\n",
		"  enable -n  kill  \n\n#x;y|z $(id)\n\t# z\n",
	};
	static const char *const bad[] = {
		"enable -n",
		"enable -n \n",
		"enable -n 2>/dev/null",
		"enable -np",
		"enable -n -p",
		"enable -nf x y",
		"enable -f x y",
		"enable kill",
		"enable -n a$(id)",
		"enable -n `id`",
		"enable -n a|id",
		"enable -n a&id",
		"enable -n a >x",
		"enable -n a 2>x",
		"id",
		"enable -n a;id",
		"enable -n a # x",
		"x=1",
		"alias a=b",
		"enable -n a\\\nid",
		"enable -n a\nid # x",
		"function f { :; }",
		". x",
		"# a\nid",
		"# a\rid\nid",
	};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		ok(startup(good[i]), "known: '%s'", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ok(!startup(bad[i]), "not known: '%s'", bad[i]);
	ok(!plain_startup("enable -n a\0id", 14), "a zero byte");
}

/* What is known as quiet must be so in bash: no output, no change but to builtins. */
T_CASE(startup_files_in_bash)
{
	char *argv[] = { (char *)"env", (char *)"BASH_ENV=/dev/fd/9", (char *)"bash",
		         (char *)"-c",  (char *)"/bin/echo end",      NULL };
	static const char text[] =
	        "# quiet; id\nenable -n kill ulimit 2>/dev/null;enable -n nonsense 2>/dev/null\n";
	char path[] = "/tmp/agentsh-startup-XXXXXX";
	int fd = mkstemp(path);
	struct result r;

	ok(plain_startup(text, sizeof text - 1) && write(fd, text, sizeof text - 1) == sizeof text - 1,
	   "known");
	dup2(fd, 9);
	lseek(9, 0, SEEK_SET);
	r = run("env", argv);
	is_str(r.out, "end\n", "quiet in bash as well");
	close(9);
	close(fd);
	unlink(path);
}

T_CASE(shells)
{
	static const char *const yes[] = { "sh",   "bash",         "/bin/bash", "/bin/bash.real",
		                           "dash", "/usr/bin/zsh", "ash" };
	static const char *const no[] = { "",           "bas",    "bashx", ".real",         "sh.rea",
		                          "/bin/bash/", "python", "xbash", "bash.real.real" };

	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		ok(shell_is(yes[i]), "%s is", yes[i]);
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		ok(!shell_is(no[i]), "'%s' is not", no[i]);
}
