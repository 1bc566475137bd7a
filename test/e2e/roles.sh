#!/bin/sh
# What the real processes gave up: server, supervisors, run, as root and as a user; and what those whom they
# start are left with.
. "$(dirname "$0")/../t.sh"
needs root
needs curl
needs setpriv

. "$(dirname "$0")/../world.sh"

cp "$AGENTSH" "$TMP/agentsh"
chmod 755 "$TMP" "$TMP/agentsh"

NOBODY=61234
status() { # PID FIELD
	awk -v k="$2:" '$1 == k { print $2 }' "/proc/$1/status"
}
have=$(status self CapPrm)
# By number, linux/capability.h; what is not there to begin with nobody has.
mask() { # NUMBER...
	sum=0
	for bit in "$@"; do
		sum=$((sum | 1 << bit))
	done
	printf '%016x' $((sum & 0x$have))
}
session='0 1 3 4 5 6 7 10 29'
server='1 2 5 6 7 8 10 19 23 24'
supervise='1 2 5 19 24'
files='0 1 2 3 4 5 6 7 19 23' # where file rules hold, a process acts for whoever it supervises
# shellcheck disable=SC2086 # lists
{
	server_eff=$(mask $server)
	server_prm=$(mask $server $session 13)
	supervise_eff=$(mask $supervise)
	files_eff=$(mask $files)
	command_prm=$(mask $session 13)
}
ptrace=$(mask 19)
none=$(mask)

# held WHO PID EFFECTIVE PERMITTED BOUNDING
held() {
	is "$1: no_new_privs and a filter" "$(status "$2" NoNewPrivs) $(status "$2" Seccomp)" '1 2'
	is "$1: capabilities in force" "$(status "$2" CapEff)" "$3"
	is "$1: permitted" "$(status "$2" CapPrm)" "$4"
	is "$1: bounding" "$(status "$2" CapBnd)" "$5"
	is "$1: nothing to inherit" "$(status "$2" CapInh) $(status "$2" CapAmb)" "$none $none"
	is "$1: nobody of its user can look into it" \
		"$(stat -c %u "/proc/$2/mem" "/proc/$2/environ" | uniq)" 0
	has "$1: no core files" "$(cat "/proc/$2/limits")" '^Max core file size +0 '
}

nobody="setpriv --reuid $NOBODY --regid $NOBODY --clear-groups"
as= # who runs commands
# A session made by curl, called through "$@"; prints its id.
session() {
	"$@" curl -s --max-time 30 --unix-socket "$D/run/gate.sock.http" -H 'Content-Type: application/json' \
		-d "{\"workspace\":\"$D/ws\"}" http://localhost/api/v1/sessions |
		sed -n 's/.*"id":"\([^"]*\)".*/\1/p'
}
run() { # ID SHELL-COMMAND
	$as curl -s --max-time 30 -H 'Content-Type: application/json' \
		-d "{\"command\":\"/bin/sh\",\"args\":[\"-c\",\"$2\"],\"include_events\":\"none\"}" \
		"$URL/$1/exec"
}
shown() { # FIELD of an answer that holds a status
	sed -n "s/.*$1:\\\\t\([0-9a-f]*\).*/\1/p"
}

# ---- root ----
world root
sed -i 's/gate.sock}/gate.sock, permissions: "0666"}/' "$D/config.yaml"
cat >>"$D/config.yaml" <<'END'
capabilities: {allow: [net_raw]}
END
cat >"$D/policies/default.yaml" <<'END'
version: 1
name: default
command_rules:
  - {name: no-touch, commands: [touch], decision: deny}
  - {name: all, commands: ["*"], decision: allow}
END
start --config "$D/config.yaml"
URL=http://$ADDR/api/v1/sessions
first=$(session)
answer=$(run "$first" 'cat /proc/self/status')
case $answer in
*'"exit_code":0'*) ;;
*) skip_all "commands cannot be governed here: $answer" ;;
esac
held server "$PID" "$server_eff" "$server_prm" "$server_prm"
supervisor=$(pgrep -P "$PID")
held "root's supervisor" "$supervisor" "$supervise_eff" "$supervise_eff" "$none"
is 'a command of root: what the table and the configuration leave it' \
	"$(printf '%s' "$answer" | shown CapPrm) $(printf '%s' "$answer" | shown CapEff)" \
	"$command_prm $command_prm"
is 'and not more to gain' "$(printf '%s' "$answer" | shown CapBnd)" "$command_prm"
has 'a denied command is denied' "$(run "$first" "touch $D/ws/canary")" '"exit_code":(1|126)'
not_ok 'and did not happen' test -e "$D/ws/canary"
has 'with its rule in the log' "$(cat "$D/events.jsonl")" '"rule":"no-touch"'
has 'an allowed one works' "$(run "$first" "echo x >$D/ws/neighbour && cat $D/ws/neighbour")" '"stdout":"x'
has 'root works as root: owners, ports, ids' "$(run "$first" \
	"chown 7:7 $D/ws/neighbour && setpriv --reuid 7 --regid 7 --clear-groups id -u")" '"stdout":"7'
has 'what left root is signalled all the same' "$(run "$first" \
	'setpriv --reuid 7 --regid 7 --clear-groups sleep 100 & sleep 0.2; kill $! && echo killed')" killed

second=$(session $nobody)
has 'a command of a user' "$(run "$second" 'id -u')" "$NOBODY"
for pid in $(pgrep -P "$PID"); do
	[ "$pid" = "$supervisor" ] || held "a user's supervisor" "$pid" "$ptrace" "$ptrace" "$none"
