#!/bin/sh
# Who calls the API (AP-01, AP-06, AP-14): processes of a session are known by their connection, whatever
# address they use and whatever they do with it; others are served.
# shellcheck disable=SC2034,SC2086 # lists of words; names shared with world.sh
. "$(dirname "$0")/../t.sh"
needs root
needs ip
needs jq
needs setpriv
needs /usr/bin/python3

. "$(dirname "$0")/../world.sh"

# A network of the test's own: nobody else has its ports and addresses, and no other sessions are seen.
if [ -z "${CALLER_INSIDE:-}" ]; then
	trap - EXIT
	rm -rf "$TMP"
	CALLER_INSIDE=1 exec unshare --net --mount --pid --fork --kill-child --mount-proc -- "$0"
fi
mount -t tmpfs run /run
ip link set lo up
ip link add veth0 type veth peer name veth1
ip addr add 10.78.8.1/24 dev veth0
ip addr add fd78::1/64 dev veth0 nodad
ip link set veth0 up
# At the other end another machine, as it were.
unshare --net sleep 600 &
far=$!
world_pids=$far
until_true 10 sh -c "[ \"\$(readlink /proc/$far/ns/net)\" != \"\$(readlink /proc/self/ns/net)\" ]"
ip link set veth1 netns "$far"
nsenter -t "$far" --net sh -c 'ip addr add 10.78.8.2/24 dev veth1
	ip addr add fd78::2/64 dev veth1 nodad
	ip link set veth1 up'
# Addresses that nobody has and that are delivered here all the same.
ip route add local 10.79.0.0/16 dev lo
ip -6 route add local fd79::/64 dev lo

cp "$(dirname "$0")/caller.py" "$TMP/"
cp "$AGENTSH" "$TMP/agentsh"
chmod 755 "$TMP" "$TMP/caller.py" "$TMP/agentsh"
AGENTSH=$TMP/agentsh
unset AGENTSH_SESSION_ID AGENTSH_OUTPUT AGENTSH_EVENTS AGENTSH_CONFIG CALLER_HOST CALLER_KEY
export AGENTSH_SERVER=unix:///run/agentsh/gate.sock AGENTSH_NO_AUTO=1 AGENTSH_API_KEY=

# The canary: a session that is to be ended.
END='DELETE /api/v1/sessions/victim'

# as_user COMMAND...: as the user of this round.
as_user() { setpriv --reuid "$user" --regid "$user" --clear-groups "$@"; }
agentsh() { as_user "$AGENTSH" "$@"; }
# from_outside and from_inside WAY METHOD TARGET BODY ADDRESS...: the status caller.py gets.
from_outside() { as_user /usr/bin/python3 "$TMP/caller.py" "$@" 2>/dev/null; }
from_inside() {
	agentsh exec own -- env CALLER_HOST="${CALLER_HOST:-}" CALLER_KEY="${CALLER_KEY:-}" \
		/usr/bin/python3 "$TMP/caller.py" "$@" 2>/dev/null
}

cat >"$TMP/judged.yaml" <<'END'
version: 1
name: judged
command_rules:
  - {name: all, commands: ["*"], decision: allow}
network_rules:
  - {name: loopback, cidrs: ["127.0.0.0/8", "::1/128"], decision: allow}
END

# serve ADDRESS [KEYS]: a server of that user, where commands without the API find it, too, and a session in
# which something runs: whoever cannot be made out may be that.
round=0
serve() {
	round=$((round + 1))
	world "$user-$round"
	mkdir "$D/log"
	sed -i "s/127.0.0.1:0/$1:0/; s|$D/run|/run/agentsh|" "$D/config.yaml"
	echo "audit: {output: $D/log/events.jsonl}" >>"$D/config.yaml"
	echo "sessions: {base_dir: $D/log}" >>"$D/config.yaml"
	if [ -n "${JUDGE:-}" ]; then
		echo "sandbox: {network: {enabled: true, judge: true}}" >>"$D/config.yaml"
		sed -n '/^network_rules/,$p' "$TMP/judged.yaml" >>"$D/policies/default.yaml"
	fi
	if [ -n "${2:-}" ]; then
		echo '- {id: a, key: approver-key-1, role: approver}' >"$D/keys.yaml"
		chmod 600 "$D/keys.yaml"
		echo "auth: {type: api_key, api_key: {keys_file: $D/keys.yaml}}" >>"$D/config.yaml"
	fi
	rm -rf /run/agentsh
	mkdir -m 755 /run/agentsh
	: >"$D/out"
	chown -R "$user" "$D" /run/agentsh
	LOG=$D/log/events.jsonl
	setpriv --reuid "$user" --regid "$user" --clear-groups \
		sh -c "cd $D && exec $AGENTSH server --config $D/config.yaml >$D/out 2>$D/err" &
	PID=$!
	until_true 10 sh -c "grep -q listening $D/out || ! kill -0 $PID"
	PORT=$(sed -n 's/^agentsh server listening on .*:\([0-9]*\)$/\1/p' "$D/out")
	AGENTSH_API_KEY=${2:-}
	agentsh session create --id own --workspace "$D/ws" >/dev/null
	agentsh exec own -- sh -c 'setsid sleep 600 >/dev/null 2>&1 &'
}

