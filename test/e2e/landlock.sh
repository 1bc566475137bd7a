#!/bin/bash
# landlock - file rules where the host refuses a listener of ours: Landlock alone holds what it can express,
# for each pair (LANDLOCK_PAIRS chooses others), as user and as root, and that each deed happens without
# us. Then beside it a view.
. "$(dirname "$0")/../t.sh"
needs root

here=$(cd "$(dirname "$0")" && pwd -P)
run() { # PAIR USER SCENARIO
	case $3 in landlock) view=off ;; *) view=auto ;; esac
	E2E_FILES=on E2E_VIEW=$view "$OUT/e2e/outer" listener -- \
		"$here/stage" run --pair "$1" --as "$2" -- all.sh "$3"
}
ungoverned() { "$here/run" --ungoverned --as "$2" "$3"; }
report() { # PAIR USER SCENARIO [ungoverned]
	status=0
	"${4:-run}" "$@" >"$TMP/tap" 2>&1 || status=$?
	[ $status -ne 77 ] || return 0 # its files are not here
	while IFS= read -r line; do
		case $line in
		ok*) t_report 0 "$1 as $2: ${line#* - }" ;;
		not*) t_report 1 "$1 as $2: ${line#* - }" ;;
		'#   '*) echo "$line" ;;
		esac
	done <"$TMP/tap"
	is "$1 as $2: $3 ends" "$(tail -1 "$TMP/tap" | grep -o '^1\.\.')" 1..
}
for pair in ${LANDLOCK_PAIRS:-own-e2b own-daytona real-e2b real-daytona}; do
	for user in user root; do
		report "$pair" "$user" landlock
	done
done
report own-e2b root landlock ungoverned
# Where calls cannot be judged a view is there by itself. Landlock grants all that is in it, and it judges: as
# root, since helpers are of no use on such a host.
report own-e2b root view
report own-e2b root softdelete
