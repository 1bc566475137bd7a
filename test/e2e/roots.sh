#!/bin/sh
# The same file on any image: roots made here, from next to nothing. In each the shim is installed or says why
# not; an allowed command works, a denied one does not happen, is told and logged; or nothing runs, with one
# clear line.
# shellcheck disable=SC2016,SC2034,SC2154 # expressions are evaluated later, names shared with root.sh
. "$(dirname "$0")/../root.sh"

# --- only BusyBox: /bin/sh is a link to it as in Alpine, no C library, no bash
base busybox
busybox_links
install_in
judge "shim install-shell without a bash" '[ "$rc" = 0 ] && [ ! -e "$R/bin/bash" ]'
judge "the shell is the shim, the real one is kept" \
	'cmp -s "$R/bin/sh" "$AGENTSH" && [ -e "$R/bin/sh.real" ] && cmp -s "$R/bin/ash" "$R/bin/busybox"'
shell_behaves /bin/sh
in_root /bin/sh -l -c 'echo "$0"'
judge "a login shell" '[ "$rc" = 0 ] && [ "$(cat "$TMP/o")" = /bin/sh ]'
in_root /bin/ash -c 'exec -a -sh sh -c "echo \$0"'
judge "argv[0] of a login shell" '[ "$rc" = 0 ] && [ "$(cat "$TMP/o")" = -sh ]'
run_behaves /bin/sh -c 'sudo whoami'
judge "agentsh run holds, too" denied_ok
in_root /usr/bin/agentsh exec --root=/tmp s1 -- /bin/echo fine
judge "agentsh exec works" '[ "$rc" = 0 ] && [ "$(cat "$TMP/o")" = fine ]'
in_root /usr/bin/agentsh shim uninstall-shell --root / --bash --i-understand-this-modifies-the-host
judge "the shim goes without a trace" \
	'[ "$rc" = 0 ] && [ "$(readlink "$R/bin/sh")" = /bin/busybox ] && [ ! -e "$R/bin/sh.real" ]'
finish

# --- a shell that is only there as bash
# with_libs PROGRAM TO: a dynamic program, its loader and libraries.
with_libs() {
	cp "$1" "$R$2"
	for lib in $(ldd "$1" | grep -o '/[^ ]*'); do
		mkdir -p "$R/${lib%/*}"
		cp "$lib" "$R$lib"
	done
}
base bash-only
with_libs "$(readlink -f /bin/bash)" /bin/bash
with_libs /usr/bin/env /bin/env
with_libs /bin/cat /bin/cat
install_in
judge "shim install-shell without an sh" '[ "$rc" = 0 ] && [ ! -e "$R/bin/sh" ]'
shell_behaves /bin/bash
finish

# --- distroless: one dynamic program and its libraries
base distroless
with_libs /usr/bin/env /usr/bin/env
install_in
closed "shim install-shell says that there is no shell" "no sh or bash in '/bin' to stand in for"
run_behaves /usr/bin/env one=1
judge "agentsh run: an allowed command works" '[ "$rc" = 0 ] && grep -qx one=1 "$TMP/o" && [ ! -s "$TMP/e" ]'
run_behaves /usr/bin/env sudo whoami
judge "agentsh run: a denied command does not run" denied_ok
run_behaves /usr/bin/env -S 'sudo whoami'
judge "agentsh run: nor below the program" '! ran && [ "$rc" = 126 ]'
in_root /usr/bin/agentsh exec --root=/tmp s1 -- /usr/bin/env
judge "agentsh exec: an allowed command works" '[ "$rc" = 0 ] && grep -qx AGENTSH_SESSION_ID=s1 "$TMP/o"'
in_root /usr/bin/agentsh exec --root=/tmp s1 -- /usr/bin/env sudo
judge "agentsh exec: a denied command does not run" '! ran && [ "$rc" = 126 ]'
judge "agentsh exec: its event is in the log" logged
finish

