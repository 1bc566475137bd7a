#!/bin/sh
# SV-10: who answers in the server's stead, on its sockets and its port, while it is down or not: a process of
# a session is not believed, and is sent nothing. Also in the last place of all, below /tmp, which the
# server's user, and so the agent, can write.
# shellcheck disable=SC2034 # names shared with world.sh
. "$(dirname "$0")/../t.sh"
needs root
needs setpriv
needs /usr/bin/python3

if [ -z "${IMPOSTOR_INSIDE:-}" ]; then
	trap - EXIT
	rm -rf "$TMP"
	IMPOSTOR_INSIDE=1 exec unshare --net --mount --pid --fork --kill-child --mount-proc -- sh -c '
		mkdir -p /opt/t && mount -t tmpfs -o mode=0755 t /opt/t && cp "$AGENTSH" /opt/t/agentsh &&
		mount -t tmpfs -o mode=0755 run /run && mount -t tmpfs -o mode=0755 lib /var/lib &&
		mount -t tmpfs -o mode=1777 tmp /tmp && ip link set lo up &&
		AGENTSH=/opt/t/agentsh TMPDIR=/opt/t exec "$0"' "$(readlink -f "$0")"
fi
. "$(dirname "$0")/../world.sh"

# The shim, in place of a shell of the test's own.
mkdir "$TMP/bin"
ln "$AGENTSH" "$TMP/bin/bash" && cp /bin/bash "$TMP/bin/bash.real"
unset AGENTSH_SESSION_ID AGENTSH_SERVER AGENTSH_API_KEY AGENTSH_OUTPUT AGENTSH_EVENTS AGENTSH_CONFIG
export AGENTSH_NO_AUTO=1 CANARY=secret
PLACE=/tmp/agentsh-1000
as_user() { setpriv --reuid 1000 --regid 1000 --clear-groups "$@"; }

# Without a configuration the server takes the first place it can have, for this user the one below /tmp.
world w
mkdir "$D/log"
sed -i '/unix_socket/d' "$D/config.yaml"
echo "audit: {output: $D/log/events.jsonl}" >>"$D/config.yaml"
echo "sessions: {base_dir: $D/log}" >>"$D/config.yaml"
chown -R 1000 "$D"
serve() {
	rm -f "$D/out" # another user's may not be written in some places
	setpriv --reuid 1000 --regid 1000 --clear-groups \
		sh -c "cd $D && exec $AGENTSH server --config $D/config.yaml >$D/out 2>$D/err" &
	PID=$!
	world_pids="$world_pids $PID"
	until_true 10 sh -c "grep -q listening $D/out 2>/dev/null || ! kill -0 $PID"
	PORT=$(sed -n 's/^agentsh server listening on .*:\([0-9]*\)$/\1/p' "$D/out")
	sed -i "s/127.0.0.1:0/127.0.0.1:$PORT/" "$D/config.yaml" # the same one next time
}
serve
ok 'the server is below /tmp' test -S "$PLACE/gate.sock"

# The impostor: hears on WHERE, answers what a server might. Writes what it hears into /tmp/heard.
cat >"$TMP/impostor.py" <<'P'
import ctypes, fcntl, os, socket, sys, time
where, real = sys.argv[1], sys.argv[2]
if where == "127.0.0.1":
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # nobody of this user can look at its descriptors
if len(sys.argv) > 3:  # nothing more can be started once the server has ended
    open("/tmp/waits", "w").close()
    while os.path.exists("/proc/" + sys.argv[3]):
        time.sleep(0.02)
