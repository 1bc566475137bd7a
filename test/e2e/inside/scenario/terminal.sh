# terminal - an interactive shell on a pseudo-terminal, with job control.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "terminal"
for case in tty size ctrl-c ctrl-z ctrl-d resize background sh exit; do
	check_same "terminal: $case" /usr/bin/python3 /opt/e2e/pty.py "$case"
done
native && exit 0
check_denied "typed at an interactive prompt" sudo block-shell-escape any 'grep -q "CANARY sudo" $TRY/out || ran sudo' \
	/usr/bin/python3 /opt/e2e/pty.py sudo
exit 0
