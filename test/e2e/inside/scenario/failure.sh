# failure - the governor's processes stop, or have no more descriptors, memory, disk or processes: what is denied is
# denied, what cannot be judged does not run, everybody is told, and it works again when there is enough.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "failure"
governed || exit 0

supervisors() { pgrep -x supervise || pgrep -f '^supervise'; }
limit() { as_user prlimit --pid "$@"; } # of their own user: soft limits only
# An effect that can be seen, through a program that has to be judged.
mark() { echo "cp /etc/hostname $E2E_HOME/mark.$1"; }
marked() { [ -e "$E2E_HOME/mark.$1" ]; }
one_line() { [ "$(wc -l <"$TRY/err")" = 1 ] && grep -q "$1" "$TRY/err"; }
works() { # DESCRIPTION
	clear_canary
	sh_c "$(mark again); sudo id; true"
	check_that "$1" '[ "$rc" = 0 ] && marked again && [ ! -e /tmp/canary ] && grep -q block-shell-escape "$TRY/err"'
	rm -f "$E2E_HOME/mark.again"
}

stop_server
start_server
works "to begin with"
server_pid=$(server_pids)

# --- the server stands still ---
kill -STOP "$server_pid"
started=$(date +%s)
sh_c "$(mark stopped)"
took=$(($(date +%s) - started))
check_that "a stopped server: the shim gives up in time (${took} s)" '[ "$took" -ge 5 ] && [ "$took" -le 15 ]'
check_that "it denies" '[ "$rc" = 126 ] && ! marked stopped'
check_that "with one line that says so" 'one_line "agentsh: denied: the server does not answer"'
kill -CONT "$server_pid"
works "it goes on"
check_that "what it was asked meanwhile did not happen" '! marked stopped'

# --- a supervisor stands still ---
supervisor=$(supervisors)
kill -STOP "$supervisor"
as_user /bin/bash -c "$(mark waits); sudo id" >/tmp/waits.out 2>&1 &
waits=$!
until_true 5 grep -q 'command_started.*mark.waits\|mark.waits.*command_started' "$LOG"
# proc_pid_syscall(5): somebody stands in execve (x86-64, aarch64), which the kernel holds.
is_held() { for p in /proc/[0-9]*; do read -r n _ 2>/dev/null <"$p/syscall" && case $n in 59 | 221) return 0 ;; esac; done; return 1; }
until_true 5 is_held
check_that "a stopped supervisor: its command waits, it does not run" '! marked waits && [ ! -e /tmp/canary ]'
kill -CONT "$supervisor"
wait $waits
check_that "and goes on with it" 'marked waits && [ ! -e /tmp/canary ] && grep -q block-shell-escape /tmp/waits.out'

as_user /bin/bash -c 'sleep 300 >/dev/null 2>&1 & echo $!' >/tmp/left
left=$(cat /tmp/left)
check_that "something is left in the background" 'alive "$left"'

# Stopped, and then the server dies: the next one has read its ring. Nobody may add to that.
kill -STOP "$supervisor"
as_user /bin/bash -c "$(mark late)" >/tmp/late.out 2>&1 &
late=$!
until_true 5 grep -q 'command_started.*mark.late\|mark.late.*command_started' "$LOG"
kill -KILL "$server_pid"
until_true 5 eval '! alive $server_pid'
works "the next server serves"
check_that "what the dead server's session left in the background is gone" '! alive "$left"'
check_that "a stopped supervisor ends with its server" '! grep -qs "^State:	T" "/proc/$supervisor/status"'
kill -CONT "$supervisor" 2>/dev/null
wait $late
check_that "what waited for it did not run" '! marked late'
check_that "what was left of the session is logged as ended" 'grep -q "its server ended without it" $LOG'

# --- descriptors ---
stop_server
# A view of the workspace takes some more, and so do the sockets of each session's proxy.
fds=24
! view_armed || fds=32
! net_armed || fds=$((fds + 8))
as_user prlimit --nofile=$fds:$fds "$AGENTSH" server </dev/null >/var/log/agentsh/server.log 2>&1 &
until_true 10 healthy
works "a server with $fds descriptors"
cat >/tmp/hold.py <<'END'
import socket, time, os
held = []
for i in range(40):
    s = socket.socket()
    s.settimeout(0.2)
    try:
        s.connect(("127.0.0.1", 18080))
        held.append(s)
    except OSError:
        pass