# --- a uid that no password file knows, and no HOME
# The server is the user's own, …
base uid-unknown
busybox_links
install_in
U=4242
chown -R "$U" "$R/var/lib/agentsh"
in_root /bin/sh -c 'id -u; echo "${HOME-none}"'
judge "its own server: no home is made up" '[ "$rc" = 0 ] && [ "$(cat "$TMP/o")" = "4242
none" ]'
shell_behaves /bin/sh
finish
# … or root's, or there is no place for its state.
base uid-unknown-root-server
busybox_links
install_in
(cd "$R" && exec env -i PATH=/bin /usr/sbin/chroot "$R" /usr/bin/agentsh server \
	</dev/null >"$TMP/server" 2>&1) &
for _ in $(seq 100); do
	[ -S "$R/run/agentsh/gate.sock" ] && break
	sleep 0.05
done
U=4242
shell_behaves /bin/sh
finish
base uid-unknown-no-state
busybox_links
install_in
U=4242
in_root /bin/sh -c 'sudo whoami'
closed "no place for a server's state" \
	'denied: no server: .*create directory /var/lib/agentsh/sessions: Permission'
finish

# --- read-only, no /run, a full /dev/shm
base read-only
busybox_links
install_in
rmdir "$R/run"
mkdir "$R/dev/shm"
mount -t tmpfs tmp "$R/tmp"
mount -t tmpfs -o size=4k shm "$R/dev/shm"
head -c 4096 /dev/zero >"$R/dev/shm/full"
mount -o remount,ro "$R"
in_root /bin/sh -c 'sudo whoami'
closed "no place for the log" 'denied: no server: .*create directory /var/lib/agentsh/sessions: Read-only'
in_root /usr/bin/agentsh shim install-shell --root / --shim /usr/bin/agentsh-shell-shim --bash \
	--i-understand-this-modifies-the-host
judge "shim install-shell: nothing to do, or a reason" '[ "$rc" = 0 ] || one_line ".*Read-only"'
run_behaves /bin/sh -c 'echo fine | cat'
judge "agentsh run needs no place" '[ "$rc" = 0 ] && [ "$(cat "$TMP/o")" = fine ]'
run_behaves /bin/sh -c 'sudo whoami'
judge "and holds" denied_ok
mount -o remount,rw "$R"
sed -i 's,/var/lib/agentsh,/tmp/state,' "$R/etc/agentsh/config.yaml"
mount -o remount,ro "$R"
LOG=$R/tmp/state/events.jsonl
shell_behaves /bin/sh
stop_server
umount -l "$R/tmp" "$R/dev/shm"
mount -o remount,rw "$R"
finish

# --- no /proc, or somebody else's
no_proc() {
	in_root /bin/sh -c 'echo fine'
	closed "$1: the shim" 'denied: no server: .*/proc '
	in_root /bin/sh -c 'sudo whoami'
	closed "$1: the shim, of a denied command" 'denied: no server: .*/proc '
	run_behaves /bin/sh -c 'sudo whoami'
	closed "$1: agentsh run" '/proc '
	in_root /usr/bin/agentsh detect
	judge "$1: detect says why" 'grep -q "seccomp-notify  *-  not armed: /proc " "$TMP/o"'
}
base no-proc
busybox_links
install_in
umount "$R/proc"
no_proc 'not mounted'
mount --bind "$OTHER_PROC" "$R/proc"
no_proc 'of another pid namespace'
finish

# --- as process 1
# in_pid1 CMD...: the command is process 1 of a namespace with its own /proc.
cat >"$TMP/pid1" <<'PID1'
#!/bin/sh
mount -t proc proc "$1/proc"
shift
exec "$@"
PID1
chmod +x "$TMP/pid1"
in_pid1() {
	rc=0
	# shellcheck disable=SC2086 # a list of words
	(cd "$R" && exec timeout -k 2 20 unshare --pid --fork --kill-child --mount "$TMP/pid1" "$R" \
		env -i $VARS /usr/sbin/chroot "$R" "$@") </dev/null >"$TMP/o" 2>"$TMP/e" || rc=$?
}
base pid-1
busybox_links
install_in
umount "$R/proc"
in_pid1 /bin/sh -c 'echo "$$"; (sleep 0.05 &); sudo whoami'
judge "the shim becomes process 1" '[ "$(cat "$TMP/o")" = 1 ] && denied_ok'
# With process 1 all others were killed, the server, too: the next one finds its last events in the ring.
in_pid1 /usr/bin/agentsh run -- /bin/sh -c \
	'(sh -c "sleep 0.1" &) ; sleep 0.4; echo "$PPID"; grep -l "^State:.Z" /proc/[0-9]*/status; :'