done
is 'has no capabilities' "$(run "$second" 'cat /proc/self/status' | shown CapPrm)" "$none"

# More than it kept cannot be handed on.
sed -i 's/net_raw/net_raw, mknod/' "$D/config.yaml"
kill -HUP "$PID"
ok 'capabilities that are added: told that they take a restart' \
	until_true 5 grep -q 'capabilities.allow.*restart' "$D/err"
is 'and not there' "$(run "$(session)" 'cat /proc/self/status' | shown CapPrm)" "$command_prm"
stop

# ---- root without CAP_SYS_PTRACE, as in most containers ----
: >"$D/out"
setpriv --bounding-set -sys_ptrace \
	sh -c '"$AGENTSH" server --config "$0/config.yaml" >"$0/out" 2>"$0/err" & echo $!' "$D" >"$D/pid"
PID=$(cat "$D/pid")
world_pids="$world_pids $PID"
ok 'root without sys_ptrace' until_true 10 grep -q listening "$D/out"
URL=http://$(sed -n 's/^agentsh server listening on //p' "$D/out")/api/v1/sessions
as="setpriv --bounding-set -sys_ptrace" # as everybody there
# shellcheck disable=SC2086 # words
s=$(session $as)
has 'its commands are judged' "$(run "$s" "touch $D/ws/canary; echo went on")" 'went on'
not_ok 'denied means it did not happen' test -e "$D/ws/canary"
has 'and what is allowed works' "$(run "$s" 'sed -n s/^CapPrm.//p /proc/self/status')" \
	"$(mask 0 1 3 4 5 6 7 10 13 27 29)"
is 'sys_ptrace is nowhere' "$(status "$PID" CapBnd)" "$(printf '%016x' $((0x$have & ~(1 << 19))))"
kill "$PID"
as=$nobody

# ---- a user ----
world user
chown -R $NOBODY "$D"
$nobody sh -c 'cd "$0" && exec "$AGENTSH" server --config config.yaml >out 2>err' "$D" &
PID=$!
world_pids="$world_pids $PID"
ok 'a server of a user' until_true 10 grep -q listening "$D/out"
URL=http://$(sed -n 's/^agentsh server listening on //p' "$D/out")/api/v1/sessions
s=$(session $nobody)
has 'commands run' "$(run "$s" 'id -u')" "$NOBODY"
# Who has no capability cannot give up others', and no_new_privs lets it gain none.
bounding=$(status self CapBnd)
held "a user's server" "$PID" "$none" "$none" "$bounding"
held 'its supervisor' "$(pgrep -P "$PID")" "$none" "$none" "$bounding"
stop

# ---- none of them leaves a core, or can be looked into by its own user ----
world fault
chown -R $NOBODY "$D"
cat >"$TMP/fault.py" <<'END'
import os, resource, signal, subprocess, sys, time
resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
def ends(argv):
    p = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=sys.argv[1],
                         user=int(sys.argv[2]), group=int(sys.argv[2]), extra_groups=[])
    p.stdout.readline()
    for name in "environ", "maps", "mem", "fd/0", "exe":
        path = "/proc/%d/%s" % (p.pid, name)
        got = subprocess.run(["head", "-c1", path], capture_output=True, text=True, user=int(sys.argv[2]),
                             group=int(sys.argv[2]), extra_groups=[])
        if name != "mem":
            print(argv[0].rsplit("/")[-1], name, "refused" if "Permission denied" in got.stderr else "read")
    p.send_signal(signal.SIGSEGV)
    status = os.waitpid(p.pid, 0)[1]
    core = os.WCOREDUMP(status)
    print(argv[0].rsplit("/")[-1], "died of", os.WTERMSIG(status), core if argv[0] != "sh" else "")
    if argv[0] == "sh":
        print("a core of the shell:", core, file=sys.stderr) # by core_pattern
ends([sys.argv[3], "server", "--config", "config.yaml"])
ends(["sh", "-c", "echo; sleep 100; true"])
END
got=$(python3 "$TMP/fault.py" "$D" $NOBODY "$TMP/agentsh" 2>"$TMP/err")
sed 's/^/# /' "$TMP/err"
is 'a server killed by a fault, and looked into by its user' "$got" "agentsh environ refused
agentsh maps refused
agentsh fd/0 refused
agentsh exe refused
agentsh died of 11 False
sh environ read
sh maps read
sh fd/0 read
sh exe read
sh died of 11 "

# ---- run ----
# shellcheck disable=SC2016 # for the inner shell
inner='cat /proc/$PPID/status'
got=$("$TMP/agentsh" run -- sh -c "$inner")
is 'run, as root' \
	"$(echo "$got" | awk '/^(CapEff|CapPrm|CapBnd|NoNewPrivs|Seccomp):/ { printf "%s ", $2 }')" \
	"$files_eff $files_eff $none 1 2 "
got=$(cd / && $nobody "$TMP/agentsh" run -- sh -c "$inner")
is 'run, as a user' "$(echo "$got" | awk '/^(CapEff|CapPrm|NoNewPrivs|Seccomp):/ { printf "%s ", $2 }')" \
	"$none $none 1 2 "

# ---- tools that read what others wrote ----
mkfifo "$TMP/policy"
$nobody "$TMP/agentsh" policy validate /dev/stdin <"$TMP/policy" >"$TMP/out" 2>&1 &
tool=$!
exec 9>"$TMP/policy" # nothing comes: it waits
ok 'policy has a filter before it reads' until_true 5 grep -q '^Seccomp:.2' "/proc/$tool/status"
is 'and cannot be looked at' "$(stat -c %u "/proc/$tool/mem")" 0
kill $tool 2>/dev/null
