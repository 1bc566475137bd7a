# attacks - ways round the shim and round exec, each tried with the real thing.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "attacks on shim and exec"

S=block-shell-escape F=block-dangerous-binaries
denied() { check_denied "$1" sudo "$2" "$3" "$4" /bin/bash -c "$5"; }

real() { [ -x "$1.real" ] && echo "$1.real" || echo "$1"; } # natively the shell itself
denied "SH-01 the preserved real shell" $S 126 'ran sudo' "$(real /bin/bash) -c 'sudo whoami'"
denied "SH-01 the preserved real sh" $S 126 'ran sudo' "$(real /bin/sh) -c 'sudo whoami'"
denied "SH-02 dash" $S 126 'ran sudo' 'dash -c "sudo whoami"'
denied "SH-02 busybox sh" 'quiet '$S any 'ran sudo' 'busybox sh -c "sudo whoami"'
denied "SH-03 a copy of the shell" $S 126 'ran sudo' 'cp $(readlink -f /proc/$$/exe) ~/mysh && ~/mysh -c "sudo whoami"'
for v in AGENTSH_IN_SESSION=1 AGENTSH_SHIM_FORCE=0 AGENTSH_BIN=/bin/true AGENTSH_SERVER=http://127.0.0.1:1 \
	AGENTSH_SESSION_ID=other AGENTSH_NO_AUTO=1 AGENTSH_CONFIG=/dev/null; do
	check_denied "SH-04 $v from the caller" sudo $S 126 'ran sudo' "$v" /bin/bash -c 'sudo whoami'
	denied "SH-04 $v from inside" $S 126 'ran sudo' "$v /bin/bash -c 'sudo whoami'"
done
mkdir -p /tmp/fake
printf '#!/usr/bin/dash\nexec "$@"\n' >/tmp/fake/agentsh
chmod 0755 /tmp/fake/agentsh
check_denied "SH-05 a fake agentsh first in PATH" sudo $S 126 'ran sudo' PATH="/tmp/fake:$PATH" /bin/bash -c 'sudo whoami'
for options in -xc -ec -lc '--norc -c' '-O extglob -c' '-o pipefail -c' '+B -c' '-c --'; do
	# shellcheck disable=SC2086 # options
	check_denied "SH-08 bash $options" sudo $S 126 'ran sudo' /bin/bash $options 'sudo whoami'
done
check_denied "SH-10 the command at the end of 100 KiB" sudo $S 126 'ran sudo' \
	/bin/bash -c "$(head -c 100000 /dev/zero | tr '\0' '#')
sudo whoami"
printf 'sudo whoami\n' >/tmp/input
INPUT=/tmp/input
check_denied "SH-11 no argv[0] at all" sudo $S any 'ran sudo' $PROBE argc0 /bin/bash
INPUT=/dev/null
check_denied "SH-14 imported function" sudo $S 126 'ran sudo' 'BASH_FUNC_ls%%=() { sudo "$@"; }' /bin/bash -c 'ls whoami || sudo whoami'
printf 'sudo whoami\n' >/tmp/env.sh
check_denied "SH-15 BASH_ENV of the caller" sudo "quiet $S" any 'ran sudo' BASH_ENV=/tmp/env.sh /bin/bash -c 'sudo whoami'
denied "SH-15 --rcfile" $S any 'ran sudo' 'bash --rcfile /tmp/env.sh -i </dev/null'
denied "SH-16 /proc/\$\$/exe" $S 126 'ran sudo' '/proc/$$/exe -c "sudo whoami"'
denied "SH-17 exec -a ls" $S 126 'ran sudo' 'exec -a ls sudo whoami'

section "SH-10, SH-18 to SH-22: size, the one who waits, files, descriptors, the first moment"
head -c 3000000 /dev/zero | tr '\0' '\n' >/tmp/input
printf 'sudo whoami\n' >>/tmp/input
INPUT=/tmp/input
check_denied "SH-10 the command at the end of 3 MB on standard input" sudo $S 126 'ran sudo' /bin/bash
INPUT=/dev/null
printf 'sudo whoami\n' >/tmp/input
INPUT=/tmp/input
for name in /bin/sh /usr/bin/bash; do
	check_denied "SH-11 no argv[0] at all: $name" sudo $S any 'ran sudo' $PROBE argc0 $name
done
INPUT=/dev/null