place = "/tmp/agentsh-%d" % os.getuid()
if where == "gate":  # beside the server's own lock, which the server holds
    os.path.exists(place + "/gate.sock") and os.rename(place + "/gate.sock", "/tmp/aside")
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(place + "/gate.sock")
elif where == "all":  # the whole place, with locks, as if it were the server
    os.path.exists(place) and os.rename(place, "/tmp/aside-place")
    os.mkdir(place, 0o700)
    lock = open(place + "/server.lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    fcntl.lockf(lock, fcntl.LOCK_EX)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(place + "/gate.sock")
elif where == "http":
    os.path.exists(place + "/gate.sock.http") and os.rename(place + "/gate.sock.http", "/tmp/aside.http")
    s = socket.socket(socket.AF_UNIX)
    s.bind(place + "/gate.sock.http")
    s.listen(9)
else:
    s = socket.socket(socket.AF_INET6 if where == "::1" else socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((where, int(real)))
    s.listen(9)
open("/tmp/ready", "w").close()
answer = b'{"result":{"exit_code":0,"stdout":"believed\\n"},"events":{},"guidance":{}}'
while True:
    if s.type == socket.SOCK_DGRAM:
        data = s.recv(1 << 17)
    else:
        c, _ = s.accept()
        c.settimeout(2)
        try:
            data = c.recv(1 << 17)
            c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
        except OSError:
            data = b""
        c.close()
    open("/tmp/heard", "ab").write(data)
P
chmod 644 "$TMP/impostor.py"

inside() { as_user "$AGENTSH" exec --events none own -- "$@"; }
# impose WHERE: from inside a session; the server must be there to begin with.
impose() {
	rm -f /tmp/ready /tmp/heard
	inside setsid -f /usr/bin/python3 "$TMP/impostor.py" "$1" "$PORT" </dev/null >/dev/null 2>"$TMP/why"
	until_true 5 test -e /tmp/ready || sed 's/^/# /' "$TMP/why"
}
natively() {
	rm -f /tmp/ready /tmp/heard
	as_user /usr/bin/python3 "$TMP/impostor.py" "$1" "$PORT" &
	impostor=$!
	until_true 5 test -e /tmp/ready
}
impostors() {
	for p in /proc/[0-9]*; do
		case $(tr '\0' ' ' 2>/dev/null <"$p/cmdline") in
		*impostor.py*) echo "${p#/proc/}" ;;
		esac
	done
}
none_left() { [ -z "$(impostors)" ]; }
end_it() {
	for p in $(impostors); do
		kill -KILL "$p"
	done
	until_true 5 none_left
	rm -rf /tmp/ready /tmp/heard
}
heard() { [ -s /tmp/heard ]; }
# What runs leaves its mark.
MARK=$D/ws/mark
try() {
	rm -f "$MARK"
	rc=0
	timeout 30 setpriv --reuid 1000 --regid 1000 --clear-groups "$@" >"$TMP/o" 2>"$TMP/e" || rc=$?
}
shim() { try "$TMP/bin/bash" -c "touch $MARK"; }
in_place() { try "$AGENTSH" exec --events none own -- touch "$MARK"; }
over() { try env AGENTSH_SERVER="$1" AGENTSH_API_KEY=key-secret "$AGENTSH" exec own -- touch "$MARK"; }
works() { # TEXT
	is "$1: works" "$rc" 0
	ok "$1: it happened" test -e "$MARK"
}
refused() { # TEXT STATUS PATTERN
	is "$1: exit status" "$rc" "$2"
	has "$1: says why" "$(cat "$TMP/e")" "$3"
	not_ok "$1: nothing ran" test -e "$MARK"
	not_ok "$1: nothing was sent" heard
}

shim
works 'shim'
in_place
works 'exec'
over "http://127.0.0.1:$PORT"
works 'exec over TCP'
over "unix://$PLACE/gate.sock"
works 'exec over the unix socket'

# ---- the socket replaced under a living server ----
impose gate
shim
refused 'shim, socket replaced' 126 '^agentsh: denied: no server'
in_place
refused 'exec, socket replaced' 1 '^agentsh: .*server'
end_it
as_user mv /tmp/aside "$PLACE/gate.sock"
shim
works 'shim, with the socket back'
impose http
over "unix://$PLACE/gate.sock"
refused 'exec over a replaced unix socket' 1 'is a process of a session'
end_it
as_user mv /tmp/aside.http "$PLACE/gate.sock.http"
over "unix://$PLACE/gate.sock"
works 'exec over the unix socket, with it back'

# ---- another address of the same port ----
impose ::1
over "http://[::1]:$PORT"
refused 'exec over TCP, port of another address' 1 'is a process of a session'
over "http://localhost:$PORT"
works 'localhost is where the server is'
end_it

# ---- the server is down ----
# Nothing can be started in a session then; what waits for it takes the server's place at once.
down() { # WHERE
	rm -f /tmp/ready /tmp/heard /tmp/waits
	inside setsid -f /usr/bin/python3 "$TMP/impostor.py" "$1" "$PORT" "$PID" \
		</dev/null >/dev/null 2>"$TMP/why"
	until_true 5 test -e /tmp/waits
	kill -KILL "$PID"
	wait "$PID" 2>/dev/null
	ok "server down: an impostor is there ($1)" until_true 5 test -e /tmp/ready
}
up() {
	end_it
	rm -rf /tmp/aside* "$PLACE"
	serve
	as_user "$AGENTSH" session create --server "http://127.0.0.1:$PORT" --id own \
		--workspace "$D/ws" >/dev/null
}
down 127.0.0.1
over "http://127.0.0.1:$PORT"
refused 'server down: exec over TCP' 1 'is a process of a session'
up
over "http://127.0.0.1:$PORT"
works 'server up again: exec over TCP'
down all
shim
refused 'server down: shim' 126 '^agentsh: denied: '
in_place
refused 'server down: exec' 1 '^agentsh: '
# Residual: while it is there no server can start in this place, and nothing runs.
timeout 10 setpriv --reuid 1000 --regid 1000 --clear-groups "$AGENTSH" server --config "$D/config.yaml" \
	>"$TMP/o" 2>"$TMP/e"
is 'server down: a second server' $? 1
has 'server down: which says why' "$(cat "$TMP/e")" 'another server is running'
up
shim
works 'server up again: shim'

# ---- a server of root's, whose lock file is nobody else's to open ----
stop
rm -rf "$PLACE" "$D/log"
chown -R 0 "$D"
chown 1000 "$D/ws"
rm -f "$D/out"
(umask 077 && cd "$D" && exec "$AGENTSH" server --config "$D/config.yaml" >"$D/out" 2>"$D/err") &
PID=$!
world_pids="$world_pids $PID"
until_true 10 sh -c "grep -q listening $D/out 2>/dev/null || ! kill -0 $PID"
is "a server of root's has its place" "$(stat -c %a /run/agentsh/server.lock)" 600
shim
works "shim of a user, with root's server"
over "http://127.0.0.1:$PORT"
is "exec over TCP of a user, with root's server: is answered" "$rc" 1
has "exec over TCP of a user, with root's server: by it" "$(cat "$TMP/e")" 'server said|Session|session'
