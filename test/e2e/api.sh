#!/bin/sh
# The HTTP API and its command-line clients against a real server.
. "$(dirname "$0")/../t.sh"
needs curl
needs jq

. "$(dirname "$0")/../world.sh"

world d
mkdir -m 777 "$D/ws/sub"
cat >>"$D/config.yaml" <<END
sessions: {base_dir: $D/sessions, max_sessions: 3}
metrics: {enabled: true, path: /metrics}
END
cat >"$D/policies/default.yaml" <<END
version: 1
name: default
file_rules:
  - {name: no-shadow, paths: [/etc/shadow], operations: ["*"], decision: deny}
  - {name: all-files, paths: ["**"], operations: ["*"], decision: allow}
command_rules:
  - name: no-sudo
    commands: [sudo]
    decision: deny
    message: "use {{.Command}} elsewhere"
  - {name: ask-first, commands: [tee], decision: approve, message: "{{.Args}} needs a yes"}
  - {name: all, commands: ["*"], decision: allow}
network_rules:
  - {name: no-net, domains: ["*.com"], decision: deny}
END
unset AGENTSH_SESSION_ID AGENTSH_SERVER AGENTSH_OUTPUT AGENTSH_EVENTS AGENTSH_API_KEY AGENTSH_CONFIG
start --config "$D/config.yaml"
A=http://$ADDR
export AGENTSH_SERVER="$A" AGENTSH_NO_AUTO=1

# get PATH [CURL-OPTIONS...]: body, a newline, status.
get() {
	path=$1
	shift
	curl -s -m 20 -w '\n%{http_code}' "$@" "$A$path"
}
code() {
	get "$@" | tail -n 1
}
body() {
	get "$@" | sed '$d'
}
# run JSON: an exec answer.
run() {
	curl -s -m 30 -d "$1" "$A/api/v1/sessions/$S/exec"
}
# runs JSON JQ: a part of it.
runs() {
	run "$1" | jq -rc "$2"
}
# q JQ: a part of the answer in $R.
q() {
	printf '%s\n' "$R" | jq -rc "$1"
}

# ---- health and refusals ----
is 'health' "$(get /health)" "ok

200"
is 'ready' "$(body /ready)" ready
is 'unknown route' "$(get /nope)" "404 page not found

404"
is 'wrong method' "$(get /health -X POST)" "
405"
is 'foreign host' "$(code /health -H 'Host: evil.com')" 421
is 'foreign origin' "$(code /api/v1/sessions -H 'Origin: http://evil.com')" 403
is 'form of a browser' "$(code /api/v1/sessions -H 'Sec-Fetch-Site: cross-site' -d '{}')" 403
is 'text/plain' "$(code /api/v1/sessions -H 'Content-Type: text/plain' -d '{}')" 415
is 'not JSON' "$(body /api/v1/sessions -d '{' | jq -r .error | cut -c1-12)" 'invalid json'
head -c 11000000 /dev/zero >"$TMP/big"
is 'body too large' \
	"$(code /api/v1/sessions --data-binary "@$TMP/big" -H 'Content-Type: application/json')" 413
is 'ids are checked' "$(code /api/v1/sessions/..%2f..%2fetc)" 400
is 'no such session' "$(body /api/v1/sessions/nope)" '{"error":"session not found"}'
is 'approvals without auth' "$(code /api/v1/approvals)" 403
is 'profiles' "$(body /api/v1/profiles)" '[]'

# ---- sessions ----
is 'workspace is required' "$(body /api/v1/sessions -d '{}')" '{"error":"workspace is required"}'
is 'workspace must exist' "$(code /api/v1/sessions -d '{"workspace":"/nonexistent"}')" 400
is 'id must be an id' "$(code /api/v1/sessions -d "{\"workspace\":\"$D/ws\",\"id\":\"../x\"}")" 400
S=$(body /api/v1/sessions -d "{\"workspace\":\"$D/ws\"}" | jq -r .id)
has 'created' "$S" '^session-[0-9a-f-]{36}$'
is 'shown' \
	"$(body "/api/v1/sessions/$S" | jq -c '[.state, .cwd, .policy]')" '["ready","/workspace","default"]'
