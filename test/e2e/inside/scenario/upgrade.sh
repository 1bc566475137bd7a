# upgrade - SIGUSR2: another version of the program takes the server's place; nobody who is connected, runs or waits
# notices, and the log goes on. One that cannot is refused.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "upgrade"
governed || exit 0

api() { # METHOD PATH [BODY]
	curl -s --max-time 30 -X "$1" ${3:+-H "Content-Type: application/json"} ${3:+--data-binary "$3"} "$URL$2"
}
said() { grep -c "\"type\":\"$1\"" "$LOG"; }
usr2() { # and wait for what comes of it
	upgrades=$(said server_upgraded) refusals=$(said upgrade_refused)
	kill -USR2 "$server_pid"
	until_true 15 eval '[ $(said server_upgraded) -gt $upgrades ] || [ $(said upgrade_refused) -gt $refusals ]'
}
# another VERSION: the same program in another file, in the place of the one that runs.
another() {
	{ cat /opt/e2e/agentsh.first; echo "$1"; } >/usr/bin/agentsh.new
	chmod 755 /usr/bin/agentsh.new
	mv /usr/bin/agentsh.new /usr/bin/agentsh
}
runs_it() { [ "$(stat -Lc %i "/proc/$server_pid/exe")" = "$(stat -c %i /usr/bin/agentsh)" ]; }

cp /usr/bin/agentsh /opt/e2e/agentsh.first
cp /etc/agentsh/config.yaml /tmp/config.before
stop_server
start_server
check "the server starts" healthy
server_pid=$(server_pids)
died=$(said supervisor_died) ended=$(said session_destroyed)

# What runs all the time, in sessions of a shim and of the API.
cat >/tmp/loop.sh <<'END'
n=0
while [ ! -e /tmp/stop ]; do
	n=$((n + 1))
	cp /etc/hostname "$HOME/tick.$n" || echo "failed $n $?"
	sudo id 2>/dev/null && echo "ran $n"
done
echo "$n" >"$HOME/ticks"
END
as_user /bin/bash -c 'bash /tmp/loop.sh' >/tmp/loop.out 2>&1 &
loop=$!
sid=$(api POST /api/v1/sessions "{\"workspace\":\"$E2E_HOME\",\"id\":\"kept\"}" | sed -n 's/.*"id":"\([^"]*\)".*/\1/p')
check_that "a session is made" '[ "$sid" = kept ]'
E=/api/v1/sessions/kept/exec
api PATCH /api/v1/sessions/kept '{"env":{"NODE_ENV":"patched"}}' >/dev/null
done_id=$(api POST $E '{"command":"/bin/echo","args":["from","before"]}' | sed -n 's/.*"command_id":"\([^"]*\)".*/\1/p')
api POST $E '{"command":"/bin/bash","args":["-c","trap : PIPE; (while [ ! -e /tmp/stop ]; do echo tick || { echo broken >/tmp/lingers.why; break; }; sleep 0.05; done; echo through >/tmp/lingers) & echo started"]}' >/dev/null
before_sessions=$(api GET /api/v1/sessions | tr , '\n' | grep '"id"' | sort)

# Callers of all kinds, while one version after the other comes.
: >/tmp/callers
caller() {
	while [ ! -e /tmp/stop ]; do
		as_user /bin/bash -c 'cp /etc/hostname /tmp/x' >/dev/null 2>/tmp/caller.err || cat /tmp/caller.err >>/tmp/callers
		[ "$(curl -s --max-time 10 "$URL/health")" = ok ] || echo "health failed" >>/tmp/callers
	done
}
caller &
callers=$!
for version in 2 3 4 5 6; do
	another $version
	usr2
	check_that "version $version takes over" 'runs_it && [ "$(server_pids)" = "$server_pid" ]'
