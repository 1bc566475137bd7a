#!/bin/sh
# Hosts that refuse a seccomp listener: the weaker rungs hold what they promise, are named for what they are,
# and are refused where the configuration wants more. The host is played by test/e2e/outer.c.
# shellcheck disable=SC2016,SC2034,SC2154 # expressions are evaluated later, names shared with root.sh
. "$(dirname "$0")/../root.sh"

probe=/usr/bin/probe
image() { # NAME CONFIGURATION-CHANGE...
	base "$1"
	shift
	busybox_links
	cp "$repo/build/out/e2e/probe" "$R/usr/bin/probe"
	for link in mkfifo sleep ln cp setsid printf; do
		ln -sf /bin/busybox "$R/bin/$link"
	done
	for change; do
		sed -i "$change" "$R/etc/agentsh/config.yaml"
	done
	install_in
}
# A denied command below a program: not reached, 126 or another failure, an event.
held() { # TEXT COMMAND...
	forget
	size=$(stat -c %s "$LOG")
	text=$1
	shift
	in_root "$@"
	judge "$text" '! ran && logged_since'
}
logged_since() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		tail -c "+$((size + 1))" "$LOG" | grep -F '"rule":"block-shell-escape"' |
			grep -qF '"effective_decision":"deny"' && return 0
		sleep 0.05
	done
	return 1
}
said() { grep -qE "$1" "$LOG"; }
armed() { sed -n '/^COMMAND CONTROL/,/active/s/^  \([^ ]*\) *\xe2\x9c\x93.*/\1/p' "$TMP/o"; }
detects() { # BACKEND
	in_root /usr/bin/agentsh detect
	judge "detect names $1, and nothing else, as armed" \
		'[ "$(armed)" = '"$1"' ]'
}
session_says() { # RUNG
	in_root /usr/bin/agentsh session create --workspace /tmp --json
	judge "the session says $1" 'grep -qE "\"rung\": *\"'"$1"'\"" "$TMP/o"'
}

mounter() { # the process that mounts views, of this image's server
	for p in /proc/[0-9]*; do
		! grep -qzx -e '--mount' "$p/cmdline" 2>/dev/null ||
			[ "$(readlink "$p/root")" != "$R" ] || return 0
	done
	return 1
}

# --- another supervisor listens already: ptrace
image ptrace
OUTER='/usr/bin/outer listener --'
shell_behaves /bin/sh
judge "the log names the rung at the start" \
	'said "\"degraded\":\[\"commands: ptrace: .*another .*\"rung\":\"ptrace\".*session_degraded"'
judge "each command says how it is held" \
	'said "\"layers\":\"exec\(ptrace\),signals\(ptrace\),syscalls,network\(ports\),landlock[^\"]*\""'
session_says ptrace
detects ptrace
judge "views are mounted where calls on files cannot be judged" mounter

in_root /bin/sh -c 'echo a | cat | cat; (exit 3); echo $?; sleep 0.05 & wait; kill -TERM $$; echo no'
judge "pipes, exit codes, background, a signal to itself" '[ "$rc" = 143 ] && [ "$(cat "$TMP/o")" = "a
3" ]'
in_root /bin/sh -c 'sh -c ">/tmp/a; kill -STOP \$\$; >/tmp/b; echo went on" & p=$!
	until [ -e /tmp/a ]; do sleep 0.02; done; sleep 0.2; [ -e /tmp/b ] && echo did not stop
	kill -CONT $p; wait $p; echo "$?"; trap "echo caught" USR1; kill -USR1 $$; sleep 0.05; exit 5'
judge "stopped, continued, caught: as ever" '[ "$rc" = 5 ] && [ "$(cat "$TMP/o")" = "went on
0
caught" ]'
in_root /bin/sh -c 'i=0; while [ $i -lt 60 ]; do (true; exec true) & i=$((i + 1)); done; wait; echo all'
judge "sixty at a time" '[ "$rc" = 0 ] && [ "$(cat "$TMP/o")" = all ]'
in_root /bin/sh -c '(sleep 0.3; >/tmp/later) & exit 0'
judge "what stays in the background is not waited for" '[ "$rc" = 0 ] && [ ! -e "$R/tmp/later" ]'
sleep 0.6
judge "and goes on" '[ -e "$R/tmp/later" ]'

