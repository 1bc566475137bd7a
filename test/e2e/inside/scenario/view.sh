# view - "FUSE workspace" of the seeds: the view of the workspace is mounted when it may be, holds what the rules say by
# every spelling, keeps what is deleted, and is replaced when its process dies. Armed by E2E_VIEW=on.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "the view of the workspace"
native && exit 0
if governed && ! view_armed; then exit 0; fi
. /opt/e2e/views.sh
fresh
export E2E_CWD="$W"
# Who is in no session, and who is, by the workspace's path and from below it.
restart() {
	stop_server
	"$@"
	start_server
}

if governed; then
	section "when it is mounted"
	rm -f /dev/fuse /tmp/.agentsh-fuse-enabled
	restart true
	before=$(log_size)
	sh_c 'stat -f -c %T .; echo ran'
	check_that "no device: the command runs, and there is no view" 'grep -q ran "$TRY/out" && ! grep -q ^fuse "$TRY/out" && no_views'
	check_that "and an event says why" 'until_true 2 event fuse_mount_failed /dev/fuse'
	check_that "the Session object says so, too" 'curl -s "$URL/api/v1/sessions/$(session)" | jq -e ".degraded[] | select(startswith(\"fuse: \"))"'
	check_that "which is not said again by the next command" 'before=$(log_size); sh_c true; ! event fuse_mount_failed'
	# The device is closed to users, as the image has it; the operator's command opens it, where the marker is.
	mknod -m 0600 /dev/fuse c 10 229
	if [ "$E2E_AS" = user ] && [ -n "$MARK" ]; then
		# sudo is a canary here.
		install -m 4755 /usr/bin/chmod /usr/local/bin/opener
		sed -i 's|deferred_enable_command:.*|deferred_enable_command: ["opener", "666", "/dev/fuse"]|' \
			/etc/agentsh/config.yaml
		restart true
		before=$(log_size)
		sh_c 'stat -f -c %T .; echo ran'
		check_that "closed device, no marker: no view" 'grep -q ran "$TRY/out" && no_views && event fuse_mount_failed "$MARK"'
		: >"$MARK"
		printf '#!/bin/sh.real\nexec sleep 60\n' >/usr/local/bin/opener
		before=$(log_size) started=$(date +%s)
		sh_c 'echo ran'
		check_that "a command for it that hangs: within seconds there is no view" 'grep -q ran "$TRY/out" && no_views && event fuse_mount_failed && [ $(($(date +%s) - started)) -le 5 ]'
		install -m 4755 /usr/bin/chmod /usr/local/bin/opener
		check_that "and it is tried again" 'until_true 15 eval "sh_c true; is_view $W"'
		chmod 0600 /dev/fuse
		restart true
	else
		chmod 0666 /dev/fuse
	fi
	before=$(log_size)
	sh_c 'stat -f -c %T .; stat -f -c %T "$PWD"'
	check_that "the next command finds it mounted, relative and absolute" '[ "$(grep -c ^fuse "$TRY/out")" = 2 ]'
	check_that "an event says so" 'event fuse_mounted "$W"'
	check_that "mount(8) shows both words" 'is_view "$W"'
	check_that "the session has its own way to it" '[ "$(stat -f -c %T "$(ls -d /var/lib/agentsh/sessions/*/workspace-mnt)")" = fuseblk ]'
	sh_c 'true'
	check_that "its commands tell of the layer" 'until_true 2 event command_started ",fuse\""'
	check_that "and so does the Session object" 'curl -s "$URL/api/v1/sessions/$(session)" | jq -e ".workspace_mount | endswith(\"workspace-mnt\")"'
	check_that "one process mounts, one serves" '[ "$(views_pid --mount | wc -l)" = 1 ] && [ "$(views_pid --show | wc -l)" = 1 ]'
fi

