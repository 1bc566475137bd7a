# run - one command governed with no server, no configuration and no root, under the embedded policy.
# shellcheck shell=sh
. /opt/e2e/lib.sh
section "agentsh run"

# The shells stay as they are here; only `agentsh run` stands before the command.
LOG=/tmp/run.jsonl
rm -f "$LOG"
rm -rf /etc/agentsh/config.yaml /var/lib/agentsh
if governed; then G="agentsh run --audit $LOG --"; else G=; fi

check_that "no server runs, no configuration is there" 'no_server && [ ! -e /etc/agentsh/config.yaml ]'
for row in 'sudo deny-privilege' 'su deny-privilege' 'unshare deny-namespace' 'nsenter deny-namespace' \
	'mount deny-system-control' 'shutdown deny-system-control'; do
	check_denied "run: ${row% *}" "${row% *}" "${row#* }" 126 "ran ${row% *}" $G /bin/bash -c "${row% *} whoami"
	check_denied "run: ${row% *} itself" "${row% *}" "${row#* }" 126 "ran ${row% *}" $G "${row% *}" whoami
done
check_denied "run: env sudo" sudo deny-privilege 126 'ran sudo' $G env sudo whoami
check_denied "run: python" sudo deny-privilege any 'ran sudo' $G python3 -c 'import os; os.system("sudo whoami")'
check_denied "run: a shell inside" sudo deny-privilege 126 'ran sudo' $G sh -c 'bash -c "sh -c \"sudo whoami\""'
start_victim
check_denied "run: kill of an outside process" kill - fail victim_hit $G /bin/bash -c "kill -9 $victim"
stop_victim
check_denied "run: git push --force" git deny-git-force-push 126 'grep -q "usage\|fatal" $TRY/err && ! grep -q denied $TRY/err' \
	$G git push --force
if governed; then
	printf 'version: 1\nname: mine\ncommand_rules:\n  - name: no-echo\n    commands: [uname]\n    decision: deny\n    message: "not {{.Command}} {{.Args}}"\n  - name: rest\n    commands: ["*"]\n    decision: allow\n' >/tmp/mine.yaml
	try agentsh run --policy /tmp/mine.yaml -- bash -c 'uname -a; echo after'
	check_that "run: a policy of one's own" 'grep -q "^agentsh: uname: denied by rule .no-echo. (mine.yaml:4): not uname -a$" "$TRY/err" && grep -q after "$TRY/out"'
	try agentsh run --policy /tmp/none.yaml -- touch /tmp/did-run
	check_that "run: a policy that is not there: nothing runs" '[ "$rc" != 0 ] && [ ! -e /tmp/did-run ] && grep -q none.yaml "$TRY/err"'
	printf 'version: 1\nname: x\nrules: []\n' >/tmp/bad.yaml
	try agentsh run --policy /tmp/bad.yaml -- touch /tmp/did-run
	check_that "run: a policy that does not load: nothing runs" '[ "$rc" != 0 ] && [ ! -e /tmp/did-run ] && grep -q "bad.yaml:3:" "$TRY/err"'
	try agentsh run
	check_that "run: no command is misuse" '[ "$rc" = 2 ]'
	check "run: the log's chain verifies" agentsh audit verify "$LOG"
fi
check_same "run: not found" $G definitely-not-there
check_same "run: a directory" $G /tmp
check_same "run: exit codes" $G bash -c 'for n in 0 1 2 126 127 255; do (exit $n); echo $?; done; exit 42'
check_same "run: standard input, output and error" $G bash -c 'cat; echo err >&2; pwd; echo "$0"'
check_same "run: a pipeline of binary" $G bash -c 'head -c 10000000 /dev/zero | cat | sha256sum'
check_same "run: nested" $G $G bash -c 'echo nested; exit 3'
check_same "run: ignored signals" /usr/bin/python3 -c 'import signal, os, sys
signal.signal(13, signal.SIG_IGN); signal.signal(2, signal.SIG_IGN); os.execvp(sys.argv[1], sys.argv[1:])' $G grep SigIgn /proc/self/status
for name in git python-venv make-gcc jobs signals shell-syntax nested npm parallel; do
	fresh_home
	rm -rf /tmp/w
	as_user mkdir /tmp/w
	check_same "run: benign $name" $G /bin/bash "/opt/e2e/benign/$name.sh"
done
exit 0
