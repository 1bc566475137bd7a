# badinput - whatever is broken, the answer is clear, nothing is lost and nothing is allowed.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "bad input"
governed || exit 0

ms() { echo $(($(date +%s%N) / 1000000)); }
# closed DESCRIPTION: the shim says one clear line, 126, within 2 s of its own, and nothing ran.
closed() {
	stop_server
	clear_canary
	rm -f /tmp/did-run
	started=$(ms)
	try /bin/bash -c 'touch /tmp/did-run; echo ran'
	took=$(($(ms) - started))
	if [ "$rc" = 126 ] && [ ! -e /tmp/did-run ] && [ ! -s "$TRY/out" ] && [ $took -lt 2500 ] &&
		[ "$(grep -c ^agentsh "$TRY/err")" -ge 1 ] && [ "$(wc -l <"$TRY/err")" -le 3 ]; then
		pass "$1: 126, one clear line, nothing ran ($took ms)"
	else
		fail "$1: 126, one clear line, nothing ran" "took $took ms" "$(told)"
	fi
	sh_closed=$1
	started=$(ms)
	try /bin/sh -c 'touch /tmp/did-run'
	check_that "$sh_closed: sh too" '[ "$rc" = 126 ] && [ ! -e /tmp/did-run ] && [ $(($(ms) - started)) -lt 2500 ]'
	try /bin/bash -c '/usr/bin/touch /tmp/did-run'
	check_that "$sh_closed: a single program too" '[ "$rc" = 126 ] && [ ! -e /tmp/did-run ]'
}
works() { check_ok "$1" '^works$' /bin/bash -c 'echo works'; }
save() { cp -p "$1" "/tmp/saved-$(basename "$1")"; }
restore() { cp -p "/tmp/saved-$(basename "$1")" "$1"; }

CONFIG=/etc/agentsh/config.yaml
save $CONFIG
save $POLICY
stop_server
rm $CONFIG
closed "no configuration"
try agentsh exec made-up -- /usr/bin/touch /tmp/did-run
check_that "a client says the same" '[ "$rc" = 1 ] && [ ! -e /tmp/did-run ] &&
	grep -q "^agentsh: server unreachable .* none can be started without a configuration" "$TRY/err"'
restore $CONFIG
if [ "$E2E_USER" != root ]; then
	chmod 0600 $CONFIG
	closed "unreadable configuration"
	restore $CONFIG
fi
printf 'server: [\n' >$CONFIG
closed "configuration that does not parse"
printf 'server:\n  http:\n    adr: "127.0.0.1:18080"\n' >$CONFIG
stop_server
works "a key that the configuration does not know is no reason to stop"
stop_server
try timeout 1 agentsh server
check_that "but the server names file, line and key" 'grep -qE "config.yaml:3:[0-9]+: .*adr" "$TRY/err"'
restore $CONFIG
rm $POLICY
closed "no policy"
printf 'version: 1\nname: default\ncommand_rules:\n  - name: x\n    commands: ["*"]\n    decision: perhaps\n' >$POLICY
closed "a policy that does not load"
try agentsh server
check_that "the server names file and line" '[ "$rc" = 1 ] && grep -qE "default.yaml:6:[0-9]+: " "$TRY/err"'
restore $POLICY
works "works again after the files came back"

stop_server
/usr/bin/python3 -c 'import socket, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", 18080)); s.listen(); time.sleep(60)' &
squatter=$!
until_true 5 grep -q ':46A0 00000000:0000 0A' /proc/net/tcp
try timeout 5 agentsh server
check_that "port in use: the server says so and exits 1" '[ "$rc" = 1 ] && grep -q "18080" "$TRY/err"'
closed "port in use by somebody else"
kill $squatter
wait $squatter 2>/dev/null || :
works "works again when the port is free"

stop_server
mkdir -p /mnt/full
mv /var/lib/agentsh /var/lib/agentsh.real
mkdir -m 0555 /var/lib/agentsh
/opt/e2e/bin/real-mount -t tmpfs -o ro none /var/lib/agentsh
closed "state directory that cannot be written"
try agentsh server
check_that "the server names the directory" '[ "$rc" = 1 ] && grep -q "/var/lib/agentsh" "$TRY/err"'
/opt/e2e/bin/real-umount /var/lib/agentsh

# A log that is full: what cannot be recorded does not happen.
/opt/e2e/bin/real-mount -t tmpfs -o size=48m none /var/lib/agentsh
chown "$E2E_USER" /var/lib/agentsh
chmod 0755 /var/lib/agentsh
works "works on a small disk"
head -c 100000000 /dev/zero >/var/lib/agentsh/filler 2>/dev/null || :
lines=$(wc -l <"$LOG")
rm -f /tmp/did-run
n=0
while [ $n -lt 12 ]; do
	try /bin/bash -c 'echo ran; touch /tmp/did-run; sudo whoami'
	n=$((n + 1))
