#!/bin/sh
# Who keeps what a command destroys is killed at random moments, as user and as root: no version is lost.
# KILLS points (test-kill: 200), drawn from SEED, which is printed.
here=$(cd "$(dirname "$0")" && pwd -P)
kills=${KILLS:-10} seed=${SEED:-$(($(date +%s) % 1000000))} failed=0 n=0
"$here/stage" need && "$here/stage" check || exit 1
for user in ${AS:-user root}; do
	tap=$(mktemp)
	E2E_FILES=on "$here/stage" run --as "$user" -- kill_files.sh "$kills" "$seed" >"$tap" 2>&1 || failed=1
	grep -q '^not ok' "$tap" && failed=1
	sed -E "/^1\.\.[0-9]+\$/d; s/^((not )?ok) [0-9]+ - /\1 - $user: /" "$tap"
	n=$((n + $(sed -nE 's/^1\.\.([0-9]+)$/\1/p' "$tap" | tail -1)))
	rm -f "$tap"
done
echo "1..$n"
exit $failed
