# undo - whatever one command destroyed, one command brings back byte for byte: content, mode, times, links, attributes;
# from within the session and from outside. E2E_UNDO_FILES: of the large tree.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "undo"
native && exit 0
if governed && ! files_armed; then exit 0; fi
real_daytona() { [ "$E2E_PAIR" = real-daytona ]; }
P=$E2E_HOME/project # the session's
W=$P
# There nothing is deleted in a project, and what a rule does not keep is kept there alone.
! real_daytona || W=/home/daytona/area
case $E2E_PAIR/$E2E_USER in
own-e2b/user) FILES=${E2E_UNDO_FILES:-10000} ;;
*) FILES=${E2E_UNDO_FILES:-300} ;;
esac
mkdir -p "$W" "$P"
chown "$E2E_USER:" "$W" "$P"
export E2E_CWD="$P"
store=$(sed -n 's/^ *trash_path: *"\{0,1\}\([^"]*\)"\{0,1\}$/--trash-path \1/p' /etc/agentsh/config.yaml 2>/dev/null)
if governed; then
	# These are the project's own to run here: the tree is made to be lost.
	stop_server
	cp "$POLICY" /tmp/policy.before
	sed -i '/^command_rules:/a\  - {name: to-be-undone, commands: ["*"], decision: allow}' "$POLICY"
	start_server
fi
show() { python3 /opt/e2e/tree.py show "$1" | grep -v -e agentsh_trash -e "^b'./.git" | sort; }
fresh() {
	# But not what is kept: that is the product's.
	rm -rf "${W:?}/tree" "$W/.git"
	(
		E2E_CWD=/
		as_user mkdir -p "$W/tree"
		as_user git init -q "$W"
		as_user git init -q "$P"
		as_user python3 /opt/e2e/tree.py make "$W/tree" "$1"
		as_user python3 /opt/e2e/tree.py deepen "$W/tree" "$deep"
	)
}
# same_as WHAT DESCRIPTION: the tree is as it was when $WHAT was written down.
same_as() {
	show "$W" >/tmp/tree.now
	if [ "$rc" = 0 ] && cmp -s "/tmp/tree.$1" /tmp/tree.now; then pass "$2"; else
		fail "$2" "$(told)" "$(diff -a "/tmp/tree.$1" /tmp/tree.now | head -8)"
	fi
}
# The command of the last event that tells of a file.
last_command() {
	tac "$LOG" | grep -m1 -E '"type":"(file|dir|symlink)_[a-z_]+"' | grep -oE '"command_id":"[^"]+"' | head -1 | cut -d'"' -f4
}
# undone NAME FILES COMMAND
undone() {
	fresh "$2"
	show "$W" >/tmp/tree.before
	try /bin/bash -c "cd $W/tree && $3"
	status=$rc
	show "$W" >/tmp/tree.lost
	if ungoverned; then
		description="undo of $1"
		if cmp -s /tmp/tree.before /tmp/tree.lost; then unreached; else bypass; fi
		return 0
	fi
	check_that "$1: it happens" '[ "$status" = 0 ] && ! cmp -s /tmp/tree.before /tmp/tree.lost'
	sh_c 'agentsh undo last --dry-run'
	same_as lost "$1: a dry run changes nothing"
	check_that "$1: and says what it would do" 'grep -q "^would " "$TRY/out"'
	sh_c 'agentsh diff last'
	check_that "$1: diff tells of it" '[ "$rc" = 0 ] && grep -q /tree "$TRY/out"'
	sh_c 'agentsh undo last'
	same_as before "$1: undone"
	sh_c 'agentsh redo last'
	same_as lost "$1: redone"
	until_true 2 last_command >/dev/null
	# The operator, with the project's store, or the one that the configuration names.
	E2E_CWD=$W
	# shellcheck disable=SC2086 # an option or nothing
	try "$AGENTSH" undo "$(last_command)" $store
	E2E_CWD=$P
	same_as before "$1: undone from outside"
}
# What only changes files, where they are the project's: there it is kept whatever the rules say.
changed() { (W=$P && undone "$@"); }
LIMIT=120
deep=1
undone "rm -rf" "$FILES" 'rm -rf ../tree'
undone "git clean -fdx" 100 'GIT_CONFIG_GLOBAL=/dev/null git clean -qfdx -e .agentsh_trash .'
undone "shutil.rmtree" 100 'python3 -c "import shutil; shutil.rmtree(\"../tree\")"'
undone "find -delete" 100 'find . -mindepth 1 -delete'
changed "mv over" 40 'mv d1/e1/f1 d2/e2/f2'
changed "mv of a directory" 40 'mv d1 d2/moved'
changed "> file" 40 '>d1/e1/f1; : >d5/e5/f5'
changed ">> file" 40 'echo more >>d1/e1/f1'
changed "truncate" 40 'truncate -s 3 d5/e5/f5; truncate -s 0 sparse'
changed "sed -i" 40 'sed -i s/file/thing/ d*/e*/f*'
changed "cp over" 40 'cp d5/e5/f5 d6/e6/f6; cp /dev/null d4/e4/f4'
changed "python open w" 40 'python3 -c "open(\"d5/e5/f5\", \"w\").write(\"x\")"'
real_daytona || undone "shred -u" 40 'shred -n1 -u d5/e5/f5'
changed "chmod and touch" 40 'chmod 0 d5/e5/f5; touch -d @7 d6/e6/f6'
real_daytona || undone "perl -pi" 40 'perl -pi -e s/file/x/ d3/e3/*'
real_daytona || undone "new files and directories" 40 'mkdir -p new/er; echo x >new/er/y; ln -s y new/z'
undone "links and pipes" 40 'rm dangling fifo d3/link d2/hard; rmdir empty'
# FU-04: out of what is kept, and removed there.
undone "moved out and removed there" 40 'mkdir -p /tmp/out && mv d1 d2/e2/f2 /tmp/out/ && rm -rf /tmp/out'
undone "moved to another file system and removed there" 40 'mv d1/e1 /dev/shm/out && rm -rf /dev/shm/out'
undone "rsync --delete" 100 'mkdir -p /tmp/none; /usr/lib/e2e/real-rsync -a --delete /tmp/none/ ./'
undone "names of every kind" 40 'rm ./-dash $'"'"'new\nline'"'"' $'"'"'\xff\xfe'"'"' "$(printf "n%.0s" {1..255})"'
real_daytona || undone "several at once, then made again" 40 'rm -r d1 d2; mkdir d1; echo new >d1/e1; mv d3 d2; echo x >sparse'
deep=${E2E_UNDO_DEEP:-40}
undone "a tree deeper than paths go" 40 'rm -rf deep d1'
# What was made is written down in its time: "last" is never the command before.
if governed; then
	told=''
	sh_c 'echo before >made-0'
	for i in 1 2 3 4 5 6 7 8; do
		sh_c "echo x >made-$i"
		sh_c 'agentsh diff'
		grep -q "/made-$i\$" "$TRY/out" || told="$told $i"
	done
	check_that "what was made just now is the last ($told)" '[ -z "$told" ]'
	sh_c 'echo x >made-9; agentsh diff'
	check_that "also by the command that asks" 'grep -q "/made-9\$" "$TRY/out"'
	sh_c 'echo x >made-a; echo x >made-b'
	sh_c 'agentsh diff last made-a'
	check_that "diff of one path" 'grep -q "/made-a\$" "$TRY/out" && ! grep -q made-b "$TRY/out"'
	sh_c 'agentsh undo last nothing-there'
	check_that "undo of a path that it did nothing to says so" \
		'[ "$rc" = 1 ] && grep -q "it did nothing to .*/nothing-there" "$TRY/err" && [ -e "$P/made-a" ]'
