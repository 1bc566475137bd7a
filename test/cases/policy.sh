#!/bin/sh
# policy - the applet's answers and complaints, exit status and where they go.
. "$(dirname "$0")/../t.sh"

run() { # output in $out, complaints in $err, exit status in $rc
	out=$("$AGENTSH" policy "$@" 2>"$TMP/err" </dev/null)
	rc=$?
	err=$(cat "$TMP/err")
}
root=$(cd "$(dirname "$0")/../.." && pwd)
unset AGENTSH_CONFIG XDG_CONFIG_HOME
export HOME="$TMP"
mkdir "$TMP/dir"

run validate --strict "$root/policies/default.yaml"
is "own policy: ok" "$rc:$out:$err" "0:ok:"
for pair in e2b daytona; do
	run validate --strict "$root/policies/$pair/default.yaml"
	is "own $pair policy: ok" "$rc:$out:$err" "0:ok:"
done

cat >"$TMP/dir/bad.yaml" <<'EOF'
version: 1
name: x
file_ruls: []
command_rules:
- {name: a, commands: [x], decision: dney}
EOF
run validate "$TMP/dir/bad.yaml"
is "a bad one: exit status, nothing on stdout" "$rc:$out" "1:"
has "first problem" "$err" '^.*/bad\.yaml:3:[0-9]+: .*file_ruls.*; '
has "second problem, with a hint" "$err" '^.*/bad\.yaml:5:[0-9]+: .*dney.*deny'

cat >"$TMP/dir/weak.yaml" <<'EOF'
version: 1
name: x
command_rules:
- {name: a, commands: ["*"], decision: allow}
- {name: b, commands: [x], decision: deny}
EOF
run validate "$TMP/dir/weak.yaml"
is "a weak one loads" "$rc:$out" "0:ok"
has "and says that there is more" "$err" "policy lint"
run validate --strict "$TMP/dir/weak.yaml"
is "strict: it does not" "$rc:$out" "1:"
has "and says what" "$err" "weak.yaml:5: unreachable: command 'b'.*'a' in line 4"
run lint "$TMP/dir/weak.yaml"
is "lint: exit status" "$rc" 1
has "lint: the rule and the other" "$out" "weak.yaml:5: unreachable: command 'b'.* 'a' in line 4"
run lint --json "$TMP/dir/weak.yaml"
is "lint --json: exit status" "$rc" 1
has "lint --json: class" "$out" '"class": "unreachable"'
has "lint --json: line of the other" "$out" '"other_line": 4'

cp "$root/policies/e2b/default.yaml" "$TMP/dir/strict.yaml"
run --dir "$TMP/dir" validate strict
is "by name" "$rc:$out" "0:ok"
run validate --dir="$TMP/dir" strict weak
has "several at once" "$out" 'strict.yaml: ok'
run --dir "$TMP/dir" list
is "list" "$rc:$out" "0:bad
strict
weak"
run --dir "$TMP/dir" show strict
is "show" "$rc:$(printf '%s\n' "$out" | cksum)" "0:$(cksum <"$TMP/dir/strict.yaml")"
run show default
is "show: the built-in one" "$rc:$(printf '%s\n' "$out" | cksum)" "0:$(cksum <"$root/policies/default.yaml")"
run list
is "list: only the built-in one" "$rc:$out" "0:default"

run explain
is "explain: exit status" "$rc" 0
has "explain: a command rule" "$out" '^[0-9]+ +command +deny-privilege +deny +yes +each execve'
has "explain: a file rule" "$out" \
	'^[0-9]+ +file +deny-ssh-keys +deny +yes +(where the configuration has file_monitor on: )?each call'
cat >"$TMP/leads.yaml" <<'END'
version: 1
name: leads
file_rules:
  - {name: led, paths: ["/w/**"], operations: [write], decision: redirect, redirect_to: "/tmp/x"}
command_rules:
  - {name: replaced, commands: ["rm"], decision: redirect, redirect_to: {command: "true"}}
END
leads=$("$AGENTSH" policy explain "$TMP/leads.yaml")
has "explain: writes are led elsewhere" "$leads" '^[0-9]+ +file +led .*; what is written goes to redirect_to'
has "explain: commands are not" "$leads" '^[0-9]+ +command +replaced .*; denies: replacing is not built yet'
run explain --json
has "explain --json" "$out" '"rule": "deny-privilege"'

out=$("$AGENTSH" policy validate - <"$root/policies/default.yaml" 2>&1)
is "standard input" "$out" ok
out=$("$AGENTSH" policy validate /dev/stdin <"$root/policies/default.yaml" 2>&1)
is "standard input by its name" "$out" ok
out=$(printf 'x: [' | "$AGENTSH" policy validate - 2>&1)
has "standard input: problems" "$out" '^<stdin>:[0-9]+:[0-9]+: '

