#!/bin/bash
# proxied - the proxy that a server gives each session: its variables, what goes through it, whose it is, and
# that its address outlives the processes behind it. As root, and as a user whose connections are judged, too.
if [ -z "${PROXY_INSIDE:-}" ] && [ "$(id -u)" = 0 ]; then
	PROXY_INSIDE=1 exec unshare --net --mount --pid --fork --kill-child --propagation private "$0" "$@"
fi
. "$(dirname "$0")/../t.sh"
here=$(cd "$(dirname "$0")" && pwd)/net
needs root ip python3 openssl curl setpriv
. "$(dirname "$0")/../world.sh"
. "$(dirname "$0")/net/session.sh"
. "$here/lay.sh"
# shellcheck disable=SC2034 # of session.sh
USER_ID=61234
cp "$AGENTSH" "$TMP/agentsh"
chmod 755 "$TMP" "$TMP/agentsh"
AGENTSH=$TMP/agentsh

as() { # NAME: a world whose server runs as root or as a user, with PORT for its API
	world "$1"
	owner "$1"
	kept
	cat >>"$D/config.yaml" <<-END
		metrics: {enabled: true}
		sandbox:
		  allow_degraded: true
		  network: {enabled: true, judge: $([ "$1" = user ] && echo true || echo false)}
	END
	policy deny
}
policy() { # DECISION for evil.test
	cat >"$D/policies/default.yaml" <<-END
		version: 1
		name: default
		command_rules:
		  - {name: all, commands: ["*"], decision: allow}
		env_policy: {deny: [ALL_PROXY, all_proxy]}
		network_rules:
		  - {name: local, cidrs: ["127.0.0.0/8", "::1/128"], decision: allow}
		  - {name: ten, cidrs: ["10.0.0.0/8"], decision: deny}
		  - {name: test, domains: ["allowed.test", "*.allowed.test"], decision: allow}
		  - {name: evil, domains: ["evil.test"], decision: $1}
	END
}
get() { run "curl -sk -m 20 -o /dev/null -w '%{http_code}' $*"; }
canary() { grep -c "^$1 " reached; }
port() { printf '%s' "${URL##*:}"; }

