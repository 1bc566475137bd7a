# server - starts, answers, is single, stops; the exec API gives every field clients read.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "server and configuration"
governed || exit 0

j() { # EXPRESSION over d, the JSON of the last answer
	python3 -c 'import json, sys
d = json.load(open("/tmp/try/body"))
sys.exit(0 if eval(sys.argv[1]) else 1)' "$1"
}
api() { # METHOD PATH [BODY]: sets $status
	mkdir -p "$TRY"
	status=$(curl -s --max-time 30 -o "$TRY/body" -w '%{http_code}' -X "$1" ${3:+-H "Content-Type: application/json"} \
		${3:+--data-binary "$3"} "$URL$2")
}
api_is() { # DESCRIPTION STATUS [EXPRESSION]
	if [ "$status" = "$2" ] && { [ -z "${3-}" ] || j "$3" 2>/tmp/j; }; then pass "$1"; else
		fail "$1" "status $status, want $2 and ${3-}" "$(head -c 900 "$TRY/body")" "$(cat /tmp/j 2>/dev/null)"
	fi
}

stop_server
start_server
check "the server starts" healthy
check "it is listed as 'agentsh server'" eval 'ps aux | grep -v grep | grep -q "agentsh server"'
check_that "/health is ok" '[ "$(curl -s $URL/health)" = ok ]'
check_that "/ready is ready" '[ "$(curl -s $URL/ready)" = ready ]'
check_that "it said where it listens" 'grep -q "agentsh server listening on" /var/log/agentsh/server.log'
case $E2E_PAIR in *e2b) check_that "the policy's first lines tell its version" 'head -5 $POLICY | grep -q version' ;; esac
check_that "the configuration's first lines name the server" 'head -5 /etc/agentsh/config.yaml | grep -q server'
check_that "fuse: in the configuration" 'grep -A3 "fuse:" /etc/agentsh/config.yaml | grep -q "enabled: true" && grep -A3 "fuse:" /etc/agentsh/config.yaml | grep -q "deferred: true"'
case $E2E_PAIR in *e2b)
	check_that "seccomp: in the configuration" 'grep -A1 "seccomp:" /etc/agentsh/config.yaml | grep -q "enabled: true"' ;;
esac
if command -v promtool >/dev/null; then
	check_that "/metrics is accepted by promtool" 'curl -s $URL/metrics | promtool check metrics'
fi
check_that "/metrics says it is up" 'curl -s $URL/metrics | grep -q "^agentsh_up 1"'
try agentsh server
check_that "a second server is refused at once" '[ "$rc" = 1 ] && [ -s "$TRY/err" ] && healthy'

api POST /api/v1/sessions "{\"workspace\":\"$E2E_HOME\"}"
api_is "a session is created" 201 'd["id"] and d["state"] == "ready" and d["workspace"]'
sid=$(python3 -c 'import json; print(json.load(open("/tmp/try/body"))["id"])' 2>/dev/null || echo none)
api POST /api/v1/sessions '{}'
api_is "without a workspace it is not" 400 '"workspace" in d["error"]'
api POST /api/v1/sessions '{"workspace":"/nonexistent"}'
api_is "nor with one that is not there" 400 'd["error"]'
api POST /api/v1/sessions '{"workspace":"/tmp","id":"../x"}'
api_is "nor with a bad id" 400 'd["error"]'
api GET "/api/v1/sessions/$sid"
api_is "it can be read" 200 "d['id'] == '$sid'"
api GET /api/v1/sessions
api_is "and listed" 200 "any(s['id'] == '$sid' for s in d)"
api GET /api/v1/sessions/nope
api_is "an unknown one is 404" 404 'd["error"] == "session not found"'
api PATCH "/api/v1/sessions/$sid" '{"env":{"NODE_ENV":"patched"}}'
api_is "it can be changed" 200 'd["id"]'

E="/api/v1/sessions/$sid/exec"
api POST "$E" '{"command":"/bin/echo","args":["policy-test"]}'
api_is "exec: /bin/echo" 200 'd["result"]["exit_code"] == 0 and d["result"]["stdout"] == "policy-test\n" and d["command_id"] and d["events"]["blocked_operations"] == []'
api POST "$E" '{"command":"/usr/bin/python3","args":["-c","print(1+1)"]}'
api_is "exec: python3" 200 'd["result"]["stdout"] == "2\n"'
api POST "$E" '{"command":"git","args":["--version"]}'
api_is "exec: git by name" 200 'd["result"]["exit_code"] == 0'
for row in 'sudo whoami block-shell-escape' 'su - block-shell-escape' 'ssh localhost block-network-tools' 'kill -0 block-system-commands'; do
	# shellcheck disable=SC2086 # three words
	set -- $row
	clear_canary
	before=$(log_size)
	api POST "$E" "{\"command\":\"/usr/bin/$1\",\"args\":[\"$2\"]}"
	api_is "exec: $1 is denied with its rule" 403 "d['result']['exit_code'] == 126 and d['result']['error']['code'] == 'E_POLICY_DENIED' and 'denied' in d['result']['error']['message'] and d['guidance']['policy_rule'] == '$3' and d['guidance']['blocked'] and d['events']['blocked_operations'][0]['policy']['rule'] == '$3' and d['guidance']['suggestions']"
	check_that "$1 did not run" '[ ! -e /tmp/canary ]'
	check "$1 is in the log" until_true 2 denial_logged "$before" "$3" "$1"