# SH-18: the shell's parent is the platform's; nobody else waits for it.
cat >/tmp/waits.py <<'P'
import subprocess, sys, time
p = subprocess.Popen(["/bin/bash", "-c", sys.argv[1]])
print("status", p.wait())
P
for how in 'kill -9 $PPID' 'kill -STOP $PPID' '/usr/bin/python3 -c "import os; os.kill(int(\"$PPID\"), 9)"'; do
	description="SH-18 $how"
	native && break
	clear_canary
	LIMIT=3 try /usr/bin/python3 /tmp/waits.py "$how; sudo whoami"
	if ungoverned; then
		if grep -q '^status' "$TRY/out"; then unreached; else bypass; fi
	elif grep -q '^status 126' "$TRY/out" && ! ran sudo && denial_told "$TRY/err" $S sudo; then
		pass "$description: the parent goes on, sudo stays denied"
	else
		fail "$description: the parent goes on, sudo stays denied" "$(told)"
	fi
done
pgrep -f '^/usr/bin/python3 /tmp/waits.py' | xargs -r kill -KILL
check_same "SH-18 the shell is the platform's own child" /usr/bin/python3 -c 'import subprocess, os
p = subprocess.Popen(["/bin/bash", "-c", "echo $PPID; sleep 0.2; true"], stdout=subprocess.PIPE)
print(int(p.stdout.readline()) == os.getpid(), open("/proc/%d/comm" % p.pid).read().strip().split(".")[0])
p.wait()'

# SH-19: links under the names that a server uses in /tmp, or others have used, lead to a file of somebody's.
if governed && [ "$E2E_PAIR" = own-e2b ]; then
	stop_server
	uid=$(id -u "$E2E_USER")
	echo precious >/home/victim
	mkdir -p /tmp/agentsh "/tmp/agentsh-$uid" /home/victims
	chmod 0700 "/tmp/agentsh-$uid"
	ln -sf /home/victim "/tmp/agentsh/session-$uid.sid"
	ln -sf /home/victim "/tmp/agentsh-$uid/server.lock"
	ln -sf /home/victim "/tmp/agentsh-$uid/gate.sock"
	ln -sf /home/victim /var/log/agentsh/server.log
	chown -hR "$E2E_USER:" /tmp/agentsh "/tmp/agentsh-$uid" /home/victim /home/victims /var/log/agentsh
	check_denied "SH-19 links in /tmp" sudo $S 126 'ran sudo' /bin/bash -c 'sudo whoami'
	check_that "SH-19 the file behind them is as it was" '[ "$(cat /home/victim)" = precious ]'
	stop_server
	# The usual places are not to be trusted, so that /tmp is all there is.
	chmod 0777 /var/lib/agentsh
	mkdir -p /run/agentsh
	chmod 0777 /run/agentsh
	for links in file directory; do
		try /bin/bash -c 'sudo whoami'
		check_that "SH-19 no server behind a link ($links): 126, one line, nothing happened" \
			'[ "$rc" = 126 ] && ! ran sudo && grep -q "^agentsh: denied: no server: " "$TRY/err"'
		check_that "SH-19 … and nothing was written ($links)" '[ "$(cat /home/victim)" = precious ] && [ -z "$(ls /home/victims)" ]'
		rm -rf "/tmp/agentsh-$uid"
		ln -s /home/victims "/tmp/agentsh-$uid"
		chown -h "$E2E_USER:" "/tmp/agentsh-$uid"
	done
	rm -rf /tmp/agentsh "/tmp/agentsh-$uid" /var/log/agentsh/server.log /run/agentsh
	check_ok "SH-19 beside it: with /tmp as it should be" '^works$' /bin/bash -c 'echo works'
	[ "$uid" = 0 ] || check_that "SH-19 … the server is there" \
		'[ -S "/tmp/agentsh-$uid/gate.sock" ] && [ "$(stat -c %a "/tmp/agentsh-$uid")" = 700 ]'
	stop_server
	rm -rf "/tmp/agentsh-$uid" /home/victim /home/victims
	chmod 0755 /var/lib/agentsh
fi

# SH-20: descriptors that the platform's daemon leaks. What it hands over is the shell's, as ever; but a directory opens
# nothing that is closed, and a process outside stays outside.
cat >/tmp/leaks.py <<'P'
import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY) if not sys.argv[1].isdigit() else os.pidfd_open(int(sys.argv[1]))
os.dup2(fd, 9)
os.execv("/bin/bash", ["bash", "-c", sys.argv[2]])
P
mkdir -p /var/lib/agentsh/sessions
printf 'kept\n' >/var/lib/agentsh/sessions/kept
chown -R "$E2E_USER:" /var/lib/agentsh/sessions
check_denied "SH-20 a directory: writing in what is closed" - - fail \
	'[ "$(cat /var/lib/agentsh/sessions/kept)" != kept ]' /usr/bin/python3 /tmp/leaks.py /var/lib/agentsh \
	'/usr/bin/python3 -c "import os; os.write(os.open(\"sessions/kept\", os.O_WRONLY, dir_fd=9), b\"gone\")"'
