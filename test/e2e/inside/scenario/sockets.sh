# sockets - where connections, messages and local sockets lead, in sessions of the server: who is kept out, what
# everybody hears of it, and what goes on as ever.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "sockets"
native && exit 0
if governed && ! net_armed; then exit 0; fi
D=default-deny-network B=block-private-networks
case $E2E_PAIR in own-*) S=block-control-sockets ;; *) S=daemon-sockets ;; esac

rm -f /tmp/outsider
/usr/bin/python3 -B /opt/e2e/outsider.py </dev/null >/tmp/outsider.log 2>&1 &
outsider=$!
until_true 10 test -e /tmp/outsider || fail "somebody listens" "$(cat /tmp/outsider.log)"
# PYTHON text: connects, sends.
tcp='import socket; s = socket.create_connection(("%s", 7000), 5); print(s.recv(9).decode().strip())'
udp='import socket; s = socket.socket(2, 2); s.settimeout(5); s.sendto(b"x", ("%s", 7000)); print(s.recv(9).decode())'
held='import socket; s = socket.socket(2, 2); s.settimeout(5); s.connect(("%s", 7000)); s.send(b"x"); print(s.recv(9).decode())'
unix='import socket; s = socket.socket(1); s.settimeout(5); s.connect("%s"); print(s.recv(9).decode().strip())'
# says PROGRAM ADDRESS: that program as an argument of the shell's.
# shellcheck disable=SC2059
says() { printf "python3 -c '$1'" "$2"; }
seen='[ -s /tmp/reached ]'
# shut DESCRIPTION SUBJECT RULE PROGRAM ADDRESS: EACCES, an event, nobody there was reached.
shut() {
	rm -f /tmp/reached
	check_denied "$1" "$2" "quiet $3" fail "$seen" /bin/bash -c "$(says "$4" "$5")"
	ungoverned || check_that "$1: EACCES" 'grep -q "PermissionError: .Errno 13" $TRY/err'
}
shut "a TCP connection that no rule allows" 203.0.113.7:7000 $D "$tcp" 203.0.113.7
check_that "two lines teach" 'grep -q "^agentsh: 203.0.113.7:7000: denied by rule .$D" $TRY/err && [ "$(grep -c ^agentsh: $TRY/err)" = 2 ]'
shut "a TCP connection that a rule denies" 10.9.9.9:7000 $B "$tcp" 10.9.9.9
check_that "its line of the policy is told" 'denial_told $TRY/err $B 10.9.9.9:7000'
shut "the same, written otherwise" 10.9.9.9:7000 $B "$tcp" ::ffff:10.9.9.9
shut "a message" 203.0.113.7:7000 $D "$udp" 203.0.113.7
shut "a connected socket for messages" 10.9.9.9:7000 $B "$held" 10.9.9.9
shut "docker's socket" /run/docker.sock $S "$unix" /run/docker.sock
shut "through /var/run" /run/docker.sock $S "$unix" /var/run/docker.sock
shut "one like it elsewhere" /srv/outside/podman.sock $S "$unix" /srv/outside/podman.sock
shut "an abstract name of somebody outside" @outside abstract-sockets "$unix" '\0outside'
# In the kernel's list a line break in a name begins what looks like another socket.
alike='import os, socket
k = [socket.socket(1) for i in range(200)]
for i, s in enumerate(k): s.bind(chr(0) + str(i) + chr(10) + "0 0 0 0 0 1 " + str(os.fstat(s.fileno()).st_ino) + " @outside")
'
shut "the same, among own ones that look like it" @outside abstract-sockets "$alike$unix" '\0outside'
sh_c 'ln -sf /run/docker.sock /tmp/plain.sock'
shut "through a link" /run/docker.sock $S "$unix" /tmp/plain.sock
rm -f /tmp/plain.sock
ungoverned && { kill $outsider; exit 0; }
way='import socket; s = socket.socket(2, 2); s.connect(("%s", 0)); print("led")'
sh_c "$(says "$way" 203.0.113.7)"
check_that "which way an address leads: not told, and nobody is taught" '[ "$rc" = 1 ] && ! grep -q agentsh: $TRY/err'
check_ok "which way this machine is" '^led$' /bin/bash -c "$(says "$way" 127.0.0.1)"