done
check_that "full disk: the shell is refused (126) and told why" '[ "$rc" = 126 ] && grep -qE "events.*No space left" "$TRY/err" && [ ! -s "$TRY/out" ]'
check_that "full disk: nothing denied ran" '[ ! -e /tmp/canary ]'
check_that "full disk: no line of the log was lost" '[ "$(wc -l <"$LOG")" -ge "$lines" ]'
rm /var/lib/agentsh/filler
until_true 5 eval 'try /bin/bash -c "echo works"; [ "$rc" = 0 ]'
works "works again when there is room"
check "the chain verifies" agentsh audit verify "$LOG"
stop_server
/opt/e2e/bin/real-umount /var/lib/agentsh
rmdir /var/lib/agentsh
mv /var/lib/agentsh.real /var/lib/agentsh

# Nothing there to start.
stop_server
mv /usr/bin/agentsh /usr/bin/agentsh.away
mv /bin/bash /bin/bash.away
cp /bin/bash.away /bin/bash
printf 'server:\n  http:\n    addr: "127.0.0.1:1"\naudit:\n  storage:\n    sqlite_path: "/proc/nowhere/events.db"\n' >$CONFIG
closed "server neither there nor to be started"
mv /usr/bin/agentsh.away /usr/bin/agentsh
mv /bin/bash.away /bin/bash
restore $CONFIG
works "works again"

section "bad arguments"
cat >/tmp/args.py <<'PY'
import subprocess, sys, os
what = sys.argv[1]
shell = ["/bin/bash", "-c"]
if what == "1mib":
    args = ["x" * 1000] * 1048
    p = subprocess.run(shell + ['echo $#; /usr/bin/python3 -c "import sys; print(sum(map(len, sys.argv[1:])))" "$@"', "sh"] + args, stdout=subprocess.PIPE)
elif what == "1mib-string":
    p = subprocess.run(shell + ["# " + "x" * 120000 + "\necho $0"], stdout=subprocess.PIPE)
elif what == "10000-hidden":
    env = dict(os.environ, **{"HIDDEN_%d" % n: "v" for n in range(10000)})
    p = subprocess.run(shell + ["env | grep -c HIDDEN_; true"], env=env, stdout=subprocess.PIPE)
elif what == "10000-allowed":
    env = dict(os.environ, **{"LC_%d" % n: "v" for n in range(10000)})
    p = subprocess.run(shell + ["touch /tmp/did-run; echo ran"], env=env, stdout=subprocess.PIPE)
elif what == "big-value":
    env = dict(os.environ, LC_BIG="v" * 100000)
    p = subprocess.run(shell + ["touch /tmp/did-run; echo ran"], env=env, stdout=subprocess.PIPE)
elif what == "utf8":
    p = subprocess.run([b"/bin/bash", b"-c", b"printf %s \"$1\" | od -An -tx1; echo \xff\xfe", b"\xff", b"a\xc3\x28\xa0\xa1b\xed\xa0\x80"], stdout=subprocess.PIPE)
elif what == "control":
    p = subprocess.run([b"/bin/bash", b"-c", b"sudo \x1b[31m\rwhoami\n\x07"], stdout=subprocess.PIPE)
elif what == "malformed-env":
    import ctypes
    libc = ctypes.CDLL(None)
    argv = (ctypes.c_char_p * 4)(b"bash", b"-c", b"echo fine", None)
    env = (ctypes.c_char_p * 6)(b"=", b"NOEQUALS", b"PATH=/usr/bin:/bin", b"\xff\xfe=x", b"LC_X=\xff", None)
    libc.execve(b"/bin/bash", argv, env)
elif what == "e2big":
    try:
        p = subprocess.run(shell + ["true", "x" * 200000], stdout=subprocess.PIPE)
    except OSError as e:
        print(e.errno); sys.exit(0)
sys.stdout.buffer.write(p.stdout)
sys.exit(p.returncode)
PY
check_ok "1 MiB of arguments reach the command" '^1048000$' /usr/bin/python3 /tmp/args.py 1mib
check_ok "a long command string" . /usr/bin/python3 /tmp/args.py 1mib-string
check_ok "more than the kernel takes is the kernel's error" '^7$' /usr/bin/python3 /tmp/args.py e2big
check_ok "10,000 variables that the policy hides" '^0$' /usr/bin/python3 /tmp/args.py 10000-hidden
for what in 10000-allowed big-value; do
	rm -f /tmp/did-run
	try /usr/bin/python3 /tmp/args.py $what
	check_that "$what: over the policy's limits nothing runs, with a reason" \
		'[ "$rc" != 0 ] && [ ! -e /tmp/did-run ] && [ ! -s "$TRY/out" ] && grep -qE "max_(keys|bytes)" "$TRY/err"'
done
check_ok "bytes that are not UTF-8 pass unchanged" '61 c3 28 a0 a1 62 ed a0 80' /usr/bin/python3 /tmp/args.py utf8
check_ok "malformed environment" '^fine$' /usr/bin/python3 /tmp/args.py malformed-env
clear_canary
try /usr/bin/python3 /tmp/args.py control
check_that "no control characters of the command in our lines" '! grep ^agentsh: "$TRY/err" | LC_ALL=C grep -q "[[:cntrl:]]" && ! ran sudo'
check_that "the log is still one JSON object a line" 'python3 -c "import json
for l in open(\"$LOG\", encoding=\"utf-8\"): json.loads(l)"'
exit 0
