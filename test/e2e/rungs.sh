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
	'said "\"layers\":\"exec\(ptrace\),signals\(ptrace\),syscalls,landlock[^\"]*\""'
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
	'said "\"layers\":\"entry,syscalls,signals\(landlock\),landlock[^\"]*\""'
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
refused minimum 's/^security:/&\n  minimum_mode: landlock/' no-ptrace \
	'security.minimum_mode is "landlock", but this host reaches only "landlock-only"'
refused minimum-landlock 's/^security:/&\n  minimum_mode: landlock-only/' no-landlock \
	'security.minimum_mode is "landlock-only", but this host reaches only "minimal"'
accepted minimum-reached 's/^security:/&\n  minimum_mode: landlock-only/' listener
accepted no-landlock 's/^security:/&\n  minimum_mode: minimal/' no-landlock
refused nothing 's/^security:/&/' 'no-filter' 'commands cannot be held on this host: .*refused'
refused no-floor 's/^security:/&/' 'listener no-ptrace no-landlock' 'commands cannot be held on this host'
# Who answers our calls before us could let them pass.
refused answered-before-us 's/allow_degraded: true/allow_degraded: false/' no-exec-trace \
	'only the command itself .*another supervisor is asked before us'