printf 'kept\n' >/var/lib/agentsh/sessions/kept
check_denied "SH-20 a directory: reading it" - - fail 'grep -q kept $TRY/out' /usr/bin/python3 /tmp/leaks.py /var/lib/agentsh \
	'/usr/bin/python3 -c "import os; print(os.read(os.open(\"sessions/kept\", os.O_RDONLY, dir_fd=9), 9))"'
check_denied "SH-20 a directory: making names" - - fail '[ -e /var/lib/agentsh/sessions/new ]' \
	/usr/bin/python3 /tmp/leaks.py /var/lib/agentsh/sessions 'cd /proc/self/fd/9 && echo x >new'
rm -f /var/lib/agentsh/sessions/kept /var/lib/agentsh/sessions/new
start_victim
check_denied "SH-20 a process: signalling it" - - fail 'until_true 1 victim_hit' /usr/bin/python3 /tmp/leaks.py "$victim" \
	'/usr/bin/python3 -c "import signal; signal.pidfd_send_signal(9, 9)"'
stop_victim
check_denied "SH-20 a program" sudo $S fail 'ran sudo' /usr/bin/python3 /tmp/leaks.py /usr/bin/sudo 'exec /proc/self/fd/9 whoami'
check_same "SH-20 none of ours is left in a command" /bin/bash -c 'ls /proc/self/fd | wc -l; exec 2>/dev/null; ls /proc/$$/fd'

# SH-22: many at once, and nobody is there yet.
if governed && [ "$E2E_PAIR" = own-e2b ]; then
	stop_server
	clear_canary
	rm -rf /tmp/many
	mkdir -p /tmp/many
	for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
		{
			as_user /bin/bash -c 'sudo whoami' </dev/null >/tmp/many/$n 2>&1
			echo $? >/tmp/many/$n.rc
		} &
	done
	wait
	check_that "SH-22 of 16 at the first moment none ran sudo" '! ran sudo && ! grep -q CANARY /tmp/many/*'
	check_that "SH-22 … and each was told why" \
		'[ "$(cat /tmp/many/*.rc | grep -cx 126)" = 16 ] && [ "$(grep -l "denied by rule .$S." /tmp/many/* | wc -l)" = 16 ]'
	check_that "SH-22 … by one server" '[ "$(server_pids | wc -w)" = 1 ]'
	stop_server
	rm -rf /tmp/many
	mkdir -p /tmp/many
	for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
		as_user /bin/bash -c 'echo works; id -un' </dev/null >/tmp/many/$n 2>&1 &
	done
	wait
	check_that "SH-22 beside it: what is allowed works for all" '[ "$(grep -lx works /tmp/many/* | wc -l)" = 16 ]'
	rm -rf /tmp/many
fi

section "files under other names"
# Where file rules hold, what may not be read is not copied: the copy is somebody else's.
readable() { ! files_armed || ungoverned; }
if ! readable; then
	check_denied "EX-01 it cannot be copied" /usr/bin/sudo "quiet $F" 1 "[ -s $E2E_HOME/notsudo ]" \
		/bin/bash -c 'cp /usr/bin/sudo ~/notsudo && ~/notsudo whoami'
fi
install -o "$E2E_USER" -m 0755 /usr/bin/sudo "$E2E_HOME/notsudo"
denied "EX-01 a copy under another name" $S 126 '[ -e /tmp/canary/notsudo ]' 'cd; ./notsudo whoami'
denied "EX-02 a symbolic link" $S 126 'ran sudo' 'ln -sf /usr/bin/sudo /tmp/innocent && /tmp/innocent whoami'
# As `ls` it would be allowed, by a rule that stands before the one about rm.
check_denied "EX-02 a link with an allowed name" rm block-rm-recursive 126 '[ ! -e /tmp/many ]' \
	/bin/bash -c 'mkdir -p /tmp/many /var/tmp/links && ln -sf /bin/rm /var/tmp/links/ls && /var/tmp/links/ls -rf /tmp/many'
check_ok "EX-02 beside it: a link to what is allowed" '^x$' \
	/bin/bash -c 'mkdir -p /var/tmp/links; ln -sf /usr/bin/printf /var/tmp/links/echo; /var/tmp/links/echo "x\n"'
