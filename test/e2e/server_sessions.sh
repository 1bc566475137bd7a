#!/bin/sh
# Sessions of a running server: what ends with them, a supervisor that dies, stopping, a full disk.
. "$(dirname "$0")/../t.sh"
needs curl

. "$(dirname "$0")/../world.sh"

world d
echo 'sessions: {max_sessions: 3, cleanup_interval: 1s}' >>"$D/config.yaml"
echo 'file_rules: [{name: any, paths: ["/**"], decision: allow}]' >>"$D/policies/default.yaml"
cp "$D/policies/default.yaml" "$D/policies/short.yaml"
echo 'resource_limits: {idle_timeout: 1s}' >>"$D/policies/short.yaml"
cp "$(dirname "$0")/../../policies/e2b/default.yaml" "$D/policies/counted.yaml" # which has resource_limits

post() { # PATH JSON
	curl -s --max-time 30 -H 'Content-Type: application/json' -d "$2" "$URL$1"
}

session() { # POLICY: prints the id
	post '' "{\"workspace\":\"$D/ws\",\"policy\":\"$1\"}" | sed -n 's/.*"id":"\([^"]*\)".*/\1/p'
}

run() { # ID SHELL-COMMAND
	post "/$1/exec" "{\"command\":\"/bin/sh\",\"args\":[\"-c\",\"$2\"],\"include_events\":\"none\"}"
}

gone() { # PID: no such process, or only its body
	[ ! -d "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status"
}

# What was just written is in memory in large pieces, which are mapped as a whole; an installed file is read.
cp "$AGENTSH" "$TMP/agentsh"
AGENTSH=$TMP/agentsh
sync "$AGENTSH" && dd if="$AGENTSH" iflag=nocache count=0 2>"$TMP/dd"
start --config "$D/config.yaml"
URL=http://$ADDR/api/v1/sessions
s=$(session default)
answer=$(run "$s" 'echo governed')
case $answer in
*'"stdout":"governed\n"'*) ;;
*) skip_all "commands cannot be governed here: $answer" ;;
esac
is 'its directory is private' "$(stat -c %a "$D/sessions/$s")" 700

# ---- what ends with a session ----
run "$s" 'sleep 300 >/dev/null 2>&1 & echo $! >left' >/dev/null
left=$(cat "$D/ws/left")
ok 'a background process outlives its command' kill -0 "$left"
supervisor=$(pgrep -P "$PID")
is 'one supervisor' "$(echo "$supervisor" | wc -l)" 1
is 'DELETE answers 204' "$(curl -s -o /dev/null -w '%{http_code}' -X DELETE "$URL/$s")" 204
ok 'and the process is gone' until_true 5 gone "$left"
ok 'so is the supervisor' until_true 5 gone "$supervisor"
not_ok 'and the directory' test -e "$D/sessions/$s"
has 'logged' "$(tail -n 1 "$D/events.jsonl")" '"type":"session_destroyed"'

s=$(session short)
run "$s" 'true' >/dev/null
ok 'an idle session expires' until_true 10 grep -q '"expired_by":"idle_timeout"' "$D/events.jsonl"
is 'and is not found' "$(curl -s "$URL/$s")" '{"error":"session not found"}'

# ---- memory ----
s=$(session counted)
run "$s" 'sleep 300 >/dev/null 2>&1 &' >/dev/null
supervisor=$(pgrep -P "$PID" | tail -n 1)
# In KiB, all that is resident.
small() { [ "$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$1/status")" -le 1024 ]; }
ok 'a supervisor that counts what runs is small when nothing is asked' until_true 5 small "$supervisor"
curl -s -X DELETE "$URL/$s"

# ---- limits ----
a=$(session default)
session default >/dev/null
session default >/dev/null
has 'max_sessions' "$(post '' "{\"workspace\":\"$D/ws\"}")" 'max sessions reached'
has 'no session for /' "$(post '' '{"workspace":"/"}')" 'must not be the root directory'
has 'no policy outside its directory' "$(post '' "{\"workspace\":\"$D/ws\",\"policy\":\"../x\"}")" \
	'invalid policy name'

# ---- a supervisor that is killed ----
run "$a" 'true' >/dev/null
supervisor=$(pgrep -P "$PID")
kill -KILL "$supervisor"
ok 'its death is logged' until_true 5 grep -q '"type":"supervisor_died"' "$D/events.jsonl"
again() { run "$a" 'echo again' | grep -q '"stdout":"again'; }
ok 'another takes its place' until_true 10 again
has 'which is logged, too' "$(cat "$D/events.jsonl")" '"type":"supervisor_started"'

# ---- stopping ----
run "$a" 'sleep 300 >/dev/null 2>&1 & echo $! >left' >/dev/null
left=$(cat "$D/ws/left")
run "$a" 'touch begun; sleep 1; echo in time' >"$D/answer" &
client=$!
until_true 5 test -e "$D/ws/begun"
kill -TERM "$PID"
wait "$client"
has 'a command in work gets its answer' "$(cat "$D/answer")" '"stdout":"in time'
wait "$PID"
is 'the server ends with 0' $? 0
ok 'what was left of sessions is gone' until_true 5 gone "$left"
is 'all sessions were ended' "$(grep -c '"type":"session_destroyed"' "$D/events.jsonl")" 5
is 'no session directory stays' "$(ls "$D/sessions")" ''
ok 'the log is whole' "$AGENTSH" audit verify "$D/events.jsonl"

# ---- a full disk ----
prlimit --pid $$ --fsize=2048:
start --config "$D/config.yaml"
prlimit --pid $$ --fsize=unlimited:
URL=http://$ADDR/api/v1/sessions
if [ -n "$ADDR" ]; then
	has 'without room for events nothing starts' "$(post '' "{\"workspace\":\"$D/ws\"}")" \
		'events cannot be written'
else
	has 'without room for events it does not start' "$(cat "$D/err")" 'agentsh-server: '
fi
stop 2>/dev/null