victim_lives() { agentsh session info victim >/dev/null 2>&1; }
victim() { victim_lives || agentsh session create --id victim --workspace "$D/ws" >/dev/null; }
outside() { # WAY ADDRESS...
	way=$1
	shift
	victim
	R=$(from_outside "$way" $END '' "$@")
}
inside() {
	way=$1
	shift
	victim
	size=$(stat -c %s "$LOG")
	R=$(from_inside "$way" $END '' "$@")
}
refusal_logged() {
	tail -c "+$((size + 1))" "$LOG" | grep -F '"type":"api_refused"' |
		grep -F '"rule":"own-session-only"' | grep -F '"effective_decision":"deny"' |
		grep -F '"path":"/api/v1/sessions/{}"' | grep -qF '"object":"victim"'
}
held() { # TEXT STATUS: what inside() tried has not happened
	is "$1: status" "$R" "$2"
	ok "$1: it did not happen" victim_lives
	[ "$2" = none ] || ok "$1: an event names the rule" refusal_logged
}

# ---- AP-14: what a process can do with its connection ----
# ways WAYS: judged() goes through all of them with a supervisor between.
ways() {
	for socket in "127.0.0.1 $PORT" "unix /run/agentsh/gate.sock.http"; do
		name="$as ${socket%% *}"
		outside plain $socket
		is "$name: who is outside may" "$R" 204
		# Who connected is named by the kernel, over a unix socket, and must still be there.
		[ "${socket%% *}" = unix ] || outside child $socket
		is "$name: also where another process connected" "$R" 204
		for way in $1; do
			inside $way $socket
			held "$name: $way" 403
		done
		for way in closed reset; do
			inside $way $socket
			held "$name: $way" none
		done
	done
	inside device 127.0.0.1 "$PORT"
	held "$as: bound to a device" 403
}
refused_inside() { # METHOD TARGET BODY
	is "$as: $1 $2 is refused inside" "$(from_inside flight "$@" 127.0.0.1 "$PORT")" 403
}
requests() {
	is "$as: its own session is open to it" \
		"$(from_inside plain GET /api/v1/sessions/own '' 127.0.0.1 "$PORT")" 200
	refused_inside POST /api/v1/sessions '{"workspace":"/tmp","id":"made"}'
	not_ok "$as: no session was made" agentsh session info made
	refused_inside PATCH /api/v1/sessions/own '{"cwd":"/workspace"}'
	refused_inside POST /api/v1/sessions/own/kill/cmd-1 '{}'
	# A session before its first command has no mark yet, and a caller that cannot be made out has none.
	agentsh session create --id fresh --workspace "$D/ws" >/dev/null
	refused_inside POST /api/v1/sessions/fresh/exec "{\"command\":\"touch\",\"args\":[\"$D/ws/canary\"]}"
	not_ok "$as: nor did it run" test -e "$D/ws/canary"
}

# A connection of somebody outside, handed on to what he starts.
cat >"$TMP/hand_on.py" <<'END'
import os, socket, sys
s = socket.socket(socket.AF_UNIX if sys.argv[1] == "unix" else socket.AF_INET)
s.connect(sys.argv[2] if sys.argv[1] == "unix" else (sys.argv[1], int(sys.argv[2])))
os.dup2(s.fileno(), 9)
os.execv(sys.argv[3], sys.argv[3:])
END
handed_on() {
	victim
	export CALLER_HOST="127.0.0.1:$PORT"
	for socket in "127.0.0.1 $PORT" "unix /run/agentsh/gate.sock.http"; do
		hand_on="as_user /usr/bin/python3 $TMP/hand_on.py $socket"
		ask="/usr/bin/python3 $TMP/caller.py plain"
		is "$as ${socket%% *}: a connection from outside serves its new holder" \
			"$($hand_on $ask GET /api/v1/sessions/victim '' fd 9)" 200
		is "$as ${socket%% *}: but not inside" \
			"$($hand_on /usr/bin/env -u AGENTSH_SERVER -u AGENTSH_API_KEY \
				"$AGENTSH" exec --events none own -- $ask $END '' fd 9)" 403
	done
	ok "$as: the session is still there" victim_lives
	unset CALLER_HOST
}