is 'listed' "$(body /api/v1/sessions | jq -r '.[0].id')" "$S"
is 'same id again' "$(code /api/v1/sessions -d "{\"workspace\":\"$D/ws\",\"id\":\"$S\"}")" 409
PATCH='{"cwd":"/workspace/sub","env":{"FOO":"bar"}}'
is 'patched' "$(body "/api/v1/sessions/$S" -X PATCH -d "$PATCH" | jq -r .cwd)" \
	\
	/workspace/sub
is 'cwd outside' "$(code "/api/v1/sessions/$S" -X PATCH -d '{"cwd":"/etc"}')" 400

# ---- exec ----
is 'command is required' "$(run '{}')" '{"error":"command is required"}'
is 'args must be a list' "$(runs '{"command":"ls","args":"-l"}' .error)" 'args must be a list of texts'
R=$(run '{"command":"/bin/echo","args":["hi"]}')
is 'echo' "$(q '.result | [.exit_code, .stdout, .stdout_total_bytes]')" '[0,"hi\n",3]'
is 'arrays are always there' \
	"$(q '.events | [.file_operations, .network_operations, .blocked_operations]')" '[[],[],[]]'
has 'events are grouped' "$(q '.events.other[].type')" '^command_finished$'
is 'guidance' "$(q .guidance)" '{"status":"ok"}'
has 'resources' "$(q .resources.memory_peak_kb)" '^[1-9]'
R=$(run '{"command":"sh","args":["-c","echo e >&2; exit 7"]}')
is 'exit code' "$(q '.result | [.exit_code, .stderr]')" \
	\
	'[7,"e\n"]'
is 'stdin' "$(runs '{"command":"cat","stdin":"in\u0000put"}' '.result.stdout | length')" 6
is 'session directory' "$(runs '{"command":"pwd"}' .result.stdout)" "$D/ws/sub"
is 'own directory' "$(runs '{"command":"pwd","working_dir":"/workspace"}' .result.stdout)" "$D/ws"
is 'directory outside' "$(runs '{"command":"pwd","working_dir":"/etc"}' .result.exit_code)" 2
has 'environment of session and request' \
	"$(runs '{"command":"env","env":{"BAZ":"q"}}' .result.stdout | sort | tr '\n' ' ')" 'BAZ=q .*FOO=bar'
is 'not found' "$(run '{"command":"nosuchcommand"}' | jq -c '[.result.exit_code, .result.error.code]')" \
	'[127,"E_COMMAND_FAILED"]'
is 'signal' \
	"$(run '{"command":"sh","args":["-c","kill -9 $$"]}' | jq -c '.result | [.exit_code, .signal]')" \
	'[-1,9]'
is 'bytes' "$(runs '{"command":"printf","args":["\\377"]}' .result.stdout_base64)" '/w=='
R=$(run '{"command":"sh","args":["-c","sleep 30; echo no"],"timeout":"500ms"}')
is 'timeout' "$(q '[.result.exit_code, .result.stderr, .result.error.code]')" \
	'[124,"command timed out\n","E_COMMAND_FAILED"]'
not_ok 'its whole tree is gone' pgrep -f 'sleep 30'
R=$(run '{"command":"sh","args":["-c","sleep 20 & echo now"]}')
is 'a background child does not hold the answer' "$(q '.result.stdout, (.result.duration_ms < 1000)' |
	tr '\n' ' ')" 'now  true '
R=$(run '{"command":"sh","args":["-c","head -c 3000000 /dev/zero | tr \"\\\\0\" x"]}')
is 'long output is cut' "$(q '.result | [.stdout_truncated, .stdout_total_bytes, (.stdout|length)]')" \
	'[true,3000000,1048576]'
