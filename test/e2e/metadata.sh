#!/bin/sh
# Rules on what is only looked at (stat, readlink): enforced in sessions where the configuration has
# intercept_metadata, with rule and path in the log; the day's work goes on. Without it nobody asks.
. "$(dirname "$0")/../t.sh"
needs curl
needs jq
needs git
needs python3

. "$(dirname "$0")/../world.sh"

world d
cat >>"$D/config.yaml" <<END
sessions: {base_dir: $D/sessions}
sandbox:
  seccomp: {file_monitor: {enabled: true}}
END
cat >"$D/policies/default.yaml" <<END
version: 1
name: default
file_rules:
  - {name: not-seen, paths: ["$D/ws/secret", "$D/ws/hidden/**"], operations: [stat], decision: deny}
  - {name: not-followed, paths: ["$D/ws/link"], operations: [readlink], decision: deny}
  - {name: all-files, paths: ["**"], operations: ["*"], decision: allow}
command_rules:
  - {name: all, commands: ["*"], decision: allow}
END
sed 's/^name: .*/name: e2b/' "$(dirname "$0")/../../policies/e2b/default.yaml" >"$D/policies/e2b.yaml"
unset AGENTSH_SESSION_ID AGENTSH_SERVER AGENTSH_OUTPUT AGENTSH_EVENTS AGENTSH_API_KEY AGENTSH_CONFIG
W=$D/ws
echo text >"$W/secret"
echo text >"$W/free"
mkdir "$W/hidden" "$W/repo"
echo text >"$W/hidden/f"
ln -s free "$W/link"

# session: make one; sh TEXT: run it there, the answer in $R.
session() {
	A=http://$ADDR/api/v1/sessions
	S=$(curl -s -m 30 -d "{\"workspace\":\"$W\",\"policy\":\"$1\"}" "$A" | jq -r .id)
}
run() {
	what=$(jq -nc --arg t "cd $W; $1" '{command: "/bin/sh", args: ["-c", $t]}')
	R=$(curl -s -m 60 -d "$what" "$A/$S/exec")
}
q() {
	printf '%s\n' "$R" | jq -rc "$1 // \"\"" | xargs
}

start --config "$D/config.yaml"
session default
run 'stat -c %s secret hidden/f && readlink link && test -e secret &&
	python3 -c "import os; print(os.stat(\"secret\").st_size)"'
is 'nobody asks where the configuration does not' "$(q .result.stdout)" '5 5 free 5'
stop

sed -i 's/{enabled: true}/{enabled: true, intercept_metadata: true}/' "$D/config.yaml"
start --config "$D/config.yaml"
session default
run 'stat -c %s secret'
is 'stat(1) fails' "$(q .result.exit_code)" 1
is 'and says nothing of it' "$(q .result.stdout)" ''
has 'but why' "$(q .result.stderr)" 'Permission denied'
has 'the event has the rule' \
	"$(q '.events.file_operations[] | select(.type == "file_stat") | .policy.rule + " " + .path')" \
	"not-seen $W/secret( |$)"
run 'test -e hidden/f || [ -r secret ] || echo closed'
is 'the same for test(1)' "$(q .result.stdout)" closed
run 'python3 -c "import os; os.stat(\"hidden/f\")"'
has 'and for python' "$(q .result.stderr)" 'PermissionError'
run 'exec 3<secret; stat -L -c %s /proc/self/fd/3 /dev/fd/3'
is 'by its descriptor' "$(q .result.stdout)" ''
run 'readlink link || echo closed'
is 'the text of a link' "$(q .result.stdout)" closed
run 'cat link; ls; stat -c %s free'
is 'what it leads to, the names, and others are not' "$(q .result.stdout)" \
	'text free hidden link repo secret 5'

# The day's work, under these rules and under those that agents have.
day() {
	run 'cd repo && git init -q && git config user.email a@b.c && git config user.name n &&
		echo x >f && git add f &&
		git commit -qm m && git status --short && git log --oneline | wc -l'
	is 'git works' "$(q .result.stdout)" 1
	run 'python3 -c "import json, ssl, asyncio, subprocess as s
print(s.check_output([\"ls\", \"-la\", \"repo\"]).count(b\"\\n\"))"'
	is 'and python' "$(q .result.stdout)" 5
	run 'find repo -name f -size -2 | wc -l
		[ "$(readlink /proc/self/exe)" ] && stat -c %F / /dev/null /proc/self/fd/1 | head -2'
	is 'and find' "$(q .result.stdout)" '1 directory character special file'
}
day
session e2b
rm -rf "$W/repo/.git" "$W/repo/f"
run 'stat -c %s free && id -un >/dev/null && bash -c "ls -la" >/dev/null && stat -c %F /etc/passwd'
is 'what is open can be looked at' "$(q .result.stdout)" '5 regular file'
day
stop