for who in root user; do
	as $who
	begin
	first=$(session)
	S=$(printf '%s' "$first" | member id)
	URL=$(printf '%s' "$first" | member proxy_url)
	[ -n "$S" ] || skip_all "no session: $first $(cat "$D/err")"
	has "$who: the session tells its proxy" "$URL" '^http://127\.0\.0\.1:[0-9]+$'
	has "$who: and so does the log" "$(events net_proxy_started)" "\"url\":\"$URL\""
	is "$who: no process serves it yet" "$(worker)" ''
	spared=localhost,127.0.0.1
	want="HTTPS_PROXY=$URL HTTP_PROXY=$URL NO_PROXY=$spared"
	want="$want http_proxy=$URL https_proxy=$URL no_proxy=$spared"
	is "$who: variables, as the policy lets them in" \
		"$(run 'env | grep -i _proxy | sort | tr "\n" " "')" "$want   0"
	run 'true' >/dev/null

	# --- what goes through, and what does not
	is "$who: an allowed host" "$(get http://allowed.test/)" '200  0'
	is "$who: and by TLS" "$(get https://allowed.test/)" '200  0'
	has "$who: a process serves it now" "$(worker)" '^[0-9]+$'
	for target in http://169.254.169.254/latest/meta-data/:169.254.169.254 http://10.0.0.1/:10.0.0.1 \
		http://evil.test/:203.0.113.66; do
		url=${target%:*} address=${target##*:}
		before=$(canary "$address")
		is "$who: $url is refused" "$(get "$url")" '403  0'
		is "$who: by TLS the tunnel is" "$(get "https://${url#http://}")" '000  56'
		is "$who: and nothing arrives there" "$(canary "$address")" "$before"
	done
	has "$who: with its rule" "$(events net_http_request | grep '"domain":"evil.test"')" '"rule":"evil"'
	has "$who: of its command" "$(events net_http_request | grep evil.test)" '"command_id":"cmd-'
	get http://evil.test/ >/dev/null
	has "$who: the answer of the command tells it" "$(cat "$D/answer")" \
		'"blocked_operations":\[\{.*"rule":"evil"'
	has "$who: guidance, too" "$(cat "$D/answer")" '"policy_rule":"evil"'
	has "$who: and metrics" "$(curl -s --noproxy '*' "http://$ADDR/metrics")" \
		'type="net_http_request"\} [1-9]'
	[ "$who" = root ] || {
		before=$(canary 203.0.113.66)
		is 'user: nor past the proxy' "$(get --noproxy "'*'" http://203.0.113.66/)" '403  0'
		is 'user: where nothing arrives either' "$(canary 203.0.113.66)" "$before"
	}
	is "$who: a neighbour on loopback, past the proxy" \
		"$(run 'python3 -m http.server 18555 --bind 127.0.0.1 >/dev/null 2>&1 & p=$!; i=0
			until curl -s -o /dev/null http://127.0.0.1:18555/; do
				i=$((i + 1)); [ $i -le 100 ] || exit 1; sleep 0.1
			done
			curl -s -o /dev/null -w "%{http_code}" http://localhost:18555/; kill $p')" '200  0'

	# --- the server's own listeners, whatever they are called
	api=${ADDR##*:}
	for name in 127.0.0.1 localhost localhost. 127.0.0.2 127.1 2130706433 0.0.0.0 '[::1]' \
		'[::ffff:127.0.0.1]' '[::]'; do
		has "$who: the API is not reached as $name" \
			"$(get --noproxy "''" "http://$name:$api/api/v1/sessions")" '^(403|400|502|000)'
	done
	second=$(session)
	other=$(printf '%s' "$second" | member proxy_url)
	is "$who: nor is another session's proxy" \
		"$(get --noproxy "''" -p -x "$URL" "http://127.0.0.1:${other##*:}/")" '000  56'
	has "$who: that is told" "$(events net_connect)" '"rule":"own-listeners"'

	# --- it belongs to its session
	stranger=$(curl -s -m 10 -o /dev/null -w '%{http_code}' -x "$URL" http://allowed.test/)
	is "$who: who is of no session gets nothing" "$stranger" 403
	is "$who: nor another session" "$(S=$(printf '%s' "$second" | member id)
		get -x "$URL" http://allowed.test/)" '403  0'

	# --- what its process can be done to
	w=$(worker)
	is "$who: nobody of its user can look into it" \
		"$(stat -c %u "/proc/$w/mem" "/proc/$w/environ" | uniq)" 0
	[ "$who" = user ] || has 'root: it has an id of its own' \
		"$(awk '/^Uid:/ { print $2, $3, $4, $5 }' "/proc/$w/status")" \
		'^65530 65530 65530 65530$'
	is "$who: it has no capabilities" \
		"$(awk '/^Cap(Eff|Prm|Inh|Amb):/ { print $2 }' "/proc/$w/status" | uniq)" 0000000000000000
	is "$who: and a filter" \
		"$(awk '/^(NoNewPrivs|Seccomp):/ { printf "%s ", $2 }' "/proc/$w/status")" '1 2 '
	has "$who: it is not signalled" "$(run "kill -9 $w; echo \$?")" '^[1-9]'
	has "$who: nor read" "$(run "cat /proc/$w/environ /proc/$w/maps; ls /proc/$w/fd; echo \$?")" \
		'[Pp]ermission denied'
	is "$who: it is there still" "$(worker)" "$w"

	# --- its address outlives it
	kill -9 "$w"
	is "$who: killed, it is started again" "$(get http://allowed.test/)" '200  0'
	has "$who: that is told" "$(events net_proxy_failed)" 'ended'
	not_ok "$who: another process" test "$(worker)" = "$w"
	policy allow
	kill -HUP "$PID"
	until_true 5 grep -q '"type":"policy_changed"' "$D/events.jsonl"
	is "$who: another policy reaches it" "$(get http://evil.test/)" '200  0'
	w=$(worker)
	kill -USR2 "$PID"
	until_true 10 grep -q '"type":"server_upgraded"' "$D/events.jsonl"
	is "$who: after an upgrade its address is the same" \
		"$(curl -s --noproxy '*' "$API/$S" | member proxy_url)" "$URL"
	is "$who: and serves" "$(get http://allowed.test/)" '200  0'
	is "$who: by the same process" "$(worker)" "$w"
	kill -9 "$w"
	is "$who: which the server can replace" "$(get http://allowed.test/)" '200  0'
	w=$(worker)
	curl -s --noproxy '*' -X DELETE "$API/$S"
	ok "$who: it ends with the session" until_true 5 sh -c "! kill -0 $w 2>/dev/null"
	not_ok "$who: and its address" curl -s -m 5 -o /dev/null "$URL"

	first=$(session)
	S=$(printf '%s' "$first" | member id)
	is "$who: another one" "$(get http://allowed.test/)" '200  0'
	w=$(worker)
	kill -9 "$PID"
	ok "$who: a server that is killed takes it along" until_true 5 sh -c "! kill -0 $w 2>/dev/null"
	wait "$PID" 2>/dev/null
	begin
	has "$who: what it told is in the log after" "$(events net_http_request)" '"domain":"allowed.test"'
	sed -i 's/network: {enabled: true/network: {enabled: false/' "$D/config.yaml"
	before=$(grep -c '"type":"reloaded"' "$D/events.jsonl")
	kill -HUP "$PID"
	ok "$who: another configuration" until_true 5 \
		sh -c "[ \$(grep -c '\"type\":\"reloaded\"' '$D/events.jsonl') -gt ${before:-0} ]"
	first=$(session)
	S=$(printf '%s' "$first" | member id)
	is "$who: none where none is wanted" \
		"$(printf '%s' "$first" | member proxy_url)$(run 'env | grep -ci _proxy')" '0
  1'
	stop
done

# --- where connections are judged, names are the session's, too, whoever is asked for them

cat >question.py <<'PY'
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
for name in 'allowed', 'evil':
    labels = b'%c%s' % (len(name), name.encode()) + b'\4test\0'
    s.sendto(b'\0\1\1\0\0\1\0\0\0\0\0\0' + labels + b'\0\1\0\1', ('192.0.2.53', 53))
    m = s.recv(512)
    print(m[3] & 15, socket.inet_ntoa(m[-4:]) if not m[3] & 15 else '')
PY
chmod 644 question.py
as root
sed -i 's/judge: false/judge: true/' "$D/config.yaml"
begin
S=$(session | member id)
before=$(grep -c "^evil.test" asked 2>err)
is "whatever server is asked, the session answers" "$(run "exec 2>&1; python3 $TMP/question.py")" \
	'0 192.0.2.10
3 
  0'
is "who never heard of it" "$(grep -c '^evil.test' asked)" "${before:-0}"
has "and the log has it" "$(events dns_query)" '"domain":"evil.test".*"rule":"evil"'
stop

# --- programs that look at who answers (musl, c-ares) ask whom resolv.conf names: the session's service,
# where calls that read are judged

cat >particular.py <<'PY'
import socket
conf = open('/etc/resolv.conf').read().split()
server = (conf[conf.index('nameserver') + 1], 53)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(3)
for name in 'allowed', 'evil':
    labels = b'%c%s' % (len(name), name.encode()) + b'\4test\0'
    s.sendto(b'\0\1\1\0\0\1\0\0\0\0\0\0' + labels + b'\0\1\0\1', server)
    m, who = s.recvfrom(512)
    print(m[3] & 15 if who == server else 'not from %s' % server[0])
mine = open('/etc/resolv.conf')
try:
    open('/proc/self/fd/%d' % mine.fileno(), 'r+b', 0).write(b'nameserver 1.1.1.1')
    print('written to')
except PermissionError:
    print(' '.join(conf[2:]))
PY
chmod 644 particular.py
echo 'options timeout:2' >>/etc/resolv.conf
as root
sed -i 's/judge: false/judge: true/' "$D/config.yaml"
cat >>"$D/policies/default.yaml" <<-'END'
	file_rules:
	  - {name: no-env, paths: ["**/.env"], operations: ["*"], decision: deny}
	  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}
END
begin
S=$(session | member id)
is "who looks at who answers gets answers, and refusals" "$(run "exec 2>&1; python3 $TMP/particular.py")" \
	'0
3
options timeout:2
  0'
is "root's own file is as it was" "$(cat /etc/resolv.conf)" 'nameserver 192.0.2.53
options timeout:2'
stop
