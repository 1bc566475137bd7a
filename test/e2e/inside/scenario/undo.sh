# undo - whatever one command destroyed, one command brings back byte for byte: content, mode, times, links.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "undo"
native && exit 0
if governed && ! files_armed; then exit 0; fi
W=$E2E_HOME/project
FILES=${E2E_UNDO_FILES:-500}
export E2E_CWD="$W"
if governed; then
	# These are the project's own to run here: the tree is made to be lost.
	stop_server
	cp "$POLICY" /tmp/policy.before
	sed -i '/^command_rules:/a\  - {name: to-be-undone, commands: [rm, git, real-rsync], decision: allow}' "$POLICY"
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
		as_user python3 /opt/e2e/tree.py make "$W/tree" "$1"
	)
}
# undone NAME FILES COMMAND
undone() {
	fresh "$2"
	show "$W" >/tmp/tree.before
	LIMIT=120 try /bin/bash -c "cd $W/tree && $3"
	status=$rc
	show "$W" >/tmp/tree.lost
	if ungoverned; then
		description="undo of $1"
		if cmp -s /tmp/tree.before /tmp/tree.lost; then unreached; else bypass; fi
		return 0
	fi
	check_that "$1: it happens" '[ "$status" = 0 ] && ! cmp -s /tmp/tree.before /tmp/tree.lost'
	LIMIT=120 try /bin/bash -c 'agentsh undo last'
	show "$W" >/tmp/tree.after
	if [ "$rc" = 0 ] && cmp -s /tmp/tree.before /tmp/tree.after; then pass "$1: undone"; else
		fail "$1: undone" "$(told)" "$(diff -a /tmp/tree.before /tmp/tree.after | head -6)"
	fi
}
undone "rm -rf" "$FILES" 'rm -rf ../tree'
undone "git clean -fdx" 100 'GIT_CONFIG_GLOBAL=/dev/null git clean -qfdx .'
undone "shutil.rmtree" 100 'python3 -c "import shutil; shutil.rmtree(\"../tree\")"'
undone "find -delete" 100 'find . -mindepth 1 -delete'
undone "mv over" 40 'mv d1/e1/f1 d2/e2/f2'
undone "mv of a directory" 40 'mv d1 d2/moved'
undone "> file" 40 '>d1/e1/f1; : >d5/e5/f5'
undone ">> file" 40 'echo more >>d1/e1/f1'
undone "truncate" 40 'truncate -s 3 d5/e5/f5; truncate -s 0 sparse'
undone "sed -i" 40 'sed -i s/file/thing/ d*/e*/f*'
undone "cp over" 40 'cp d5/e5/f5 d6/e6/f6; cp /dev/null d4/e4/f4'
undone "python open w" 40 'python3 -c "open(\"d5/e5/f5\", \"w\").write(\"x\")"'
undone "shred -u" 40 'shred -n1 -u d5/e5/f5'
undone "chmod and touch" 40 'chmod 0 d5/e5/f5; touch -d @7 d6/e6/f6'
undone "perl -pi" 40 'perl -pi -e s/file/x/ d3/e3/*'
undone "new files and directories" 40 'mkdir -p new/er; echo x >new/er/y; ln -s y new/z'
undone "links and pipes" 40 'rm dangling fifo d3/link d2/hard; rmdir empty'
[ ! -x /usr/lib/e2e/real-rsync ] ||
	undone "rsync --delete" 100 'mkdir /tmp/none 2>/dev/null; /usr/lib/e2e/real-rsync -a --delete /tmp/none/ ./'
if governed; then
	stop_server
	cp /tmp/policy.before "$POLICY"
	start_server
fi
fresh_home
exit 0
