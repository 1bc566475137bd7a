# net - network rules: an internet one link away (test/e2e/world), tried by all kinds of programs, with proxy
# variables, without them, and with NO_PROXY=*; then what is allowed, which must come through as it is.
# E2E_NET_ROWS=all|core chooses how much is tried, E2E_NET_MIB how much is sent.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "network rules"
ungoverned && exit 0
W=/opt/e2e/world NET=/usr/lib/e2e/net
case $E2E_PAIR in *e2b) family=e2b ;; *) family=daytona ;; esac
case "${E2E_NET_ROWS:-} $E2E_PAIR $E2E_AS" in
'all '* | ' own-e2b user' | ' real-daytona root') rows=all ;;
*) rows=core ;;
esac

start_world() {
	[ -e $W/run/ready ] && return 0
	mkdir -p $W/run
	chmod 700 $W $W/run
	# The stage has no other network than this.
	/usr/bin/python3 -B $W/world.py $W/run /opt/e2e/bin/real-ip >$W/log 2>&1 &
	until_true 20 test -e $W/run/ready || return 1
	cp $W/run/ca.pem $NET/
	rm -f /etc/resolv.conf
	echo 'nameserver 198.51.100.53' >/etc/resolv.conf
	printf '127.0.0.1 localhost\n::1 localhost\n' >/etc/hosts
}

# From here on: what arrives, what is asked for, what is told.
begin() {
	: >$W/run/reached
	: >$W/run/queries
	before=$(log_size)
}
end() {
	cp "$TRY/out" $W/found
	tail -c "+$((before + 1))" "$LOG" >$W/events 2>/dev/null
	[ "$rc" = 0 ] || fail "$1: it was all tried" "$(told)"
}
# What the daytona policies let the shell itself start only.
by_shell() { # MODE
	[ $family = daytona ] || return 0
	/usr/bin/python3 -B $NET/client.py "$1" "$rows" $family script >$W/script
	LIMIT=120 try /bin/bash -c "$(cat $W/script)"
	/usr/bin/python3 -B $NET/client.py "$1" "$rows" $family said <"$TRY/out" >>$W/found
}
lines() { # FILE: each line is a check
	while IFS= read -r line; do
		case $line in
		'ok '*) pass "${line#ok }" ;;
		'not ok '*) fail "${line#not ok }" ;;
		*) printf '%s\n' "$line" ;;
		esac
	done <"$1"
	[ -s "$1" ] || fail "there are results"
}
# Events may still be on their way: it is judged again then.
judged_well() {
	tail -c "+$((before + 1))" "$LOG" >$W/events 2>/dev/null
	/usr/bin/python3 -B $W/judge.py "$@" >$W/verdicts 2>&1 && ! grep -q '^not ok' $W/verdicts
}
verdicts() {
	until_true 3 judged_well "$@"
	lines $W/verdicts
}

start_world || {
	fail "there is an internet" "$(tail -5 $W/log)"
	exit 0
}
. $W/seeds.sh
seeds
if native; then
	begin
	LIMIT=120 try /usr/bin/python3 -B $NET/client.py none "$rows" $family
	end client
	by_shell none
	verdicts control $family "$rows" $W/found $W/run
	begin
	try /usr/bin/python3 -B $NET/tricks.py
	end tricks
	verdicts control-tricks $W/found $W/run
	try $NET/raw race 127.0.0.1 10.0.0.1 8080 20
	case $(cat "$TRY/out") in
	[1-9]*) pass "natively a thread changes the address in time" ;;
	*) fail "natively a thread changes the address in time" "$(told)" ;;
	esac
fi
check_same "programs of a session talk to each other" \
	/bin/bash -c 'mkdir -p ~/talk && rm -f ~/talk/* && exec python3 -B /usr/lib/e2e/net/local.py ~/talk'
check_same "a database over a local socket" /bin/bash -c 'cd && : >db.conf && redis-server db.conf --port 0 \
	--unixsocket ~/db.sock --save "" --daemonize no >/dev/null 2>&1 & server=$!; cd
	i=0; until redis-cli -s db.sock ping >/dev/null 2>&1; do i=$((i + 1)); [ $i -le 100 ] || exit 1; sleep 0.1; done
	redis-cli -s db.sock set a "$(seq 1000 | tr "\n" -)" && redis-cli -s db.sock get a
	redis-cli -s db.sock shutdown nosave; wait $server'
check_that "and it answers" '[ "$(sed -n 1p "$TRY/out")" = OK ] && grep -q "^1-2-3-" "$TRY/out"'
# With nscd, which is closed: the C library asks it by itself, and nobody is told.
check_same "a program looks up who somebody is" /bin/bash -c 'echo ~root'
if native || ! net_armed; then exit 0; fi

for mode in proxy none star; do
	begin
	LIMIT=120 try /bin/bash -c "exec python3 -B $NET/client.py $mode $rows $family"
	end "$mode"
	by_shell $mode
	verdicts $family $mode "$rows" $W/found $W/run $W/events
done

begin
try /bin/bash -c "exec python3 -B $NET/tricks.py"
end tricks
verdicts tricks $W/found $W/run $W/events

begin
try /bin/bash -c "$NET/raw race 127.0.0.1 10.0.0.1 8080 3"
check_that "NW-07 a thread that changes the address gets nowhere" \
	'grep -q "^0 of .*the good one answers" "$TRY/out" && ! grep -q "^10.0.0.1 8080" $W/run/reached'
try /bin/bash -c "$NET/raw family"
check_that "NW-09 sockets that no rule speaks of" '[ "$rc" = 0 ] && ! grep -q OPEN "$TRY/out"'

# A server of the session, called from outside.
/opt/e2e/as_user /bin/bash -c 'cd && echo "from the session" >page && exec python3 -m http.server 8000' \
	>$W/dev.log 2>&1 &
called() {
	text=$(/usr/bin/python3 -B $W/caller.py "$(cat $W/run/outside)" http://203.0.113.2:8000/page)
	[ "$text" = "from the session" ]
}
check "a development server is reached from outside" until_true 1 called
kill $! 2>/dev/null
wait $! 2>/dev/null

for way in proxy direct; do
	LIMIT=180 try /bin/bash -c "exec python3 -B $NET/intact.py $way ${E2E_NET_MIB:-8}"
	lines "$TRY/out"
done
exit 0
