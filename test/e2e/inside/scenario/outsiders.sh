# outsiders - EX-23, EX-24: somebody outside who would start what a session asks for. Rules name the clients; who
# connects to the servers' sockets by himself is the network layer's, who writes their spools the file layer's.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "outsiders"
native && exit 0
case $E2E_PAIR in own-*) ;; *) exit 0 ;; esac

D=block-detached-commands
spool=/var/spool/cron
mkdir -p $spool/crontabs $spool/atjobs $spool/atspool /srv/data/dbus-1/services
rm -f $spool/atjobs/* $spool/crontabs/*
: >>$spool/atjobs/.SEQ
chown -R daemon:daemon $spool/atjobs $spool/atspool
chmod 1770 $spool/atjobs $spool/atspool
[ ! -e /usr/bin/crontab ] || mv /usr/bin/crontab /srv/kept.crontab
cp "$(command -v busybox)" /usr/bin/crontab
chmod 4755 /usr/bin/crontab
: >/etc/at.deny
job="ls $spool/atjobs | grep -q ."
for command in at batch; do
	case $command in at) line='echo "touch /tmp/late" | at now + 1 hour' ;; *) line='echo "touch /tmp/late" | batch' ;; esac
	check_denied "EX-24 $command" $command $D any "$job" /bin/bash -c "$line"
	rm -f $spool/atjobs/*
done
check_denied "EX-24 crontab" crontab $D any "[ -s $spool/crontabs/$E2E_USER ]" /bin/bash -c \
	'echo "* * * * * touch /tmp/late" >/tmp/table; crontab /tmp/table'
rm -f /tmp/table $spool/crontabs/* /usr/bin/crontab
[ ! -e /srv/kept.crontab ] || mv /srv/kept.crontab /usr/bin/crontab

# A message bus outside, which starts whoever is to be spoken to.
cat >/srv/data/dbus-1/services/org.e2e.Canary.service <<P
[D-BUS Service]
Name=org.e2e.Canary
Exec=/usr/bin/dash -c "mkdir -m 1777 -p /tmp/canary; : >/tmp/canary/bus; exit 1"
P
chown -R "$E2E_USER:" /srv
/opt/e2e/as_user XDG_DATA_HOME=/srv/data /usr/bin/dbus-daemon --session --address=unix:path=/srv/bus --nofork </dev/null >/dev/null 2>&1 &
bus=$!
until_true 10 test -S /srv/bus
check_denied "EX-24 dbus-send" dbus-send $D any 'until_true 1 ran bus' /bin/bash -c \
	'dbus-send --bus=unix:path=/srv/bus --dest=org.e2e.Canary --print-reply --reply-timeout=1000 / org.e2e.Canary.Go'
if command -v busctl >/dev/null; then
	check_denied "EX-24 busctl" busctl $D any 'until_true 1 ran bus' /bin/bash -c \
		'busctl --address=unix:path=/srv/bus --timeout=1 call org.e2e.Canary / org.e2e.Canary Go'
fi
kill $bus
# There is no systemd here that would start anything: a stand-in tells that it was started.
[ ! -e /usr/bin/systemd-run ] || mv /usr/bin/systemd-run /srv/kept
cp /usr/bin/sudo /usr/bin/systemd-run
chmod 0755 /usr/bin/systemd-run
printf systemd-run >>/usr/bin/systemd-run
check_denied "EX-24 systemd-run" systemd-run $D 126 'ran systemd-run' /bin/bash -c 'systemd-run --user true'
rm -f /usr/bin/systemd-run
[ ! -e /srv/kept ] || mv /srv/kept /usr/bin/systemd-run

# Terminals' servers: sessions may have their own, so it is a rule of the operator's that keeps from others'.
[ ! -e $POLICY ] || cp -p $POLICY /tmp/saved-policy
mkdir -p ${POLICY%/*}
cat >$POLICY <<'P'
version: 1
name: default
command_rules:
  - name: no-other-terminals
    commands: [tmux, screen]
    args_patterns: ["(^| )-(S|L|x|r|X)", "(^| )attach"]
    decision: deny
  - name: rest
    decision: allow
P
! governed || stop_server
mkdir -p /run/screen
chmod 1777 /run/screen
/opt/e2e/as_user /usr/bin/tmux -S /srv/tmux new-session -d -s out sleep 1000
/opt/e2e/as_user /usr/bin/screen -dmS out sleep 1000
until_true 10 test -S /srv/tmux
check_denied "EX-23 a tmux outside" tmux no-other-terminals 126 'until_true 1 test -e /tmp/outside1' /bin/bash -c \
	'tmux -S /srv/tmux new-window touch /tmp/outside1'
check_denied "EX-23 a screen outside" screen no-other-terminals 126 'until_true 1 test -e /tmp/outside2' /bin/bash -c \
	'screen -S out -X screen touch /tmp/outside2'
check_ok "a tmux of one's own" '^mine$' /bin/bash -c \
	'tmux new-session -d sleep 100 && tmux new-window "echo mine >/tmp/mine" && for i in $(seq 50); do
		[ ! -s /tmp/mine ] || break; sleep 0.1; done; cat /tmp/mine; tmux kill-server'
/opt/e2e/as_user /usr/bin/tmux -S /srv/tmux kill-server
/opt/e2e/as_user /usr/bin/screen -S out -X quit >/dev/null
! governed || stop_server
rm -f $POLICY
[ ! -e /tmp/saved-policy ] || mv /tmp/saved-policy $POLICY
rm -rf /srv/* /tmp/outside1 /tmp/outside2 /tmp/mine
exit 0
