#!/bin/bash
# landlock - file rules where the host refuses a listener of ours: Landlock alone holds what it can express,
# for a pair of our own and a real one, as user and as root. LANDLOCK_PAIRS chooses others.
. "$(dirname "$0")/../t.sh"
needs root

here=$(cd "$(dirname "$0")" && pwd -P)
run() { # PAIR USER
	E2E_FILES=on "$OUT/e2e/outer" listener -- \
		"$here/stage" run --pair "$1" --as "$2" -- all.sh landlock
}
for pair in ${LANDLOCK_PAIRS:-own-e2b real-daytona}; do
	for user in user root; do
		status=0
		run "$pair" "$user" >"$TMP/tap" 2>&1 || status=$?
		[ $status -ne 77 ] || continue # its files are not here
		while IFS= read -r line; do
			case $line in
			ok*) t_report 0 "$pair as $user: ${line#* - }" ;;
			not*) t_report 1 "$pair as $user: ${line#* - }" ;;
			'#   '*) echo "$line" ;;
			esac
		done <"$TMP/tap"
		is "$pair as $user: ends" "$(tail -1 "$TMP/tap" | grep -o '^1\.\.')" 1..
	done
done
