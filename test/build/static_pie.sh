#!/bin/sh
# static_pie - the option STATIC_PIE: what comes out is one, and governs as the other does.
. "$(dirname "$0")/../t.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$root/build/out/pie
cd "$root" || exit 1
unset MAKEFLAGS MAKELEVEL MFLAGS AGENTSH_CONFIG XDG_CONFIG_HOME

build/need file:file readelf:binutils >/dev/null 2>&1
mkdir -p "$out"
{ cat build/presets/full.config && echo CONFIG_STATIC_PIE=y; } >"$out/pie.config"
ok 'it is built' make -s O=build/out/pie CONFIG=build/out/pie/pie.config
has 'file says what it is' "$(file "$out/agentsh")" 'static-pie linked, no section header'
not_ok 'no interpreter' grep -q INTERP <<END
$(readelf -lW "$out/agentsh")
END
not_ok 'no text relocations' grep -q TEXTREL <<END
$(readelf -dW "$out/agentsh")
END
has 'the usual one is not one' "$(file "$AGENTSH")" 'statically linked, no section header'

ok 'it decides' "$out/agentsh" policy-test --cases policies/default.cases --policy policies/default.yaml
is 'it runs what is allowed' "$("$out/agentsh" run -- sh -c 'echo "$((6 * 7))"' 2>&1)" 42
"$out/agentsh" run -- sh -c "su -c \"touch $TMP/canary\"" >"$TMP/said" 2>&1
is 'and not what is denied: exit status' $? 126
has 'with the rule' "$(cat "$TMP/said")" "denied by rule 'deny-privilege'"
not_ok 'nothing happened' test -e "$TMP/canary"
