# views - what the scenarios of views share: a workspace $W, and looking at what is mounted and who serves it.
# shellcheck shell=sh disable=SC2034
W=$E2E_HOME/project
case $E2E_PAIR in
*daytona) S=soft-delete-daytona-home MARK= ;;
*) S=soft-delete-workspace MARK=/tmp/.agentsh-fuse-enabled ;;
esac
[ "$E2E_PAIR" != real-daytona ] || W=/home/daytona/area
# That pair keeps there what is deleted.
case $E2E_PAIR in *daytona) mkdir -p /home/daytona; chown "$E2E_USER:" /home/daytona ;; esac
fresh() {
	as_user mkdir -p "$W"
	[ -d "$W/.git" ] || as_user git init -q "$W"
}
is_view() { grep -q "^agentsh-workspace $1 fuse.agentsh " /proc/mounts; }
no_views() { ! grep -q fuse.agentsh /proc/mounts; }
views_pid() { # of the process that serves, or with --mount mounts
	for p in /proc/[0-9]*; do
		tr '\0' ' ' 2>/dev/null <"$p/cmdline" | grep -qx "fuse $1 " && echo "${p#/proc/}"
	done
	:
}
no_process() { [ -z "$(views_pid --show)$(views_pid --mount)" ]; }
event() { # TYPE [TEXT]: after byte $before
	tail -c "+$((before + 1))" "$LOG" | grep "\"type\":\"$1\"" | grep -qF -- "${2-}"
}
session() { curl -s "$URL/api/v1/sessions" | jq -r '.[0].id'; }
listed() {
	sh_c 'agentsh trash list'
	token=$(awk -F'\t' -v n="$1" 'index($2, n) { t = $1 } END { print t }' "$TRY/out")
	[ -n "$token" ]
}
# view_of PATH: the process that serves the view there. Its directory below is the only one it holds.
view_of() {
	for p in $(views_pid --show); do
		[ "$(readlink "/proc/$p/fd/5")" != "$1" ] || echo "$p"
	done
}
