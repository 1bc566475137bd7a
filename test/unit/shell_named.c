#include "shell/named.h"

#include "test/t.h"

static char seen[8192];

static bool collect(void *arg, const char *path)
{
	const char *stop = arg;

	if (*seen)
		strcat(seen, " ");
	strcat(seen, path);
	return stop && !strcmp(path, stop);
}

static const char *names(const char *text)
{
	const char *args[] = { text, NULL };
	const struct named_place at = { "/home/user", "/home/user" };

	*seen = 0;
	named_files(args, &at, collect, NULL);
	return seen;
}

T_CASE(words)
{
	is_str(names("cat /etc/shadow"), "/etc/shadow");
	is_str(names("cat ~/.ssh/id_rsa"), "/home/user/.ssh/id_rsa");
	is_str(names("cat \"$HOME/.ssh/id_rsa\""), "/home/user/.ssh/id_rsa");
	is_str(names("cat ${HOME}/.ssh/id_rsa"), "/home/user/.ssh/id_rsa");
	is_str(names("cat ../other/x"), "/home/other/x");
	is_str(names("cat .env"), "/home/user/.env");
	is_str(names("cat sub//./x"), "/home/user/sub/x");
	is_str(names("python3 -c \"print(open('/root/.aws/credentials').read())\""),
	       "/root/.aws/credentials /home/user/.read");
	is_str(names("tar cf - -C/root .ssh"), "/root /home/user/.ssh");
	is_str(names("x=/etc/shadow; cat<$x</etc/gshadow"), "/etc/shadow /etc/gshadow");
	is_str(names("curl --data-binary @/etc/shadow --file=/etc/passwd"), "/etc/shadow /etc/passwd");
}

T_CASE(cut_short)
{
	is_str(names("cat /root/.ss*/id_rsa"), "/root/x");
	is_str(names("cat /root/$dir/id"), "/root/x");
	is_str(names("cat ~/.ssh/*"), "/home/user/.ssh/x");
	is_str(names("ls ./*"), "/home/user/x");
}

T_CASE(nothing)
{
	is_str(names("make -j2 all"), "");
	is_str(names("git clone https://example.org/a/b"), "");
	is_str(names(""), "");
	is_str(names("$HOMEX ~user"), "");
}

T_CASE(bounds)
{
	static char many[100000], longest[9000];
	const char *args[] = { "a /x", "b /y", NULL };
	const struct named_place at = { "/", NULL };

	for (size_t i = 0; i + 3 < sizeof many; i += 3)
		memcpy(many + i, "/a ", 3);
	names("");
	ok(strlen(names(many)) < 2 * NAMED_WORDS + NAMED_WORDS, "words are bounded");
	memset(longest, 'a', sizeof longest - 1);
	longest[0] = '/';
	is_str(names(longest), "", "what no path can be");
	*seen = 0;
	ok(named_files(args, &at, collect, "/x"), "it ends at the first that counts");
	is_str(seen, "/x");
	*seen = 0;
	ok(!named_files(args, &at, collect, "/z"), "none counts");
	is_str(seen, "/x /y");
}
