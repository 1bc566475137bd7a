# diagnostics - detect tells the truth in the words clients look for.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "security diagnostics"
governed || exit 0

try agentsh detect
check_that "detect exits 0 and says nothing on stderr" '[ "$rc" = 0 ] && [ ! -s "$TRY/err" ]'
check_that "mode and score stand in the first ten lines" \
	'head -10 "$TRY/out" | grep -q "^Security Mode:" && head -10 "$TRY/out" | grep -qE "^Protection Score: .*[0-9]+"'
check_that "the score has a percentage" 'grep -qE "[0-9]+%" "$TRY/out"'
check_that "mode is one of the known words" 'grep -qE "^Security Mode: +(full|landlock|landlock-only|minimal)$" "$TRY/out"'
for key in 'seccomp[[:space:]]' seccomp_basic seccomp_user_notify 'landlock[[:space:]]'; do
	check_that "detect: $key ✓" "grep -E '$key' '$TRY/out' | grep -q '✓'"
	check_that "detect: $key ✓ below CAPABILITIES" "sed '1,/CAPABILITIES/d' '$TRY/out' | grep -qE '^ +$key.*✓'"
done
for key in cgroups_v2 ebpf fuse landlock_abi capabilities_drop pid_namespace; do
	check_that "detect has a row for $key" "grep -qE '^ +$key' '$TRY/out'"
done
check_that "the closing line" 'grep -q "detect config" "$TRY/out"'
try agentsh detect --output json
check_that "detect --output json parses and has the fields" 'python3 -c "
import json, sys
d = json.load(open(\"$TRY/out\"))
assert d[\"platform\"] == \"linux\" and d[\"security_mode\"] and isinstance(d[\"protection_score\"], int)
assert d[\"capabilities\"][\"seccomp\"] is True and d[\"summary\"][\"available\"] is not None"'
try agentsh detect --output yaml
check_that "detect --output yaml" '[ "$rc" = 0 ] && grep -q "^security_mode:" "$TRY/out"'
try agentsh detect --output toml
check_that "an unknown format is an error" '[ "$rc" = 1 ] && grep -q "unknown output format" "$TRY/err"'
check "detect config is a configuration that the server accepts" eval \
	'agentsh detect config >/tmp/detected.yaml && grep -q "^security:" /tmp/detected.yaml'
try /bin/bash -c 'agentsh detect 2>&1 | head -10'
check_that "detect works from inside, too" '[ "$rc" = 0 ] && grep -q "Security Mode:" "$TRY/out"'
exit 0