held "by a link" /bin/sh -c 'ln -s /usr/bin/sudo /tmp/x; /tmp/x whoami'
held "by the real shell" /bin/sh -c 'cp /bin/busybox /tmp/sh; /tmp/sh -c "sudo whoami"'
held "by a script" /bin/sh -c 'printf "#!/usr/bin/sudo\n" >/tmp/s; chmod +x /tmp/s; /tmp/s'
for way in exec fexec exec-dir vfork thread clone-untraced; do
	held "probe $way: not reached, with an event" /bin/sh -c "$probe $way /usr/bin/sudo; :"
	in_root /bin/sh -c "$probe $way /bin/true"
	judge "probe $way of a neighbour" 'grep -q ^DONE "$TMP/o" || [ "$rc" = 0 ]'
done
forget
in_root /bin/sh -c "$probe race /bin/true /usr/bin/sudo 400; :"
judge "the path flips while it is decided: not reached" '! ran && [ "$rc" -lt 124 ]'
# Natively the same race is won, or it would prove nothing.
OUTER=
forget
in_root /bin/busybox sh -c "$probe race /bin/true /usr/bin/sudo 400; :"
judge "natively it is" ran
OUTER='/usr/bin/outer listener --'
forget

# --- outsiders
sleep 1000 &
victim=$!
for way in kill tkill tgkill sigqueue pidfd setown ptrace readmem procmem environ prlimit; do
	in_root /bin/sh -c "$probe $way $victim 9; :"
	judge "probe $way of an outside process" 'kill -0 $victim && ! grep -q ^DONE "$TMP/o"'
done
in_root /bin/sh -c "kill -9 $victim"
judge "kill of an outside process: refused, and the event names a rule" \
	'kill -0 $victim && [ "$rc" != 0 ] && said "\"rule\":.*\"type\":\"signal_blocked\""'
kill $victim

# --- a tracer has one policy for all it holds
hup() { # TYPE: the server has read its policies again, and says so
	size=$(stat -c %s "$LOG")
	lock=$(ls "$R/run/agentsh/server.lock" "$R/var/lib/agentsh/server.lock" 2>/dev/null)
	kill -HUP "$(head -n 1 "$lock")"
	for _ in $(seq 100); do
		tail -c "+$((size + 1))" "$LOG" | grep -qE '"type":"reload(ed|_refused)"' && break
		sleep 0.05
	done
	tail -c "+$((size + 1))" "$LOG" | grep -F "\"type\":\"$1\"" >"$TMP/hup"
}
policy=$R/etc/agentsh/policies/default.yaml
in_root /bin/sh -c '(until [ -e /tmp/go ]; do sleep 0.02; done; wc -c /proc/self/stat >/tmp/late) & exit 0'
sed -i '/^command_rules:/a\  - {name: no-wc, commands: [wc], decision: deny}' "$policy"
hup reload_refused
judge "while a command runs, another policy is refused, and why is said" \
	'grep -q "by ptrace its commands cannot change policy while some run" "$TMP/hup"'
in_root /bin/sh -c 'wc -c /proc/self/stat'
judge "the old one is in force" '[ "$rc" = 0 ]'
: >"$R/tmp/go"
for _ in $(seq 100); do
	[ -s "$R/tmp/late" ] && break
	sleep 0.05
done
judge "also for what runs" '[ -s "$R/tmp/late" ]'
for _ in $(seq 40); do
	hup reloaded
	[ ! -s "$TMP/hup" ] || break
	sleep 0.05
done
judge "when none runs it is taken" '[ -s "$TMP/hup" ]'
in_root /bin/sh -c 'wc -c /proc/self/stat'
judge "and in force" '[ "$rc" = 126 ] && grep -q "no-wc" "$TMP/e"'

# --- a tracer that dies takes its tasks with it
in_root /bin/sh -c '(while :; do sleep 0.02; echo x >>/tmp/beat; done) & exit 0'
sleep 0.2
# shellcheck disable=SC2046 # numbers
kill -9 $(grep -lz '^supervise$' /proc/[0-9]*/cmdline | grep -o '[0-9]*')
sleep 0.3
before=$(wc -c <"$R/tmp/beat")
sleep 0.2
judge "a killed tracer: nothing goes on ungoverned" '[ "$(wc -c <"$R/tmp/beat")" = "$before" ]'
sleep 0.5
shell_behaves /bin/sh
finish

# --- without views
n=0
for change in 's/^  fuse:/&\n    mount: false/' 's/^  seccomp:/&\n    file_monitor: {enabled: false}/'; do
	n=$((n + 1))
	image "no-views-$n" "$change"
	OUTER='/usr/bin/outer listener --'
	in_root /bin/sh -c 'echo fine'
	judge "none where the configuration wants none" '[ "$(cat "$TMP/o")" = fine ] && ! mounter'
	finish
done
image no-views-judged
OUTER=
in_root /bin/sh -c 'echo fine'
judge "nor where calls are judged" '[ "$(cat "$TMP/o")" = fine ] && ! mounter'
finish

