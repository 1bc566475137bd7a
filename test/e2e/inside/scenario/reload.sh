# reload - SIGHUP: new configuration and policies, or nothing of them; what runs keeps its own.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "reload"
governed || exit 0

hup() { # and wait until it is done: one more line of either kind
	lines=$(grep -cE '"type":"reload(ed|_refused)"' "$LOG")
	kill -HUP "$(server_pids)"
	until_true 5 eval "[ \$(grep -cE '\"type\":\"reload(ed|_refused)\"' $LOG) -gt $lines ]"
}
detail() { curl -s "$URL/health?detail"; }

cp "$POLICY" /tmp/policy.before
cp /etc/agentsh/config.yaml /tmp/config.before
stop_server
start_server
check "the server starts" healthy

# A command that runs across the reload, and tells what it can start before and after.
cat >/tmp/across.sh <<'END'
if wc -c /etc/hostname; then echo before yes; else echo before no; fi
: >/tmp/across.ready
while [ ! -e /tmp/across.go ]; do sleep 0.05; done
if wc -c /etc/hostname; then echo after yes; else echo after no; fi
END
as_user /bin/bash -c 'bash /tmp/across.sh' >/tmp/across.out 2>&1 &
across=$!
until_true 10 test -e /tmp/across.ready

created=$(grep -c '"type":"session_created"' "$LOG")

# A new first rule: nobody runs wc.
sed -e '/^command_rules:/a\  - {name: no-wc, commands: [wc], decision: deny}' /tmp/policy.before >"$POLICY"
hup
check_that "SIGHUP takes the new policy" 'grep -q "\"type\":\"reloaded\"" $LOG && grep -q "\"type\":\"policy_changed\"" $LOG'
check_that "/health still says ok" '[ "$(curl -s $URL/health)" = ok ]'
check_that "/health?detail names what holds" 'detail | grep -q "$(sha256sum <$POLICY | cut -d" " -f1)" && detail | grep -q "\"refused\":false"'
clear_canary
before=$(log_size)
sh_c 'wc -c /etc/hostname'
check_that "the next command of the same session is under it" '[ "$rc" = 126 ] && grep -q "no-wc" "$TRY/err"'
check "with an event" until_true 2 denial_logged "$before" no-wc wc
sh_c 'bash -c "wc -c /etc/hostname; true"'
check_that "and what it starts" 'grep -q "no-wc" "$TRY/err" && ! grep -q hostname "$TRY/out"'
: >/tmp/across.go
wait $across
check_that "a command that was running keeps its policy" 'grep -q "before yes" /tmp/across.out && grep -q "after yes" /tmp/across.out'
check_that "it was the same session and supervisor" '[ "$(grep -c "\"type\":\"session_created\"" $LOG)" = "$created" ] && ! grep -q supervisor_died $LOG'

# A policy with a mistake: the one in force stays.
sed -e 's/^command_rules:/comand_rules:/' "$POLICY" >/tmp/bad.yaml
cp /tmp/bad.yaml "$POLICY"
hup
check_that "a bad policy is refused" 'tail -n 5 $LOG | grep -q "\"type\":\"reload_refused\""'
check_that "the log says why" 'grep -q "reload refused, what holds is unchanged: .*default.yaml:[0-9]" /var/log/agentsh/server.log'
check_that "/health?detail says so" 'detail | grep -q "\"refused\":true" && detail | grep -q "default.yaml:"'
check_that "/health is still ok" healthy
sh_c 'wc -c /etc/hostname'
check_that "the old one is in force" '[ "$rc" = 126 ] && grep -q "no-wc" "$TRY/err"'
sh_c 'echo works'
check_that "and commands work" '[ "$rc" = 0 ]'
as_user mkdir -p /tmp/elsewhere
try env -C /tmp/elsewhere /bin/bash -c 'wc -c /etc/hostname'
check_that "also in a new session" '[ "$rc" = 126 ] && grep -q "no-wc" "$TRY/err"'

# A configuration with a mistake: refused as a whole, the good policy beside it too.
cp /tmp/policy.before "$POLICY"
echo 'sessions: nonsense' >/etc/agentsh/config.yaml
hup
check_that "a bad configuration is refused" 'detail | grep -q "\"refused\":true" && detail | grep -q config.yaml'
sh_c 'wc -c /etc/hostname'
check_that "with everything that came with it" '[ "$rc" = 126 ]'
sed -e 's/max_sessions: .*/max_sessions: 2/' -e 's/addr: .*/addr: "127.0.0.1:19999"/' /tmp/config.before \
	>/etc/agentsh/config.yaml
