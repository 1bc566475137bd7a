#!/bin/sh
# Server and supervisors are killed at random moments under load, as user and as root. KILLS points of each
# (test-kill: 200), drawn from SEED, which is printed. WHAT: of inside/, else kill.sh.
here=$(cd "$(dirname "$0")" && pwd -P)
kills=${KILLS:-20} seed=${SEED:-$(($(date +%s) % 1000000))} failed=0 n=0
"$here/stage" need && "$here/stage" check || exit 1
for user in ${AS:-user root}; do
	tap=$(mktemp)
	"$here/stage" run --as "$user" -- "${WHAT:-kill.sh}" "$kills" "$seed" >"$tap" 2>&1 || failed=1
	grep -q '^not ok' "$tap" && failed=1
	sed -E "/^1\.\.[0-9]+\$/d; s/^((not )?ok) [0-9]+ - /\1 - $user: /" "$tap"
	n=$((n + $(sed -nE 's/^1\.\.([0-9]+)$/\1/p' "$tap" | tail -1)))
	rm -f "$tap"
done
echo "1..$n"
exit $failed