section "what goes on"
for how in "$tcp" "$udp" "$held"; do
	check_ok "to this machine" '^hello$' /bin/bash -c "$(says "$how" 127.0.0.1)"
done
check_ok "by name" '^hello$' /bin/bash -c "$(says "$tcp" localhost)"
check_ok "several messages in one call" '^2 True$' python3 -c '
import ctypes, socket
u = socket.socket(2, 2); u.bind(("127.0.0.1", 0)); u.settimeout(5)
s = socket.socket(2, 2); s.connect(u.getsockname())
class iov(ctypes.Structure): _fields_ = [("b", ctypes.c_char_p), ("n", ctypes.c_size_t)]
class head(ctypes.Structure): _fields_ = [("name", ctypes.c_void_p), ("len", ctypes.c_uint), ("iov", ctypes.POINTER(iov)), ("n", ctypes.c_size_t), ("c", ctypes.c_void_p), ("cl", ctypes.c_size_t), ("f", ctypes.c_int), ("p", ctypes.c_int), ("sent", ctypes.c_uint), ("q", ctypes.c_uint)]
v = iov(b"abc", 3); m = (head * 2)(*[head(None, 0, ctypes.pointer(v), 1, None, 0, 0, 0, 0, 0)] * 2)
n = ctypes.CDLL(None).sendmmsg(s.fileno(), m, 2, 0)
print(n, n == 2 and m[0].sent == m[1].sent == 3 and u.recv(9) == u.recv(9) == b"abc")'
check_ok "to a local socket" '^hello$' /bin/bash -c "$(says "$unix" /srv/outside/plain.sock)"
check_ok "to an abstract name of its own" '^hello$' python3 -c '
import socket, threading
l = socket.socket(1); l.bind("\0inside"); l.listen()
threading.Thread(target=lambda: l.accept()[0].sendall(b"hello\n")).start()
s = socket.socket(1); s.connect("\0inside"); print(s.recv(9).decode().strip())'
check_ok "who is who" '^root$' /bin/bash -c 'getent passwd 0 | cut -d: -f1'
check_ok "node" '^hello$' /bin/bash -c 'node -e "
const net = require(\"net\"), s = net.createServer(c => c.end(\"hello\\n\")).listen(0, \"127.0.0.1\", () =>
	net.connect(s.address().port, \"127.0.0.1\").on(\"data\", d => process.stdout.write(d)).on(\"close\", () => s.close()));"'
rm -rf /tmp/served
as_user mkdir /tmp/served
as_user /bin/dash -c 'echo "from inside" >/tmp/served/file'
/opt/e2e/as_user /bin/bash -c 'exec python3 -m http.server -d /tmp/served --bind 127.0.0.1 7100' </dev/null >/dev/null 2>&1 &
web=$!
port_open() { curl -sf --noproxy '*' -m 5 http://127.0.0.1:7100/file >/tmp/fetched; }
until_true 20 port_open
check_that "a server in the session is reached from outside" 'grep -q "from inside" /tmp/fetched'
check_ok "and from inside" '^from inside$' /bin/bash -c 'curl -sf --noproxy "*" -m 5 http://127.0.0.1:7100/file'
/opt/e2e/as_user /bin/bash -c 'exec python3 -c "
import socket
l = socket.socket(1); l.bind(\"/tmp/served/sock\"); l.listen()
while True: l.accept()[0].sendall(b\"hello\\n\")"' </dev/null >/dev/null 2>&1 &
local=$!
until_true 20 test -S /tmp/served/sock
check_ok "a local socket from command to command" '^hello$' /bin/bash -c "$(says "$unix" /tmp/served/sock)"
if command -v tmux >/dev/null; then
	check_ok "tmux" '^inside tmux$' /bin/bash -c 'cd /tmp/served && rm -f out && tmux -S t new-session -d "echo inside tmux >now && mv now out; sleep 1" && i=0 &&
	until [ -e out ]; do i=$((i + 1)); [ $i -le 100 ] || exit 1; sleep 0.1; done; cat out'
fi
kill $web $local

section "what is told"
sid=$(curl -s -m 10 -X POST "$URL/api/v1/sessions" -H 'Content-Type: application/json' -d "{\"workspace\":\"$E2E_HOME\"}" |
	python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])')
before=$(log_size)
# shellcheck disable=SC2059
printf "$tcp" 203.0.113.7 >/tmp/served/program
curl -s -m 30 -X POST "$URL/api/v1/sessions/$sid/exec?events=all" -H 'Content-Type: application/json' \
	-d '{"command":"/usr/bin/python3","args":["/tmp/served/program"],"include_events":"all"}' >/tmp/answer
answer() { python3 -c "
import json
a = json.load(open('/tmp/answer')); e, g = a['events'], a.get('guidance') or {}
b = [x for x in e['blocked_operations'] if x['type'] == 'net_connect']
print($1)" 2>&1; }
check_that "exec: one operation on the network, blocked" \
	'[ "$(answer "len(b), e[\"network_operations_count\"], e[\"blocked_operations_count\"]")" = "1 1 1" ] || { cat /tmp/answer; false; }'
check_that "exec: the rule, and where it was to lead" \
	'[ "$(answer "b[0][\"policy\"][\"rule\"], b[0][\"remote\"]")" = "default-deny-network 203.0.113.7:7000" ] || { answer b; false; }'
check_that "exec: guidance" \
	'[ "$(answer "g[\"status\"], g[\"policy_rule\"], g[\"blocked\"]")" = "blocked default-deny-network True" ] || { answer g; false; }'
check_that "the log has it with session, command and process" 'tail -c "+$((before + 1))" $LOG | python3 -c "
import json, sys
e = [json.loads(l) for l in sys.stdin]
n = [x for x in e if x[\"type\"] == \"net_connect\"]
s = [x for x in e if x[\"type\"] == \"command_started\"]
assert len(n) == 1, n
assert n[0][\"session_id\"] == \"$sid\" and n[0][\"command_id\"] == s[0][\"command_id\"] and n[0][\"pid\"] > 1, n
assert n[0][\"remote\"] == \"203.0.113.7:7000\" and n[0][\"operation\"] == \"connect\", n
assert \"network\" in s[0][\"fields\"][\"layers\"].split(\",\"), s"'
curl -s -m 10 -X DELETE "$URL/api/v1/sessions/$sid" >/dev/null

section "told and not refused"
C=/etc/agentsh/config.yaml
cp $C /tmp/kept-config
python3 - $C <<'P'
import re, sys
t = open(sys.argv[1]).read()
assert "intercept_mode" in t or "network:" in t
t = re.sub(r'(?m)^( *)intercept_mode:.*$', r'\1intercept_mode: monitor', t) if "intercept_mode:" in t else \
    re.sub(r'(?m)^  network:\n', "  network:\n    intercept_mode: monitor\n", t, count=1)
open(sys.argv[1], "w").write(t)
P
stop_server
start_server
rm -f /tmp/reached
before=$(log_size)
check_ok "monitor: what is denied is reached" '^hello$' /bin/bash -c "$(says "$tcp" 10.9.9.9)"
check_that "monitor: and told" 'until_true 2 eval "tail -c +$((before + 1)) $LOG | grep -F 10.9.9.9:7000 | grep -F \"\\\"rule\\\":\\\"$B\\\"\" | grep -qF \"\\\"effective_decision\\\":\\\"allow\\\"\""'
shut "monitor: docker's socket" /run/docker.sock $S "$unix" /run/docker.sock
cp /tmp/kept-config $C
stop_server
start_server
shut "and as before" 10.9.9.9:7000 $B "$tcp" 10.9.9.9
kill $outsider
rm -rf /tmp/served /tmp/outsider /tmp/reached
exit 0