judge "agentsh run as process 1 reaps what is left to it" '[ "$rc" = 0 ] && [ "$(cat "$TMP/o")" = 1 ]'
# hit_pid1 SIGNAL: send it, from outside, to the one that is process 1.
hit_pid1() {
	for _ in $(seq 100); do
		[ -e "$R/tmp/ready" ] && break
		sleep 0.05
	done
	pid=$(grep -lE '^NSpid:.*	1$' /proc/[0-9]*/status | grep -v '^/proc/1/' | grep -o '[0-9]*')
	kill "-$1" "$pid"
}
hit_pid1 TERM &
in_pid1 /usr/bin/agentsh run -- /bin/sh -c \
	'trap "echo caught; exit 7" TERM; >/tmp/ready; while :; do sleep 0.05; done'
judge "agentsh run as process 1 hands SIGTERM on, and the exit code back" \
	'[ "$rc" = 7 ] && [ "$(cat "$TMP/o")" = caught ]'
rm "$R/tmp/ready"
cat >"$R/tmp/go" <<'GO'
/usr/bin/agentsh exec --root=/tmp s1 -- /bin/sh -c \
	'(sh -c "sleep 0.1" &); sleep 0.4; echo done' >/tmp/went 2>&1
grep -l "^State:.Z" /proc/[0-9]*/status >>/tmp/went
: >/tmp/ready
GO
chmod +x "$R/tmp/go"
cat >"$TMP/beside" <<'BESIDE'
#!/bin/sh
# In the server's namespaces, from outside.
for _ in $(seq 100); do
	[ -S "$1/run/agentsh/gate.sock" ] && break
	sleep 0.05
done
pid=$(grep -lE '^NSpid:.*	1$' /proc/[0-9]*/status | grep -v '^/proc/1/' | grep -o '[0-9]*')
nsenter -t "$pid" -p -m /usr/sbin/chroot "$1" /bin/busybox sh /tmp/go
BESIDE
chmod +x "$TMP/beside"
rm -f "$R/run/agentsh/gate.sock" "$R/tmp/ready" # what the server before could not remove
"$TMP/beside" "$R" &
hit_pid1 TERM &
in_pid1 /usr/bin/agentsh server
judge "agentsh server as process 1 ends with SIGTERM" '[ "$rc" = 0 ] && grep -q "stopping" "$TMP/e"'
cp "$R/tmp/went" "$TMP/o"
judge "it governs, and reaps what is left to it" '[ "$(cat "$TMP/o")" = done ]'
judge "the event of the command before is not lost" logged
finish

# --- inside a session of our own: recognised, not stacked
base nested
busybox_links
install_in
in_root /bin/sh -c \
	'sh -c "agentsh run -- sh -c \"agentsh exec s1 -- id -u; grep Seccomp_f /proc/self/status\""; exit $?'
judge "shim, run and exec below a shim: one filter" \
	'[ "$rc" = 0 ] && [ "$(cat "$TMP/o")" = "$(printf "0\nSeccomp_filters:\t1")" ]'
in_root /bin/sh -c 'agentsh run -- sh -c "sudo whoami"; exit $?'
judge "a denied command is refused and told once" \
	'denied_ok && [ "$(grep -c "denied by rule" "$TMP/e")" = 1 ]'
in_root /usr/bin/agentsh run -- /bin/sh -c \
	'/bin/sh -c "agentsh run --policy /dev/null -- sudo whoami"; exit $?'
judge "nor does another policy replace the one that holds" '! ran && [ "$rc" = 126 ]'
finish
