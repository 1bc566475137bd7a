# mounts - LL-09: other names of what is denied or closed, made by mounts that were there before the session.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "mounts"
native && exit 0

mount=/opt/e2e/bin/real-mount
S=block-shell-escape
! governed || stop_server
mkdir -p /srv/programs /srv/merged /srv/low /srv/state /srv/root /srv/kernel /srv/plain /run/l/up /run/l/work
: >/srv/innocent
: >/srv/settings
$mount --bind /usr/bin /srv/programs
mkdir -p "$E2E_HOME/programs" "$E2E_HOME/plain"
$mount --bind /usr/bin "$E2E_HOME/programs"
$mount --bind /srv/plain "$E2E_HOME/plain"
$mount --bind /usr/bin/sudo /srv/innocent
cp -p /usr/bin/sudo /srv/low/harmless
$mount -t overlay -o lowerdir=/srv/low:/usr/share/doc overlay /srv/merged
$mount --bind /var/lib/agentsh /srv/state
$mount --bind / /srv/root
$mount -t overlay -o lowerdir=/etc/agentsh,upperdir=/run/l/up,workdir=/run/l/work overlay /etc/agentsh
chown -R "$E2E_USER:" /etc/agentsh /srv/plain
[ ! -e /etc/agentsh/config.yaml ] || $mount --bind /etc/agentsh/config.yaml /srv/settings
[ "$E2E_USER" != root ] || $mount -t proc proc /srv/kernel

for program in /srv/programs/sudo /srv/innocent /srv/merged/harmless; do
	check_denied "LL-09 EX-01 $program" sudo $S 126 "ran ${program##*/}" /bin/bash -c "$program whoami"
done
check_ok "a neighbour through the same mount" '^fine$' /bin/bash -c 'cd; programs/echo fine'

# closed FILE: natively the user writes it under its other name; from inside that is refused.
closed() {
	governed || return 0
	as_user /usr/bin/dash -c 'echo "# x" >>"$1"' x "$1" ||
		fail "LL-09 natively $1 can be written"
	case $1 in */new) rm -f "$1" ;; esac
	before=$(stat -c '%i %s %y' "$1" 2>&1)
	try /bin/bash -c 'echo "# x" >>"$1"' x "$1"
	after=$(stat -c '%i %s %y' "$1" 2>&1)
	check_that "LL-09 $1 cannot be written" \
		'[ "$rc" != 0 ] && grep -q "Permission denied" "$TRY/err" && [ "$before" = "$after" ]'
}
closed /srv/state/new
closed /srv/root/var/lib/agentsh/new
closed /run/l/up/new
closed /srv/settings
try /bin/bash -c 'cat /srv/state/events.jsonl'
check_that "LL-09 what is not to be read is not, under another name" \
	'[ "$rc" != 0 ] && [ ! -s "$TRY/out" ] && grep -q "Permission denied" "$TRY/err"'
check_ok "a neighbour of the same kind, in the workspace" '^fine$' /bin/bash -c \
	'echo fine >~/plain/x && cat ~/plain/x && : >~/plain/x'
if governed && [ "$E2E_USER" = root ]; then
	closed /srv/root/usr/bin/new
	setting=/srv/kernel/sys/kernel/core_pattern
	/usr/bin/dash -c 'v=$(cat "$1") && echo "$v" >"$1"' x $setting || echo "# core_pattern cannot be written natively"
	before=$(cat $setting)
	try /bin/bash -c "echo x >$setting"
	check_that "EX-33 nor the kernel's settings in a second /proc" \
		'[ "$rc" != 0 ] && grep -q "Permission denied" "$TRY/err" && [ "$before" = "$(cat $setting)" ]'
fi
! governed || stop_server
for place in "$E2E_HOME/plain" "$E2E_HOME/programs" /srv/kernel /srv/settings /etc/agentsh /srv/root /srv/state /srv/merged /srv/innocent /srv/programs; do
	/opt/e2e/bin/real-umount -l $place 2>/dev/null || :
done
chown -R root: /etc/agentsh
rm -rf --one-file-system /srv/* /run/l
exit 0