# ---- connections that a supervisor makes for its session's processes: its number is in them ----
# from_judged WAY METHOD TARGET BODY ADDRESS...: from below `agentsh run`, whose session no server knows.
from_judged() {
	as_user env -u AGENTSH_SERVER "$AGENTSH" run --judge-net --policy "$TMP/judged.yaml" -- \
		/usr/bin/python3 "$TMP/caller.py" "$@" 2>/dev/null
}
# leave.py WAY: connect to the API's socket, and be gone or somebody else when it is used.
cat >"$TMP/leave.py" <<'END'
import array, os, socket, sys, time
way, path, taker = sys.argv[1:]
s = socket.socket(socket.AF_UNIX)
s.connect(path)
if way == "exec":
    os.dup2(s.fileno(), 9)
    os.execv("/usr/bin/python3", ["python3", sys.argv[0].replace("leave", "caller"), "plain", "DELETE",
                                  "/api/v1/sessions/victim", "", "fd", "9"])
t = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
t.connect(taker)
t.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [s.fileno()]))])
s.close()
while way == "stay" and not os.path.exists(taker + ".done"):
    time.sleep(0.02)
END
# take.py SOCKET: outside, what comes is used as soon as SOCKET.go is there.
cat >"$TMP/take.py" <<'END'
import os, socket, struct, sys, time
t = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
t.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
_, control, _, _ = t.recvmsg(1, socket.CMSG_SPACE(4))
os.dup2(struct.unpack("i", control[0][2][:4])[0], 9)
while not os.path.exists(sys.argv[1] + ".go"):
    time.sleep(0.02)
os.execv("/usr/bin/python3", ["python3", sys.argv[0].replace("take", "caller"), "plain", "DELETE",
                              "/api/v1/sessions/victim", "", "fd", "9"])
END
chmod 644 "$TMP/judged.yaml" "$TMP/leave.py" "$TMP/take.py"
supervised() { # WAY ADDRESS...
	way=$1
	shift
	victim
	size=$(stat -c %s "$LOG")
	R=$(from_judged "$way" $END '' "$@")
}
judged() {
	gate=/run/agentsh/gate.sock
	for socket in "127.0.0.1 $PORT" "unix $gate.http"; do
		name="uid $user, connected by its supervisor, ${socket%% *}"
		for way in plain flight table child hidden leaderless; do
			supervised $way $socket
			held "$name: $way" 403
		done
		for way in closed reset; do
			supervised $way $socket
			held "$name: $way" none
		done
		outside plain $socket
		is "$name: beside it, who is outside may" "$R" 204
	done
	export CALLER_HOST="127.0.0.1:$PORT"
	victim
	size=$(stat -c %s "$LOG")
	R=$(as_user env -u AGENTSH_SERVER "$AGENTSH" run --judge-net --policy "$TMP/judged.yaml" -- \
		/usr/bin/python3 "$TMP/leave.py" exec "$gate.http" -)
	held "uid $user, connected by its supervisor: another program by then" 403
	# Handed on to somebody outside; the session lives, or is over, supervisor and all.
	for way in stay send; do
		size=$(stat -c %s "$LOG")
		rm -f "$D/ws/taker"*
		as_user /usr/bin/python3 "$TMP/take.py" "$D/ws/taker" >"$TMP/taken" &
		taker=$!
		until_true 5 test -S "$D/ws/taker"
		[ "$way" = send ] || : >"$D/ws/taker.go"
		as_user env -u AGENTSH_SERVER "$AGENTSH" run --judge-net --policy "$TMP/judged.yaml" -- \
			/usr/bin/python3 "$TMP/leave.py" "$way" "$gate.http" "$D/ws/taker" &
		leaver=$!
		[ "$way" = stay ] || wait "$leaver"
		: >"$D/ws/taker.go"
		wait "$taker"
		: >"$D/ws/taker.done"
		wait "$leaver"
		R=$(cat "$TMP/taken")
		held "uid $user, connected by its supervisor: handed on outside ($way)" 403
	done
	rm -f "$D/ws/taker"*
	unset CALLER_HOST
	# Who is governed does not ask to be; that socket is not its to send to.
	as_user env -u AGENTSH_SERVER "$AGENTSH" run --judge-net --policy "$TMP/judged.yaml" \
		--audit "$D/ws/run.jsonl" -- /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
try:
    s.connect(sys.argv[1])
except OSError as e:
    print(e.errno)' "$gate" >"$TMP/said" 2>/dev/null
	is "uid $user: the gate is closed to who is governed: EACCES" "$(cat "$TMP/said")" 13
	ok "uid $user: an event names the rule" grep -q '"closed-to-sessions"' "$D/ws/run.jsonl"
	rm -f "$D/ws/run.jsonl"
}

