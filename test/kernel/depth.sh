#!/bin/bash
# depth - rules with a context: what was typed, what a program started, and what pretends to be the other. And
# scripts and shells that must work as ever (OK-36, OK-43, OK-54).
# shellcheck disable=SC2016  # the texts are for the shells that are tried
. "$(dirname "$0")/../t.sh"
needs root setpriv bash

chmod 755 "$TMP"
mkdir -m 777 "$TMP/drop"
mkdir "$TMP/bin"
cp "$AGENTSH" "$TMP/agentsh"
for f in nested-no typed-no shallow; do
	cp "$(command -v touch)" "$TMP/bin/$f"
done
chmod -R a+rX "$TMP/bin" "$TMP/agentsh"
export PATH="$TMP/bin:$PATH"
cd "$TMP/drop" || exit 1
cat >"$TMP/lab.yaml" <<'EOF'
version: 1
name: lab
command_rules:
  - name: deny-nested
    commands: [nested-no]
    context: [nested]
    decision: deny
  - name: deny-typed
    commands: [typed-no]
    context: [direct]
    decision: deny
  - name: allow-shallow
    commands: [shallow]
    context: {max_depth: 1}
    decision: allow
  - name: deny-deep
    commands: [shallow]
    decision: deny
  - name: allow-rest
    commands: ["*"]
    decision: allow
EOF
chmod 644 "$TMP/lab.yaml"

user=$((30000 + $$ % 30000)) # of this test alone
run() {
	rm -f log log.* x
	timeout 20 setpriv --reuid "$user" --regid "$user" --clear-groups \
		"$TMP/agentsh" run --policy "$TMP/lab.yaml" \
		--audit "$TMP/drop/log" -- "$@" </dev/null >.out 2>&1
}

# allowed WHAT COMMAND… / denied WHAT RULE COMMAND…: every command is to make the file x.
allowed() {
	what=$1
	shift
	run "$@"
	if [ -e x ]; then
		t_report 0 "$what: allowed"
	else
		t_report 1 "$what: allowed"
		sed 's/^/# /' .out
	fi
}
denied() {
	what=$1 rule=$2
	shift 2
	run "$@"
	if [ ! -e x ] && grep -q "denied by rule '$rule'" .out &&
		grep -q "\"decision\":\"deny\".*\"rule\":\"$rule\"" log; then
		t_report 0 "$what: denied by $rule"
	else
		t_report 1 "$what: denied by $rule"
		sed 's/^/# /' .out
	fi
}
script() {
	printf '%s\n' "$2" >"$1"
	chmod 755 "$1"
}
script nested '#!/bin/sh
nested-no x'
script typed '#!/bin/bash
typed-no x'
script shallow-1 '#!/bin/sh
shallow x; exit $?'
script shallow-2 '#!/bin/sh
./shallow-1; exit $?'

# --- typed -------------------------------------------------------------------------------------------
allowed "the command itself" nested-no x
allowed "in a shell" bash -c 'nested-no x'
allowed "in a shell that goes on" bash -c 'nested-no x; :'
allowed "in a shell by its path" /bin/bash -c 'nested-no x; :'
allowed "in sh" sh -c 'nested-no x; :'
if command -v busybox >/dev/null; then
	mkdir "$TMP/bb"
	ln -s "$(command -v busybox)" "$TMP/bb/sh"
	allowed "in the sh of busybox" "$TMP/bb/sh" -c 'nested-no x; :'
fi
allowed "in a subshell" bash -c '( nested-no x ); :'
allowed "in the background" bash -c 'nested-no x & wait'
allowed "in a pipe" bash -c 'true | nested-no x | cat'
allowed "the second command" bash -c '/bin/true; nested-no x; :'
allowed "by env, which becomes it" bash -c 'env nested-no x; :'
denied "in a shell" deny-typed bash -c 'typed-no x; :'
denied "the command itself" deny-typed typed-no x
denied "by env, which becomes it" deny-typed bash -c 'env typed-no x; :'
denied "in the background" deny-typed bash -c 'typed-no x & wait'