is 'the rest is on the next page' \
	"$("$AGENTSH" output "$S" "$(q .command_id)" --offset 1048576 --limit 9 2>/dev/null)" \
	xxxxxxxxx
is 'include_events' \
	"$(run '{"command":"true","include_events":"none"}' | jq -c '[.events.truncated, .events.other]')" \
	'[true,null]'

# ---- denials ----
R=$(get "/api/v1/sessions/$S/exec" -d '{"command":"/usr/bin/sudo","args":["whoami"]}')
is 'denied' "$(printf "%s\n" "$R" | tail -n 1)" 403
R=$(printf "%s\n" "$R" | sed '$d')
is 'result of a denial' "$(q '.result | [.exit_code, .error.code, .error.policy_rule, .error.rule_file]')" \
	'[126,"E_POLICY_DENIED","no-sudo","default.yaml"]'
has 'message' "$(q .result.error.message)" '^command denied by policy: use .*sudo elsewhere$'
is 'guidance of a denial' "$(q '.guidance | [.status, .policy_rule, .blocked_target]')" \
	'["blocked","no-sudo","/usr/bin/sudo"]'
is 'blocked operation' "$(q '.events.blocked_operations[0].policy.rule')" no-sudo

# ---- stream, kill, output, events, history ----
R=$(curl -sN -m 20 -d '{"command":"sh","args":["-c","echo out; echo err >&2; exit 4"]}' \
	"$A/api/v1/sessions/$S/exec/stream")
has 'stream: stdout' "$R" '"data":"out.n","stream":"stdout"'
has 'stream: stderr' "$R" '"data":"err.n","stream":"stderr"'
has 'stream: end' "$R" '"exit_code":4'
curl -sN -m 20 "$A/api/v1/sessions/$S/events" >"$TMP/events" &
E=$!
until_true 5 grep -q ready "$TMP/events"
curl -s -m 20 -d '{"command":"sleep","args":["25"]}' "$A/api/v1/sessions/$S/exec" >"$TMP/killed" &
K=$!
until_true 5 grep -q command_started "$TMP/events"
CMD=$(sed -n 's/^data: //p' "$TMP/events" | jq -r 'select(.type == "command_started").command_id' | head -n 1)
is 'busy' "$(body "/api/v1/sessions/$S" | jq -r .state)" busy
is 'kill' "$(body "/api/v1/sessions/$S/kill/$CMD" -X POST)" '{"ok":true}'
wait $K
is 'killed' "$(jq -c '.result | [.exit_code, .signal]' "$TMP/killed")" '[-1,15]'
is 'kill again' "$(code "/api/v1/sessions/$S/kill/$CMD" -X POST)" 404
is 'kill with a bad id' "$(code "/api/v1/sessions/$S/kill/..%2fx" -X POST)" 400
kill $E 2>/dev/null
wait $E 2>/dev/null
has 'events were shown' "$(cat "$TMP/events")" '"type":"command_killed"'
CMD=$(runs '{"command":"printf","args":["0123456789"]}' .command_id)
R=$(body "/api/v1/sessions/$S/output/$CMD?offset=2&limit=3")
is 'output' "$(q '[.data, .has_more, .total_bytes]')" \
	\
	'["234",true,10]'
is 'output of nobody' "$(body "/api/v1/sessions/$S/output/cmd-1")" '{"error":"output not found"}'
is 'output with a bad number' "$(code "/api/v1/sessions/$S/output/$CMD?limit=-1")" 400
is 'history' \
	"$(body "/api/v1/sessions/$S/history?type=command_policy&decision=deny" | jq -r '.[0].policy.rule')" \
	no-sudo
is 'history with a bad number' "$(code "/api/v1/sessions/$S/history?limit=x")" 400
is 'search' \
	"$(body "/api/v1/events/search?session_id=$S&limit=2&order=asc" | jq -r '.[0].type')" \
	session_created
is 'a client that leaves takes its command along' "$(
	curl -s -m 1 -d '{"command":"sleep","args":["29.5"]}' "$A/api/v1/sessions/$S/exec"
	until_true 5 sh -c '! pgrep -f "sleep 29[.]5"' && echo gone
)" gone

