# self - what is ours stays out of a session's reach, also as the server's own user and as root.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "the product's own files"
native && exit 0
ungoverned && exit 0 # each attack is made natively first, below

kept=/opt/e2e/self
keep() {
	mkdir -p $kept
	for f in /etc/agentsh /var/lib/agentsh /usr/lib/agentsh /usr/bin/agentsh /bin/bash /bin/bash.real /bin/sh.real; do
		mkdir -p "$kept$(dirname $f)"
		rm -rf "${kept:?}$f"
		cp -a $f "$kept$f"
	done
}
back() {
	for f in /etc/agentsh /var/lib/agentsh /usr/lib/agentsh /usr/bin/agentsh /bin/bash /bin/bash.real /bin/sh.real; do
		rm -rf $f $f.moved "$(dirname $f)/new"
		cp -a "$kept$f" $f
	done
}
# attack OP PATH: as an agent would, with the simplest programs.
attack() {
	case $1 in
	append) echo 'echo x >>"$1"' ;;
	cut) echo 'truncate -s 0 "$1"' ;;
	remove) echo 'rm -f "$1"' ;;
	move) echo 'mv "$1" "$1.moved"' ;;
	over) echo 'cp /etc/hostname "$1.new" && mv "$1.new" "$1"' ;;
	link) echo 'ln "$1" "$1.moved"' ;;
	beside) echo 'touch "$(dirname "$1")/new"' ;;
	above) echo 'mv "$(dirname "$1")" "$(dirname "$1").moved"' ;;
	bind) echo 'python3 -c "import socket, sys; socket.socket(1).bind(sys.argv[1])" "$1.new"' ;;
	read) echo 'cat "$1" >/dev/null' ;;
	esac
}
# What happens natively, the server being down; then the same from inside.
natively() { # PATH OP...
	path=$1
	shift
	for op in "$@"; do
		if as_user /usr/bin/dash -c "$(attack "$op")" x "$path" >/dev/null 2>&1; then
			echo "$op $path" >>/opt/e2e/natively
		else
			echo "# $op $path: permissions refuse it to $E2E_USER"
		fi
		back
	done
}
state() { stat -c '%i %s %y' "$1" && sha256sum "$1"; }
held() { # OP PATH
	before=$(state "$2")
	try /bin/bash -c "set -- '$2'; $(attack "$1")"
	after=$(state "$2")
	check_that "SH-12 $1 $2 is refused to $E2E_USER" '[ "$rc" != 0 ] && [ "$before" = "$after" ] &&
		grep -qE "Permission denied|Operation not permitted|cross-device|Read-only" "$TRY/err"'
}

stop_server
touch /var/lib/agentsh/secret
chown "$E2E_USER:" /var/lib/agentsh/secret /var/lib/agentsh
chmod 0755 /var/lib/agentsh
chown -R "$E2E_USER:" /etc/agentsh # as images are seen in the field
keep
: >/opt/e2e/natively
for path in /etc/agentsh/config.yaml /etc/agentsh/policies/default.yaml /var/lib/agentsh/secret; do
	natively $path append cut remove move over link beside above bind
done
natively /var/lib/agentsh/secret read
for path in /usr/bin/agentsh /bin/bash /bin/bash.real /bin/sh.real /usr/lib/agentsh/bash_startup.sh; do
	natively $path remove move over link beside
done
check_that "natively most of it happens" '[ $(wc -l </opt/e2e/natively) -gt 15 ]'
while read -r op path; do
	held "$op" "$path"
done </opt/e2e/natively
try /bin/bash -c 'agentsh shim uninstall-shell --root / --bash --i-understand-this-modifies-the-host'
check_that "SH-12 the shim cannot be uninstalled from inside" '[ "$rc" != 0 ] && cmp -s /bin/bash /usr/bin/agentsh'
try /bin/bash -c 'echo "{}" >>/var/lib/agentsh/events.jsonl; truncate -s 0 /var/lib/agentsh/events.jsonl; rm -f /var/lib/agentsh/events.jsonl'
check_that "AU-04 the log is whole" '"$AGENTSH" audit verify "$LOG"'
check_ok "beside it, work goes on" '^fine$' /bin/bash -c \
	'cd && mkdir d && echo a >d/f && mv d/f g && ln g h && rm g h && rmdir d && : >/dev/null && t=$(mktemp) && rm "$t" && echo fine'

section "settings of processes outside, in /proc (SV-06)"
# Root's sessions write nobody's. A user's session can those of its user's own programs (docs/threats.md), but
# not those of the server and its supervisors.
setting() { # NAME PID TEXT
	file=/proc/$2/$1
	was=$(cat "$file")
	try /bin/bash -c "echo 51 >$file"
	check_that "SV-06 $1 of $3 cannot be written" '[ "$rc" != 0 ] && [ "$(cat "$file")" = "$was" ]'
}
start_victim
for name in oom_score_adj coredump_filter; do
	try /usr/bin/dash -c "echo 51 >/proc/$victim/$name"
	check_that "natively $name of $victim can be written" '[ "$rc" = 0 ]'
	echo 0 >"/proc/$victim/$name"
	[ "$E2E_USER" != root ] || setting $name "$victim" "a process outside"
	for pid in $(server_pids); do
		setting $name "$pid" "the server"
	done