open("/tmp/held", "w").close()
while not os.path.exists("/tmp/release"):
    time.sleep(0.05)
END
python3 /tmp/hold.py &
hold=$!
until_true 20 test -e /tmp/held
clear_canary
for i in 1 2 3 4; do
	mkdir -p "/tmp/d$i"
	chmod 777 "/tmp/d$i"
	try env -C "/tmp/d$i" /bin/bash -c "cp /etc/hostname /tmp/d$i/mark; sudo id"
	check_that "without any left, session $i: governed or denied" \
		'[ ! -e /tmp/canary ] && { [ "$rc" = 126 ] || [ "$rc" = 127 ]; } && grep -q "^agentsh: " "$TRY/err"'
done
: >/tmp/release
wait $hold
until_true 5 healthy
works "and when there are some again"
# Who judges files, too, holds some all the time: the store's, the session's directories.
few=12
! files_armed || few=20
! view_armed || few=26
! net_armed || few=$((few + 8))
limit "$(supervisors | head -1)" --nofile=$few:
clear_canary
for i in 1 2 3 4 5 6 7 8 9 10; do
	as_user /bin/bash -c "sleep 1; sudo id; cp /etc/hostname $E2E_HOME/mark.many.$i" >>/tmp/many.out 2>&1 &
	many="${many-} $!"
done
# shellcheck disable=SC2086 # pids
wait $many
check_that "a supervisor with few descriptors, ten commands: nothing denied runs" '[ ! -e /tmp/canary ]'
ran_many=$(ls "$E2E_HOME"/mark.many.* 2>/dev/null | wc -l)
many_logged() { [ "$(grep '"type":"execve"' "$LOG" | grep -c '^{"argv":."cp",.*mark.many')" -ge "$ran_many" ]; }
check "each of the $ran_many that ran is in the log" until_true 2 many_logged
until_true 5 as_user /bin/bash -c true
works "when they have ended"
# So few that nothing more can be opened, and it is said so; then there are some again.
if files_armed; then
	limit "$(supervisors | head -1)" --nofile=8:
	try timeout 60 /bin/bash -c 'cat /etc/hostname; echo x >few.made'
	check_that "no descriptors at all: nothing is done" '[ "$rc" != 0 ] && [ "$rc" != 124 ] && [ ! -e few.made ]'
	limit "$(supervisors | head -1)" --nofile=$((few + 4)):
	works "and when there are some again"
	check_ok "to read and write, too" '^x$' /bin/bash -c 'echo x >few.made && cat few.made'
fi

# --- memory ---
stop_server
start_server
works "a fresh server"
server_pid=$(server_pids)
for p in $server_pid $(supervisors); do
	limit "$p" --as="$(($(awk '/^VmSize/ { print $2 }' "/proc/$p/status") * 1024)):"
done
clear_canary
for i in 5 6; do
	mkdir -p "/tmp/d$i"
	chmod 777 "/tmp/d$i"
	try env -C "/tmp/d$i" /bin/bash -c "sudo id; $(python3 -c 'print("true " + "x" * 100000)')"
	check_that "no more memory ($i): nothing denied runs" '[ ! -e /tmp/canary ] && [ "$rc" != 124 ]'
	check_that "no more memory ($i): it is told" 'grep -q "^agentsh: " "$TRY/err"'
done
check_that "the server lives" 'alive $server_pid'
for p in $server_pid $(supervisors); do
	limit "$p" --as=unlimited:
done
works "and when there is some again"

# --- processes ---
if [ "$E2E_AS" = user ]; then
	limit "$server_pid" --nproc=1:
	mkdir -p /tmp/d7
	chmod 777 /tmp/d7
	try env -C /tmp/d7 /bin/bash -c 'cp /etc/hostname /tmp/d7/mark'
	check_that "no more processes: a session without supervisor runs nothing" \
		'[ "$rc" = 126 ] && [ ! -e /tmp/d7/mark ] && one_line "agentsh: denied: .*fork.*: Resource temporarily unavailable"'
	works "one that has its supervisor goes on"
	limit "$server_pid" --nproc="$(awk '/^Max processes/ { print $4 }' "/proc/$server_pid/limits"):"
	try env -C /tmp/d7 /bin/bash -c 'cp /etc/hostname /tmp/d7/mark'
	check_that "and when there are some again" '[ "$rc" = 0 ] && [ -e /tmp/d7/mark ]'