# ---- policy test, proxy, metrics ----
test_policy() {
	body /api/v1/policy/test -d "{\"operation\":\"$1\",\"path\":\"$2\"}" | jq -c '[.decision, .rule]'
}
is 'policy: exec' "$(test_policy exec sudo)" '["deny","no-sudo"]'
is 'policy: file' "$(test_policy file_read /etc/shadow)" '["deny","no-shadow"]'
is 'policy: net' "$(test_policy connect example.com:80)" '["deny","no-net"]'
is 'policy: operation is required' "$(body /api/v1/policy/test -d '{}')" '{"error":"operation is required"}'
is 'policy: path is required' \
	"$(body /api/v1/policy/test -d '{"operation":"exec"}')" '{"error":"path is required"}'
is 'proxy' "$(body "/api/v1/sessions/$S/proxy" | jq -r .state)" 'not configured'
M=$(body /metrics)
has 'metrics' "$M" '^agentsh_sessions_active 1$'
has 'denials are counted' "$M" '^agentsh_exec_total\{result="denied"\} 1$'
if command -v promtool >/dev/null; then
	is 'metrics are well-formed' "$(printf "%s\n" "$M" | promtool check metrics 2>&1)" ''
else
	skip 'metrics are well-formed' 'no promtool'
fi

# ---- approvals (AP-11, AP-12): nobody can be asked, so no answer is looked for ----
asks() { # a command that wants one, with hostile arguments: its result in $R
	R=$(run "{\"command\":\"tee\",\"args\":[\"$D/ws/asked\",\"$1\"]}")
}
is_denied() {
	is "$1: denied" "$(q '.result | [.exit_code, .error.code, .error.policy_rule]')" \
		'[126,"E_POLICY_DENIED","ask-first"]'
	not_ok "$1: nothing was written" test -e "$D/ws/asked"
}
asks /harmless
is_denied 'a command that wants an approval'
has 'the denial is in the log, with what the rule says' "$(
	body "/api/v1/sessions/$S/history?decision=deny&limit=1" | jq -c '.[0]'
)" '"decision":"approve","effective_decision":"deny",.*"rule":"ask-first"'
asks '\u001b[2K\r\u202e\nagentsh: allowed\u0007'
is_denied 'with control characters'
has 'the message shows them' "$(q .result.error.message)" \
	'x1b.*x0d.*xe2.*x80.*xae.*x0aagentsh: allowed.*x07 needs'
is 'and holds none' "$(q .result.error.message | LC_ALL=C tr -d '\n -~' | wc -c)" 0
asks "$(head -c 10000 /dev/zero | tr '\0' ' ')/etc/shadow"
is_denied 'with the end far away'
has 'the message shows beginning, gap and end' "$(q .result.error.message)" \
	"asked .*[[]... [0-9]+ bytes left out ...[]].* /etc/shadow needs a yes"

# ---- clients ----
is 'exec' "$("$AGENTSH" exec "$S" -- sh -c 'echo $1' x -- 2>&1)" --
is 'exec without dashes' "$("$AGENTSH" exec "$S" echo -n -e a)" a
is 'id from the environment' "$(AGENTSH_SESSION_ID=$S "$AGENTSH" exec -- echo b)" b
is 'the environment wins' "$(AGENTSH_SESSION_ID=$S "$AGENTSH" exec other -- echo c)" c
"$AGENTSH" exec "$S" -- sh -c 'exit 9'
is 'status' $? 9
"$AGENTSH" exec "$S" -- sh -c 'kill -TERM $$' 2>/dev/null
is 'status after a signal' $? 143
"$AGENTSH" exec "$S" -- sudo true 2>"$TMP/e"
is 'status of a denial' $? 126
has 'denial: what, rule and place' "$(cat "$TMP/e")" \
	"^agentsh: sudo: denied by rule 'no-sudo' \(default.yaml:[0-9]+\): use sudo elsewhere$"