fi
# What the rules close by now neither undo, redo nor restore opens to the session; its owner may.
if governed && [ "${E2E_PAIR#own}" != "$E2E_PAIR" ]; then
	sh_c 'echo original >closed-later; echo gone >closed-gone'
	sh_c 'echo other >closed-later; rm closed-gone'
	sh_c 'agentsh undo last'
	check_that "what is undone is as it was" 'grep -q original "$P/closed-later" && [ -e "$P/closed-gone" ]'
	sh_c 'rm closed-gone'
	sh_c 'agentsh trash list'
	token=$(awk '/closed-gone/ { print $1; exit }' "$TRY/out")
	sh_c 'echo moved >closed-from'
	sh_c 'echo made >closed-made; mkdir closed-dir; mv closed-from closed-to'
	sh_c 'agentsh trash list' # what was made stays the last that can be undone
	cp "$POLICY" /tmp/policy.open
	changed=$(grep -c '"type":"policy_changed"' "$LOG")
	sed -i -e "/^file_rules:/a\\  - {name: now-closed, paths: [\"$P/closed-later\"], operations: [write], decision: deny}" \
		-e "/^file_rules:/a\\  - {name: not-made, paths: [\"$P/closed-gone\"], operations: [create], decision: deny}" \
		-e "/^file_rules:/a\\  - {name: not-removed, paths: [\"$P/closed-made\"], operations: [delete], decision: deny}" \
		-e "/^file_rules:/a\\  - {name: not-emptied, paths: [\"$P/closed-dir\"], operations: [rmdir], decision: deny}" \
		-e "/^file_rules:/a\\  - {name: not-moved, paths: [\"$P/closed-to\"], operations: [rename], decision: deny}" "$POLICY"
	for pid in $(server_pids); do kill -HUP "$pid"; done
	until_true 5 eval '[ "$(grep -c "\"type\":\"policy_changed\"" "$LOG")" -gt "$changed" ]'
	sh_c 'agentsh redo'
	check_that "redo opens nothing that is closed by now" '[ "$rc" = 1 ] &&
		grep -q original "$P/closed-later" && grep -q "denied by rule .now-closed." "$TRY/out" "$TRY/err"'
	sh_c 'agentsh undo last closed-made'
	check_that "undo removes nothing that may not be deleted" '[ "$rc" = 1 ] && [ -e "$P/closed-made" ] &&
		grep -q "denied by rule .not-removed." "$TRY/out" "$TRY/err"'
	sh_c 'agentsh undo last closed-dir'
	check_that "nor a directory" '[ "$rc" = 1 ] && [ -d "$P/closed-dir" ] && grep -q "denied by rule .not-emptied." "$TRY/out" "$TRY/err"'
	sh_c 'agentsh undo last closed-to'
	check_that "nor moves what may not be moved" '[ "$rc" = 1 ] && [ -e "$P/closed-to" ] && grep -q "denied by rule .not-moved." "$TRY/out" "$TRY/err"'
	sh_c "agentsh trash restore $token"
	check_that "nor does restore" '[ "$rc" != 0 ] && [ ! -e "$P/closed-gone" ] &&
		grep -q "denied by rule .not-made." "$TRY/out" "$TRY/err"'
	cp /tmp/policy.open "$POLICY"
fi
if governed; then
	stop_server
	cp /tmp/policy.before "$POLICY"
	start_server
fi
fresh_home
exit 0
