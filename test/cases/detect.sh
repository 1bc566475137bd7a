#!/bin/sh
# detect: the lines that existing clients look for, each format, and the truth about what is not built.
. "$(dirname "$0")/../t.sh"

table=$("$AGENTSH" detect 2>"$TMP/err")
is 'exit 0' $? 0
is 'stderr is empty' "$(cat "$TMP/err")" ''
has 'platform' "$table" '^Platform:         linux$'
has 'mode is one of four words' "$table" '^Security Mode:    (full|landlock|landlock-only|minimal)$'
has 'score' "$table" '^Protection Score: [0-9]+/100 \([0-9]+%\)$'
has 'mode and score are in the first ten lines' "$(printf '%s\n' "$table" | head -n 10)" 'Protection Score'
for title in 'FILE PROTECTION' 'COMMAND CONTROL' NETWORK 'RESOURCE LIMITS' ISOLATION; do
	has "domain $title" "$table" "^$title +[0-9]+/[0-9]+$"
done
capabilities=$(printf '%s\n' "$table" | sed '1,/^CAPABILITIES$/d; /^$/,$d')
for key in capabilities_drop cgroups_v2 ebpf fuse landlock landlock_network pid_namespace seccomp \
	seccomp_basic seccomp_user_notify; do
	has "capability $key" "$capabilities" "^  $key +(✓|-)"
done
has 'landlock_abi is a version' "$capabilities" '^  landlock_abi +(✓ \(v[0-9]+\)|-)$'
keys=$(printf '%s\n' "$capabilities" | awk '{ print $1 }')
is 'keys are sorted' "$keys" "$(printf '%s\n' "$keys" | LC_ALL=C sort)"
has 'ebpf is not claimed' "$table" '^  ebpf +-  not armed \(not built in this version\)'
for layer in proxy:proxy landlock-network:proxy fuse:fuse; do
	why='not built in this version'
	! "$AGENTSH" --version --verbose | grep -qx "applet ${layer#*:}" || why='by configuration only'
	has "${layer%:*} is not claimed" "$table" "^  ${layer%:*} +-  not armed \($why\)"
done
if "$AGENTSH" --help | grep -q '^  run ' &&
	printf '%s\n' "$capabilities" | grep -q '^  seccomp_user_notify *✓'; then
	has 'a command was governed' "$table" '^  seccomp-notify +✓  armed '
	has 'and counts' "$table" '^COMMAND CONTROL +25/25$'
	if "$AGENTSH" --version --verbose | grep -qx 'applet proxy'; then
		has 'it did not connect where rules deny that' "$table" '^  net-monitor +✓  armed '
		has 'which counts' "$table" '^NETWORK +20/20$'
	else
		has 'net-monitor is not claimed' "$table" \
			'^  net-monitor +-  not armed \(not built in this version\)'
	fi
else
	has 'no command was governed' "$table" '^  seccomp-notify +-  not armed: '
	has 'and does not count' "$table" '^COMMAND CONTROL +0/25$'
fi
has 'closing line' "$table" "^Run 'agentsh detect config' to generate an optimized configuration\.$"

mode=$(printf '%s\n' "$table" | sed -n 's/^Security Mode: *//p')
json=$("$AGENTSH" detect --output json)
has 'json: mode' "$json" "^  \"security_mode\": \"$mode\",$"
has 'json: integer version' "$json" '^    "landlock_abi": [0-9]+,$'
has 'json: lists' "$json" '^    "available": \['
yaml=$("$AGENTSH" detect -o yaml)
has 'yaml: mode' "$yaml" "^security_mode: \"$mode\"$"
has 'yaml: list of objects' "$yaml" '^  - name: "File Protection"$'
if command -v python3 >/dev/null; then
	printf '%s' "$json" >"$TMP/json"
	ok 'json is JSON' python3 -m json.tool "$TMP/json"
	if python3 -c 'import yaml' 2>/dev/null; then
		"$AGENTSH" detect -o yaml | python3 -c 'import sys, yaml, json
print(json.dumps(yaml.safe_load(sys.stdin), sort_keys=True))' >"$TMP/y"
		printf '%s' "$json" | python3 -c 'import sys, json
print(json.dumps(json.load(sys.stdin), sort_keys=True))' >"$TMP/j"
		is 'yaml says what json says' "$(cat "$TMP/y")" "$(cat "$TMP/j")"
	fi
fi

out=$("$AGENTSH" detect --output xml 2>&1)
is 'unknown format: exit 1' $? 1
is 'and its words' "$out" 'unknown output format: xml'
not_ok 'misuse' "$AGENTSH" detect everything

config=$("$AGENTSH" detect config)
has 'config: mode' "$config" "^  mode: $mode$"
has 'config: capabilities' "$config" '^  allow: \[\]$'
is 'config: to a file' "$("$AGENTSH" detect config -o "$TMP/c.yaml")" "Configuration written to $TMP/c.yaml"
is 'the same' "$(cat "$TMP/c.yaml")" "$config"
is 'readable by all' "$(stat -c %a "$TMP/c.yaml")" 644
not_ok 'a file that cannot be written' "$AGENTSH" detect config -o /nowhere/c.yaml

is 'nothing is left behind' "$(find /tmp -maxdepth 1 -name 'agentsh-detect-*')" ''