has 'denial: as clients know it' "$(cat "$TMP/e")" \
	'^agentsh: command denied by policy \(rule=no-sudo\)$'
has 'denial: hint' \
	"$(cat "$TMP/e")" '^agentsh: hint: operation denied by policy; adjust policy or change command$'
is 'bytes come through' "$("$AGENTSH" exec "$S" -- printf '\377\0\1' | od -An -tx1 | tr -d ' ')" ff0001
is 'json' "$("$AGENTSH" exec --output json "$S" -- echo d | jq -r .result.stdout)" d
is 'whole request' "$("$AGENTSH" exec "$S" --json '{"command":"echo","args":["e"]}')" e
is 'stream' "$("$AGENTSH" exec --stream "$S" -- sh -c 'echo f; exit 5'; echo $?)" 'f
5'
is 'timeout' "$("$AGENTSH" exec --timeout 300ms "$S" -- sleep 9 2>/dev/null; echo $?)" 124
is 'no id' "$("$AGENTSH" exec -- true 2>&1)" \
	'agentsh: session id is required (provide as argument or set AGENTSH_SESSION_ID)'
is 'no command' "$("$AGENTSH" exec "$S" 2>&1)" 'agentsh: command is required'
is 'unix socket' "$("$AGENTSH" exec --server "unix://$D/run/gate.sock" "$S" -- echo g)" g
for server in "$A" "unix://$D/run/gate.sock"; do
	is "a governed process makes no session over ${server%%:*}" \
		"$("$AGENTSH" exec "$S" -- "$AGENTSH" --server "$server" session create 2>&1 >/dev/null |
			tail -n 1)" 'agentsh: command failed'
done
# AP-07: tenancy. As root of the machine the same answers 200.
"$AGENTSH" session create --id stranger --workspace "$D/ws" >/dev/null
seen() { "$AGENTSH" exec "$S" -- curl -s -m 10 -o /dev/null -w '%{http_code}' "$@"; }
for path in sessions/stranger sessions/stranger/history sessions/stranger/events \
	"events/search?session_id=stranger"; do
	[ "${path##*/}" = events ] || is "tenancy: $path is there" "$(code "/api/v1/$path")" 200
	is "tenancy: $path is closed to another session" "$(seen "$A/api/v1/$path")" 403
done
is 'tenancy: its own is open' "$(seen "$A/api/v1/sessions/$S")" 200
is 'tenancy: the list shows its own' \
	"$("$AGENTSH" exec "$S" -- curl -s -m 10 "$A/api/v1/sessions" | jq -c 'map(.id)')" "[\"$S\"]"
is 'tenancy: no exec in another session' \
	"$(seen -X POST --data '{"command":"true"}' "$A/api/v1/sessions/stranger/exec")" 403
is 'tenancy: exec in its own' "$(seen -X POST --data '{"command":"true"}' "$A/api/v1/sessions/$S/exec")" 200
is 'tenancy: no end of any session' "$(seen -X DELETE "$A/api/v1/sessions/$S")" 403
# The same by the command line, as an agent would use it (docs/compat.md).
in_session() {
	"$AGENTSH" exec "$S" -- env -u AGENTSH_SESSION_ID AGENTSH_SERVER="$A" AGENTSH_NO_AUTO=1 \
		"$AGENTSH" "$@" 2>&1
}
no_right='agentsh: server said 403: processes of a session'
is 'inside: exec in its own' "$(in_session exec "$S" -- echo inside)" inside
has 'inside: what is denied outside is denied' "$(in_session exec "$S" -- sudo true)" \
	"denied by rule 'no-sudo'"
is 'inside: without a server named, in place' \
	"$("$AGENTSH" exec "$S" -- "$AGENTSH" exec stranger -- sh -c 'echo $AGENTSH_SESSION_ID' 2>&1)" "$S"