rm -rf /tmp/many /var/tmp/links
if [ "$E2E_USER" = root ]; then
	# Sessions cannot make one there (SH-12): it has been there before.
	ln -f /usr/bin/sudo /usr/bin/hard
	denied "EX-03 a hard link" $S 126 '[ -e /tmp/canary/hard ]' '/usr/bin/hard whoami'
	rm -f /usr/bin/hard
fi
for path in /proc/self/root/usr/bin/sudo /usr/bin/../bin/sudo //usr//bin/./sudo '/proc/$$/root/usr/bin/sudo'; do
	denied "EX-04 $path" $S 126 'ran sudo' "$path whoami"
done
denied "EX-04 relative" $S 126 'ran sudo' 'cd /usr/lib && ../bin/sudo whoami'
denied "EX-04 /proc/self/cwd" $S 126 'ran sudo' 'cd /usr/bin && /proc/self/cwd/sudo whoami'
if readable; then
	denied "EX-04 /dev/fd" $S 126 'ran sudo' 'exec 7</usr/bin/sudo; /dev/fd/7 whoami'
else
	check_denied "EX-04 /dev/fd" /usr/bin/sudo "quiet $F" 127 'ran sudo' /bin/bash -c 'exec 7</usr/bin/sudo; /dev/fd/7 whoami'
fi
denied "EX-07 through the loader" "$S" any 'ran ls.so || grep -q "loader ran" $TRY/out' \
	'cp /bin/true /tmp/x; /lib64/ld-linux-x86-64.so.2 /usr/bin/sudo whoami && echo loader ran; /lib64/ld-linux-x86-64.so.2 --help >/dev/null'
for way in exec fexec exec-dir memfd deleted vfork clone-untraced thread; do
	case $way in
	memfd | deleted) if ! readable; then
		# It is made of what is read.
		check_denied "EX-08..19 $way of it" /usr/bin/sudo "quiet $F" fail '[ -e /tmp/canary ]' \
			/bin/bash -c "$PROBE $way /usr/bin/sudo"
		denied "EX-08..19 $way" "$S" fail '[ -e /tmp/canary ]' "$PROBE $way ~/notsudo"
		continue
	fi ;;
	esac
	denied "EX-08..19 $way" "$S" fail '[ -e /tmp/canary ]' "$PROBE $way /usr/bin/sudo"
done
denied "EX-12 #! line" $S 126 'ran sudo' 'printf "#!/usr/bin/sudo\n" >~/sb; chmod +x ~/sb; ~/sb'
case $(uname -m) in
x86_64)
	if "$PROBE" i386 /usr/bin/sudo >/dev/null 2>&1; then
		check_denied "EX-14 32-bit execve" sudo - fail 'ran sudo' /bin/bash -c "$PROBE i386 /usr/bin/sudo"
	else
		echo "# EX-14: this kernel has no 32-bit execve"
	fi
	if ungoverned; then :; else
		check_denied "EX-15 x32 execve" sudo - fail 'ran sudo' /bin/bash -c "$PROBE x32 /usr/bin/sudo"
	fi
	;;
esac
check_denied "EX-16 the path flips while it is decided" sudo - any 'ran sudo' \
	/bin/bash -c "$PROBE race /bin/true /usr/bin/sudo 1500"
denied "EX-20 after the command has returned" "quiet $S" any 'until_true 2 ran sudo' \
	'(setsid sh -c "sleep 0.4; sudo whoami" >/dev/null 2>&1 &); exit 0'
governed && sleep 1 && { ran sudo && fail "EX-20 nothing ran later" || pass "EX-20 nothing ran later"; }
check_denied "EX-21 busybox: a multicall's applet" dd block-system-commands 126 '[ -e /tmp/bb.out ]' \
	/bin/bash -c 'busybox dd if=/dev/zero of=/tmp/bb.out bs=1 count=1'
