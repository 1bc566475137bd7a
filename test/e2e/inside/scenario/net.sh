# net - network rules: an internet one link away (test/e2e/world), tried by all kinds of programs, with proxy variables,
# without them, and with NO_PROXY=*. E2E_NET_ROWS=all|core chooses how much.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "network rules"
W=/opt/e2e/world CLIENT=/usr/lib/e2e/net/client.py
case $E2E_PAIR in *e2b) family=e2b ;; *) family=daytona ;; esac
case ${E2E_NET_ROWS:-} in
'') case "$E2E_PAIR $E2E_AS" in 'own-e2b user' | 'real-daytona root') rows=all ;; *) rows=core ;; esac ;;
*) rows=$E2E_NET_ROWS ;;
esac
ungoverned && exit 0

start_world() {
	[ -e $W/run/ready ] && return 0
	mkdir -p $W/run
	chmod 700 $W $W/run
	# The stage has no other network than this.
	/usr/bin/python3 -B $W/world.py $W/run /opt/e2e/bin/real-ip >$W/log 2>&1 &
	until_true 20 test -e $W/run/ready || return 1
	cp $W/run/ca.pem /usr/lib/e2e/net/
	rm -f /etc/resolv.conf
	echo 'nameserver 198.51.100.53' >/etc/resolv.conf
	printf '127.0.0.1 localhost\n::1 localhost\n' >/etc/hosts
}

# verdicts JUDGE-ARGS...: each line of the judge is a check. Events may still be on their way: it is asked again then.
judged_well() { /usr/bin/python3 -B $W/judge.py "$@" >$W/verdicts 2>&1 && ! grep -q '^not ok' $W/verdicts; }
verdicts() {
	until_true 5 judged_well "$@"
	while IFS= read -r line; do
		case $line in
		'ok '*) pass "${line#ok }" ;;
		'not ok '*) fail "${line#not ok }" ;;
		*) printf '%s\n' "$line" ;;
		esac
	done <$W/verdicts
	[ -s $W/verdicts ] || fail "what the rows came to ($*)"
}

start_world || {
	fail "there is an internet" "$(tail -5 $W/log)"
	exit 0
}
if native; then
	: >$W/run/reached
	LIMIT=120 try /usr/bin/python3 -B $CLIENT none "$rows"
	cp "$TRY/out" $W/found
	verdicts control "$rows" $W/found $W/run
	exit 0
fi
net_armed || exit 0

for mode in proxy none star; do
	: >$W/run/reached
	before=$(log_size)
	LIMIT=120 try /bin/bash -c "exec python3 -B $CLIENT $mode $rows"
	cp "$TRY/out" $W/found
	tail -c "+$((before + 1))" "$LOG" >$W/events
	[ "$rc" = 0 ] || fail "$mode: all rows were tried" "$(told)"
	verdicts $family $mode "$rows" $W/found $W/run $W/events
done
exit 0
