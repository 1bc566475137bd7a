# landlock - the host lets nobody ask about file calls: what Landlock alone holds of "File I/O", "Credential
# blocking" and "FUSE protection", and that the rest is said not to be held. Started by test/e2e/landlock.sh.
# The kernel tells nobody of what Landlock refuses: no event names a rule here.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "landlock alone"
native && exit 0

W=$E2E_HOME/project
as_user mkdir -p "$W/src" "$E2E_HOME/.ssh" "$E2E_HOME/.aws"
for name in .ssh/id_rsa .aws/credentials; do
	echo neighbours-secret >"$E2E_HOME/$name"
done
chown -R "$E2E_USER:" "$E2E_HOME"
export E2E_CWD="$W"

section "File I/O"
# Beside what is closed new names are closed, too: Landlock knows trees. Further down they are not.
check_ok "a write in the workspace" '^hello$' /bin/bash -c 'echo hello >src/f && cat src/f'
check_denied "what would have to be kept is not removed" - - EACCES "[ ! -e $W/src/f ]" \
	/bin/bash -c 'rm -f src/f; [ ! -e src/f ]'
check_ok "a write in /tmp" '^hello$' /bin/bash -c 'echo hello >/tmp/test.txt && cat /tmp/test.txt'
check_ok "reads of the system" '^done$' /bin/bash -c \
	'cat /etc/passwd /usr/bin/env /proc/self/stat >/dev/null; ls / /usr /etc >/dev/null && echo done'
check_ok "a socket in the workspace" '^s$' \
	python3 -c "import socket; socket.socket(1).bind('$W/s'); print('s')"
for place in /etc/evil /usr/bin/evil /var/evil; do
	for tool in 'echo x >' touch mkdir 'ln -s f' mkfifo 'cp /etc/passwd' 'tee </dev/null' \
		'python3 -c "open(__import__(\"sys\").argv[1], \"w\")"'; do
		rm -rf "$place"
		check_denied "$tool $place" - - EACCES "[ -e $place ] || [ -L $place ]" /bin/bash -c "$tool $place"
	done
done
check_denied "a file of the system is cut" - - EACCES '[ ! -s /etc/hostname ]' /bin/bash -c ': >/etc/hostname'
check_denied "and removed" - - EACCES '[ ! -e /etc/hostname ]' \
	/bin/bash -c 'rm -f /etc/hostname; [ ! -e /etc/hostname ]'
check_denied "and moved over" - - fail '! grep -q . /etc/hostname' /bin/bash -c ': >src/e && mv -f src/e /etc/hostname'
check_denied "a program of the system is cut" - - EACCES '[ ! -s /usr/bin/factor ]' /bin/bash -c ': >/usr/bin/factor'
case $E2E_PAIR in real-daytona) # its landlock.allow_execute
	check_denied "a program outside of landlock.allow_execute" - - 126 'grep -q ran "$TRY/out"' \
		/bin/bash -c 'cp /usr/bin/echo /tmp/elsewhere && /tmp/elsewhere ran'
	rm -f /tmp/elsewhere
	;;
esac

section "Credential blocking"
# This policy opens all of its user's home before it speaks of credentials.
credentials() { [ "$E2E_PAIR/$E2E_USER" != real-daytona/daytona ]; }
python='python3 -c "print(open(__import__(\"sys\").argv[1]).read())"'
if credentials; then for file in .ssh/id_rsa .aws/credentials; do
	for tool in cat 'head -1' 'grep .' tac 'base64 -w0' "$python"; do
		check_denied "$tool ~/$file" - - EACCES 'grep -q -e neighbours-secret -e bmVpZ2 "$TRY/out"' \
			/bin/bash -c "$tool $E2E_HOME/$file"
	done
	# From where names may be made.
	check_denied "~/$file by a link" - - EACCES 'grep -q neighbours-secret "$TRY/out"' \
		/bin/bash -c "ln -sf $E2E_HOME/$file src/l && cat src/l"
	check_denied "~/$file by a name of its own" - - fail 'grep -q neighbours-secret "$TRY/out"' \
		/bin/bash -c "ln -f $E2E_HOME/$file src/h && cat src/h"
	check_denied "~/$file moved here" - - fail "[ ! -e $E2E_HOME/$file ]" /bin/bash -c "mv $E2E_HOME/$file src/here"
	check_that "~/$file: the link was there to be followed" '[ -L "$W/src/l" ]'
done; fi
# What its mode closes to users is closed to root, too; real-daytona lets /etc be read.
[ "$E2E_PAIR/$E2E_AS" = real-daytona/root ] || for tool in cat "$python" 'f() { ln -sf "$1" src/l && cat src/l; }; f'; do
	[ "$E2E_AS" = root ] || governed || continue
	check_denied "$tool /etc/shadow" - - EACCES 'grep -q root: "$TRY/out"' /bin/bash -c "$tool /etc/shadow"
done
[ "$E2E_AS" != root ] && ungoverned ||
	check_denied "cat /proc/1/environ" - - EACCES 'grep -aq E2E_ "$TRY/out"' /bin/bash -c 'cat /proc/1/environ'

section "what is not held is said"
check_that "the layers of the command" \
	'grep -o "\"layers\":\"[^\"]*\"" "$LOG" | tail -1 | grep -q landlock'
check_that "that it holds not all of the rules is said" \
	'grep -o "\"layers\":\"[^\"]*\"" "$LOG" | tail -1 | grep -q "landlock(inexact)"'
check_that "no layer claims to ask about files" \
	'! grep -o "\"layers\":\"[^\"]*\"" "$LOG" | tail -1 | grep -qE "[\",]files[\",]"'
try agentsh detect
check_that "detect names the rung, not files" 'grep -qi ptrace "$TRY/out"'
fresh_home
exit 0