done
stop_victim

section "marker files and state below /tmp (SV-07)"
# What a session can write there turns nothing on or off, not even for the next server.
in_force() { curl -s "$URL/health?detail" | grep -oE '"policy_sha256": *"[0-9a-f]{64}"'; }
check_ok "files that look like the governor's can be made" '^made$' /bin/bash -c \
	'cd /tmp && touch .agentsh-fuse-enabled .agentsh-disabled agentsh-bypass && mkdir -p agentsh/policies &&
	 printf "version: 1\nname: default\ncommand_rules:\n  - {name: a, commands: [\"*\"], decision: allow}\n" \
		>agentsh/policies/default.yaml && cp agentsh/policies/default.yaml default.yaml && echo made'
policy_then=$(in_force)
check_denied "SV-07 markers count for nothing" sudo block-shell-escape 126 'ran sudo' /bin/bash -c 'sudo whoami'
stop_server
check_denied "SV-07 nor for the next server" sudo block-shell-escape 126 'ran sudo' /bin/bash -c 'cd /tmp; sudo whoami'
check_that "SV-07 the policy is the same" '[ -n "$policy_then" ] && [ "$(in_force)" = "$policy_then" ]'
rm -rf /tmp/.agentsh-* /tmp/agentsh-bypass /tmp/agentsh /tmp/default.yaml

section "a false server below /tmp"
cat >/tmp/false.py <<'P'
import os, socket, sys
d = "/tmp/agentsh-%d" % os.getuid()
os.makedirs(d, 0o700, exist_ok=True)
open(d + "/server.lock", "w").write("1\n")
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(d + "/gate.sock")
open("/tmp/false-ready", "w")
s.settimeout(30)
open("/tmp/false-heard", "wb").write(s.recv(65536))
P
# Natively it hears what is sent to its socket.
/opt/e2e/as_user /usr/bin/python3 /tmp/false.py &
until_true 10 test -e /tmp/false-ready
/opt/e2e/as_user /usr/bin/python3 -c 'import os, socket
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"x", "/tmp/agentsh-%d/gate.sock" % os.getuid())'
check_that "natively it hears" 'until_true 10 test -s /tmp/false-heard'
rm -rf /tmp/false-heard /tmp/false-ready /tmp/agentsh-*
try /bin/bash -c 'setsid -f python3 /tmp/false.py </dev/null >/dev/null 2>&1'
check_that "a governed one listens" 'until_true 10 test -e /tmp/false-ready'
for p in $(server_pids); do kill -KILL "$p"; done
until_true 10 no_server
try env CANARY=secret /bin/bash -c 'echo works'
check_that "with the server gone a new one is started" '[ "$rc" = 0 ] && grep -q "^works$" "$TRY/out"'
check_that "the false one has heard nothing" '[ ! -s /tmp/false-heard ]'
for p in /proc/[0-9]*; do
	case $(tr '\0' ' ' 2>/dev/null <"$p/cmdline") in *false.py*) kill -KILL "${p#/proc/}" ;; esac
done
rm -rf /tmp/false* /tmp/agentsh-*

if [ "$E2E_USER" = root ]; then
	section "root's ways into the kernel"
	# way WHAT COMMAND: natively it works
	way() {
		/usr/bin/dash -c "$2" >/tmp/natively 2>&1 || { echo "# $1: not on this machine natively: $(head -1 /tmp/natively)"; return 0; }
		rm -f /tmp/disk
		try /bin/bash -c "$2"
		check_that "$1" '[ "$rc" != 0 ] && grep -qE "Permission denied|not permitted" "$TRY/err"'
		rm -f /tmp/disk
	}
	way "/proc/sys cannot be written" 'cat /proc/sys/kernel/core_pattern >/tmp/was; cat /tmp/was >/proc/sys/kernel/core_pattern'
	way "/proc/sysrq-trigger cannot be opened" 'exec 3>>/proc/sysrq-trigger'
	way "/sys cannot be written" 'f=$(find /sys -maxdepth 4 -name uevent -perm -200 | head -1); exec 3>>"$f"'
	way "device nodes cannot be made" 'mknod /var/tmp/disk b 7 0 && rm /var/tmp/disk'
	way "the kernel's memory cannot be opened" 'exec 3</dev/mem'
	check_that "device nodes left outside cannot be opened" \
		'mknod /dev/disk c 1 11; dd if=/dev/disk bs=8192 count=1 >/dev/null && try /bin/bash -c "dd if=/dev/disk bs=8192 count=1 >/dev/null"; r=$rc; rm -f /dev/disk; [ "$r" != 0 ]'
	check_ok "a process sets its own oom_score_adj" '^100$' /bin/bash -c 'echo 100 >/proc/$$/oom_score_adj && cat /proc/$$/oom_score_adj'
	check_ok "root keeps only the usual capabilities" 'CapEff:.00000000200004fb' /bin/bash -c 'grep CapEff /proc/self/status; true'
fi
chown -R root: /etc/agentsh
rm -f /var/lib/agentsh/secret
exit 0
