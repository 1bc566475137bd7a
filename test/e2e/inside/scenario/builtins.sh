# builtins - what the start-up file takes from the shell is convenience only: BE-*, held by the kernel without it.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "builtins"
native && exit 0
S=block-shell-escape

# A shell whose start-up file is another, so that every builtin is there again.
bare='env BASH_ENV=/dev/null /bin/bash -c'

section "BE-01: the kill builtin, in every shell and without the start-up file"
# killed HOW COMMAND...: the command, run inside, kills $victim; $1 in its last word is the number.
started=0
killed() {
	how=$1
	shift
	[ $started = 1 ] || start_victim
	started=1
	before=$(log_size)
	description="BE-01 $how: a process outside is not signalled"
	try /bin/bash -c "$*" x "$victim"
	if ungoverned; then
		if until_true 2 victim_hit; then bypass; else unreached; fi
		stop_victim
		started=0
	elif alive "$victim" && until_true 2 signal_logged "$before"; then
		pass "$description"
	else
		fail "$description" "$(told)" "$(tail -c "+$((before + 1))" "$LOG" | tail -3)"
		alive "$victim" || started=0
	fi
}
signal_logged() {
	tail -c "+$(($1 + 1))" "$LOG" | grep -F '"effective_decision":"deny"' |
		grep -qE "\"target_pid\":$victim\b.*\"type\":\"signal_blocked\"|\"filename\":\"[^\"]*/kill\""
}
killed "as the shell starts" 'kill -9 $1 || /bin/kill -9 $1'
killed "bash without its start-up file" "env -u BASH_ENV /bin/bash -c 'kill -9 \$1' x \$1"
killed "bash with an empty one" "env BASH_ENV= /bin/bash -c 'kill -9 \$1' x \$1"
killed "bash with another one" "$bare 'kill -9 \$1' x \$1"
killed "bash -p" "/bin/bash -p -c 'kill -9 \$1' x \$1"
killed "bash --posix" "/bin/bash --posix -c 'kill -9 \$1' x \$1"
killed "bash --norc" "/bin/bash --norc --noprofile -c '\$0 -9 \$1' kill \$1"
killed "the builtin enabled again" "$bare 'enable -n kill; enable kill; kill -9 \$1' x \$1"
killed "sh" "/bin/sh -c 'kill -9 \$1' x \$1"
killed "dash" "dash -c 'kill -9 \$1' x \$1"
killed "env -i" "env -i /bin/bash -c 'kill -9 \$1' x \$1"
killed "/bin/kill" '/bin/kill -9 $1'
killed "python" '/usr/bin/python3 -c "import os, sys; os.kill(int(sys.argv[1]), 9)" $1'
killed "BE-02 a loaded builtin" "$bare 'enable -f /opt/e2e/bin/loadable act; act kill \$1' x \$1"
if governed; then
	as_user /bin/bash -c : # by then what was sent has come
	check_that "BE-01 … nor a little later" 'alive "$victim"'
fi
[ $started = 0 ] || stop_victim
check_ok "beside it: its own processes" '^143$' /bin/bash -c "$bare 'sleep 100 & kill \$!; wait \$!; echo \$?'"

section "BE-02: code in the shell itself"
check_denied "BE-02 a loaded builtin starts it" sudo $S 126 'ran sudo' \
	/bin/bash -c "$bare 'enable -f /opt/e2e/bin/loadable act; act exec /usr/bin/sudo whoami'"
check_ok "BE-02 beside it: a loaded builtin works" '^x$' \
	/bin/bash -c "$bare 'enable -f /opt/e2e/bin/loadable act; act exec /usr/bin/printf \"x\\n\"; echo x'"

section "BE-06: no guard is a function, an alias or a name"
mkdir -p /tmp/guard
while read -r words; do
	mkdir -p /tmp/guard/many
	chown -R "$E2E_USER:" /tmp/guard
	check_denied "BE-06 $words" rm "quiet block-rm-recursive" any '[ ! -e /tmp/guard/many ]' /bin/bash -c "$bare '$words'"
