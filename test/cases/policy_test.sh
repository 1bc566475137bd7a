#!/bin/sh
# policy_test - answers from files, output forms, tables, complaints.
. "$(dirname "$0")/../t.sh"

run() { # output in $out, complaints in $err, exit status in $rc
	out=$("$AGENTSH" policy-test "$@" 2>"$TMP/err" </dev/null)
	rc=$?
	err=$(cat "$TMP/err")
}
root=$(cd "$(dirname "$0")/../.." && pwd)
e2b=$root/policies/e2b/default.yaml
unset AGENTSH_CONFIG XDG_CONFIG_HOME AGENTSH_API_KEY AGENTSH_TRANSPORT
export HOME="$TMP" AGENTSH_SERVER="unix://$TMP/nobody.sock"

run --op exec --path sudo --policy "$e2b" --json
is "json: exit status" "$rc:$err" "0:"
line=$(grep -n 'name: block-shell-escape' "$e2b" | cut -d: -f1)
is "json: the whole" "$out" "{
  \"decision\": \"deny\",
  \"message\": \"'sudo' would leave the session\",
  \"policy_decision\": \"deny\",
  \"reason\": \"'sudo' would leave the session\",
  \"rule\": \"block-shell-escape\",
  \"rule_file\": \"default.yaml\",
  \"rule_line\": $line
}"
out=$("$AGENTSH" debug policy-test --op exec --path sudo --policy "$e2b" --json)
has "by its other name" "$out" '"rule": "block-shell-escape"'

# ask OP PATH WANT RULE [ARGS]
ask() {
	text="$1 $2 -> $3 $4"
	op=$1 path=$2 want=$3 rule=$4
	shift 4
	run --op "$op" --path "$path" --policy "$e2b" --json -- "$@"
	got=$(printf '%s\n' "$out" | sed -n 's/^  "\(decision\|rule\)": "\(.*\)",*$/\2/p' | xargs)
	is "$text $*" "$got" "$want $rule"
}
ask exec echo allow allow-safe-commands
ask command /usr/bin/sudo deny block-shell-escape
ask write /workspace/test.txt allow allow-workspace-write
ask read /workspace/test.txt allow allow-workspace-read
ask file_read /workspace/test.txt allow allow-workspace-read
ask write /tmp/test.txt allow allow-tmp
ask delete /workspace/test.txt allow soft-delete-workspace
ask read /root/.ssh/id_rsa deny approve-ssh-access
ask read /root/.aws/credentials deny approve-aws-credentials
ask write /usr/bin/evil deny default-deny-files
ask write /etc/test.txt deny default-deny-files
ask net_connect npm-registry.test allow allow-npm
ask connect 169.254.169.254:80 deny block-metadata-services
ask env AWS_X deny 'deny AWS_*'
ask signal TERM deny block-other-signals external
ask unix_connect /run/docker.sock deny block-control-sockets
ask exec rm deny block-rm-recursive -fr x
ask exec rm allow allow-other-commands my-report.txt
ask exec git allow allow-dev-tools -- --version

# reason OP PATH WANT [ARGS]: the message with what was asked in it.
reason() {
	op=$1 path=$2 want=$3
	shift 3
	run --op "$op" --path "$path" --policy "$TMP/facts.yaml" -- "$@"
	has "message: $op $path $*" "$out" "^Reason: +$want\$"
}
cat >"$TMP/facts.yaml" <<END
version: 1
name: facts
command_rules:
  - name: tool
    commands: [tool]
    decision: deny
    message: "{{.Command}} {{.Args}} {{.Path}} {{.Operation}}"
  - {name: rest, commands: ["*"], decision: allow}
network_rules:
  - {name: all, decision: deny, message: "{{.RemoteAddr}}, {{.Domain}}, {{.Port}}"}
file_rules:
  - name: files
    paths: ["/**"]
    operations: ["*"]
    decision: deny
    message: "{{.Operation}} {{.Path}} by {{.Rule}}"
END
reason exec tool 'tool a b\\x1bc tool exec' a "$(printf 'b\033c')"
reason exec /usr/bin/env 'tool -i tool x /usr/bin/env exec' -i tool x
reason exec env 'tool -S tool x env exec' -S 'tool x'
reason connect 169.254.169.254:80 '169\.254\.169\.254, 169\.254\.169\.254, 80'
reason connect '[fd00::1]:8080' '\[fd00::1\], \[fd00::1\], 8080'
reason net example.com 'example\.com, example\.com, 443'
reason read /etc/x 'read /etc/x by files'