section "what it holds"
as_user mkdir -p "$W/.ssh" "$W/sub"
echo the-secret | as_user tee "$W/.ssh/id_rsa" "$W/.env" >/dev/null
echo here | as_user tee "$W/plain" "$W/sub/plain" >/dev/null
R=approve-ssh-access
denied() { # NAME COMMAND: the key is not read, and the event names the rule
	if governed; then before=$(log_size); fi
	try /bin/bash -c "$2"
	if ungoverned; then
		description=$1
		if grep -q the-secret "$TRY/out"; then bypass; else unreached; fi
		return 0
	fi
	check_that "$1: refused" '! grep -q the-secret "$TRY/out" && grep -q "Permission denied" "$TRY/err"'
	check_that "$1: the event names the rule" 'until_true 2 event "[a-z_]*" "\"rule\":\"$R\""'
}
case $E2E_PAIR in own-*)
	denied "relative" 'cat .ssh/id_rsa'
	denied "absolute" "cat $W/.ssh/id_rsa"
	denied "from below" 'cd sub && cat ../.ssh/id_rsa'
	denied "by /proc/self/cwd" 'cat /proc/self/cwd/.ssh/id_rsa'
	denied "by a link" 'ln -sf .ssh/id_rsa linked; cat linked'
	denied "by a hard link" 'ln .ssh/id_rsa hard; cat hard'
	;;