done
check_that "no shim and no client noticed" '[ ! -s /tmp/callers ] || { cat /tmp/callers; false; }'
check_that "the sessions are the same" '[ "$(api GET /api/v1/sessions | tr , "\n" | grep "\"id\"" | sort)" = "$before_sessions" ]'
api POST $E "{\"command\":\"/usr/bin/printenv\",\"args\":[\"NODE_ENV\"]}" >/tmp/answer
check_that "with what was set in them" 'grep -q patched /tmp/answer || { cat /tmp/answer; false; }'
check_that "and the output of commands of before" 'api GET "/api/v1/sessions/kept/output/$done_id?stream=stdout" | grep -q "from before"'
clear_canary
before=$(log_size)
sh_c 'sudo id'
check_that "a denied command is denied" '[ "$rc" = 126 ] && [ ! -e /tmp/canary ]'
check "with its event" until_true 2 denial_logged "$before" block-shell-escape sudo

# A command of the API in work: its answer comes first.
another 7
api POST $E '{"command":"/bin/sleep","args":["2"]}' >/tmp/slept &
slept=$!
until_true 5 pgrep -f "^/bin/sleep 2"
usr2
wait $slept
check_that "who waits for an answer gets it, then the next version comes" 'grep -q "\"exit_code\":0" /tmp/slept && runs_it'

# What cannot take over does not.
refused() { # DESCRIPTION PATTERN
	old=$(stat -Lc %i "/proc/$server_pid/exe")
	usr2
	check_that "$1: refused" 'grep "\"type\":\"upgrade_refused\"" $LOG | tail -n 1 | grep -qE "'"$2"'"'
	check_that "$1: the old one goes on" 'healthy && [ "$(stat -Lc %i /proc/$server_pid/exe)" = "$old" ]'
	sh_c 'echo works'
	check_that "$1: commands work" '[ "$rc" = 0 ]'
}
put() { rm -f /usr/bin/agentsh; cat >/usr/bin/agentsh; chmod "$1" /usr/bin/agentsh; }
echo nonsense | put 755
refused "no program" "format|refuses"
put 755 </bin/false
refused "a program that fails" "ends without a word"
put 755 </bin/sleep
refused "another program" "refuses"
another 8
chmod 777 /usr/bin/agentsh
refused "one that anybody could have written" "others may write it"
rm /usr/bin/agentsh
refused "none" "No such file"
another 9
sed 's/addr: .*/addr: "127.0.0.1:19999"/' /tmp/config.before >/etc/agentsh/config.yaml
refused "a configuration for another address" "19999.*restart"
echo 'sessions: nonsense' >/etc/agentsh/config.yaml
refused "a bad configuration" "config.yaml"
cp /tmp/config.before /etc/agentsh/config.yaml
usr2
check_that "a good one after all that" runs_it

: >/tmp/stop
wait $loop $callers
check_that "the command that ran all the time never failed" '! grep -q . /tmp/loop.out || { cat /tmp/loop.out; false; }'
until_true 5 test -s /tmp/lingers
check_that "what was left in the background lives" '[ -s /tmp/lingers ] || { cat /tmp/lingers.why; ps ax; false; }'
check_that "no supervisor and no session ended" '[ "$(said supervisor_died)" = "$died" ] && [ "$(said session_destroyed)" = "$ended" ]'
check "its end is noticed" until_true 5 eval 'grep "\"type\":\"command_finished\"" $LOG | grep -q "\"exit_code\":0"'
stop_server
cat >/tmp/count.py <<'END'
import collections, json, os, sys
home = sys.argv[1]
n = int(open(home + "/ticks").read())
args, ids, denied = collections.Counter(), collections.Counter(), 0
for line in open("/var/lib/agentsh/events.jsonl"):
    ev = json.loads(line)
    ids[ev.get("id")] += 1
    if ev["type"] == "execve" and ev["argv"][:1] == ["cp"]:
        args[ev["argv"][-1]] += 1
    denied += ev["type"] == "execve" and ev["argv"][0] == "sudo" and ev["policy"]["effective_decision"] == "deny"
ids.pop(None, None)
ticks = [args[f"{home}/tick.{i}"] for i in range(1, n + 1)]
assert n > 50, n
assert ticks == [1] * n, [i for i, t in enumerate(ticks) if t != 1][:10]
assert denied >= n, (denied, n)
assert max(ids.values()) == 1, ids.most_common(3)
print(n, "ticks")
END
check "each of its effects is in the log, once" python3 /tmp/count.py "$E2E_HOME"
check "the chain holds over all versions" "$AGENTSH" audit verify "$LOG"
cp /opt/e2e/agentsh.first /usr/bin/agentsh
