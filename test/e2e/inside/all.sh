# all - run the scenarios of one stage, all passes. Started by `stage run -- all.sh [NAME...]`.
# shellcheck shell=sh
E2E_PASS=none
. /opt/e2e/lib.sh
if [ $# -eq 0 ]; then
	case $E2E_PAIR in
	default) set -- run ;;
	*) set -- shim commands arguments contexts platforms attacks environment influence builtins policy diagnostics server \
		http self helpers mounts outsiders benign terminal \
		badinput audit policyfile files softdelete undo view view_stuck sockets net ;;
	esac
fi
: >/opt/e2e/count
: >/opt/e2e/failed
: >/opt/e2e/bypassed
: >/opt/e2e/unreached

pass_of() {
	E2E_PASS=$1
	export E2E_PASS
	for scenario in $list; do
		fresh_home
		rm -rf /tmp/canary "$TRY"
		started=$(date +%s)
		/usr/bin/dash "/opt/e2e/scenario/$scenario.sh" || fail "scenario $scenario ran to its end" "exit code $?"
		echo "# $E2E_PASS: $scenario took $(($(date +%s) - started)) s"
	done
}

# Only these record something natively.
# ... or make sure of something natively: that a row reaches what it is to be kept from.
list=$(cd /opt/e2e/scenario && for s in "$@"; do grep -lE "check_same|if native" "$s.sh"; done | sed 's/\.sh$//')
pass_of native
list=$*
if [ "$E2E_MODE" = ungoverned ]; then
	pass_of ungoverned
	n=$(wc -l </opt/e2e/bypassed)
	if [ "$n" -gt 0 ] && [ ! -s /opt/e2e/unreached ]; then pass "all $n denial checks see a bypass without the shim"; else
		fail "all denial checks see a bypass without the shim" "$n do, $(wc -l </opt/e2e/unreached) do not"
	fi
else
	E2E_PASS=governed
	[ "$E2E_PAIR" = default ] || check "shim install-shell succeeds" install_shim
	pass_of governed
fi
printf '1..%d\n' "$(wc -l </opt/e2e/count)"
[ ! -s /opt/e2e/failed ]
