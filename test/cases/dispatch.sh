#!/bin/sh
# How applets/main.c turns a program name and words into an applet and its arguments. The real dispatcher is
# linked with a table of applets that print what they were given.
. "$(dirname "$0")/../t.sh"

cat >"$TMP/fake.c" <<'END'
#include "applets/applet.h"
#include <stdio.h>
#define FAKE(id, ...) \
	static int run_##id(int argc, char **argv) \
	{ \
		printf(#id ":"); \
		for (int i = 0; i < argc; i++) \
			printf(" [%s]", argv[i]); \
		printf("%s\n", argv[argc] ? " unterminated" : ""); \
		return 7; \
	} \
	static const struct applet id = { .run = run_##id, .summary = "s", __VA_ARGS__ };
FAKE(shim, .name = "shim", .flags = APPLET_SHELL)
FAKE(install, .name = "install", .alias = { "shim install-shell" })
FAKE(test, .name = "policy-test", .alias = { "debug policy-test", "pt" }, .usage = "OPERATION")
FAKE(worker, .name = "supervise", .flags = APPLET_HIDDEN)
const struct applet *const applets[] = { &shim, &install, &test, &worker, NULL };
END
cat >"$TMP/nameless.c" <<'END'
#include <unistd.h>
int main(int argc, char **argv)
{
	return argc > 1 ? execv(argv[1], (char *[]){ NULL }) : 2;
}
END
# shellcheck disable=SC2086
gcc -std=gnu11 -w -fsanitize=address,undefined -I. -Ilib -include "$OUT/config.h" -o "$TMP/agentsh" \
	applets/main.c "$TMP/fake.c" "$OUT/host/lib.a" || exit 1
gcc -o "$TMP/nameless" "$TMP/nameless.c" || exit 1
for link in sh bash dash.real policy-test agentsh-shell-shim supervise; do
	ln -s agentsh "$TMP/$link"
done
PATH=$TMP:$PATH

gives() {
	want=$1
	shift
	is "$*" "$("$@" 2>&1)" "$want"
}

gives 'test: [policy-test] [exec] [ls]' agentsh policy-test exec ls
gives 'test: [pt] [exec]' agentsh pt exec
gives 'test: [policy-test] [policy-test] [--op] [x]' agentsh debug policy-test --op x
gives 'install: [install] [install-shell] [--root] [/]' agentsh shim install-shell --root /
gives 'install: [install] [install-shell] [--server] [u] [-x]' agentsh --server u shim install-shell -x
gives 'test: [pt] [--server=u] [--api-key] [k] [a]' agentsh --server=u --api-key k pt a
gives 'test: [pt] [--server] [u]' agentsh pt --server u
gives 'usage: agentsh policy-test OPERATION' agentsh pt --help
gives "agentsh: '--server' needs a value" agentsh --server
gives "agentsh: unknown flag '--frob'; 'agentsh --help' lists them" agentsh --frob
has 'the shim is no command' "$(agentsh shim frob 2>&1)" "^agentsh: 'shim' takes install-shell, uninstall-"
gives "agentsh: unknown command 'debug'; 'agentsh --help' lists them" agentsh debug nothing
gives 'agentsh '"$(cat VERSION)" agentsh --version

gives 'shim: [sh] [-c] [id]' sh -c id
gives 'shim: [bash] [--help]' bash --help
gives 'shim: [bash] [--version]' bash --version
gives 'shim: [dash.real] [policy-test]' dash.real policy-test
gives 'shim: [agentsh-shell-shim] [--server] [u] [policy-test]' agentsh-shell-shim --server u policy-test
gives 'test: [policy-test] [x]' policy-test x
gives 'worker: [supervise]' supervise
has 'a login shell is the shim' "$(/bin/bash -c "exec -a -bash $TMP/agentsh -l")" '^shim: \[-bash\] \[-l\]$'
has 'a program without a name does not crash' "$(nameless "$TMP/agentsh" 2>&1; echo "$?")" '^(7|126)$'
is 'the exit status is the applet'"'"'s' "$(agentsh pt >/dev/null; echo $?)" 7
is 'a hidden applet is not in --help' "$(agentsh --help | grep -c supervise)" 0

many=$(yes -- --api-key=k | head -n 40 | tr '\n' ' ')
# shellcheck disable=SC2086
has 'forty global flags are refused, not overrun' "$(agentsh $many pt 2>&1)" 'too many flags'
