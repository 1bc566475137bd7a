# view - "FUSE workspace" of the seeds: the view is mounted when the marker is there, and holds what the rules say.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "the view of the workspace"
native && exit 0
if governed && ! view_armed; then exit 0; fi
S=soft-delete-workspace D=default-deny-files
W=$E2E_HOME/project
as_user mkdir -p "$W"
as_user git init -q "$W"
export E2E_CWD="$W"
if governed; then
	stop_server
	rm -f /tmp/.agentsh-fuse-enabled
	start_server
	sh_c 'stat -f -c %T .; mount'
	check_that "no marker, no view" '! grep -q -e ^fuse -e fuse.agentsh "$TRY/out"'
	mknod -m 0666 /dev/fuse c 10 229 2>/dev/null || :
	grep -q user_allow_other /etc/fuse.conf 2>/dev/null || echo user_allow_other >>/etc/fuse.conf
	: >/tmp/.agentsh-fuse-enabled
	sh_c true
	sh_c 'mount | grep -i -E "agentsh|fuse"'
	check_that "mount names it in the session" 'grep -q "fuse.agentsh" "$TRY/out" && grep -q agentsh-workspace "$TRY/out"'
	sh_c 'stat -f -c %T .'
	check_that "the working directory is on it" 'grep -q fuse "$TRY/out"'
	sh_c "stat -f -c %T $W"
	check_that "the workspace's own path, too" 'grep -q fuse "$TRY/out"'
	check_that "workspace-mnt of the session exists" 'ls -d /var/lib/agentsh/sessions/*/workspace-mnt'
	check_that "an event says it was mounted" 'grep -q "\"type\":\"fuse_mounted\"" "$LOG"'
	check_that "outside of sessions nothing is mounted over the workspace" '! stat -f -c %T "$W" | grep -q fuse'
fi
check_ok "create" '^data$' /bin/bash -c 'python3 -c "open(\"x\", \"w\").write(\"data\\n\")"; cat x'
before=$(log_size)
check_ok "rm" '' /bin/bash -c 'rm x'
check_that "gone" '[ ! -e "$W/x" ]'
if governed; then
	sh_c 'agentsh trash list'
	token=$(awk -F'\t' 'index($2, "project/x") { t = $1 } END { print t }' "$TRY/out")
	check_that "listed" '[ -n "$token" ]'
	sh_c "agentsh trash restore $token"
	check_that "restored" '[ "$rc" = 0 ] && [ "$(cat "$W/x")" = data ]'
	check_that "an event of the rule" 'tail -c "+$((before + 1))" "$LOG" | grep "\"type\":\"file_soft_deleted\"" | grep -q $S'
	sh_c 'ls -a; ls .agentsh_trash'
	check_that "FU-06 the store is not to be seen" '! grep -q payload "$TRY/out"'
	for way in 'fusermount3 -u .' "fusermount3 -u $W" "umount -l $W" "$PROBE mount"; do
		sh_c "$way"
		check_that "FU-12 $way: fails" '[ "$rc" != 0 ]'
	done
	sh_c 'stat -f -c %T .'
	check_that "FU-12 the view is still there" 'grep -q fuse "$TRY/out"'
fi
as_user mkdir -p "$W/.ssh"
echo the-secret | as_user tee "$W/.ssh/id_rsa" "$E2E_HOME/plain" >/dev/null
case $E2E_PAIR in
own-*) check_denied "a key in the workspace" "$W/.ssh/id_rsa" "quiet approve-ssh-access" fail 'grep -q the-secret $TRY/out' \
	/bin/bash -c 'cat .ssh/id_rsa' ;;
esac
check_denied "out of the workspace by a symlink" "$E2E_HOME/plain" "quiet $D" fail 'grep -q the-secret $TRY/out' \
	/bin/bash -c 'ln -sfn ../plain out; cat out'
export E2E_SCRATCH="$W/scratch"
check_reach change "$E2E_HOME/open/ways" $D said
check_reach read "$W/ways" - open
check_reach change "$W/ways" - open
if governed; then
	stop_server
	rm -f /tmp/.agentsh-fuse-enabled /dev/fuse
	start_server
fi
fresh_home
exit 0
