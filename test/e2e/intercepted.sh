#!/bin/bash
# intercepted - sandbox.network.tls_inspection: a session's programs trust what its proxy shows for listed
# hosts, and each request to them is judged. As root, and as a user.
if [ -z "${PROXY_INSIDE:-}" ] && [ "$(id -u)" = 0 ]; then
	PROXY_INSIDE=1 exec unshare --net --mount --pid --fork --kill-child --propagation private "$0" "$@"
fi
. "$(dirname "$0")/../t.sh"
here=$(cd "$(dirname "$0")" && pwd)/net
needs root ip python3 openssl curl setpriv
"$AGENTSH" proxy --help 2>&1 | grep -q -e --intercept || skip_all "not in this build"
anchors=/etc/ssl/certs/ca-certificates.crt
[ -f $anchors ] || skip_all "no system certificates"
. "$(dirname "$0")/../world.sh"
. "$(dirname "$0")/net/session.sh"
. "$here/lay.sh"
cat $anchors ca.pem >anchors
mount --bind anchors $anchors || skip_all "no system certificates of its own"
# shellcheck disable=SC2034 # of session.sh
USER_ID=61234
cp "$AGENTSH" "$TMP/agentsh"
chmod 755 "$TMP" "$TMP/agentsh"
AGENTSH=$TMP/agentsh
: >reached

serve() { # NAME INSPECTION [JUDGE]: a server, as root or as a user
	world "$1"
	kept
	cat >>"$D/config.yaml" <<-END
		approvals: {enabled: true, timeout: 700ms}
		sandbox:
		  network: {enabled: true, judge: ${3:-false}, tls_inspection: $2}
	END
	cat >>"$D/policies/default.yaml" <<-END
		network_rules:
		  - {name: local, cidrs: ["127.0.0.0/8", "::1/128"], decision: allow}
		  - {name: asks, domains: ["other.allowed.test"], decision: approve}
		  - {name: test, domains: ["allowed.test", "*.allowed.test"], decision: allow}
	END
	owner "$1"
	begin
	S=$(session | member id)
	ok "$1: a session" test -n "$S"
}
# A program that asks twice on one connection, and waits for the file "go" in between.
cat >twice.py <<'PY'
import http.client, os, sys, time, urllib.parse
u = urllib.parse.urlsplit(os.environ['HTTPS_PROXY'])
c = http.client.HTTPSConnection(u.hostname, u.port, timeout=30)
c.set_tunnel(sys.argv[1], 443)
for name in 'one', 'two':
    c.request('GET', '/')
    r = c.getresponse()
    text = r.read().decode().strip()
    print(r.status, '%s at %s' % (text, c.sock.getsockname()) if len(sys.argv) > 2 else '')
    if len(sys.argv) > 2 and name == 'one':
        open(sys.argv[2] + '/ready', 'w').close()
        until = time.monotonic() + 30
        while not os.path.exists(sys.argv[2] + '/go') and time.monotonic() < until:
            time.sleep(0.05)
PY
chmod 644 twice.py
asked() { events "$1" | grep -c '"rule":"asks"'; }
hello="hello from 192.0.2.10
  0"
for who in root user; do
	serve $who '{enabled: true, hosts: [allowed.test, other.allowed.test]}'
	file=$(run 'echo $SSL_CERT_FILE')
	file=${file%%.pem*}.pem
	is "$who: variables name one file" "$(run 'for v in SSL_CERT_FILE CURL_CA_BUNDLE REQUESTS_CA_BUNDLE \
		NODE_EXTRA_CA_CERTS GIT_SSL_CAINFO PIP_CERT CARGO_HTTP_CAINFO AWS_CA_BUNDLE; do
			printenv $v; done | sort -u' | tr -d '\n')" "$file  0"
	is "$who: curl trusts a listed host" "$(run 'curl -sS -m 20 https://allowed.test/')" "$hello"
	is "$who: python does" "$(run 'python3 -c "import urllib.request as u
