#!/bin/sh
# The server as a process: start, single instance, refusals, stopping, what others can see of it.
. "$(dirname "$0")/../t.sh"
needs curl
. "$(dirname "$0")/../world.sh"

# refuses TEXT PATTERN: the server of $D does not start and says why.
refuses() {
	(cd "$D" && timeout 10 "$AGENTSH" server --config "$D/config.yaml" >"$D/out" 2>"$D/err")
	is "$1: exit status" $? 1
	has "$1: reason" "$(cat "$D/err")" "$2"
	is "$1: nothing on stdout" "$(cat "$D/out")" ''
}

# ---- a healthy life ----
world a
start --config config.yaml
has 'announces its address' "$(cat "$D/out")" '^agentsh server listening on 127\.0\.0\.1:[1-9][0-9]*$'
has 'ps shows it as typed' "$(tr '\0' ' ' <"/proc/$PID/cmdline")" 'agentsh server'
is 'health' "$(curl -s --max-time 5 "http://$ADDR/health")" ok
ok 'the socket is there' test -S "$D/run/gate.sock"
ok 'state lies beside the configuration' test -d "$D/sessions"
ok 'so does the log' test -f "$D/events.jsonl"
is 'the log is private' "$(stat -c %a "$D/events.jsonl")" 600
is 'its directory is /' "$(readlink "/proc/$PID/cwd" 2>/dev/null || echo /)" /
has 'no core files' "$(cat "/proc/$PID/limits")" '^Max core file size +0 '
is 'nobody of its uid can read its memory' "$(stat -c %u "/proc/$PID/mem")" 0
rss=$(awk '/^VmRSS/ { print $2 }' "/proc/$PID/status")
ok "idle memory ($rss KiB) within 4 MiB" test "$rss" -le 4096

first=$PID firstdir=$D addr=$ADDR
refuses 'a second server of the same place' 'another server is running \(pid '"$first"
kill -HUP "$first"
ok 'SIGHUP is noticed' until_true 5 grep -q SIGHUP "$D/err"
ok 'and does not end it' kill -0 "$first"

world b "${addr##*:}"
refuses 'the port is taken' "listen on 127.0.0.1:${addr##*:}: Address"
ok 'the first one lives on' kill -0 "$first"
D=$firstdir PID=$first
stop TERM
is 'SIGTERM ends it with 0' "$STATUS" 0
not_ok 'its socket is gone' test -e "$D/run/gate.sock"

start --config config.yaml
kill -KILL "$PID"
wait "$PID" 2>/dev/null
ok 'a killed server leaves its socket' test -S "$D/run/gate.sock"
start --config config.yaml
ok 'which the next one replaces' kill -0 "$PID"
stop INT
is 'SIGINT ends it with 0' "$STATUS" 0
ok 'the log is whole' "$AGENTSH" audit verify "$D/events.jsonl"

# ---- found by search ----
world c
mkdir -p "$D/xdg/agentsh"
mv "$D/policies" "$D/config.yaml" "$D/xdg/agentsh/"
XDG_CONFIG_HOME=$D/xdg XDG_DATA_HOME=$D/data start
ok 'a user configuration is found' test -n "$ADDR"
ok 'with the user state' test -d "$D/data/agentsh/sessions"
stop
AGENTSH_CONFIG=$D/xdg/agentsh/config.yaml start
ok 'AGENTSH_CONFIG names one' test -n "$ADDR"
stop

# ---- refusals ----
world d
rm "$D/config.yaml"
refuses 'no configuration where one was named' 'cannot read configuration'

world e
cat >"$D/config.yaml" <<END
server:
  http: {addr: "0.0.0.0:18080", read_timeout: soon}
sessions: {max_sessions: many}
audit: {outptu: /x}
auth: nobody
END
refuses 'a bad configuration' 'config.yaml:2:.*read_timeout.*must be a duration'
has 'all its problems: open address' "$(cat "$D/err")" 'config.yaml:2:.*open to other machines'
has 'all its problems: number' "$(cat "$D/err")" 'config.yaml:3:[0-9]+: error: "sessions.max_sessions"'
has 'all its problems: unknown key' "$(cat "$D/err")" \
	'config.yaml:4:[0-9]+: warning: unknown key .*did you mean "output"'
has 'all its problems: section' "$(cat "$D/err")" 'config.yaml:5:[0-9]+: error: "auth" must be a mapping'

is 'config validate agrees' "$("$AGENTSH" config validate --path "$D/config.yaml" 2>&1)" \
	"$(sed '/errors in the configuration$/d' "$D/err")"
is 'config validate: ok' "$("$AGENTSH" config validate --path "$firstdir/config.yaml")" ok
has 'config show' "$("$AGENTSH" config show --path "$firstdir/config.yaml")" \
	'^server\.http\.addr: "127\.0\.0\.1:0"$'

world f
chmod 666 "$D/config.yaml"
refuses 'a configuration anybody can write' 'can be written by others'

world g
rm "$D/policies/default.yaml"
refuses 'no policy' 'policy "default" not found in'

world h
printf 'version: 1\nname: x\ncomand_rules: []\n' >"$D/policies/default.yaml"
refuses 'a wrong policy' 'default.yaml:3:'

world i
chmod 777 "$D/run"
refuses 'a socket directory of everybody' 'can be written by others'

world j
mkdir "$D/file"
echo "audit: {output: $D/file/x/y/events.jsonl}" >>"$D/config.yaml"
rmdir "$D/file"
: >"$D/file"
refuses 'a log that cannot be written' 'create directory .*/file/x'

world k
echo "sessions: {base_dir: /proc/agentsh}" >>"$D/config.yaml"
refuses 'a state directory that cannot be made' 'create directory /proc/agentsh'

world l
echo "logging: {output: $D/server.log, format: json}" >>"$D/config.yaml"
start --config config.yaml
has 'logs where it is told, as JSON' "$(cat "$D/server.log")" '^\{"time":".*"role":"server"'
stop
not_ok 'unexpected argument' "$AGENTSH" server now
not_ok 'unknown flag' "$AGENTSH" server --daemon
