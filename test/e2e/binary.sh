#!/bin/sh
# The shipped file: static, no executable stack, no trace of where it was built; and how it finds its applets.
. "$(dirname "$0")/../t.sh"

headers=$(readelf -lW "$AGENTSH")
is 'no interpreter' "$(echo "$headers" | grep -c INTERP)" 0
has 'stack is not executable' "$headers" 'GNU_STACK.* RW '
is 'no segment is writable and executable' "$(echo "$headers" | grep -c 'RWE')" 0
has 'file(1) says statically linked' "$(file -L "$AGENTSH")" 'statically linked'
is 'nothing dynamic' "$(readelf -dW "$AGENTSH" | grep -c NEEDED)" 0
is 'no path of the build machine' \
	"$(strings "$AGENTSH" | grep -cF -e "$PWD/" -e '.cache/agentsh' -e build/out/)" 0
is 'no symbols are left' "$(nm "$AGENTSH" 2>&1 | grep -vc 'no symbols')" 0

is 'version' "$("$AGENTSH" --version)" "agentsh $(cat VERSION)"
has 'version --verbose lists libraries' "$("$AGENTSH" --version --verbose)" '^library musl '
for library in libyaml tre bearssl musl; do
	version=$("$AGENTSH" --version --verbose | sed -n "s/^library $library //p")
	[ -z "$version" ] || ok "$library $version is what its recipe builds" \
		grep -qi "^# $library $version" "build/deps/$library.sh"
done
has 'help' "$("$AGENTSH" --help)" '^usage: agentsh '
ok 'help exits 0' "$AGENTSH" --help
ok 'global flags may stand before --version' "$AGENTSH" --server http://127.0.0.1:1 --version
"$AGENTSH" no-such-command >"$TMP/out" 2>"$TMP/err"
is 'unknown command exits 1' $? 1
is 'unknown command says nothing on stdout' "$(cat "$TMP/out")" ''
has 'unknown command is named' "$(cat "$TMP/err")" "unknown command 'no-such-command'"
not_ok 'a global flag needs its value' "$AGENTSH" --server
not_ok 'no output to a full device' sh -c '"$AGENTSH" --version >/dev/full'