print(u.urlopen(\"https://allowed.test/\", timeout=20).read().decode(), end=\"\")"')" "$hello"
	has "$who: the request is told of" "$(events net_http_request)" \
		'"path":"/","resolved_ip".*"scheme":"https"'
	is "$who: another Host is refused" "$(run \
		'curl -s -o /dev/null -w "%{http_code}" -H "Host: evil.test" https://allowed.test/')" "403  0"
	has "$who: by its rule" "$(events net_http_request)" '"rule":"tls-name-mismatch"'
	before=$(events net_http_request | wc -l)
	is "$who: others are themselves" \
		"$(run 'curl -sS -m 20 -o /dev/null -w "%{http_code}" https://www.allowed.test/')" "200  0"
	is "$who: and what is asked of them is not seen" "$(events net_http_request | wc -l)" "$before"
	is "$who: no file holds a key" "$(grep -rlE 'PRIVATE KEY' "$D" "$file")" ""
	not_ok "$who: a user of the session cannot look into the proxy" \
		setpriv --reuid $USER_ID --clear-groups head -c 1 "/proc/$(worker)/mem"
	old=$(tail -15 "$file")
	kill -9 "$(worker)"
	ok "$who: after its death another comes" until_true 20 sh -c "! [ '$old' = \"\$(tail -15 $file)\" ]"
	is "$who: and new programs trust that" "$(run 'curl -sS -m 20 https://allowed.test/')" "$hello"

	# --- what somebody would have to approve: each request, not the tunnel
	before=$(wc -l <reached)
	is "$who: requests that nobody approves" \
		"$(run "python3 $TMP/twice.py other.allowed.test" | tr '\n' ' ')" "403  403    0 "
	is "$who: do not arrive" "$(wc -l <reached)" "$before"
	is "$who: each of them was asked about" "$(asked approval_requested) $(asked approval_resolved)" "2 2"
	has "$who: and nobody answered" "$(events approval_resolved)" \
		'"domain":"other.allowed.test".*"reason":"timeout"'

	# --- another version of the server takes its place
	old=$(tail -15 "$file") w=$(worker)
	run "cd $D/ws; exec >/dev/null 2>&1 </dev/null
		(python3 $TMP/twice.py allowed.test . >twice 2>&1; touch done) &" >o
	ok "$who: a connection to a listed host" until_true 20 test -e "$D/ws/ready"
	kill -USR2 "$PID"
	ok "$who: SIGUSR2" until_true 10 grep -q '"type":"server_upgraded"' "$D/events.jsonl"
	touch "$D/ws/go"
	ok "$who: the program behind it comes to its end" until_true 20 test -e "$D/ws/done"
	is "$who: all of it on one connection" \
		"$(grep '^200 hello' "$D/ws/twice" | uniq -c | awk '{ print $1 }')" 2
	is "$who: by the same process" "$(worker)" "$w"
	is "$who: with the same authority" "$(tail -15 "$file")" "$old"
	is "$who: new programs trust it" "$(run 'curl -sS -m 20 https://allowed.test/')" "$hello"
	before=$(events net_http_request | grep -c '"path":"/"')
	kill -9 "$w"
	ok "$who: the next server begins another, too" \
		until_true 20 sh -c "! [ '$old' = \"\$(tail -15 $file)\" ]"
	is "$who: in the same file" "$(run 'curl -sS -m 20 https://allowed.test/')" "$hello"
	ok "$who: and is told of requests" \
		test "$(events net_http_request | grep -c '"path":"/"')" -gt "$before"

	# --- a server that is killed leaves it, and the next one takes it away, but nothing else
	left=$file
	kill -9 "$PID"
	wait "$PID" 2>/dev/null
	ok "$who: a server that is killed leaves its file" test -e "$left"
	other=/tmp/agentsh-trust-others.pem
	linked=/tmp/agentsh-trust-linked.pem
	named=/tmp/agentsh-trust-nameds.pem
	echo another >"$D/another"
	(: >$other && chown 61235 $other && ln -s "$D/another" $linked && cp "$left" "$D/twice" &&
		ln "$D/twice" $named) 2>o
	chown --reference="$left" "$D/another" "$D/twice"
	busy=/tmp/agentsh-trust-locked.pem
	(umask 022 && : >$busy)
	chown --reference="$left" $busy
	exec 9<$busy
	flock -x 9
	begin
	S=$(session | member id)
	not_ok "$who: the next takes it away" test -e "$left"
	ok "$who: but nobody else's" test -e $other
	ok "$who: no link" test -L $linked
	ok "$who: nor what is led to by one" test -e "$D/another"
	ok "$who: nothing that has another name" test -e $named
	ok "$who: and nothing of a server that is there" test -e $busy
	exec 9<&-
	rm -f $other $linked $named $busy
	file=$(run 'echo $SSL_CERT_FILE')
	file=${file%%.pem*}.pem
	ok "$who: it has its own" test -e "$file"
	curl -s --noproxy '*' -X DELETE "$API/$S" >o
	not_ok "$who: the file goes with the session" test -e "$file"
	kill -TERM "$PID"
done
serve judged '{enabled: true, hosts: [allowed.test, other.allowed.test]}' true
direct() { # CURL-ARGUMENTS...: knowing of no proxy
	run "curl --noproxy '*' --resolve '*:443:192.0.2.10' -sS -m 20 $*"
}
is "who knows of no proxy is led to it" "$(direct https://allowed.test/)" "$hello"
has "what he asks for is told of" "$(events net_http_request)" '"path":"/","resolved_ip".*"scheme":"https"'
has "another Host is refused him" "$(direct -H Host:evil.test https://allowed.test/)" '^blocked by policy'
is "others are themselves" "$(direct -k https://www.allowed.test/)" "$hello"
before=$(wc -l <reached)
has "what nobody approves is refused him, too" "$(direct https://other.allowed.test/)" "rule 'asks'"
is "it does not arrive" "$(wc -l <reached)" "$before"
is "it was asked about" "$(asked approval_requested) $(asked approval_resolved)" "1 1"
is "of that nothing is seen" "$(events net_http_request | grep -c www.allowed.test)" 0
kill -TERM "$PID"
serve none '{enabled: true, hosts: []}'
is "without a list nobody is told whom to trust" "$(run 'printenv SSL_CERT_FILE')" "  1"
serve off '{enabled: false, hosts: ["*"]}'
is "nor when it is off" \
	"$(run 'printenv SSL_CERT_FILE; curl -sSk -m 20 -o /dev/null https://allowed.test/')" "  0"
is "and nothing is opened" "$(events net_http_request | wc -l)" 0
