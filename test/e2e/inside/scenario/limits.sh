# limits - RL-*: what a session may take of the machine. As user: counted by the supervisor; as root: the same first,
# then by control groups, which are mounted for it.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "limits"
governed || exit 0

sed -i -e 's/^  pids_max: .*/  pids_max: 60/' -e 's/^  max_memory_mb: .*/  max_memory_mb: 128/' "$POLICY"
cat >/tmp/forks.py <<'END'
import errno, os, sys, time
made, why = [], ""
while len(made) < 400:
    try:
        pid = os.fork()
    except OSError as e:
        why = errno.errorcode[e.errno]
        break
    if not pid:
        time.sleep(60)
        os._exit(0)
    made.append(pid)
print("made", len(made), why, flush=True)
time.sleep(1.5 if why else 0)
for pid in made:
    os.kill(pid, 9)
    os.waitpid(pid, 0)
END
cat >/tmp/memory.py <<'END'
import mmap, time
m = mmap.mmap(-1, 160 << 20)
for i in range(0, 160 << 20, 4096):
    m[i] = 1
time.sleep(20)  # killed long before, however busy the machine is
print("held")
END
made() { sed -n 's/^made \([0-9]*\) .*/\1/p' "$TRY/out"; }
said() { tail -c "+$((before + 1))" "$LOG" | grep -q "$1"; }
# The limits themselves, whoever holds them: $1.
hold() {
	before=$(log_size)
	sh_c 'python3 /tmp/forks.py'
	if [ "$1$E2E_AS" = countedroot ]; then # whom RLIMIT_NPROC does not hold
		check_that "RL-01 $1: it is killed" '[ "$rc" = 137 ]'
		check "RL-01 $1: the log says so" until_true 3 said '"effective_action":"killed".*"rule":"pids_max".*limit_reached'
	else
		# Processes of this user in another pid namespace (another stage) count, too.
		check_that "RL-01 $1: EAGAIN below the limit" 'grep -q "EAGAIN" "$TRY/out" && [ "$(made)" -gt 5 ] && [ "$(made)" -le 98 ]'
		[ "$(made)" -lt 58 ] || check "RL-01 $1: the log says so" until_true 3 said '"effective_action":"refused".*"file":"default.yaml".*"rule":"pids_max".*limit_reached'
	fi
	check_that "RL-01 $1: the server answers" healthy
	check_ok "RL-01 $1: the next command works" '^fine$' /bin/bash -c 'echo fine | cat'
	before=$(log_size)
	sh_c 'python3 /tmp/memory.py'
	check_that "RL-03 $1: too much memory is not held" '[ "$rc" != 0 ] && ! grep -q held "$TRY/out"'
	check "RL-03 $1: the log says so" until_true 3 said '"effective_action":"killed".*"rule":"max_memory_mb".*limit_reached'
	check_ok "RL-03 $1: the next command works" '^held$' /usr/bin/python3 -c 'x = bytearray(40 << 20); print("held")'
}

stop_server
start_server
hold counted
check_that "the log says what holds them" 'grep -q "\"degraded\":\[\"pids_max: .*limits_degraded" $LOG'
check_that "and so does each command" 'grep command_started $LOG | tail -1 | grep -q "limits(counted)"'

# --- RL-04, RL-08, RL-10: what others notice of it -----------------------------------------------------------------
cat >/tmp/descriptors.py <<'END'
import errno, os, select, socket, subprocess, sys
open("/tmp/descriptors.pid", "w").write(str(os.getpid()))
kept, why = [], ""
try:
    while len(kept) < 100000:
        kept.append(socket.socket(socket.AF_UNIX))
        kept.append(select.epoll())
        kept.extend(os.pipe())
except OSError as e:
    why = errno.errorcode[e.errno]
os.write(1, ("stopped by %s\n" % why).encode())
open("/tmp/descriptors.full", "x").close() if kept.pop() is None else None
for k in kept[-64:]:
    k.close() if hasattr(k, "close") else os.close(k)
open("/tmp/descriptors.full", "x").close()
while not os.path.exists("/tmp/descriptors.go"):
    select.select([], [], [], 0.05)
