# files - "File I/O", "Credential blocking" and "FUSE protection" of the seeds, and every way round file rules.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "files"
native && exit 0
if governed && ! files_armed; then
	# Not in /var: what is made beside the closed /var/lib/agentsh after the session began stays closed, too.
	mkdir -p /srv/off
	chown "$E2E_USER:" /srv/off
	check_ok "switched off: file rules are not enforced" '^fine$' /bin/bash -c 'echo fine >/srv/off/x && cat /srv/off/x && rm /srv/off/x'
	rm -rf /srv/off
	exit 0
fi

D=default-deny-files S=approve-ssh-access A=approve-aws-credentials
W=$E2E_HOME/project
secret=neighbours-secret
as_user mkdir -p "$W" "$E2E_HOME/.ssh" "$E2E_HOME/.aws" "$E2E_HOME/.config"
as_user git init -q "$W"
echo "$secret" >/tmp/secret
for name in .ssh/id_rsa .aws/credentials; do
	cp /tmp/secret "$E2E_HOME/$name"
done
chown -R "$E2E_USER:" "$E2E_HOME"
# The user's own on the same mount, but nothing of the policy's.
O=$E2E_HOME/open
[ "$E2E_USER" = root ] || O=/home/elsewhere
rm -rf "$O"
mkdir "$O"
chown "$E2E_USER:" "$O"
echo x >"$O/own"
cp /tmp/secret "$O/plain"
chown "$E2E_USER:" "$O"/*
cp /tmp/secret /etc/canary-secret
chown "root:$E2E_USER" /etc/canary-secret
chmod 0640 /etc/canary-secret
export E2E_CWD="$W"
inode() { stat -c '%i %s %y %a' "$1" 2>&1; }
seen='grep -q $secret $TRY/out'

section "File I/O"
check_ok "a write in the workspace" '^hello$' /bin/bash -c 'echo hello >f && cat f'
check_ok "by its absolute path" '^hello$' /bin/bash -c "echo hello >$W/g && cat $W/g"
check_ok "a write in /tmp" '^hello$' /bin/bash -c 'echo hello >/tmp/test.txt && cat /tmp/test.txt'
check_ok "cat /etc/hostname" . /bin/bash -c 'cat /etc/hostname'
check_ok "reads of the system" '^done$' /bin/bash -c \
	'cat /etc/passwd /etc/hosts /usr/bin/env /proc/self/stat /proc/meminfo >/dev/null; ls / /usr /etc >/dev/null && echo done'
check_ok "devices every program needs" '^done$' /bin/bash -c \
	'head -c 10 /dev/urandom >/dev/null; echo x >/dev/null; cat /dev/null; ls -la /dev/fd/ >/dev/null; echo done'

# written NAME FILE COMMAND: FILE is not there afterwards. What the user may not write anyway only root sees happen.
written() {
	if ungoverned && [ "$E2E_USER" != root ]; then case $2 in "$O"/*) ;; *) return 0 ;; esac; fi
	rm -rf "$2"
	check_denied "$1" "$2" "$D" EACCES "[ -e $2 ] || [ -L $2 ]" /bin/bash -c "$3"
	rm -rf "$2"
}
written "echo into /etc" /etc/test.txt 'echo x >/etc/test.txt'
written "echo into /usr/bin" /usr/bin/evil 'echo x >/usr/bin/evil'
written "echo into /var" /var/evil 'echo x >/var/evil'
written "mkdir in /etc" /etc/evil.d 'mkdir /etc/evil.d'
written "cp into /etc" /etc/evil.txt 'cp f /etc/evil.txt'
written "touch in /usr/bin" /usr/bin/evil.sh 'touch /usr/bin/evil.sh'
written "tee into /etc" /etc/evil.tee 'echo x | tee /etc/evil.tee'
# That program is denied as such.
{ ungoverned && [ "$E2E_USER" != root ]; } ||
	check_denied "dd into /etc" dd "$(rule_at "$(grep -nE '( |, )dd(,|$)' "$POLICY" 2>/dev/null | head -1 | cut -d: -f1)")" \
		fail '[ -e /etc/evil.dd ]' /bin/bash -c 'dd if=f of=/etc/evil.dd'
rm -f /etc/evil.dd
written "python into /usr/lib" /usr/lib/evil.py 'python3 -c "open(\"/usr/lib/evil.py\", \"w\")"'
for tool in 'echo x >' 'cp f' 'touch' 'mkdir' 'tee </dev/null' 'ln -s f' 'mkfifo' 'install f' 'truncate -s 9' \
	'tar -cf' 'python3 -m zipfile -c'; do
	case $tool in tar*|*zipfile*) last=' f' ;; *) last='' ;; esac
	written "$tool outside" "$O/new" "$tool $O/new$last"
done
# It is the old name's rule that is named here.
check_denied "ln outside" "$O/own" $D fail "[ -e $O/new ]" /bin/bash -c "ln $O/own $O/new"
rm -f "$O/new"
as_user dash -c 'echo x >"$1/old"' x "$O"
for tool in 'echo x >' 'echo x >>' 'rm -f' 'truncate -s 0' 'mv f' 'cp f' 'chmod 0600' 'touch -d @5' 'sed -i s/x/y/' 'shred -n1'; do
	was=$(inode "$O/old")
	check_denied "$tool an existing file outside" "$O/old" "quiet $D" any '[ "$(inode "$O/old")" != "$was" ]' \
		/bin/bash -c "$tool $O/old"
	if ungoverned; then as_user dash -c 'rm -f "$1/old"; echo x >"$1/old"; echo x >"$2/f"' x "$O" "$W"; fi
done
rm -f "$O/old"

section "Credential blocking"
# This policy opens all of its user's home before it speaks of credentials.
credentials() { [ "$E2E_PAIR/$E2E_USER" != real-daytona/daytona ]; }
if credentials; then
check_denied "cat ~/.ssh/id_rsa" "$E2E_HOME/.ssh/id_rsa" "quiet $S" EACCES "$seen" /bin/bash -c 'cat ~/.ssh/id_rsa'
check_denied "cat ~/.aws/credentials" "$E2E_HOME/.aws/credentials" "quiet $A" EACCES "$seen" /bin/bash -c 'cat ~/.aws/credentials'
check_denied "python reads ~/.ssh/id_rsa" "$E2E_HOME/.ssh/id_rsa" "quiet $S" EACCES "$seen" \
	/bin/bash -c "python3 -c 'print(open(\"$E2E_HOME/.ssh/id_rsa\").read())'"
check_denied "HOME set to elsewhere" "$E2E_HOME/.ssh/id_rsa" "quiet $S" EACCES "$seen" \
	HOME=/tmp /bin/bash -c "cat $E2E_HOME/.ssh/id_rsa"
check_denied "a key is planted" "$E2E_HOME/.ssh/authorized_keys" "$S" EACCES "[ -e $E2E_HOME/.ssh/authorized_keys ]" \
	/bin/bash -c 'echo key >~/.ssh/authorized_keys'
rm -f "$E2E_HOME/.ssh/authorized_keys"
fi
check_denied "a file of one's own outside of the workspace" "$O/plain" "quiet $D" EACCES "$seen" /bin/bash -c "cat $O/plain"
! credentials || check_denied "FS-22 a start-up file" "$E2E_HOME/.profile" "quiet $(case $E2E_PAIR in own-*) echo block-startup-files ;; *) echo $D ;; esac)" \
	fail "[ -e $E2E_HOME/.profile ]" /bin/bash -c 'echo x >>~/.profile'
rm -f "$E2E_HOME/.profile"
case $E2E_PAIR in
*e2b) check_denied "what is not world-readable in /etc" /etc/canary-secret "quiet $D" EACCES "$seen" /bin/bash -c 'cat /etc/canary-secret' ;;
esac
shadow=$D
environ=deny-proc-sys
case $E2E_PAIR in own-*) shadow=block-system-secrets environ=block-environ ;; esac
# real-daytona lets /etc be read: there the file's mode keeps it from users, and no rule is named.
if [ "$E2E_PAIR/$E2E_AS" = real-daytona/user ] && governed; then
	check_denied "cat /etc/shadow, which its mode closes" - - EACCES 'grep -q root: $TRY/out' /bin/bash -c 'cat /etc/shadow'
	check_denied "through a symlink, which its mode closes" - - EACCES 'grep -q root: $TRY/out' \
		/bin/bash -c 'ln -sf /etc/shadow link; cat link'
	check_denied "python reads it, which its mode closes" - - EACCES 'grep -q root: $TRY/out' \
		/bin/bash -c 'python3 -c "print(open(\"/etc/shadow\").read())"'
fi
if [ "$E2E_PAIR" != real-daytona ] && { [ "$E2E_USER" = root ] || governed; }; then
	check_denied "cat /etc/shadow" /etc/shadow "quiet $shadow" EACCES 'grep -q root: $TRY/out' /bin/bash -c 'cat /etc/shadow'
	check_denied "through a symlink" /etc/shadow "quiet $shadow" EACCES 'grep -q root: $TRY/out' \
		/bin/bash -c 'ln -sf /etc/shadow link; cat link'
	check_denied "python reads it" /etc/shadow "quiet $shadow" EACCES 'grep -q root: $TRY/out' \
		/bin/bash -c 'python3 -c "print(open(\"/etc/shadow\").read())"'
fi
{ ungoverned && [ "$E2E_USER" != root ]; } ||
	check_denied "/proc/1/environ" /proc/1/environ "quiet $environ" EACCES 'grep -aq E2E_ $TRY/out' /bin/bash -c 'cat /proc/1/environ'
case $E2E_PAIR in
own-*)
	as_user cp /tmp/secret "$W/.env"
	check_denied "FS-28 .env of the workspace" "$W/.env" "quiet approve-env-files" EACCES "$seen" /bin/bash -c 'cat .env'
	as_user mkdir -p "$W/deep/er"
	as_user cp /tmp/secret "$W/deep/er/.env.local"
	check_denied "FS-28 and below" "$W/deep/er/.env.local" "quiet approve-env-files" EACCES "$seen" /bin/bash -c 'cat deep/er/.env.local'
	;;
esac
if [ "$E2E_USER" != root ]; then
	mkdir -p /root/.ssh /root/private
	chmod 0755 /root /root/.ssh /root/private
	: >/root/private/canary
	cp /tmp/secret /root/.ssh/id_rsa
	check_denied "root's key, readable by everybody" /root/.ssh/id_rsa "quiet $S" EACCES "$seen" /bin/bash -c 'cat /root/.ssh/id_rsa'
	check_denied "the list of a directory of root's" /root/private "quiet $D" EACCES 'grep -q canary $TRY/out' \
		/bin/bash -c 'ls -a /root/private'
	chmod 0700 /root
else
	# As it is on every machine; what everybody may list, and leads to the workspace, is listed.
	chmod 0700 /root
	: >/root/canary
	check_denied "the list of /root" /root "quiet $D" EACCES 'grep -q canary $TRY/out' /bin/bash -c 'ls -a /root'
	rm -f /root/canary
	chmod 0755 /root
fi

case $E2E_PAIR in real-daytona) # its landlock.allow_execute
	check_denied "a program outside of landlock.allow_execute" elsewhere "quiet allow-execute" 126 'grep -q ran $TRY/out' \
		/bin/bash -c 'cp /usr/bin/echo /tmp/elsewhere && /tmp/elsewhere ran'
	check_ok "a program of the workspace" '^ran$' /bin/bash -c "cp /usr/bin/echo $W/here && $W/here ran"
	rm -f /tmp/elsewhere "$W/here"
	;;
esac

section "every way"
export E2E_SCRATCH="$W/scratch"
check_reach read "$O/ways" $D said
check_reach change "$O/ways" $D said
! credentials || check_reach read "$E2E_HOME/.ssh/ways" $S said
# Where the workspace may not be deleted from, the neighbour lives in /tmp.
case $E2E_PAIR in real-daytona) W=/tmp/neighbours E2E_SCRATCH=/tmp/scratch; as_user mkdir -p $W ;; esac
check_reach read "$W/ways" - open
check_reach change "$W/ways" - open

section "sockets (OK-17)"
check_ok "a program listens in its directory, and is called what it was given" "^$W/s.sock hello\$" python3 -c "
import socket
l = socket.socket(1); l.bind('$W/s.sock'); l.listen()
c = socket.socket(1); c.connect(l.getsockname()); c.send(b'hello')
print(l.getsockname(), l.accept()[0].recv(9).decode())"
check_ok "processes that share through a manager" '^\[1, 2\]$' /bin/bash -c "cd $W && TMPDIR=$W python3 -c '
import multiprocessing as m
if __name__ == \"__main__\": x = m.Manager().list([1]); x.append(2); print(list(x))'"
check_ok "an agent for keys" '^The agent has no identities' /bin/bash -c "ssh-agent -a $W/agent.sock sh -c 'ssh-add -l; [ \$? = 1 ]'"
fresh_home
exit 0