has 'inside: no exec elsewhere' "$(in_session exec stranger -- touch "$D/ws/elsewhere")" "^$no_right see"
not_ok 'inside: nor has it run' test -e "$D/ws/elsewhere"
is 'inside: the list' "$(in_session session list | jq -r 'map(.id) | join(" ")')" "$S"
is 'inside: its own session' "$(in_session session info "$S" | jq -r .id)" "$S"
has 'inside: no other' "$(in_session session info stranger)" "^$no_right see"
for words in "session update $S --cwd /workspace" "session update stranger --set-env A=b" \
	"session destroy $S" "session destroy stranger" "session create --id more --workspace $D/ws" \
	"kill $S cmd-1"; do
	# shellcheck disable=SC2086 # a list
	has "inside: $words" "$(in_session $words)" "^$no_right cannot do this$"
done
is 'inside: nothing has changed' "$("$AGENTSH" session list | jq -r 'map(.id) | sort | join(" ")')" \
	"$(printf '%s\n' "$S" stranger | sort | tr '\n' ' ' | sed 's/ $//')"
R=$(body '/api/v1/events/search?type=api_refused&limit=1000')
is 'inside: each refusal is an event' \
	"$(q '[.[] | select(.policy.rule == "own-session-only")] | length >= 9')" true
"$AGENTSH" session destroy stranger >/dev/null
is 'unknown session is made' "$(cd "$D/ws" && AGENTSH_NO_AUTO='' "$AGENTSH" exec made-here -- pwd)" "$D/ws"
is 'session info' "$("$AGENTSH" session info made-here | jq -r .workspace)" "$D/ws"
is 'session update' \
	"$("$AGENTSH" session update made-here --cwd /workspace/sub | jq -r .cwd)" /workspace/sub
has 'session create' "$(cd "$D/ws" && "$AGENTSH" session create --id third)" '^Session third started$'
is 'too many sessions' \
	"$("$AGENTSH" session create --workspace "$D/ws" 2>&1)" \
	'agentsh: server said 400: max sessions reached'
is 'session list' "$("$AGENTSH" session list | jq length)" 3
is 'session destroy' "$("$AGENTSH" session destroy third)" ok
is 'session logs' "$("$AGENTSH" session logs "$S" --type exec | jq -r 'length > 3')" true
is 'kill' "$("$AGENTSH" kill "$S" cmd-none 2>&1)" 'agentsh: server said 404: command not running'
CMD=$("$AGENTSH" exec --output json "$S" -- printf abcdef | jq -r .command_id)
is 'output' "$("$AGENTSH" output "$S" "$CMD" --offset 1 --limit 2 2>"$TMP/e")" bc
is 'more' "$(cat "$TMP/e")" '-- more -- offset=3 total=6'
is 'stats' "$("$AGENTSH" debug stats "$S" --json | jq -r '.decisions.deny > 0')" true
is 'unreachable' "$("$AGENTSH" exec --server http://127.0.0.1:9 "$S" -- true 2>&1)" \
	'agentsh: server unreachable (connect: Connection refused)'

# ---- end ----
is 'delete' "$(code "/api/v1/sessions/$S" -X DELETE)" 204
is 'gone' "$(code "/api/v1/sessions/$S")" 404
curl -sN -m 20 "$A/api/v1/sessions/made-here/events" >"$TMP/events-last" &
E=$!
until_true 5 grep -q ready "$TMP/events-last"
stop
is 'stops' "$STATUS" 0
wait $E
is 'its streams end in order' $? 0

# ---- keys ----
sed -e '$a auth: {type: api_key, api_key: {keys_file: '"$D"'/keys.yaml}}\
approvals: {enabled: true, mode: api, timeout: 700ms}' "$D/config.yaml" >"$D/keyed.yaml"
cat >"$D/keys.yaml" <<END
- {id: a, key: agent-key-1, role: agent}
- {id: b, key: approver-key-1, role: approver}
- {id: c, key: no-role-key-1}
END
chmod 644 "$D/keys.yaml"
has 'keys that others can read' "$(timeout 10 "$AGENTSH" server --config "$D/keyed.yaml" 2>&1 | tail -n 1)" \
	'keys.yaml: must be a file that others cannot read$'