done <<'EOS'
rm -rf /tmp/guard/many
\rm -rf /tmp/guard/many
command rm -rf /tmp/guard/many
builtin command rm -rf /tmp/guard/many
unset -f rm; unalias rm; rm -rf /tmp/guard/many
rm() { :; }; command rm -rf /tmp/guard/many
shopt -s expand_aliases; alias rm=true; "rm" -rf /tmp/guard/many
/bin/rm -rf /tmp/guard/many
env rm -rf /tmp/guard/many
exec rm -rf /tmp/guard/many
hash -p /bin/rm ls; ls -rf /tmp/guard/many
dash -c "rm -rf /tmp/guard/many"
echo /tmp/guard/many | xargs rm -rf
ln -sf /bin/rm /tmp/guard/ls; /tmp/guard/ls -rf /tmp/guard/many
python3 -c "import subprocess; subprocess.call([\"rm\", \"-rf\", \"/tmp/guard/many\"])"
EOS
check_ok "BE-06 beside it: one file" '^gone$' /bin/bash -c 'echo x >/tmp/guard/one; rm /tmp/guard/one; [ -e /tmp/guard/one ] || echo gone'
rm -rf /tmp/guard

section "BE-05: limits that were set outside"
cat >/tmp/limited.py <<'P'
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
os.execv("/bin/bash", ["bash", "-c", sys.argv[1]])
P
# A user cannot raise a hard limit anyway; root can, natively.
if [ "$E2E_USER" != root ] || ! /usr/bin/python3 -c 'from resource import *
setrlimit(RLIMIT_NOFILE, (64, 64)); setrlimit(RLIMIT_NOFILE, (4096, 4096))' 2>/dev/null; then
	echo "# BE-05: $E2E_USER cannot raise limits here anyway"
else
	for how in "$bare 'ulimit -Hn 4096; ulimit -n 4096; cat /proc/self/limits'" \
		'/usr/bin/python3 -c "import os, resource
try: resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
finally: os.execv(\"/bin/cat\", [\"cat\", \"/proc/self/limits\"])"' \
		'prlimit --pid $$ --nofile=4096:4096; cat /proc/self/limits'; do
		check_denied "BE-05 a hard limit is not raised: ${how%%;*}" - - any \
			'grep -qE "^Max open files +4096 +4096" $TRY/out' /usr/bin/python3 /tmp/limited.py "$how"
	done
fi
check_ok "BE-05 the limits that came in hold" '^Max open files +64 +64' /usr/bin/python3 /tmp/limited.py 'cat /proc/self/limits'
check_ok "BE-05 beside it: lowering one's own" '^32$' /usr/bin/python3 /tmp/limited.py "$bare 'ulimit -n 32; ulimit -n'"
# The tag of a session lies in a limit that Linux has not used for long: nobody changes that.
check_denied "BE-05 the tag is not changed" - - any 'grep -qE "^Max file locks +1000 +1000" $TRY/out' \
	/bin/bash -c "$bare 'ulimit -x 1000; cat /proc/self/limits'"
check_denied "BE-05 … and after it all is as before" sudo $S 126 'ran sudo' /bin/bash -c "$bare 'ulimit -x 1000; sudo whoami'"

case $E2E_PAIR in *daytona) governed || exit 0 ;; *) exit 0 ;; esac
section "BE-03: the start-up file"
startup=/usr/lib/agentsh/bash_startup.sh
check_ok "BE-03 it takes the builtin" '^kill is /' /bin/bash -c 'type kill'
stop_server
chown -R "$E2E_USER:" /usr/lib/agentsh # as images are seen in the field
for how in 'echo "enable kill" >>$1' 'truncate -s 0 $1' 'rm -f $1' 'mv $1 $1.moved' 'cp /etc/hostname /tmp/new; mv /tmp/new $1' \
	'sed -i s/kill// $1' 'mv /usr/lib/agentsh /usr/lib/agentsh.moved' 'chmod 0666 $1; : >$1' 'ln -sf /dev/null $1'; do
	cp -a /usr/lib/agentsh /opt/e2e/startup
	as_user /usr/bin/dash -c "$how" x $startup >/dev/null 2>&1
	cmp -s $startup /opt/e2e/startup/bash_startup.sh && echo "# $how: permissions refuse it to $E2E_USER" && possible=no || possible=yes
	rm -rf /usr/lib/agentsh /usr/lib/agentsh.moved
	mv /opt/e2e/startup /usr/lib/agentsh
	[ $possible = yes ] || continue
	before=$(sha256sum <$startup)
	try /bin/bash -c "set -- $startup; $how"
	check_that "BE-03 $how" '[ "$rc" != 0 ] && [ "$(sha256sum <$startup)" = "$before" ] && [ ! -L $startup ]'
done
chown -R root: /usr/lib/agentsh
check_ok "BE-03 after it all it still does" '^kill is /' /bin/bash -c 'type kill'
exit 0
