# landlock - the host lets nobody ask about file calls: what Landlock alone holds of "File I/O", "Credential
# blocking" and "FUSE protection", and that the rest is said not to be held. Started by test/e2e/landlock.sh.
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
check_denied "what would have to be kept is not removed" - - fail "[ ! -e $W/src/f ]" \
	/bin/bash -c 'rm -f src/f; [ ! -e src/f ]'
check_ok "a write in /tmp" '^hello$' /bin/bash -c 'echo hello >/tmp/test.txt && cat /tmp/test.txt'
check_ok "reads of the system" '^done$' /bin/bash -c \
	'cat /etc/passwd /usr/bin/env /proc/self/stat >/dev/null; ls / /usr /etc >/dev/null && echo done'
check_ok "a socket in the workspace" '^s$' \
	python3 -c "import socket; socket.socket(1).bind('$W/s'); print('s')"
for place in /etc/evil /usr/bin/evil /var/evil; do
	for tool in 'echo x >' touch mkdir 'ln -s f' mkfifo 'cp /etc/passwd'; do
		rm -rf "$place"
		check_denied "$tool $place" - - fail "[ -e $place ] || [ -L $place ]" /bin/bash -c "$tool $place"
	done
done
check_denied "a file of the system is cut" - - fail '[ ! -s /etc/hostname ]' /bin/bash -c ': >/etc/hostname'
check_denied "and removed" - - fail '[ ! -e /etc/hostname ]' \
	/bin/bash -c 'rm -f /etc/hostname; [ ! -e /etc/hostname ]'
check_denied "and moved over" - - fail '! grep -q . /etc/hostname' /bin/bash -c ': >e; mv -f e /etc/hostname'

section "Credential blocking"
python='python3 -c "print(open(__import__(\"sys\").argv[1]).read())"'
case $E2E_PAIR in own-*) for file in .ssh/id_rsa .aws/credentials; do
	for tool in cat 'head -1' 'grep .' tac 'base64 -w0' "$python"; do
		check_denied "$tool ~/$file" - - fail 'grep -q -e neighbours-secret -e bmVpZ2 "$TRY/out"' \
			/bin/bash -c "$tool $E2E_HOME/$file"
	done
	check_denied "~/$file by a link" - - fail 'grep -q neighbours-secret "$TRY/out"' \
		/bin/bash -c "ln -sf $E2E_HOME/$file l; cat l"
	check_denied "~/$file by a name of its own" - - fail 'grep -q neighbours-secret "$TRY/out"' \
		/bin/bash -c "ln -f $E2E_HOME/$file h && cat h"
	check_denied "~/$file moved here" - - fail "[ ! -e $E2E_HOME/$file ]" /bin/bash -c "mv $E2E_HOME/$file here"
done ;; esac

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