# What a session needs of the server, with a supervisor between them.
own_needs() {
	victim
	for server in "http://127.0.0.1:$PORT" unix:///run/agentsh/gate.sock; do
		name="$as, inside, over ${server%%:*}"
		inside_own="agentsh exec --events none own -- env AGENTSH_SERVER=$server $AGENTSH"
		is "$name: its session" "$($inside_own session info own --json | jq -r .id)" own
		is "$name: a command" "$($inside_own exec own -- echo finished)" finished
		not_ok "$name: not in another session" agentsh exec --events none own -- \
			env -u AGENTSH_SESSION_ID AGENTSH_SERVER=$server "$AGENTSH" exec victim -- \
			touch "$D/ws/canary"
		not_ok "$name: which did not happen" test -e "$D/ws/canary"
	done
	# The proxy does not lead there; were it to, it would be known as the session's, too.
	export CALLER_HOST="127.0.0.1:$PORT"
	for way in via tunnel; do
		for each in 127.0.0.1 localhost 127.0.0.2 '[::ffff:127.0.0.1]'; do
			victim
			is "$as, inside, by the proxy ($way $each)" \
				"$(from_inside plain $END '' $way "$each" "$PORT")" 403
			ok "$as, inside, by the proxy ($way $each): it did not happen" victim_lives
		done
	done
	unset CALLER_HOST
	ok "$as: what is armed" grep -q '"layers":"[^"]*network' "$LOG"
}

# ---- AP-06: every address there is ----
# address LISTENER ADDRESS [FROM]
address() {
	outside plain "$2" "$PORT" ${3:-}
	[ "$R" = 204 ] || return 0 # not listened to there
	reached="$reached $2${3:+<$3}"
	name="uid $user: listening on $1, asked at $2${3:+ from $3}"
	inside plain "$2" "$PORT" ${3:-}
	held "$name" 403
	[ -n "${3:-}" ] || return 0
	inside reset "$2" "$PORT" $3
	held "$name, hanging up at once" none
}
addresses() { # LISTENER
	reached=
	export CALLER_HOST="127.0.0.1:$PORT" CALLER_KEY=approver-key-1
	for each in 127.0.0.1 127.0.0.2 127.1 2130706433 0x7f.1 0.0.0.0 localhost 10.78.8.1 ::1 :: \
		::ffff:127.0.0.1 ::ffff:127.9.9.9 ::ffff:10.78.8.1 fd78::1 "$local%veth0"; do
		address "$1" "$each"
	done
	address "$1" 127.0.0.1 127.8.8.8
	address "$1" 127.0.0.1 10.78.8.1
	address "$1" 10.78.8.1 127.0.0.1
	address "$1" 127.0.0.1 10.79.1.1
	address "$1" 10.78.8.1 10.79.1.1
	address "$1" ::1 fd79::5
	address "$1" fd78::1 fd79::5
	echo "# uid $user: $1 is reached at$reached"
	unset CALLER_HOST CALLER_KEY
}
with_key() {
	export CALLER_KEY=approver-key-1
	is "uid $user: AP-01 who has the key approves" \
		"$(from_outside plain GET /api/v1/approvals '' ::1 "$PORT")" 200
	is "uid $user: AP-01 but not inside, with the same key" \
		"$(from_inside plain GET /api/v1/approvals '' ::1 "$PORT")" 403
	for each in 10.78.8.1 fd78::1; do
		victim
		is "uid $user: who asks $each from another machine, with a key, may" \
			"$(nsenter -t "$far" --net \
				/usr/bin/python3 "$TMP/caller.py" plain $END '' "$each" "$PORT")" 204
	done
	unset CALLER_KEY
}

local=$(ip -6 -o addr show dev veth0 scope link | sed 's/.*inet6 \([^/]*\).*/\1/')
JUDGE=
for user in 0 1000; do
	as="uid $user"
	serve 127.0.0.1
	ways 'plain flight table child hidden leaderless'
	requests
	handed_on
	judged
	stop
	JUDGE=yes as="uid $user, connections judged"
	serve 127.0.0.1
	ways 'flight leaderless'
	requests
	handed_on
	own_needs
	stop
	JUDGE=
	listeners='127.0.0.1 [::1] 0.0.0.0 [::]'
	[ "$user" = 0 ] || listeners='[::]'
	for listener in $listeners; do
		serve "$listener" approver-key-1
		addresses "$listener"
		[ "$listener" != '[::]' ] || with_key
		stop
	done
done