done
as_user mkdir -p /tmp/victim/sub
api POST "$E" '{"command":"/usr/bin/rm","args":["-rf","/tmp/victim"]}'
api_is "exec: rm -rf is denied" 403 'd["guidance"]["policy_rule"] == "block-rm-recursive"'
check_that "the directory is still there" '[ -d /tmp/victim/sub ]'
for command in 'env sudo whoami' 'echo whoami | xargs sudo' 'find /tmp -maxdepth 0 -exec sudo whoami \\;' 'python3 -c \"import os; os.system(\\\"sudo whoami\\\")\"'; do
	clear_canary
	api POST "$E" "{\"command\":\"/bin/bash\",\"args\":[\"-c\",\"$command\"]}"
	api_is "exec: bash -c $command is reported blocked" 200 'd["guidance"]["blocked"] and d["guidance"]["policy_rule"] == "block-shell-escape"'
	check_that "it did not run" '[ ! -e /tmp/canary ]'
done
api POST "$E" '{"command":"/bin/cat","stdin":"from stdin"}'
api_is "exec: stdin" 200 'd["result"]["stdout"] == "from stdin"'
as_user mkdir -p "$E2E_HOME/sub"
api POST "$E" '{"command":"/bin/pwd","working_dir":"sub"}'
api_is "exec: working_dir" 200 'd["result"]["stdout"].strip().endswith("/sub")'
api POST "$E" '{"command":"/bin/pwd","working_dir":"/etc"}'
api_is "exec: a working_dir outside" 200 'd["result"]["exit_code"] == 2 and "/workspace" in d["result"]["stderr"]'
api POST "$E" '{"command":"/usr/bin/env","env":{"NODE_ENV":"x","AWS_SECRET_ACCESS_KEY":"hidden-value","OPENAI_API_KEY":"hidden-value"}}'
api_is "exec: env passes the policy" 200 '"NODE_ENV=x" in d["result"]["stdout"] and "hidden-value" not in d["result"]["stdout"]'
api_is "exec: env has nothing of the server's" 200 'not any(w in d["result"]["stdout"] for w in ("AWS_", "AZURE_", "GOOGLE_", "OPENAI_", "ANTHROPIC_", "LD_PRELOAD", "LD_LIBRARY_PATH"))'
api POST "$E" '{"command":"/bin/bash","args":["-c","exit 42"]}'
api_is "exec: exit code" 200 'd["result"]["exit_code"] == 42'
api POST "$E" '{"command":"/bin/sleep","args":["30"],"timeout":"1s"}'
api_is "exec: timeout" 200 'd["result"]["exit_code"] == 124 and "command timed out" in d["result"]["stderr"] and d["result"]["duration_ms"] < 5000'
api POST "$E" '{"command":"/no/such/program"}'
api_is "exec: no such program" 200 'd["result"]["exit_code"] == 127'
started=$(date +%s)
api POST "$E" '{"command":"/bin/bash","args":["-c","sleep 25 & echo started"]}'
api_is "exec: a background child does not hang the answer" 200 'd["result"]["stdout"] == "started\n" and d["result"]["duration_ms"] < 5000'
check_that "and it came at once" '[ $(($(date +%s) - started)) -lt 5 ]'
api POST "$E" '{"command":"/bin/bash","args":["-c","head -c 3000000 /dev/zero | tr \"\\\\0\" x"]}'
api_is "exec: output over 1 MiB is cut and counted" 200 'd["result"]["stdout_truncated"] and d["result"]["stdout_total_bytes"] == 3000000 and len(d["result"]["stdout"]) <= 1048576'
api POST "$E" '{"command":"/bin/bash","args":["-c","kill -9 $$"]}'
api_is "exec: a result for a command that ends itself" 200 'd["result"]["exit_code"] != 0'
api POST "$E" '{"args":[]}'
api_is "exec: command is required" 400 'd["error"]'

# Two commands of one session at the same time.
started=$(date +%s%N)
for n in 1 2 3 4; do
	curl -s --max-time 20 -o "/tmp/c$n" -X POST --data '{"command":"/bin/sleep","args":["1"]}' "$URL$E" &
	jobs="${jobs-} $!"
done
# shellcheck disable=SC2086 # pids
wait $jobs
check_that "four commands of a session run at the same time" '[ $((($(date +%s%N) - started) / 1000000)) -lt 3000 ] && grep -q "\"exit_code\":0" /tmp/c4'

