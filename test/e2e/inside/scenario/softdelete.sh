# softdelete - "Soft delete" of the seeds: what is deleted in the workspace is kept, listed and comes back.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "soft delete"
native && exit 0
if governed && ! files_armed && ! view_armed; then exit 0; fi
W=$E2E_HOME/project
case $E2E_PAIR in
*daytona) S=soft-delete-daytona-home ;;
*) S=soft-delete-workspace ;;
esac
mkdir -p "$W"
chown -R "$E2E_USER:" "$W"
as_user git init -q "$W"
export E2E_CWD="$W"
K=.agentsh_trash
# in_w COMMANDLINE: there, with the store's name for K.
in_w() { sh_c "cd $W && K=$K && { $1; }"; }
# shellcheck disable=SC2317 # called by eval
logged() { tail -c "+$((before + 1))" "$LOG" | grep '"type":"file_soft_deleted"' | grep -F "\"rule\":\"$S\"" | grep -qF "$1"; }
listed() {
	sh_c 'agentsh trash list'
	token=$(awk -F'\t' -v n="$1" 'index($2, n) { t = $1 } END { print t }' "$TRY/out")
	[ -n "$token" ]
}

section "as the seeds do it"
cd "$W" || exit 1
check_ok "a file is made" '' /bin/bash -c "cd $W;"'python3 -c "open(\"precious.txt\", \"w\").write(\"important data\\n\")"; chmod 640 precious.txt; touch -d @1000000000 precious.txt'
before=$(log_size)
check_ok "rm succeeds" '' /bin/bash -c "rm $W/precious.txt"
check_that "and the file is gone" '[ ! -e "$W/precious.txt" ]'
check_that "an event names the rule, the file and the token" 'until_true 2 logged "$W/precious.txt"'
if governed; then
	listed precious.txt || :
	check_that "agentsh trash list shows it" '[ -n "$token" ]'
	check_that "its token is a number" 'case $token in *[!0-9]*|"") false ;; esac'
	sh_c "agentsh trash restore $token"
	check_that "agentsh trash restore brings it back" '[ "$rc" = 0 ] && [ "$(cat "$W/precious.txt")" = "important data" ]'
	check_that "with its mode, time and owner" \
		'[ "$(stat -c "%a %Y %U" "$W/precious.txt")" = "640 1000000000 $E2E_USER" ]'
fi

section "FU-01 whoever deletes"
export W
# kept NAME COMMAND: file x goes, and can be had back with what it held.
kept() {
	as_user /bin/dash -c 'echo "content of $1" >"$2/x" && chmod 0604 "$2/x"' x "$1" "$W"
	before=$(log_size)
	in_w "$2"
	if ungoverned; then
		description="kept: $1"
		if [ ! -e "$W/x" ]; then bypass; else unreached; fi
		return 0
	fi
	check_that "$1: gone" '[ ! -e "$W/x" ]'
	listed project/x || :
	check_that "$1: kept" '[ -n "$token" ] && until_true 2 logged "$W/x"'
	sh_c "agentsh trash restore $token"
	check_that "$1: back" '[ "$(cat "$W/x")" = "content of '"$1"'" ] && [ "$(stat -c %a "$W/x")" = 604 ]'
	rm -f "$W/x"
}
kept "rm" 'rm x'
kept "rm -f" '\rm -f x'
kept "unlink" 'unlink x'
kept "by its absolute path" "/bin/rm $W/x"
kept "python" 'python3 -c "import os; os.unlink(\"x\")"'
kept "perl" 'perl -e "unlink q(x)"'
kept "node" 'node -e "require(\"fs\").unlinkSync(\"x\")"'
kept "find -delete" 'find . -name x -delete'
# A rule of its own is about that command.
[ "$E2E_PAIR" = own-daytona ] || kept "git clean" 'GIT_CONFIG_GLOBAL=/dev/null git clean -fqx -e .agentsh_trash'
kept "busybox rm" 'busybox rm x'
kept "by a descriptor of the directory" 'python3 -c "import os; os.unlink(\"x\", dir_fd=os.open(\".\", os.O_PATH))"'
kept "through /proc/self/cwd" 'rm /proc/self/cwd/x'
kept "through a linked directory" 'ln -sfn . here; rm here/x; rm here'
kept "open while it goes" 'python3 -c "import os; f = open(\"x\"); os.unlink(\"x\"); print(f.read())"'

section "the store"
if governed; then
	as_user /bin/dash -c 'echo guarded >"$1/guarded"' x "$W"
	in_w 'rm guarded'
	listed guarded
	# Of that mount, wherever trash_path is.
	K=$(find "$E2E_HOME" /home -path "*/payload/$token" | head -1)
	K=${K%/payload/*} below=$K held='[ "$rc" != 0 ] && [ "$(store)" = "$untouched" ]'
	if view_armed; then
		# A view hides it: who looks below sees it, nobody else may have found it.
		. /opt/e2e/views.sh
		W=$E2E_HOME/project
		below=/proc/$(view_of "$W")/fd/5/.agentsh_trash
		held='[ "$(store)" = "$untouched" ]'
		[ ! -e "$below/payload/$token" ] || K=$W/.agentsh_trash
	fi
	store() { # all of it but its books
		(
			cd "$below" || exit
			find . \( -path ./acts -o -path ./usage \) -prune -o -type f -printf '%p %m %s %T@\n' -o -printf '%p %y %m\n' | sort
			cat payload/* manifest/* 2>/dev/null | sha256sum
		)
	}
	check_that "the version is in a store" '[ -n "$K" ] && [ -n "$token" ] && until_true 5 [ -e "$below/manifest/$token.json" ]'
	untouched=$(store)
	for way in "rm -f \$K/payload/$token" 'echo x >$K/payload/new' 'mv $K away' \
		'touch $K/manifest/1.json' 'chmod 0777 $K' 'ln -s / $K/x' \
		'for f in $K/*/*; do echo x >"$f"; done' 'find $K -delete' \
		'python3 -c "import shutil; shutil.rmtree(\"'$K'\")"' 'agentsh trash purge'; do
		in_w "$way"
		check_that "FU-06 $way: fails" "$held"
	done
	sh_c "agentsh trash restore $token"
	check_that "FU-06 what was kept comes back" '[ "$(cat "$W/guarded")" = guarded ]'
	in_w 'GIT_CONFIG_GLOBAL=/dev/null git status --short --ignored=no | grep -v -e guarded -e x; true'
	check_that "git status shows nothing of ours" '! grep -q agentsh "$TRY/out"'
	check_that "what is not the workspace's is not kept" '! { as_user touch /tmp/plain; sh_c "rm /tmp/plain"; listed tmp/plain; }'
	in_w 'mkdir full; echo x >full/y; rmdir full'
	check_that "rmdir of a full directory fails as ever" '[ "$rc" != 0 ] && [ -e "$W/full/y" ] && grep -q "not empty" "$TRY/err"'
	in_w 'echo one >a; echo two >b; mv a b; cat b'
	check_that "a rename renames" '[ "$(cat "$TRY/out")" = one ] && [ ! -e "$W/a" ]'
fi
fresh_home
exit 0