END
rm -f /tmp/descriptors.full /tmp/descriptors.go
as_user /bin/bash -c 'ulimit -n 2000; exec python3 /tmp/descriptors.py' >/tmp/descriptors.out 2>&1 &
hog=$!
check "RL-04: descriptors without end" until_true 20 test -e /tmp/descriptors.full
check_that "RL-04: end with EMFILE" 'grep -q "stopped by EMFILE" /tmp/descriptors.out'
check_ok "RL-04: meanwhile the next command works" '^fine$' /bin/bash -c 'echo fine | cat'
check_that "RL-04: and the server" healthy
: >/tmp/descriptors.go
wait $hog

cat >/tmp/large.py <<'END'
import errno, os, subprocess, sys
def start(args, env=None):
    try:
        p = subprocess.run(args, env=env, capture_output=True, timeout=60)
        print(p.returncode, len(p.stdout))
    except OSError as e:
        print(errno.errorcode[e.errno])
env = {"PATH": "/usr/bin:/bin", "HOME": "/tmp"}
shell = ["/bin/bash", "-c", "echo $#", "x"]
{
    "args": lambda: start(shell + ["y" * 100000] * 18, env),
    "string": lambda: start(shell + ["y" * (32 << 20)], env),
    "env": lambda: start(["/bin/sh", "-c", "/bin/echo fine"], dict(env, **{"LC_%06d" % i: "v" for i in range(100000)})),  # bash takes minutes
    "items": lambda: start(shell + ["y"] * 150000, env),
    "nested": lambda: start(["/bin/bash", "-c", "echo " + "$(echo " * 40 + "deep" + ")" * 40], env),
}[sys.argv[1]]()
END
for where in outside inside; do
	for what in args string env items nested; do
		if [ $where = inside ]; then sh_c "python3 /tmp/large.py $what"; else try /usr/bin/python3 /tmp/large.py $what; fi
		check_that "RL-10 $what, from $where: works, or is refused cleanly" 'grep -qE "^(0 [1-9][0-9]*|126 0|2 0|E2BIG|EACCES)$" "$TRY/out"'
		printf '# RL-10 %s, from %s: %s\n' $what $where "$(cat "$TRY/out")"
	done
	check_that "RL-10: the server lives" healthy
	check_ok "RL-10: and the next command works" '^fine$' /bin/bash -c 'echo fine | cat'
done

api() { # METHOD PATH BODY: answer in $TRY/out
	rc=0
	curl -s --max-time 30 -o "$TRY/out" -X "$1" --data "$3" "$URL$2" || rc=$?
}
field() { python3 -c "import json; d = json.load(open('$TRY/out')); print($1)"; }
api POST /api/v1/sessions '{"id":"limits","workspace":"'"$E2E_HOME"'"}'
E=/api/v1/sessions/limits/exec
rss() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(server_pids)/status"; }
api POST $E '{"command":"/bin/bash","args":["-c","head -c 300000000 /dev/zero; sleep 20 &"]}'
check_that "RL-08: 300 MB of output are cut and counted" '[ "$(field "d[\"result\"][\"stdout_total_bytes\"]")" = 300000000 ]'
check_that "RL-08: the server stays small" '[ "$(rss)" -lt 32768 ]'

# --- RL-07: outlive the timeout ------------------------------------------------------------------------------------
cat >/tmp/stay.py <<'END'
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
for i in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            open("/tmp/stay.%d" % i, "w").write(str(os.getpid()))
            if i == 1:
                os.kill(os.getpid(), signal.SIGSTOP)
            while True:
                time.sleep(1)
        os._exit(0)
time.sleep(60)
END
rm -f /tmp/stay.[0-9]
api POST $E '{"command":"/usr/bin/python3","args":["/tmp/stay.py"],"timeout":"1s"}'
check_that "RL-07: the command times out" '[ "$(field "d[\"result\"][\"exit_code\"]")" = 124 ] && [ "$(field "d[\"result\"][\"duration_ms\"] < 6000")" = True ]'
stayed() { for i in 0 1 2; do kill -0 "$(cat /tmp/stay.$i)" 2>/dev/null && return 0; done; return 1; }
nobody_stayed() { ! stayed; }
check_that "RL-07: three had made themselves independent" '[ -s /tmp/stay.0 ] && [ -s /tmp/stay.1 ] && [ -s /tmp/stay.2 ]'
check "RL-07: deaf, stopped or neither, they are gone" until_true 3 nobody_stayed
check_ok "RL-07: the next command works" '^fine$' /bin/bash -c 'echo fine'

