#!/bin/bash
# transparent - what programs reach that know nothing of a proxy, under "agentsh run --judge-net", on a small
# internet of the test's own: by the names that rules allow, and nothing else.
if [ -z "${INSIDE:-}" ] && [ "$(id -u)" = 0 ]; then
	INSIDE=1 exec unshare --net --mount --pid --fork --kill-child --propagation private "$0" "$@"
fi
. "$(dirname "$0")/../t.sh"
here=$(cd "$(dirname "$0")" && pwd)/net
needs root ip python3 openssl curl
. "$here/lay.sh"
export CURL_CA_BUNDLE=$TMP/ca.pem SSL_CERT_FILE=$TMP/ca.pem
cp "$here/policy.yaml" policy.yaml
cat >>policy.yaml <<'YAML'
command_rules:
  - name: all
    commands: ["*"]
    decision: allow
file_rules:
  - name: all
    paths: ["**"]
    operations: ["*"]
    decision: allow
YAML

: >reached
reached() { grep -c "^$1 " reached; }
canary() { # ADDRESS COMMAND...: does the command make a request arrive there?
	before=$(reached "$1")
	address=$1
	shift
	timeout 20 "$@" >o 2>e
	[ "$(reached "$address")" -gt "$before" ]
}
governed() { # COMMAND...
	: >events
	timeout 30 "$AGENTSH" run --policy policy.yaml --audit "$TMP/events" --judge-net -- "$@"
}
refused() { # ADDRESS RULE COMMAND...: it fails, nothing arrives there, the log says why
	before=$(reached "$1")
	address=$1 rule=$2
	shift 2
	governed "$@" >o 2>e && return 1
	cat e
	[ "$(reached "$address")" = "$before" ] && grep -F "\"rule\":\"$rule\"" events |
		grep -qF '"effective_decision":"deny"'
}

for url in http://203.0.113.66/ https://203.0.113.66/ http://10.0.0.1/; do
	address=${url#*//} address=${address%%/*}
	ok "the canary at $url sings when nobody is asked" canary "$address" curl -sk "$url"
done

# --- by name

for url in http://allowed.test/ https://allowed.test/ https://www.allowed.test/; do
	is "$url" "$(governed curl -sS -m 20 "$url" 2>&1)" "hello from 192.0.2.10"
done
has "the log says how" "$(cat events)" '"method":"transparent".*"pid":[0-9]+'

for url in http://evil.test/ https://evil.test/; do
	port=80
	[ "${url%%:*}" = https ] && port=443
	ok "NW-01 $url is denied" refused 203.0.113.66 nothing-else curl -sSf -m 10 \
		--resolve "evil.test:$port:203.0.113.66" "$url"
done
ok "NW-01 an address without a name" refused 203.0.113.66 nothing-else curl -sSf -m 10 http://203.0.113.66/
ok "NW-15 the same, over TLS" refused 203.0.113.66 tls-no-name curl -sSkf -m 10 https://203.0.113.66/
ok "NW-02 a range" refused 10.0.0.1 no-private curl -sSf -m 10 http://10.0.0.1/
is "NW-15 a server name leads where it says" "$(governed curl -sS -m 10 \
	--resolve allowed.test:443:203.0.113.66 https://allowed.test/)" "hello from 192.0.2.10"
has "NW-16 residual: what is asked for inside is not seen, its server name is" \
	"$(governed curl -sS -m 10 -H 'Host: evil.test' https://allowed.test/ && cat events)" \
	'"method":"transparent".*"remote":"allowed.test:443"'
for to in http://evil.test/ http://10.0.0.1/ http://169.254.169.254/; do
	address=203.0.113.66
	[ "$to" = http://evil.test/ ] || address=${to#http://} address=${address%/}
	before=$(reached "$address")
	not_ok "NW-17 a redirect to $to" governed curl -sSfL -m 10 "http://allowed.test/redirect?to=$to"
	is "NW-17 leads nowhere" "$(reached "$address")" "$before"
done

# --- socket by socket

checks governed python3 -B "$here/straight.py" "$TMP" 2>e

# --- who is not of the session

cat >listeners <<'SH'
#!/bin/sh
# of IPv4, on loopback, with ports that the kernel chose
awk '$4 == "0A" && $2 ~ /^0100007F:/ { print substr($2, 10) }' /proc/net/tcp |
	while read -r port; do [ $((0x$port)) -lt 10000 ] || echo $((0x$port)); done
SH
cat >ask <<'SH'
#!/bin/sh
# what whoever listens there says to a proxy's clients
for port in $(./listeners); do
	curl -s -m 10 -x "http://127.0.0.1:$port" -o o -w '%{http_code}\n' http://allowed.test/
done | sort -u | tr '\n' ' '
SH
chmod +x listeners ask
mkfifo go
governed sh -c 'cat go; exec ./ask' >inside 2>&1 &
governor=$!
until_true 10 sh -c '[ "$(./listeners | wc -l)" = 2 ]'
before=$(reached 192.0.2.10)
is "NW-23 who was not seen to connect is refused" "$(./ask)" "000 403 "
is "and reaches nothing" "$(reached 192.0.2.10)" "$before"
echo >go
wait "$governor"
is "NW-23 a program of the session is served by the same proxy" "$(tail -c 8 inside)" "000 200 "
ok "NW-23 the log names the rule" grep -qF '"rule":"session-only"' events