fi

# --- inotify: only who follows the log needs it ---
cat >/tmp/watchers.py <<'END'
import ctypes, os, subprocess
libc = ctypes.CDLL(None)
while libc.inotify_init1(0o2000000) >= 0:
    pass
r = subprocess.run(["/usr/bin/agentsh", "events", "tail", os.environ["S"]], capture_output=True, text=True, timeout=20)
print(r.returncode, r.stderr)
print(subprocess.run(["/bin/bash", "-c", "cp /etc/hostname mark.inotify; sudo id"], capture_output=True, text=True).stderr)
END
as_user S="$(sed -n 's/.*"session_id":"\([^"]*\)".*/\1/p' "$LOG" | tail -1)" python3 /tmp/watchers.py >/tmp/watchers.out 2>&1
check_that "no more inotify: commands are governed as ever" 'marked inotify && [ ! -e /tmp/canary ] && grep -q block-shell-escape /tmp/watchers.out'
check_that "who follows the log is told" 'grep -qE "^[1-9][0-9]* .*No file descriptors available" /tmp/watchers.out || { cat /tmp/watchers.out; false; }'

# --- disk ---
stop_server
/opt/e2e/bin/real-mount -t tmpfs -o size=4m,mode=0755 full /var/lib/agentsh
mkdir /var/lib/agentsh/sessions
chown -R "$E2E_USER" /var/lib/agentsh
start_server
works "a small disk"
until_true 10 eval '! dd if=/dev/zero bs=4096 count=1024 of=/var/lib/agentsh/fill.$(date +%N) 2>/dev/null'
clear_canary
refused=0 n=0
while [ $n -lt 40 ] && [ $refused = 0 ]; do
	n=$((n + 1))
	sh_c "$(mark "full.$n"); sudo id $(printf '%0200d' $n)"
	! grep -q "cannot be written" "$TRY/err" || refused=1
done
check_that "no room for events: commands are refused, and why is said" '[ "$refused" = 1 ] && [ "$rc" = 126 ]'
check_that "what was refused did not happen" '! marked full.$n && [ ! -e /tmp/canary ]'
check_that "/ready says so" '[ "$(curl -s -o /dev/null -w "%{http_code}" $URL/ready)" = 503 ]'
mkdir -p /tmp/d8
chmod 777 /tmp/d8
try env -C /tmp/d8 /bin/bash -c 'cp /etc/hostname /tmp/d8/mark'
check_that "nor does a new session begin" '[ "$rc" = 126 ] && [ ! -e /tmp/d8/mark ]'
rm -f /var/lib/agentsh/fill.*
until_true 5 eval '[ "$(curl -s $URL/ready)" = ready ]'
works "when there is room again"
check_that "each effect has its event" '
	for f in "$E2E_HOME"/mark.full.*; do
		[ ! -e "$f" ] || grep "\"type\":\"execve\"" $LOG | grep -qF "$f" || { echo "$f"; exit 1; }
	done'
stop_server
check "and the chain holds" "$AGENTSH" audit verify "$LOG"
/opt/e2e/bin/real-umount -l /var/lib/agentsh

# --- what lies in the way of the next start ---
start_server
dir=$(dirname "$(sed -n 's/.*socket \(.*\)$/\1/p' /var/log/agentsh/server.log | tail -1)")
stop_server
before=$(sha256sum /etc/passwd)
rm -f "$dir/gate.sock" "$dir/server.lock"
ln -s /etc/passwd "$dir/gate.sock"
echo 1 >"$dir/server.lock"
chown -h "$E2E_USER" "$dir/gate.sock" "$dir/server.lock"
works "a link in the socket's place, the pid of somebody else in the lock"
check_that "the link was not followed" '[ "$(sha256sum /etc/passwd)" = "$before" ] && [ ! -L "$dir/gate.sock" ]'
stop_server
rm -f "$dir/server.lock"
ln -s /etc/passwd "$dir/server.lock"
sh_c "$(mark locked)"
check_that "a link in the lock's place is not followed" '[ "$(sha256sum /etc/passwd)" = "$before" ] && ! grep -q "$(server_pids)" /etc/passwd'
works "the next place is taken"
stop_server