run --op exec --path sudo --policy "$e2b"
has "text: operation" "$out" '^Operation: exec$'
has "text: path" "$out" '^Path: +sudo$'
has "text: decision" "$out" '^Decision: +DENY$'
has "text: rule and place" "$out" "^Rule: +block-shell-escape \(default.yaml:$line\)$"
run --op read --path /root/.ssh/id_rsa --policy "$e2b"
has "text: what the rule says" "$out" '^Policy: +approve$'
has "text: the message, filled in" "$out" '^Reason: +/root/.ssh/id_rsa holds SSH keys'

run --op exec --path sudo
is "no server: the built-in policy" "$rc" 0
has "and says so" "$err" 'no server answers; decided by default.yaml'
has "with its rule" "$out" 'deny-privilege'
mkdir "$TMP/p"
cp "$e2b" "$TMP/p/mine.yaml"
printf 'policies:\n  dir: %s\n  default: mine\n' "$TMP/p" >"$TMP/config.yaml"
run --config "$TMP/config.yaml" --op exec --path sudo
has "no server: the policy of the configuration" "$out" 'block-shell-escape'
run --dir "$TMP/p" --policy mine --op exec --path sudo
has "by name" "$out" 'block-shell-escape'
run --op exec --path sudo --session abc
is "a session without a server: exit status" "$rc:$out" "1:"
has "why" "$err" 'can only be asked of the server'
out=$("$AGENTSH" policy-test --op exec --path sudo --policy - <"$e2b")
has "policy from standard input" "$out" 'block-shell-escape'
out=$("$AGENTSH" policy-test --op exec --path sudo --policy /dev/stdin <"$e2b")
has "and by its name" "$out" 'block-shell-escape'

for pair in default e2b/default daytona/default; do
	run --cases "$root/policies/$pair.cases" --policy "$root/policies/$pair.yaml"
	is "table of $pair" "$rc" 0
	has "all of it" "$out" '^[0-9]+ passed, 0 failed$'
done
printf 'exec sudo -> allow nobody\nexec sudo -> deny block-shell-escape\n' >"$TMP/x.cases"
run --cases "$TMP/x.cases" --policy "$e2b"
is "a wrong table: exit status" "$rc" 1
has "the line" "$out" "x.cases:1: exec sudo -> allow nobody: is deny block-shell-escape \(line $line\)"
has "the count" "$out" '^1 passed, 1 failed$'
out=$(cd "$TMP" && "$AGENTSH" policy-test --cases x.cases --policy "$e2b")
has "a bare file name" "$out" '^1 passed, 1 failed$'
out=$(printf 'exec sudo -> deny block-shell-escape\n' | "$AGENTSH" policy-test --cases - --policy "$e2b")
is "a table from standard input" "$out" "1 passed, 0 failed"
printf 'what is this\n' >"$TMP/y.cases"
run --cases "$TMP/y.cases" --policy "$e2b"
is "no table: exit status" "$rc:$out" "1:"
has "no table: where" "$err" 'y.cases: line 1: expected'
run --cases "$TMP/none" --policy "$e2b"
has "missing table" "$err" 'No such file'
run --cases "$TMP/p" --policy "$e2b"
has "a directory for a table" "$err" 'is a directory'

run --op frobnicate --path /x --policy "$e2b"
is "unknown operation: exit status" "$rc:$out" "1:"
has "unknown operation: why" "$err" "unknown operation 'frobnicate'"
run --op connect --path '[::1' --policy "$e2b"
has "no host" "$err" "is no object of 'connect'"
run --op signal --path TERM --policy "$e2b" -- nobody
has "no target" "$err" "is no object of 'signal'"
run --op exec --path sudo --policy "$TMP/none.yaml"
is "missing policy: exit status" "$rc:$out" "1:"
has "missing policy: why" "$err" 'No such file'
run --op exec --path sudo --policy "$TMP/p/"
has "a directory for a policy" "$err" 'is a directory'
printf 'version: 1\nname: x\nfile_ruls: []\n' >"$TMP/bad.yaml"
run --op exec --path sudo --policy "$TMP/bad.yaml"
is "a bad policy decides nothing" "$rc:$out" "1:"
has "and why" "$err" 'bad.yaml:3:[0-9]+: '
run --op exec
is "no path: misuse" "$rc:$out" "2:"
run --op exec --path ''
is "an empty path: misuse" "$rc:$out" "2:"
run exec sudo
is "no options: misuse" "$rc:$out" "2:"
run --op exec --path x --session a --policy b
is "session and policy: misuse" "$rc" 2
run --cases - --policy -
is "both from standard input: misuse" "$rc" 2
run --cases x --op exec
is "a table and a question: misuse" "$rc" 2
run --frob
is "unknown flag: misuse" "$rc" 2
AGENTSH_SERVER=nonsense://x run --op exec --path sudo
is "no address: misuse" "$rc:$out" "2:"
"$AGENTSH" policy-test --op exec --path sudo --policy "$e2b" >/dev/full 2>/dev/null
is "full disk: exit status" "$?" 1