esac
check_ok "what is allowed is read" '^here$' /bin/bash -c 'cat plain'
check_ok "and written" '^more$' /bin/bash -c 'echo more >new; cat new'
check_ok "a directory is moved" '^deep$' /bin/bash -c 'mkdir -p d/e && echo deep >d/e/f && mv d d2 && cat d2/e/f'
check_ok "programs run from it" '^started$' /bin/bash -c 'printf "#!/usr/bin/dash\necho started\n" >run.me && chmod +x run.me && ./run.me'
if governed; then
	check_that "who is in no session reads all of it" '[ "$(as_user cat "$W/.ssh/id_rsa")" = the-secret ]'

	section "every kind of call"
	# Natively beside it, in the same file system.
	as_user mkdir -p "$E2E_HOME/beside" "$W/calls"
	(cd "$E2E_HOME/beside" && E2E_CWD="$PWD" as_user python3 /opt/e2e/every_call.py) >/tmp/natively 2>&1
	sh_c 'cd calls && python3 /opt/e2e/every_call.py'
	check_that "gives what it gives natively" 'cat "$TRY/err"; diff /tmp/natively "$TRY/out"'

	section "what is deleted"
	before=$(log_size)
	sh_c 'rm plain'
	check_that "rm succeeds, and the file is gone" '[ "$rc" = 0 ] && [ ! -e "$W/plain" ]'
	check_that "an event names rule, file and token" 'until_true 2 event file_soft_deleted "\"rule\":\"$S\""'
	listed /plain || :
	check_that "it is listed" '[ -n "$token" ]'
	sh_c "agentsh trash restore $token"
	check_that "and comes back" '[ "$rc" = 0 ] && [ "$(cat "$W/plain")" = here ]'
	sh_c 'cat plain'
	check_that "for the session, too" 'grep -q here "$TRY/out"'
	sh_c 'ls -a; stat .agentsh_trash; ls .agentsh_trash; rm -f .agentsh_trash/payload/*; mkdir .agentsh_trash'
	check_that "FU-06 the store is not even to be seen" '! grep -q agentsh_trash "$TRY/out" && [ "$(grep -c "agentsh_trash.: No such file" "$TRY/err")" -ge 2 ]'
	sh_c 'GIT_CONFIG_GLOBAL=/dev/null git status --short'
	check_that "nor does git see it" '! grep -q agentsh "$TRY/out"'

	section "what is told"
	before=$(log_size)
	sh_c 'echo x >once; echo y >>once; cat once; mv once twice; chmod 600 twice; touch twice; truncate -s 1 twice; rm twice
		mkdir onced; rmdir onced; ln -s x oncel; readlink oncel; rm oncel; cat .ssh/id_rsa; ls .ssh'
	until_true 2 event file_soft_deleted twice
	# shellcheck disable=SC2317 # called by eval
	acts() {
		tail -c "+$((before + 1))" "$LOG" | jq -s -r '(map(select(.type == "file_soft_deleted" and (.path | endswith("twice"))))[0].command_id) as $c
			| .[] | select(.command_id == $c and .path != null and .operation != "execve") | "\(.type) \(.path)"'
	}
	check_that "each act once, whoever sees it" '[ "$(acts | grep -c "soft_deleted.*twice")" = 1 ] && [ -z "$(acts | sort | uniq -d | grep -v -e file_write -e file_chmod)" ] || { acts | sort | uniq -c; false; }'

	section "FU-12 who takes it away"
	shows=$(views_pid --show)
	for way in 'fusermount3 -uz .' "fusermount3 -uz $W" "umount -l $W" "$PROBE mount" "kill -9 $shows" "kill -STOP $shows" \
		"kill -9 $(views_pid --mount)" "python3 -c 'import os; os.kill($shows, 9)'" "cat /proc/$shows/environ" \
		"ls /proc/$shows/fd/5/" "cat /proc/$shows/cwd/etc/shadow"; do
		sh_c "$way"
		check_that "$way: fails" '[ "$rc" != 0 ]'
	done
	check_that "the view is still there, served by the same process" 'is_view "$W" && [ "$(views_pid --show)" = "$shows" ]'

	section "another program takes the server's place"
	before=$(log_size)
	rm -f /tmp/upgraded /tmp/inside
	/opt/e2e/as_user /bin/bash -c 'exec 3<new; : >/tmp/inside; . /opt/e2e/until.sh; until_true 30 test -e /tmp/upgraded; cat <&3; echo later >>new' \
		>/tmp/held 2>&1 &
	held=$!
	check_that "a command has a file open" 'until_true 5 test -e /tmp/inside'
	kill -USR2 "$(server_pids)"
	check_that "SIGUSR2: it does" 'until_true 10 event server_upgraded'
	: >/tmp/upgraded
	wait "$held"
	check_that "the command did not notice" 'grep -q more /tmp/held && [ "$(cat "$W/new")" = "$(printf "more\nlater")" ]'
	sh_c 'cat new; stat -f -c %T .'
	check_that "the view is served by the same process" 'grep -q later "$TRY/out" && grep -q ^fuse "$TRY/out" && [ "$(views_pid --show)" = "$shows" ]'

	section "a process that dies"
	before=$(log_size)
	rm -f /tmp/died /tmp/inside
	/opt/e2e/as_user /bin/bash -c 'cd sub; : >/tmp/inside; . /opt/e2e/until.sh; until_true 30 test -e /tmp/died; cat plain; echo "old $?"' \
		>/tmp/held 2>&1 &
	held=$!
	check_that "a command is in it" 'until_true 5 test -e /tmp/inside'
	kill -9 "$shows"
	check_that "an event says so" 'until_true 3 event fuse_view_died'
	sh_c 'cat new; stat -f -c %T .'
	check_that "the next command has another one" 'grep -q more "$TRY/out" && grep -q ^fuse "$TRY/out"'
	check_that "an event says that, too" 'until_true 2 event fuse_remounted'
	: >/tmp/died
	wait "$held"
	# Where calls are judged the supervisor finds the way into the new one.
	check_that "who worked in the old one gets errors" 'if files_armed; then grep "^old" /tmp/held; else grep -e "not connected" -e "Permission denied" /tmp/held; fi'
	check_that "what is below is as it was" '[ "$(cat "$W/sub/plain")" = here ]'
	[ "$E2E_PAIR" != "${E2E_PAIR#real}" ] || denied "the new one holds the rules" 'cat .ssh/id_rsa'

	section "two sessions in one workspace"
	curl -s -X POST "$URL/api/v1/sessions" -H 'Content-Type: application/json' \
		-d "{\"id\":\"second\",\"workspace\":\"$W\"}" >/dev/null
	curl -s -X POST "$URL/api/v1/sessions/second/exec" -H 'Content-Type: application/json' \
		-d '{"command":"/usr/bin/stat","args":["-f","-c","%T","."]}' >"$TRY/out"
	check_that "share one view" 'grep -q fuse "$TRY/out" && [ "$(views_pid --show | wc -l)" = 1 ]'
	curl -s -X DELETE "$URL/api/v1/sessions/second" >/dev/null
	sh_c 'cat new'
	check_that "when one ends the other has it still" 'grep -q more "$TRY/out" && is_view "$W"'

	section "the end"
	before=$(log_size)
	curl -s -X DELETE "$URL/api/v1/sessions/$(session)" >/dev/null
	check_that "the session ends: it is taken away" 'until_true 3 no_views && [ -z "$(views_pid --show)" ]'
	check_that "and nothing is left of the session" '[ -z "$(ls /var/lib/agentsh/sessions)" ]'
	sh_c 'cat new'
	check_that "the next one mounts it anew" 'is_view "$W"'
	stop_server
	check_that "the server stops: it is taken away" 'no_views && until_true 3 no_process'
	start_server
	sh_c true
	for p in $(server_pids); do kill -9 "$p"; done
	check_that "the server is killed: it is taken away" 'until_true 5 no_views && until_true 3 no_process'
	start_server
	sh_c true
	kill -9 $(views_pid --mount) $(views_pid --show) $(server_pids) 2>/dev/null
	until_true 5 no_server
	check_that "all is killed at once: it is dead" 'is_view "$W" && ! cat "$W/new"'
	export E2E_CWD=/opt
	start_server
	check_that "and the next server takes it away" 'until_true 5 ls "$W/new"'
	export E2E_CWD="$W"
	sh_c 'cat new'
	check_that "to mount it anew" 'grep -q more "$TRY/out" && is_view "$W"'

	section "a mount that hangs"
	stop_server
	if [ "$E2E_AS" = user ]; then
		cp /usr/bin/fusermount3 /tmp/fusermount3
		printf '#!/bin/sh.real\nexec sleep 60\n' >/usr/bin/fusermount3
		start_server
		started=$(date +%s)
		sh_c 'echo ran'
		check_that "the command runs without it, within seconds" 'grep -q ran "$TRY/out" && [ $(($(date +%s) - started)) -le 6 ]'
		before=$(log_size)
		started=$(date +%s)
		sh_c 'echo ran'
		check_that "the next one at once" 'grep -q ran "$TRY/out" && [ $(($(date +%s) - started)) -le 1 ]'
		rm -f /usr/bin/fusermount3
		install -m 4755 /tmp/fusermount3 /usr/bin/fusermount3
		stop_server
	else
		start_server
		mounter=$(views_pid --mount)
		mkdir -p /opt/elsewhere
		kill -STOP "$mounter"
		sh_c true &
		wanted=$!
		holds_it() { ls -l /proc/"$(server_pids | head -1)"/fd 2>/dev/null | grep -q " -> $W\$"; }
		check_that "a mount is asked for" 'until_true 2 holds_it'
		mv "$W" "$W.away" && ln -s /opt/elsewhere "$W"
		kill -CONT "$mounter"
		check_that "the workspace becomes a link: what was it is mounted over" 'until_true 3 is_view "$W.away"'
		check_that "not where the link leads" '! is_view /opt/elsewhere'
		wait "$wanted"
		stop_server
		rm "$W" && mv "$W.away" "$W"
	fi
	rm -f /tmp/.agentsh-fuse-enabled
	chmod 0666 /dev/fuse # as it was found
	start_server
fi
export E2E_CWD=/tmp
cd /
governed && stop_server
fresh_home
governed && start_server
exit 0