# --- a user of its own, without rights
image ptrace-user
chown -R 1000 "$R/var/lib/agentsh"
U=1000
OUTER='/usr/bin/outer listener --'
shell_behaves /bin/sh
judge "by ptrace" 'said "\"rung\":\"ptrace\""'
finish

# --- kernels without listeners
image no-listener
OUTER='/usr/bin/outer no-listener --'
shell_behaves /bin/sh
judge "by ptrace" 'said "\"rung\":\"ptrace\""'
finish

# --- neither listener nor ptrace: what is started first is judged, on the Landlock floor
image entry
# This one no file rule closes to be read, and so started.
{ cat "$repo/build/out/e2e/canary" && printf ssh; } >"$R/usr/bin/ssh"
chmod 0755 "$R/usr/bin/ssh"
OUTER='/usr/bin/outer listener no-ptrace --'
in_root /bin/sh -c 'echo one && echo two | cat'
judge "an allowed command works" '[ "$rc" = 0 ] && [ "$(cat "$TMP/o")" = "one
two" ]'
in_root /bin/sh -c 'sudo whoami'
judge "a denied command is refused and told" denied_ok
judge "its event is in the log" logged
in_root /bin/sh -c 'env ssh whoami; exit $?'
judge "below a program nothing is judged, as it says" ran
judge "the log names the rung and why" 'said "\"rung\":\"entry\".*session_degraded"'
judge "each command says how it is held" \
	'said "\"layers\":\"entry,syscalls,network\(ports\),signals\(landlock\),landlock[^\"]*\""'
session_says entry
detects entry
forget
sleep 1000 &
victim=$!
for way in kill tkill pidfd ptrace readmem procmem environ prlimit; do
	in_root /bin/sh -c "$probe $way $victim 9; :"
	judge "the floor holds: probe $way of an outside process" \
		'kill -0 $victim && ! grep -q ^DONE "$TMP/o"'
done
kill $victim
for way in userns mountns mount bpf io_uring; do
	in_root /bin/sh -c "$probe $way; :"
	judge "the static refusals hold: probe $way" '! grep -q ^DONE "$TMP/o"'
done
run_behaves /bin/true
closed "agentsh run refuses it unless told otherwise" 'denied: only the command itself could be judged'
in_root /usr/bin/agentsh run --allow-degraded -- /bin/echo fine
judge "and says what is missing when told" \
	'[ "$rc" = 0 ] && [ "$(cat "$TMP/o")" = fine ] && grep -q "degraded: .*exec: nothing" "$TMP/e"'
finish