rm -f /tmp/bb.out
# BusyBox's own shell needs no execve for them.
case $E2E_PAIR in own-*)
	while read -r words; do
		mkdir -p /tmp/bb
		chown "$E2E_USER:" /tmp/bb
		check_denied "EX-21 the shell of a multicall: $words" applet-shell $S any '[ -e /tmp/bb/out ]' /bin/bash -c "$words"
		rm -rf /tmp/bb
	done <<-'EOS'
	PATH=/none /bin/busybox sh -c "dd if=/dev/zero of=/tmp/bb/out bs=1 count=1"
	PATH=/none /bin/busybox ash -c "touch /tmp/bb/out"
	echo "touch /tmp/bb/out" | PATH=/none /bin/busybox sh
	PATH=/none exec -a sh /bin/busybox -c "touch /tmp/bb/out"
	ln -s /bin/busybox /tmp/bb/sh; PATH=/none /tmp/bb/sh -c "touch /tmp/bb/out"
	cp /bin/busybox /tmp/bb/busybox; PATH=/none /tmp/bb/busybox sh -c "touch /tmp/bb/out"
	cp /bin/busybox /tmp/bb/ls; PATH=/none exec -a ash /tmp/bb/ls -c "touch /tmp/bb/out"
	/usr/bin/env PATH=/none /bin/busybox sh -c "touch /tmp/bb/out"
	/usr/bin/env -i /bin/busybox busybox sh -c "touch /tmp/bb/out"
	EOS
	;;
esac
check_ok "EX-21 beside it: an applet" '^x$' /bin/bash -c 'busybox echo x'
check_denied "EX-32 the last of many arguments" rm block-rm-recursive any '[ ! -e /tmp/many ]' \
	/bin/bash -c 'mkdir -p /tmp/many; rm $(seq -f "/tmp/none%g" 6000) /tmp/many -rf 2>&1 | tail -3 >&2'
rm -rf /tmp/many

section "system calls that are never allowed"
# WHAT ARGUMENT; only where the kernel does it natively for this user.
never() {
	native && return 0
	description="probe $*"
	if [ "$E2E_USER" != root ]; then
		case $1 in mountns | mount | fsopen | bpf | af_packet) return 0 ;; esac
	fi
	as_user "$PROBE" "$@" >/tmp/natively 2>&1 || {
		echo "# $description: this kernel refuses it to anybody: $(cat /tmp/natively)"
		return 0
	}
	[ "$1" != mount ] || /opt/e2e/bin/real-umount /mnt
	check_denied "$description" probe - fail 'grep -q ^DONE $TRY/out' /bin/bash -c "$PROBE $*"
	! ungoverned || [ "$1" != mount ] || /opt/e2e/bin/real-umount /mnt
}
for what in userns clone3-userns mountns mount fsopen keyctl bpf io_uring af_packet af_alg; do never $what; done

section "processes outside the session"
for what in kill tkill tgkill sigqueue pidfd setown; do
	start_victim
	check_denied "$what of an outside process" probe - any 'until_true 1 victim_hit' /bin/bash -c "$PROBE $what $victim 9"
	stop_victim
done
start_victim
for what in ptrace readmem procmem environ prlimit; do
	check_denied "$what of an outside process" probe - fail 'grep -q ^DONE $TRY/out' /bin/bash -c "$PROBE $what $victim"
done
stop_victim
if governed; then
	for pid in $(server_pids); do
		for what in "kill $pid 9" "pidfd $pid 9" "ptrace $pid" "readmem $pid" "procmem $pid" "prlimit $pid"; do
			try /bin/bash -c "$PROBE $what"
			check_that "probe ${what% [0-9]*} of the server" '! grep -q ^DONE "$TRY/out" && healthy'
		done
	done
fi
if governed && later; then
	mkdir -p /opt/e2e/kept
	cp -a /bin/bash /bin/bash.real /bin/sh /bin/sh.real /opt/e2e/kept/
	for f in /bin/bash /bin/bash.real "$LOG"; do
		before=$(sha256sum "$f" 2>/dev/null | head -c 16)
		case $f in "$LOG") before=$(head -c 200 "$LOG") ;; esac
		try /usr/bin/python3 -c 'import subprocess, sys; subprocess.run(["/bin/bash", "-c", "rm -f $1; echo x >$1; echo x | tee $1; mv $1 /tmp/moved; true", "x", sys.argv[1]])' "$f"
		case $f in "$LOG") after=$(head -c 200 "$LOG") ;; *) after=$(sha256sum "$f" 2>/dev/null | head -c 16) ;; esac
		check_that "SH-12 $f cannot be changed from inside" '[ "$before" = "$after" ]'
		cp -a --remove-destination /opt/e2e/kept/* /bin/
	done
	try /bin/bash -c 'agentsh shim uninstall-shell --root / --bash --i-understand-this-modifies-the-host'
	check_that "the shim cannot be uninstalled from inside" 'file /bin/bash | grep -q "statically linked"'
	cp -a --remove-destination /opt/e2e/kept/* /bin/
fi
exit 0