chmod 600 "$D/keys.yaml"
start --config "$D/keyed.yaml"
A=http://$ADDR
export AGENTSH_SERVER="$A"
is 'health needs no key' "$(code /health)" 200
is 'no key' "$(get /api/v1/sessions)" '{"error":"unauthorized"}

401'
is 'wrong key' "$(code /api/v1/sessions -H 'X-API-Key: agent-key-2')" 401
is 'part of a key' "$(code /api/v1/sessions -H 'X-API-Key: agent-key-')" 401
is 'empty key' "$(code /api/v1/sessions -H 'X-API-Key;')" 401
is 'a key' "$(code /api/v1/sessions -H 'X-API-Key: agent-key-1')" 200
is 'agents do not approve' "$(code /api/v1/approvals -H 'X-API-Key: agent-key-1')" 403
is 'no role is an agent' "$(code /api/v1/approvals -H 'X-API-Key: no-role-key-1')" 403
is 'approvers do' "$(body /api/v1/approvals -H 'X-API-Key: approver-key-1')" '[]'
for id in approval-1 ask-first tee; do
	is "an approval of $id is not kept" "$(code "/api/v1/approvals/$id" -H 'X-API-Key: approver-key-1' \
		-d '{"decision":"approve"}')" 404
done
is 'an approval id is checked' "$(code /api/v1/approvals/..%2fx -H 'X-API-Key: approver-key-1' \
	-d '{"decision":"approve"}')" 400
S=$(body /api/v1/sessions -H 'X-API-Key: agent-key-1' -d "{\"workspace\":\"$D/ws\"}" | jq -r .id)
R=$(curl -s -m 30 -H 'X-API-Key: agent-key-1' -d "{\"command\":\"tee\",\"args\":[\"$D/ws/asked\"]}" \
	"$A/api/v1/sessions/$S/exec")
is_denied 'after that'
# What is started below waits for its answer, and nothing else does.
R=$(curl -s -m 30 -H 'X-API-Key: agent-key-1' "$A/api/v1/sessions/$S/exec" \
	-d "$(jq -nc --arg c "tee $D/ws/asked & /bin/true && echo beside; wait \$!; echo \$?" \
		'{command: "sh", args: ["-c", $c]}')")
is 'a program that needs an approval waits, and is refused' "$(q .result.stdout)" 'beside
126'
not_ok 'it was not started' test -e "$D/ws/asked"
is 'what was asked, and how it ended' "$(
	body "/api/v1/sessions/$S/history?type=approval_requested,approval_resolved" \
		-H 'X-API-Key: agent-key-1' |
		jq -c '.[] | [.type, .policy.rule, .fields.kind, .fields.approved, .fields.reason]'
)" '["approval_resolved","ask-first","command",false,"timeout"]
["approval_requested","ask-first","command",null,null]'
body "/api/v1/sessions/$S" -X DELETE -H 'X-API-Key: agent-key-1' >/dev/null
is 'clients send it' "$(AGENTSH_API_KEY=agent-key-1 "$AGENTSH" session list)" '[]'
is 'clients without it' "$("$AGENTSH" session list 2>&1)" 'agentsh: server said 401: unauthorized'
stop
sed -e '$a auth: {type: oidc}' "$D/config.yaml" >"$D/oidc.yaml"
timeout 10 "$AGENTSH" server --config "$D/oidc.yaml" >"$TMP/e" 2>&1
is 'other kinds do not start' $? 1
has 'and say why' "$(cat "$TMP/e")" 'auth.type.* oidc is not (built|provided)'
sed -e 's/127.0.0.1:0/0.0.0.0:0/' "$D/config.yaml" >"$D/open.yaml"
timeout 10 "$AGENTSH" server --config "$D/open.yaml" >"$TMP/e" 2>&1
is 'no auth on all addresses does not start' $? 1
