#!/bin/sh
# What developers' tools do is the same under file rules as without: output, exit code and tree. WORK chooses
# the runs, each PAIR/USER/MODE (modes: inside/work.sh), or `all`; FILES the size of the large checkout.
here=$(cd "$(dirname "$0")" && pwd -P)
"$here/stage" need && "$here/stage" check || exit 1
runs=${WORK:-own-e2b/user/files own-daytona/root/fuse}
if [ "$runs" = all ]; then
	runs=
	for user in user root; do
		for mode in files fuse view both; do
			runs="$runs own-e2b/$user/$mode own-daytona/$user/$mode"
		done
		runs="$runs real-e2b/$user/files real-e2b/$user/both real-daytona/$user/files"
	done
fi
failed=0 n=0 only=${WORK_ONLY:-}
for run in $runs; do
	pair=${run%%/*} mode=${run##*/} user=${run#*/}
	user=${user%/*} files=off view=off
	case $mode in files | both) files=on ;; esac
	case $mode in view | both) view=on ;; esac
	tap=$(mktemp) status=0
	# shellcheck disable=SC2086 # a list of names
	E2E_FILES=$files E2E_VIEW=$view FILES=${FILES:-10000} "$here/stage" run --pair "$pair" --as "$user" \
		-- work.sh "$mode" $only >"$tap" 2>&1 || status=$?
	sed -E "/^1\.\.[0-9]+\$/d; s/^((not )?ok) [0-9]+ - /\1 - $pair as $user, $mode: /" "$tap"
	if [ "$status" != 77 ]; then
		[ "$status" = 0 ] || failed=1
		count=$(sed -nE 's/^1\.\.([0-9]+)$/\1/p' "$tap" | tail -1)
		[ -n "$count" ] || echo "not ok - $run: the stage ended early (status $status)"
		n=$((n + ${count:-1}))
	fi
	rm -f "$tap"
done
if [ $n = 0 ]; then echo "1..0 # SKIP the files of no pair are here"; else echo "1..$n"; fi
exit $failed
