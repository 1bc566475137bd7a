# view_stuck - a view whose process does not get on holds up its own session only: that gets errors, and can be ended.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "a view that hangs"
governed && view_armed || exit 0
. /opt/e2e/views.sh
[ -e /dev/fuse ] || mknod -m 0666 /dev/fuse c 10 229
fresh
export E2E_CWD="$W"
now_ms() { date +%s%3N; }
api() { # METHOD PATH [BODY]
	curl -s --max-time 60 -X "$1" ${3:+-H "Content-Type: application/json"} ${3:+--data-binary "$3"} "$URL$2"
}
make_session() { api POST /api/v1/sessions "{\"id\":\"$1\",\"workspace\":\"$2\"}" >/dev/null; }
exec_in() { # SESSION WORDS...: what it prints
	s=$1 c=$2
	shift 2
	api POST "/api/v1/sessions/$s/exec" "{\"command\":\"$c\",\"args\":[$(printf '"%s",' "$@" | sed 's/,$//')]}" |
		jq -r '.result.stdout // .error'
}
# others: sessions of another workspace are made, work and end.
others() {
	mkdir -p /tmp/other
	chown "$E2E_USER:" /tmp/other
	make_session other /tmp/other
	exec_in other /bin/echo from-other
	exec_in older /bin/echo from-older
	api DELETE /api/v1/sessions/other
}
# timed COMMAND...: sets $took, in ms.
timed() {
	began=$(now_ms)
	"$@"
	took=$(($(now_ms) - began))
}
# held_up PID: others while it is stopped.
held_up() {
	kill -STOP "$1"
	timed others >/tmp/others 2>&1
}
as_user mkdir -p /tmp/older
stop_server
start_server
make_session older /tmp/older
make_session shown "$W"
as_user sh -c "echo here >$W/plain"
check_that "both have a view" 'exec_in older /bin/true; [ "$(exec_in shown /usr/bin/stat -f -c %T .)" = fuseblk ] && is_view /tmp/older'

section "its process is stopped"
before=$(log_size)
show=$(view_of "$W")
api POST /api/v1/sessions/shown/exec '{"command":"/bin/bash","args":["-c","while cat plain >/dev/null 2>/tmp/reader; do :; done; echo ended"]}' >/tmp/reader.out &
reader=$!
until_true 5 eval 'exec_in older /usr/bin/pgrep -f reader >/dev/null; pgrep -f /tmp/reader >/dev/null'
held_up "$show"
check_that "others: made, worked, ended ($took ms)" '[ $took -le 2500 ] && grep -q from-other /tmp/others && grep -q from-older /tmp/others'
check_that "who was in it gets an error" 'until_true 5 grep -q ended /tmp/reader.out && [ -s /tmp/reader ]'
kill "$reader" 2>/dev/null
check_that "the view is replaced" '[ "$(exec_in shown /bin/cat plain)" = here ] && until_true 5 event fuse_remounted'
check_that "by another process" '[ -n "$(view_of "$W")" ] && [ "$(view_of "$W")" != "$show" ] && ! kill -0 "$show" 2>/dev/null'

section "and its session ends"
show=$(view_of "$W")
kill -STOP "$show"
timed api DELETE /api/v1/sessions/shown
check_that "at once ($took ms)" '[ $took -le 2500 ] && ! is_view "$W"'
check_that "with its process" 'until_true 5 eval "! kill -0 $show 2>/dev/null"'

section "who mounts is stopped"
make_session shown "$W"
exec_in shown /bin/true
mounter=$(views_pid --mount)
check_that "there is a view" 'is_view "$W"'
kill -STOP "$mounter"
as_user mkdir -p /tmp/unshown
make_session unshown /tmp/unshown
timed exec_in unshown /bin/echo from-unshown >/tmp/unshown.out
check_that "others begin and work without a view ($took ms)" '[ $took -le 3500 ] && grep -q from-unshown /tmp/unshown.out && ! is_view /tmp/unshown'
timed api DELETE /api/v1/sessions/shown
check_that "sessions end ($took ms)" '[ $took -le 2500 ]'
kill -CONT "$mounter"
check_that "when it gets on all is taken away" 'until_true 5 eval "! is_view $W && ! is_view /tmp/unshown"'
api DELETE /api/v1/sessions/unshown