hup
check_that "both good: taken" 'detail | grep -q "\"refused\":false"'
sh_c 'wc -c /etc/hostname'
check_that "the old policy is back" '[ "$rc" = 0 ]'
check_that "what needs a restart is named" 'grep -q "server.http.addr: changed; takes effect with a restart" /var/log/agentsh/server.log'
api() { curl -s --max-time 5 -H 'Content-Type: application/json' -d "$1" "$URL/api/v1/sessions"; }
api '{"workspace":"/tmp"}' >/dev/null
check_that "the rest holds at once (max_sessions)" 'api "{\"workspace\":\"/var/tmp\"}" | grep -q "max sessions" || api "{\"workspace\":\"/opt\"}" | grep -q "max sessions"'
for i in 1 2 3 4 5 6 7 8; do
	hup
done
check_that "again and again" 'healthy && [ "$(grep -c "\"type\":\"supervisor_died\"" $LOG)" = 0 ]'
cp /tmp/config.before /etc/agentsh/config.yaml
stop_server

# A policy that says nothing of reading has nobody asked about it.
if files_armed; then
	cat >/tmp/writes.yaml <<'END'
file_rules:
  - {name: see, paths: ["/**"], operations: [open, read, list, stat, readlink], decision: allow}
  - {name: work, paths: ["${PROJECT_ROOT}/**", "/tmp/**", "/dev/**"], operations: ["*"], decision: allow}
END
	cat >/tmp/asked.py <<'END'
import os, time
open("/tmp/asked.ready", "w").close()
while not os.path.exists("/tmp/asked.go"):
    time.sleep(0.05)
os.close(os.open("/etc/hostname", os.O_RDONLY))
os.write(1, b"read\n")
try:
    os.open("/etc/evil", os.O_WRONLY | os.O_CREAT)
except PermissionError:
    os.write(1, b"refused\n")
while not os.path.exists("/tmp/asked.again"):
    time.sleep(0.05)
os.close(os.open("/etc/canary-read", os.O_RDONLY))
try:
    os.open("/etc/evil", os.O_WRONLY | os.O_CREAT)
except PermissionError:
    os.write(1, b"as before\n")
END
	echo canary >/etc/canary-read
	awk '/^[a-z_]*:/ { own = /^file_rules:/ } own && !done { while ((getline line <"/tmp/writes.yaml") > 0) print line
		done = 1 } !own' /tmp/policy.before >"$POLICY"
	start_server
	as_user /bin/bash -c 'exec python3 /tmp/asked.py' >/tmp/asked.out 2>&1 &
	asked=$!
	until_true 20 test -e /tmp/asked.ready
	supervisor=$(supervisor_pids)
	before=$(log_size)
	for p in $supervisor; do kill -STOP "$p"; done
	: >/tmp/asked.go
	check "reads that no rule restricts are not asked about" until_true 10 grep -q read /tmp/asked.out
	check_that "what is restricted is" '! grep -q refused /tmp/asked.out'
	for p in $supervisor; do kill -CONT "$p"; done
	check "and denied" until_true 10 grep -q refused /tmp/asked.out
	check_that "it is not there" '[ ! -e /etc/evil ]'
	check "with an event" until_true 5 denial_logged "$before" default-deny-files /etc/evil
	sh_c "cat $LOG; cat /var/lib/agentsh/sessions/*/*"
	check_that "what is the server's stays closed" '[ "$rc" != 0 ] && ! grep -q . "$TRY/out"'
	# One that restricts reads, too.
	sed '/^file_rules:/a\  - {name: no-canary, paths: ["/etc/canary-read"], operations: ["*"], decision: deny}' \
		/tmp/policy.before >"$POLICY"
	sh_c 'cat /etc/canary-read'
	check_that "a file that is to be closed is read before that" '[ "$rc" = 0 ] && grep -q canary "$TRY/out"'
	before=$(log_size)
	hup
	check "how many commands keep their policy is told" until_true 5 grep -q '"commands_before":1,' "$LOG"
	sh_c 'cat /etc/canary-read'
	check_that "the next command is asked about reads" '[ "$rc" != 0 ] && ! grep -q canary "$TRY/out"'
	check "with an event" until_true 5 denial_logged "$before" no-canary /etc/canary-read
	sh_c 'python3 -c "print(open(\"/etc/canary-read\").read())"'
	check_that "and what it starts" '[ "$rc" != 0 ] && ! grep -q canary "$TRY/out"'
	: >/tmp/asked.again
	wait $asked
	check_that "one that was running goes on under its own" 'grep -q "as before" /tmp/asked.out'
	check_that "its supervisor is there" '[ "$(supervisor_pids)" = "$supervisor" ] && ! grep -q supervisor_died "$LOG"'
	stop_server
fi
check "the chain holds" "$AGENTSH" audit verify "$LOG"