# --- connections that nobody can be asked about: the proxy's port and the API's, by Landlock; no UDP
cat >"$TMP/hear.py" <<'END'
"""Write down what arrives on the ports given, until the pipe closes."""
import select, socket, sys
to, ports = open(sys.argv[1], "a", buffering=1), sys.argv[2:]
heard = {}
for port in map(int, ports):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        s = socket.socket(socket.AF_INET, kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            s.listen(16)
        heard[s] = "%d %s" % (port, "tcp" if kind == socket.SOCK_STREAM else "udp")
open(sys.argv[1] + ".ready", "w").close()
while True:
    for s in select.select(list(heard), [], [])[0]:
        if "tcp" in heard[s]:
            s.accept()[0].close()
        else:
            s.recv(1)
        print(heard[s], file=to)
END
ways='tcp mptcp fastopen fastopen-connect udp'
unasked() { # NAME OUTER: with judge on
	image "$1" 's/^  network:/&\n    judge: true/'
	OUTER="/usr/bin/outer $2 --"
	: >"$TMP/arrived"
	/usr/bin/python3 "$TMP/hear.py" "$TMP/arrived" 18999 &
	hearer=$!
	until_true 5 test -e "$TMP/arrived.ready"
}
arrived() { [ -s "$TMP/arrived" ]; }
unasked_ends() {
	kill "$hearer"
	wait "$hearer" 2>/dev/null
	rm -f "$TMP/arrived"*
	finish
}
held_by_ports() {
	in_root /bin/sh -c 'echo fine'
	judge "a command works" '[ "$rc" = 0 ] && [ "$(cat "$TMP/o")" = fine ]'
	judge "each command says what holds connections" 'said "\"layers\":\"[^\"]*,network\(ports\)"'
	lacks='network: proxy only, ports by Landlock, at any address; local sockets are open'
	judge "and what that lacks" "said \"$lacks.*session_degraded\""
	for way in $ways; do
		in_root /bin/sh -c "$probe $way 18999; :"
		judge "probe $way: refused by the kernel" 'grep -q "^REFUSED $way: " "$TMP/o" && ! arrived'
	done
	in_root /bin/sh -c "$probe tcp 18999; :"
	judge "a connection: EACCES" 'grep -q "^REFUSED tcp: Permission denied" "$TMP/o"'
	in_root /bin/sh -c "$probe tcp 18080"
	judge "the API can be asked" '[ "$rc" = 0 ]'
	in_root /bin/sh -c "$probe tcp \${http_proxy##*:}"
	judge "the session's proxy can be asked" '[ "$rc" = 0 ]'
	in_root /usr/bin/agentsh session create --workspace /tmp --json
	judge "a session says so, too" 'grep -q "network: proxy only" "$TMP/o"'
}
unasked ports-ptrace listener
# Without the layer all of it arrives, or it would prove nothing.
sed -i 's/judge: true/judge: false/' "$R/etc/agentsh/config.yaml"
for way in $ways; do
	: >"$TMP/arrived"
	in_root /bin/sh -c "$probe $way 18999; :"
	judge "without it: probe $way arrives, or this machine has no such thing" \
		'until_true 2 arrived || grep -qE "^REFUSED $way: (Protocol not|Operation not supp)" "$TMP/o"'
done
stop_server
sed -i 's/judge: false/judge: true/' "$R/etc/agentsh/config.yaml"
: >"$LOG"
: >"$TMP/arrived"
held_by_ports
unasked_ends
unasked ports-entry 'listener no-ptrace'
held_by_ports
unasked_ends
# No Landlock, no ports: where the configuration asks for it, nothing is run without.
unasked no-ports 'listener no-landlock'
in_root /bin/sh -c 'echo fine'
judge "said to be missing" '[ "$(cat "$TMP/o")" = fine ] &&
	said "network: nobody is asked where connections lead\".*session_degraded"'
unasked_ends
unasked no-ports-strict 'listener no-landlock'
sed -i 's/allow_degraded: true/allow_degraded: false/' "$R/etc/agentsh/config.yaml"
in_root /bin/sh -c 'echo fine'
closed "refused where that is not allowed" 'denied: .*connections cannot be judged here'
unasked_ends

# --- what the configuration wants
refused() { # TEXT CONFIGURATION-CHANGE OUTER WHY
	image "$1" "$2"
	OUTER="/usr/bin/outer $3 --"
	in_root /bin/sh -c 'echo fine'
	closed "refused" "denied: no server: agentsh-server: $4"
	finish
}
accepted() {
	image "$1" "$2"
	OUTER="/usr/bin/outer $3 --"
	in_root /bin/sh -c 'echo fine'
	judge "accepted" '[ "$rc" = 0 ] && [ "$(cat "$TMP/o")" = fine ]'
	finish
}
refused strict 's/strict: false/strict: true/' listener 'security.strict is set, but .* ptrace only'
refused strict-landlock 's/strict: false/strict: true/' no-landlock \
	'security.strict is set, but this host has no Landlock'
refused not-degraded 's/allow_degraded: true/allow_degraded: false/' 'listener no-ptrace' \
	'only the command itself could be judged'
accepted not-degraded-ptrace 's/allow_degraded: true/allow_degraded: false/' listener
refused minimum 's/^security:/&\n  minimum_mode: full/' listener \
	'security.minimum_mode is "full", but this host reaches only "landlock-only"'
accepted minimum-full 's/^security:/&\n  minimum_mode: full/' no-ptrace
refused minimum-landlock 's/^security:/&\n  minimum_mode: landlock-only/' no-landlock \
	'security.minimum_mode is "landlock-only", but this host reaches only "minimal"'
accepted minimum-reached 's/^security:/&\n  minimum_mode: landlock-only/' listener
accepted no-landlock 's/^security:/&\n  minimum_mode: minimal/' no-landlock
# LL-10: what is not held then is said.
image no-landlock-said 's/^security:/&\n  minimum_mode: minimal/'
OUTER="/usr/bin/outer no-landlock --"
in_root /bin/sh -c 'echo fine'
judge "what is missing is named" '[ "$(cat "$TMP/o")" = fine ] &&
	said "landlock: the kernel does not have it or refuses it.*session_degraded"'
finish
refused nothing 's/^security:/&/' 'no-filter' 'commands cannot be held on this host: .*refused'
refused no-floor 's/^security:/&/' 'listener no-ptrace no-landlock' 'commands cannot be held on this host'
# Who answers our calls before us could let them pass.
refused answered-before-us 's/allow_degraded: true/allow_degraded: false/' no-exec-trace \
	'only the command itself .*another supervisor is asked before us'