# fusermount3 does not mount over such a file system, and only root breaks one off.
if [ "$E2E_AS" = root ]; then
	section "its process dies, and not all that it started"
	make_session shown "$W"
	exec_in shown /bin/true
	show=$(view_of "$W")
	rm -f /tmp/holds /tmp/let_go
	python3 - "$show" <<-'EOF' &
		import ctypes, os, sys, time
		call = ctypes.CDLL(None, use_errno=True).syscall
		pidfd = os.pidfd_open(int(sys.argv[1]))
		device = call(438, pidfd, 4, 0)  # pidfd_getfd
		open("/tmp/holds", "w").write(os.readlink("/proc/self/fd/%d" % device))
		while not os.path.exists("/tmp/let_go"):
		    time.sleep(0.05)
	EOF
	holder=$!
	check_that "somebody has its device" 'until_true 5 grep -q /dev/fuse /tmp/holds'
	kill -STOP "$show"
	stat "$W/fresh" 2>/tmp/waits &
	waits=$!
	check_that "somebody waits for it" 'until_true 5 grep -q request_wait "/proc/$waits/wchan"'
	kill -9 "$show" # if nobody has by now, because it is stopped
	check_that "who waits gets an error" 'until_true 5 grep -i connect /tmp/waits'
	check_that "the view is replaced" '[ "$(exec_in shown /bin/cat plain)" = here ] && [ "$(view_of "$W")" != "$show" ]'
	kill -9 "$waits" 2>/dev/null
	: >/tmp/let_go
	wait "$holder"
	api DELETE /api/v1/sessions/shown

	section "what lies below it hangs"
	# Two of them: who waits for the upper one, which waits for the lower one, cannot be killed.
	as_user mkdir -p /tmp/platter /tmp/disk /tmp/slow
	before=$(log_size)
	as_user "$AGENTSH" fuse /tmp/platter /tmp/disk 2>/tmp/disk.err &
	until_true 5 is_view /tmp/disk
	as_user "$AGENTSH" fuse /tmp/disk /tmp/slow 2>/tmp/slow.err &
	until_true 5 is_view /tmp/slow
	disk=$(pgrep -f "fuse /tmp/platter" | tail -1)
	make_session shown /tmp/slow/work
	as_user mkdir -p /tmp/slow/work /tmp/slow/longer /tmp/slow/late
	as_user sh -c 'echo slow >/tmp/slow/work/plain'
	make_session shown /tmp/slow/work
	check_that "it is shown" '[ "$(exec_in shown /bin/cat plain)" = slow ] && is_view /tmp/slow/work'
	make_session above /tmp/slow
	make_session beside /tmp/slow/work
	make_session longer /tmp/slow/longer
	check_that "so is another" '[ "$(exec_in longer /usr/bin/stat -f -c %T .)" = fuseblk ] && is_view /tmp/slow/longer'
	make_session late /tmp/slow/late
	kill -STOP "$disk"
	timed exec_in above /bin/echo from-above >/dev/null
	check_that "who has it in a directory of his own is answered in time ($took ms)" '[ $took -le 4000 ]'
	timed exec_in beside /bin/echo from-beside >/tmp/beside
	check_that "who is to share it, too ($took ms)" '! grep -q from-beside /tmp/beside && [ $took -le 4000 ]'
	api POST /api/v1/sessions/shown/exec '{"command":"/bin/bash","args":["-c","ls -l /tmp/slow/work/fresh; echo more >plain"]}' >/tmp/stuck.out &
	stuck=$!
	api POST /api/v1/sessions/longer/exec '{"command":"/bin/ls","args":["/tmp/slow/longer/fresh"]}' >/tmp/longer.out &
	longer=$!
	timed others >/tmp/others 2>&1
	check_that "others: made, worked, ended ($took ms)" '[ $took -le 4500 ] && grep -q from-other /tmp/others && grep -q from-older /tmp/others'
	timed api DELETE /api/v1/sessions/shown
	check_that "its session ends ($took ms)" '[ $took -le 3500 ] && ! is_view /tmp/slow/work'
	timed eval "api DELETE /api/v1/sessions/above; api DELETE /api/v1/sessions/beside"
	check_that "so does one whose supervisor cannot be ended ($took ms)" '[ $took -le 2500 ]'
	timed others >/tmp/others 2>&1
	check_that "others go on ($took ms)" '[ $took -le 2500 ] && grep -q from-older /tmp/others'
	timed exec_in late /bin/echo from-late >/dev/null
	check_that "who is to get one there is answered in time ($took ms)" '[ $took -le 5000 ] && ! is_view /tmp/slow/late'
	check_that "a process without a step for half a minute is ended" 'until_true 45 event fuse_view_died'
	check_that "who waited for it gets an error" 'until_true 5 grep -qi -e connect -e abort /tmp/longer.out'
	kill -CONT "$disk"
	wait "$stuck" "$longer"
	api DELETE /api/v1/sessions/longer
	api DELETE /api/v1/sessions/late
	check_that "when it gets on nobody is left" 'until_true 5 eval "[ -z \"\$(view_of /tmp/slow/work)\" ]"'
	kill "$(pgrep -f "fuse /tmp/disk" | tail -1)"
	until_true 5 eval '! is_view /tmp/slow'
	kill "$disk"
	until_true 5 eval '! is_view /tmp/disk'
fi
stop_server
check_that "and the server stops" 'no_views && until_true 3 no_process'
rm -f /dev/fuse
export E2E_CWD=/tmp
fresh_home
start_server
exit 0