[ "$E2E_AS" = root ] || exit 0

# --- by control groups ---------------------------------------------------------------------------------------------
/opt/e2e/bin/real-mount -t tmpfs -o mode=0755 groups /sys/fs/cgroup
for c in pids memory cpu; do
	mkdir /sys/fs/cgroup/$c
	/opt/e2e/bin/real-mount -t cgroup -o $c cgroup /sys/fs/cgroup/$c
done
# In a place of our own: the hierarchies are the machine's, others make groups there, too.
place=e2e-$(cut -c1-8 /proc/sys/kernel/random/uuid)
sed -i -e '/^  cgroups:/a\    base_path: "/'"$place"'"' /etc/agentsh/config.yaml
groups() { find /sys/fs/cgroup/*/"$place" -name 'agentsh-*' -type d | wc -l; }
no_groups() { [ "$(groups)" = 0 ]; }
stop_server
start_server
before=$(log_size)
hold groups
check_that "the log says what holds them" 'said "\"cpu_quota_pct\":50,\"max_memory_mb\":128,\"path\":.*\"pids_max\":60.*cgroup_applied" || grep cgroup_applied $LOG | grep -q "\"cpu_quota_pct\":50,\"max_memory_mb\":128.*\"pids_max\":60"'
check_that "and so does each command" 'grep command_started $LOG | tail -1 | grep -q "landlock,limits\""'
in_groups='[ "$(grep -cE "^[0-9]+:(pids|memory|cpu):/$place/agentsh-" "$TRY/out")" = 3 ]'
sh_c 'cat /proc/self/cgroup; exit 0'
check_that "a command is in its session's three groups" "$in_groups"
sh_c 'echo 0 >/sys/fs/cgroup/pids/tasks; cat /proc/self/cgroup; exit 0'
check_that "and cannot leave" "$in_groups"'&& grep -qi denied "$TRY/err"'
api POST /api/v1/sessions '{"id":"limits","workspace":"'"$E2E_HOME"'"}'
api POST $E '{"command":"/bin/cat","args":["/proc/self/cgroup"]}'
field 'd["result"]["stdout"]' >/tmp/groups.out
check_that "so is one of the API" 'grep -q ":pids:.*/agentsh-limits-" /tmp/groups.out'
# Another policy: the same groups, other values.
sed -i -e 's/^  pids_max: .*/  pids_max: 40/' "$POLICY"
kill -HUP "$(server_pids)"
until_true 5 grep -q policy_changed "$LOG"
sh_c 'python3 /tmp/forks.py'
check_that "a reload changes them" '[ "$(made)" -lt 40 ]'
# Another program in the server's place.
before=$(log_size)
kill -USR2 "$(server_pids)"
check "an upgrade" until_true 10 said server_upgraded
sh_c 'cat /proc/self/cgroup; exit 0'
check_that "hands them over" "$in_groups"
api DELETE /api/v1/sessions/limits ''
check_that "a session that ends takes its groups along" '! find /sys/fs/cgroup/*/"$place" -name "agentsh-limits-*" | grep -q .'
# The server is killed: the next one removes what it left.
left=$(groups)
kill -9 "$(server_pids)"
until_true 5 no_server
check_that "a killed server leaves groups" '[ "$left" -gt 0 ] && [ "$(groups)" = "$left" ]'
old=$(find /sys/fs/cgroup/*/"$place" -name 'agentsh-*')
start_server
none_of_old() { for d in $old; do [ ! -d "$d" ] || return 1; done; }
check "which the next one removes" until_true 5 none_of_old
stop_server
check "in the end there are none" until_true 5 no_groups
rmdir /sys/fs/cgroup/*/"$place"