curl -s --max-time 20 -o /tmp/killed -X POST --data '{"command":"/bin/sleep","args":["20"]}' "$URL$E" &
killed=$!
until_true 5 pgrep -f "^/bin/sleep 20"
cmd=$(curl -s "$URL/api/v1/sessions/$sid/history?type=command_started&limit=1" | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["command_id"])' 2>/dev/null)
api POST "/api/v1/sessions/$sid/kill/$cmd" '{}'
api_is "kill ends a running command" 200 'd["ok"] is True'
wait $killed
api GET "/api/v1/sessions/$sid/history?type=command_policy&limit=5"
api_is "history" 200 'len(d) > 0 and d[0]["type"] == "command_policy"'
api POST /api/v1/policy/test '{"session_id":"","operation":"exec","path":"sudo"}'
api_is "policy test" 200 'd["decision"] == "deny" and d["rule"] == "block-shell-escape"'

try agentsh exec "$sid" -- /bin/echo 'from exec' -- x
check_that "agentsh exec" '[ "$rc" = 0 ] && [ "$(cat $TRY/out)" = "from exec -- x" ]'
try agentsh exec "$sid" -- sudo whoami
check_that "agentsh exec: denied" '[ "$rc" = 126 ] && grep -q "block-shell-escape" "$TRY/err" && [ ! -e /tmp/canary ]'
try agentsh exec --output json "$sid" -- sudo whoami
check_that "agentsh exec --output json: denied" '[ "$rc" = 126 ] && python3 -c "
import json; d = json.load(open(\"$TRY/out\")); assert d[\"result\"][\"exit_code\"] == 126 and d[\"guidance\"][\"policy_rule\"] == \"block-shell-escape\""'
try agentsh session list
check_that "agentsh session list" 'grep -q "$sid" "$TRY/out"'
try agentsh events query --type command_policy
check_that "agentsh events query" '[ "$rc" = 0 ] && grep -q command_policy "$TRY/out"'

# Until its exec is judged, a command of the API is a copy of the server that the supervisor, of the same user, has to
# read. Hold it there; a process of another session sees nothing of it. From outside it can be read: the check proves
# something.
window() {
	for pid in $(pgrep -P "$(server_pids | head -1)"); do
		tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q 'agentsh server' &&
			as_user head -c 1 "/proc/$pid/environ" >/dev/null 2>&1 && echo "$pid" >/tmp/window.tmp &&
			mv /tmp/window.tmp /tmp/window && return
	done
	return 1
}
# Not the other's, who judges what that one opens.
supervisors=$(pgrep -P "$(server_pids | head -1)" -f supervise)
api POST /api/v1/sessions "{\"workspace\":\"$E2E_HOME\"}"
other=$(python3 -c 'import json; print(json.load(open("/tmp/try/body"))["id"])')
curl -s --max-time 30 -o /dev/null -X POST "$URL/api/v1/sessions/$other/exec" \
	--data '{"command":"/usr/bin/python3","args":["/opt/e2e/peek.py","/tmp/window","/tmp/peeked"]}' &
peeking=$!
check "a command of another session waits" until_true 10 grep -q ready /tmp/peeked
# shellcheck disable=SC2086 # pids
kill -STOP $supervisors
curl -s --max-time 20 -o /tmp/held -X POST --data '{"command":"/bin/echo","args":["held"]}' "$URL$E" &
held=$!
check "a command waits for its judgement, and can be read from outside" until_true 2 window
check "the other one tries" until_true 2 grep -q ptrace /tmp/peeked
# shellcheck disable=SC2086
kill -CONT $supervisors
wait $held $peeking
check_that "then it runs" 'grep -q "\"stdout\":\"held" /tmp/held'
check_that "the other session could not look into it" \
	'[ "$(grep -c refused /tmp/peeked)" = 9 ] || ! cat /tmp/peeked'
api DELETE "/api/v1/sessions/$other"

api DELETE "/api/v1/sessions/$sid"
check_that "the session is deleted with 204" '[ "$status" = 204 ]'
api GET "/api/v1/sessions/$sid"
api_is "and gone" 404

pid=$(server_pids | head -1)
kill -TERM "$pid"
check "SIGTERM ends the server" until_true 10 no_server
wait "$server"
status=$?
check_that "with exit code 0" '[ $status = 0 ]'
try /bin/bash -c 'echo restarted'
check_that "the shim starts it again" '[ "$rc" = 0 ] && [ "$(cat $TRY/out)" = restarted ] && healthy'
check_that "the autostarted server keeps no caller's descriptor" 'for p in $(server_pids); do ls -l /proc/$p/fd | grep -q "$TRY" && exit 1; done; true'
for p in $(server_pids); do kill -9 "$p"; done
until_true 5 no_server
check_denied "denied right after the server was killed" sudo block-shell-escape 126 'ran sudo' /bin/bash -c 'sudo whoami'
check "the log's chain verifies over the restarts" agentsh audit verify "$LOG"
if [ "$E2E_USER" != root ]; then
	stop_server
	chown -R root: /var/lib/agentsh /var/log/agentsh
	"$AGENTSH" server </dev/null >/var/log/agentsh/server.log 2>&1 &
	check "a server of root's" until_true 10 healthy
	check_ok "serves a user's shell" "^$E2E_USER\$" /bin/bash -c 'whoami; true'
	check_denied "and denies" sudo block-shell-escape 126 'ran sudo' /bin/bash -c 'sudo whoami'
	stop_server
	chown -R "$E2E_USER" /var/lib/agentsh /var/log/agentsh
fi
exit 0
