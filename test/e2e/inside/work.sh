# work - what developers' tools do, first without us, then in one mode, in a tree of the same name: the same output,
# exit code and tree. Started by `stage run -- work.sh MODE [NAME...]`; FILES: of the large checkout.
#
# MODE: files   governed, file rules held by the supervisor (E2E_FILES=on)
#       view    governed, by the session's view of its workspace (E2E_VIEW=on)
#       both    by both
#       fuse    `agentsh fuse --policy` alone, nothing governed
#       none    without us again: what two such runs do not have in common is the test's fault
# shellcheck shell=sh disable=SC2016
E2E_PASS=native
export E2E_PASS
. /opt/e2e/lib.sh
mode=$1
shift
# shellcheck disable=SC2153 # they come from the stage
[ $# -gt 0 ] || case $E2E_PAIR in
# In its projects nothing may be deleted, elsewhere nothing executed.
real-daytona) set -- git sqlite editors archives ;;
*) set -- git npm pip sqlite make editors archives ;;
esac
: >/opt/e2e/count
: >/opt/e2e/failed
LIMIT=240
umask 022
W=$E2E_HOME/project
P=$W # the session's project
[ "$E2E_PAIR" != real-daytona ] || W=/home/daytona/area
FILES=${FILES:-10000}

has_view() { [ "$mode" = view ] || [ "$mode" = both ]; }
lists() { as_user python3 /opt/e2e/tree.py shape "$W" | sort; }

# one NAME: run it in a fresh tree; what it said, how it ended and what it left goes to $NATIVE/NAME.PASS.
one() {
	if [ "$E2E_PASS/$mode" != governed/fuse ]; then
		! has_view || native || stop_server
		fresh_home
		rm -rf "$W"
		mkdir -p "$W" "$P"
		chown "$E2E_USER:" "$W" "$P"
	fi
	(E2E_CWD=/ && as_user git init -q "$W" && as_user git init -q "$P")
	(E2E_CWD=$W && as_user mkdir "$W/w")
	E2E_CWD=$P
	export E2E_CWD
	started=$(date +%s%N)
	try /bin/bash -c "cd $W/w && . /opt/e2e/work/$1.sh" work "$FILES"
	took=$((($(date +%s%N) - started) / 1000000))
	at=$NATIVE/$1.$E2E_PASS
	E2E_CWD=$W
	{
		cat "$TRY/out"
		echo "err:"
		cat "$TRY/err"
		echo "rc=$rc"
	} >"$at.said"
	lists >"$at.tree"
	(as_user git -c core.fsmonitor=false -C "$W" status --porcelain 2>&1) >"$at.status"
	E2E_CWD=$E2E_HOME
}

fuse_ready() {
	[ -e /dev/fuse ] || mknod -m 0666 /dev/fuse c 10 229
	chmod 0666 /dev/fuse
}
fuse_begin() {
	fuse_ready
	fresh_home
	rm -rf "$W"
	mkdir -p "$W" /home/shown
	chown "$E2E_USER:" "$W" /home/shown
	sed "s|[$]{HOME}|$E2E_HOME|g" "$POLICY" >/tmp/fuse.yaml
	as_user "$AGENTSH" fuse --policy /tmp/fuse.yaml /home/shown "$W" >/tmp/fuse.said 2>&1 &
	view=$!
	until_true 10 grep -qs " $W fuse" /proc/mounts || fail "the view is mounted" "$(cat /tmp/fuse.said)"
}
fuse_end() {
	as_user stat -f -c %T "$W" | grep -q fuse || fail "the view stays" "$(cat /tmp/fuse.said)"
	/opt/e2e/bin/real-umount -l "$W"
	until_true 10 gone "$view" || kill -9 "$view"
	rm -rf /home/shown
}
gone() { ! [ -d "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"; }

mkdir -p "$NATIVE"
for name; do
	one "$name"
	[ "$rc" = 0 ] || fail "$name: works natively" "$(told)"
	echo "# $name took $took ms natively"
done
E2E_PASS=governed
case $mode in
none | fuse) ;;
*)
	# What may be done with files is asked here, not which programs may run.
	sed -i '/^command_rules:/a\  - {name: to-be-worked, commands: ["*"], decision: allow}' "$POLICY"
	install_shim >/dev/null || fail "the shim is installed"
	;;
esac
if has_view; then
	fuse_ready
	: >/tmp/.agentsh-fuse-enabled
fi
for name; do
	[ "$mode" != fuse ] || fuse_begin
	one "$name"
	[ "$mode" != fuse ] || fuse_end
	! has_view || check_that "$name: it was in a view" 'grep -q "^agentsh-workspace $P fuse.agentsh " /proc/mounts'
	n=$NATIVE/$name.native g=$NATIVE/$name.governed
	for what in said tree status; do
		if cmp -s "$n.$what" "$g.$what"; then pass "$name: $what"; else
			fail "$name: $what differs" "$(diff -a "$n.$what" "$g.$what" | head -${LINES_SHOWN:-14})" \
				"$(sed -n '/^err:/,$p' "$g.said" | head -6)"
		fi
	done
	check_that "$name: nothing of ours is in the project's status" '! grep -q -i agentsh "$g.status"'
	echo "# $name took $took ms"
done
echo "1..$(wc -l </opt/e2e/count)"
[ ! -s /opt/e2e/failed ]