# --- started by programs ------------------------------------------------------------------------------
denied "in a shell in a shell" deny-nested bash -c 'sh -c "nested-no x; :"; :'
denied "in a script" deny-nested bash -c './nested; :'
denied "in a script that is the command" deny-nested bash -c ./nested
denied "in a script without a shell above" deny-nested ./nested
denied "by xargs" deny-nested bash -c 'echo x | xargs nested-no; :'
denied "by find" deny-nested bash -c 'find . -maxdepth 0 -exec nested-no x ";"; :'
denied "after exec of a program" deny-nested bash -c 'exec perl -e "system(qw(nested-no x))"'
denied "by a program that is the command" deny-nested perl -e 'system(qw(nested-no x))'
denied "with a lost parent" deny-nested bash -c 'perl -e "use POSIX; if (!fork) { if (!fork) { 
	select undef,undef,undef,.1; exec qw(nested-no x) } _exit(0) } wait; sleep 1"; :'
allowed "in a script" bash -c './typed; :'
if [ -x /usr/bin/python3 ]; then
	denied "by python" deny-nested \
		bash -c '/usr/bin/python3 -c "import subprocess; subprocess.call([\"nested-no\", \"x\"])"; :'
	denied "by python that is the command" deny-nested \
		bash -c '/usr/bin/python3 -c "import os; os.system(\"nested-no x\")"'
	allowed "by python" \
		bash -c '/usr/bin/python3 -c "import subprocess; subprocess.call([\"typed-no\", \"x\"])"'
fi

# --- how deep -------------------------------------------------------------------------------------------
allowed "depth 0" bash -c 'shallow x; :'
allowed "depth 1" bash -c './shallow-1; :'
denied "depth 2" deny-deep bash -c './shallow-2; :'
denied "depth 2, the parent is gone" deny-deep bash -c './shallow-2 & sleep .1; :'
denied "lost on the way" deny-deep bash -c 'perl -e "if (!fork) { if (!fork) { select undef,undef,undef,.1;
	exec qw(shallow x) } exit } wait; sleep 1"; :'

# An orphan would look as if it had been started by who adopts it.
if [ -x /usr/bin/python3 ]; then
	cat >adopt <<'EOF'
import ctypes, os, subprocess, sys, time
inner = '''
import os, time
parent = os.getpid()
if os.fork() == 0:
    while os.getppid() == parent:
        time.sleep(0.01)
    os.execvp("shallow", ["shallow", "x"])
'''
if sys.argv[1] == "1":
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
subprocess.call([sys.executable, "-c", inner])
try:
    os.wait()
except ChildProcessError:
    time.sleep(1)
EOF
	denied "lost on the way" deny-deep /usr/bin/python3 adopt 0
	denied "lost on the way, adopted" deny-deep /usr/bin/python3 adopt 1
fi

# --- a plain day ------------------------------------------------------------------------------------------
says() { # WHAT EXPECTED COMMAND…
	what=$1 want=$2
	shift 2
	run "$@"
	is "$what" "$(cat .out)" "$want"
}
script plain '#!/bin/sh
echo plain "$0" "$@"'
script spaces '#! /bin/sh   -e  
echo spaces "$@"; false; echo not here'
script by-env '#!/usr/bin/env bash
echo "${BASH_VERSION:+bash}" "$@"'
script none 'echo none "$@"'
script calls '#!/bin/bash
./plain a; ./none b'
script crlf "$(printf '#!/bin/sh\r\necho crlf')"
script five '#!./four 5'
script four '#!./three 4'
script three '#!./two 3'
script two '#!./plain 2'
says "a script" "plain ./plain a b c" ./plain a "b c"
says "a script in a shell" "plain ./plain a" bash -c './plain a'
says "a first line with blanks" "spaces a" ./spaces a
says "a script by env" "bash a" ./by-env a
says "a script without a first line" "none a" bash -c './none a'
says "a script calls scripts" "plain ./plain a
none b" ./calls
says "five interpreters" "plain ./plain 2 ./two 3 ./three 4 ./four 5 ./five a" ./five a
run bash -c ./crlf
has "a first line with a carriage return" "$(cat .out)" 'bad interpreter|not found|No such file'
says "five shells" "5" bash -c 'bash -c "bash -c \"sh -c \\\"sh -c \\\\\\\"echo 5\\\\\\\"\\\"\""'
says "without an environment" "$PWD" env -i /bin/bash -c pwd
says "exec keeps the process" "same" bash -c 'echo $$ >a; exec sh -c "[ \$(cat a) = \$\$ ] && echo same"'
says "exec -a" "name" bash -c 'exec -a name sh -c "echo \$0"'
says "a descriptor as a script" "fd a" bash -c 'exec 5<<<"echo fd \$1"; bash /dev/fd/5 a'
says "a static program" "1..0" "$OUT/kernel/exec" none-such-case
has "a loop" "$(run bash -c 'for i in $(seq 200); do /bin/true || echo no; done; echo end'; cat .out)" '^end$'