run validate "$TMP/none.yaml"
is "missing: exit status" "$rc:$out" "1:"
has "missing: why" "$err" 'none.yaml: No such file'
run validate "$TMP/dir/"
has "directory: why" "$err" 'is a directory'
run --dir "$TMP/dir" validate nobody
has "no such name" "$err" 'policy "nobody" not found in'
run --dir "$TMP/dir" validate '../x y'
is "no name at all: exit status" "$rc" 1
run --dir "$TMP/dir" show 'x;y'
has "no name at all: why" "$err" 'invalid policy name'
run --dir "$TMP/nowhere" list
is "no directory: exit status" "$rc:$out" "1:"
: >"$TMP/empty.yaml"
run validate "$TMP/empty.yaml"
is "empty: exit status" "$rc:$out" "1:"
has "empty: why" "$err" 'empty.yaml:1:'
head -c 5000000 /dev/zero | tr '\0' '#' >"$TMP/big.yaml"
run validate "$TMP/big.yaml"
has "too large" "$err" 'larger than 4194304 bytes'
# AU-02: what a file says moves no cursor and forges no line. "show" is exact, unless a terminal reads it.
esc=$(printf '\033')
printf 'version: 1\nname: x\n"\\e]52;c;eA==\\a": 1\n"a\\nagentsh: ok": 2\n"\\u202ex": 3\n' >"$TMP/ugly.yaml"
run validate "$TMP/ugly.yaml"
has "a file's escapes are shown as such" "$err" "ugly.yaml:3:1: unknown key '.x1b\]52;c;eA==.x07'"
has "its line breaks too" "$err" "ugly.yaml:4:1: unknown key 'a.x0aagentsh: ok'"
has "and marks of direction" "$err" "ugly.yaml:5:1: unknown key '.xe2.x80.xaex'"
not_ok "no line of its own" grep -q '^agentsh: ok' "$TMP/err"
not_ok "nothing raw" grep -qE "[$esc]|$(printf '\342\200\256')" "$TMP/err"
printf 'x\033[31m\n' >"$TMP/raw.yaml"
run show "$TMP/raw.yaml"
is "show: exact" "$out" "x${esc}[31m"
if command -v script >/dev/null; then
	script -qec "$AGENTSH policy show $TMP/raw.yaml" /dev/null </dev/null >"$TMP/typed"
	is "show: visible on a terminal" "$(tr -d '\r' <"$TMP/typed")" 'x\x1b[31m'
else
	skip "show: visible on a terminal" "no script here"
fi

# CF-01, CF-08: refused soon and in little memory (an emulator needs more for itself: MEMORY, bytes).
{
	echo 'a: &a [x,x,x,x,x,x,x,x,x]'
	before=a
	for c in b c d e f g h i; do
		echo "$c: &$c [$(yes "*$before," | head -n 9 | tr -d '\n')]"
		before=$c
	done
} >"$TMP/laughs.yaml"
head -c 100000 /dev/zero | tr '\0' '[' >"$TMP/brackets.yaml"
{
	printf 'version: 1\nname: x\ncommand_rules:\n'
	yes -- '- {name: a, decision: deny}' | head -n 60000
} >"$TMP/rules.yaml"
printf 'version: 1\nname: x\nfile_rules:\n- {name: a, decision: deny, paths: ["/%s"]}\n' \
	"$(yes '{a,b}' | head -n 40 | tr -d '\n')" >"$TMP/braces.yaml"
printf 'version: 1\nname: x\ncommand_rules:\n- {name: a, decision: deny, args_patterns: ["%s"]}\n' \
	'((a{1,255}){1,255}){1,255}' >"$TMP/repeats.yaml"
bounded() { # FILE SECONDS WHY
	out=$(timeout "$2" prlimit --as="${MEMORY:-67108864}" \
		"$AGENTSH" policy validate "$TMP/$1.yaml" 2>"$TMP/err")
	is "$1: exit status, nothing on stdout" "$?:$out" "1:"
	has "$1: why" "$(cat "$TMP/err")" "$1.yaml:[0-9]+:[0-9]+: $3"
}
bounded laughs 10 'anchors are not supported'
bounded brackets 10 'nested too deeply; at most 32 levels'
bounded rules 20 '60000 rules; at most 10000'
bounded braces 10 'pattern .*'
bounded repeats 10 'pattern .*'

head -c 1000 /dev/urandom >"$TMP/noise.yaml"
run validate "$TMP/noise.yaml"
is "noise: exit status" "$rc:$out" "1:"
if [ "$(id -u)" -ne 0 ]; then
	cp "$TMP/dir/weak.yaml" "$TMP/secret.yaml"
	chmod 0 "$TMP/secret.yaml"
	run validate "$TMP/secret.yaml"
	has "unreadable: why" "$err" 'Permission denied'
fi
run validate
is "nothing named: misuse" "$rc:$out" "2:"
run frobnicate x
is "unknown command: misuse" "$rc" 2
has "unknown command: the known ones" "$err" 'validate, lint, explain'
run
is "nothing said: misuse" "$rc" 2
run validate --frob x
is "unknown flag: misuse" "$rc" 2
printf 'policies:\n  dir: %s\n' "$TMP/dir" >"$TMP/config.yaml"
run --config "$TMP/config.yaml" list
has "directory of the configuration" "$out" '^strict$'
run --config "$TMP/none" list
is "missing configuration: exit status" "$rc" 1
"$AGENTSH" policy show default >/dev/full 2>/dev/null
is "full disk: exit status" "$?" 1
