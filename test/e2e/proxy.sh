#!/bin/bash
# proxy - what goes through "agentsh proxy" on a small internet of the test's own, and what does not.
# PROXY_MIB chooses how much is sent each way.
if [ -z "${PROXY_INSIDE:-}" ] && [ "$(id -u)" = 0 ]; then
	PROXY_INSIDE=1 exec unshare --net --mount --pid --fork --kill-child --propagation private "$0" "$@"
fi
. "$(dirname "$0")/../t.sh"
here=$(cd "$(dirname "$0")" && pwd)/net
needs root ip python3 openssl curl
. "$here/lay.sh"
PORT=3128

start() { # [OPTION...]
	"$AGENTSH" proxy --policy "$here/policy.yaml" --listen "127.0.0.1:$PORT" --events "$TMP/events" "$@" \
		2>>err &
	proxy=$!
	until_true 10 curl -s -o answer "http://127.0.0.1:$PORT/"
}

: >reached
reached() { grep -c "^$1 " reached; }
canary() { # ADDRESS COMMAND...: does the command make a request arrive there?
	before=$(reached "$1")
	address=$1
	shift
	timeout 20 "$@" >o 2>e
	[ "$(reached "$address")" -gt "$before" ]
}
told() { grep -F "\"rule\":\"$1\"" events | grep -qF '"effective_decision":"deny"'; }

ok "starts" start --dns 127.0.0.53:53
for url in http://203.0.113.66/ http://10.0.0.1/ http://169.254.169.254/latest/ https://203.0.113.66/; do
	address=${url#*//} address=${address%%/*}
	ok "the canary at $url sings when nobody is asked" canary "$address" curl -sk --noproxy '*' "$url"
done

# --- programs, as they are

export http_proxy=http://127.0.0.1:$PORT https_proxy=http://127.0.0.1:$PORT
export SSL_CERT_FILE=$TMP/ca.pem NODE_EXTRA_CA_CERTS=$TMP/ca.pem CURL_CA_BUNDLE=$TMP/ca.pem
cat >get.py <<'PY'
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode(), end='')
PY
cat >get.js <<'JS'
const [, , url] = process.argv, http = require('http'), https = require('https');
const u = new URL(url), proxy = { host: '127.0.0.1', port: process.env.http_proxy.split(':')[2] };
const show = (r) => { if (r.statusCode !== 200) process.exitCode = 1; r.pipe(process.stdout); };
const fail = () => process.exit(1);
if (u.protocol === 'http:')
	http.get({ ...proxy, path: url, headers: { Host: u.host } }, show).on('error', fail);
else
	http.request({ ...proxy, method: 'CONNECT', path: u.host + ':443' }).on('connect', (r, s) => {
		if (r.statusCode !== 200)
			fail();
		https.get(url, { socket: s, agent: false, servername: u.hostname }, show).on('error', fail);
	}).on('error', fail).end();
JS
programs=(curl python)
command -v node >o && programs+=(node)
command -v wget >o && programs+=(wget)
cat >fetch <<'SH'
#!/bin/sh
# fetch PROGRAM URL
case $1 in
curl) exec curl -sSfL -m 10 "$2" ;;
python) exec python3 get.py "$2" ;;
node) exec node get.js "$2" ;;
wget) exec wget -q -T 10 -t 1 --ca-certificate=ca.pem -O - "$2" ;;
esac
SH
chmod +x fetch
denied() { # ADDRESS COMMAND...: it fails, and nothing arrives there
	before=$(reached "$1")
	address=$1
	shift
	timeout 20 "$@" >o 2>e && return 1
	[ "$(reached "$address")" = "$before" ]
}
for program in "${programs[@]}"; do
	for url in http://allowed.test/ https://allowed.test/ https://www.allowed.test/; do
		is "$program: $url" "$(timeout 20 ./fetch "$program" "$url")" "hello from 192.0.2.10"
	done
	for target in 203.0.113.66=http://evil.test/ 203.0.113.66=https://evil.test/ \
		10.0.0.1=http://10.0.0.1/ 169.254.169.254=http://169.254.169.254/latest/ \
		169.254.169.254=http://meta.allowed.test/; do
		url=${target#*=} address=${target%%=*}
		ok "$program: $url is denied" denied "$address" ./fetch "$program" "$url"
	done
done
for rule in nothing-else no-private block-metadata-services; do
	ok "the log has denials by $rule" told "$rule"
done
for to in http://evil.test/ http://10.0.0.1/ http://169.254.169.254/ http://allowed.test@evil.test/; do
	address=203.0.113.66
	[ "$to" = http://10.0.0.1/ ] && address=10.0.0.1
	[ "$to" = http://169.254.169.254/ ] && address=169.254.169.254
	ok "NW-17 a redirect to $to leads nowhere" denied "$address" \
		curl -sfL -m 10 "http://allowed.test/redirect?to=$to"
done
has "a refusal names its rule" "$(curl -s http://evil.test/)" \
	"denied by rule 'nothing-else' \(policy.yaml:[0-9]+\)"
is "and for programs, too" "$(curl -s -H 'Accept: application/json' http://evil.test/ |
	python3 -c 'import json, sys; print(json.load(sys.stdin)["rule"])')" nothing-else
if command -v node >o; then
	is "HTTP/2 through a tunnel" "$(timeout 20 node "$here/h2.js" "$PORT" "$TMP")" "two from h2"
else
	skip "HTTP/2 through a tunnel" "no node"
fi
is "openssl: another name than was asked for" "$(openssl s_client -connect allowed.test:443 \
	-servername evil.test -proxy "127.0.0.1:$PORT" </dev/null 2>&1 | grep -c 'alert access denied')" 1

# --- policies that allow everything, or more than is done here

WIDE=3129
printf '%s\n' 'version: 1' 'name: wide' 'network_rules:' '  - name: names' '    domains: ["**"]' \
	'    decision: allow' '  - name: addresses' '    cidrs: ["0.0.0.0/0", "::/0"]' \
	'    decision: allow' >wide.yaml
"$AGENTSH" proxy --policy wide.yaml --listen "127.0.0.1:$WIDE" --events "$TMP/events" 2>>err &
wide=$!
ok "one that allows everything starts" until_true 10 curl -s --noproxy "*" -o answer "http://127.0.0.1:$WIDE/"

# --- where the operator leads connections

LED=3130
cat "$here/policy.yaml" "$here/redirects.yaml" >led.yaml
"$AGENTSH" proxy --policy led.yaml --listen "127.0.0.1:$LED" --events "$TMP/led" 2>>err &
led=$!
ok "one with redirects starts" until_true 10 curl -s --noproxy "*" -o answer "http://127.0.0.1:$LED/"
led() { # URL: what comes of it
	https_proxy=http://127.0.0.1:$LED curl -sS -m 10 "$1" 2>&1
}
is "a redirect leads where the operator says" "$(led https://mirror.allowed.test/)" "hello from 192.0.2.11"
has "and the log says so" "$(grep connect_redirect led)" \
	'"domain":"mirror.allowed.test".*"redirect_to":"192.0.2.11:443".*"rule":"mirror"'
has "who asks is told where that is wanted" "$(curl -s -m 10 -D - -o o -p -x "http://127.0.0.1:$LED" \
	https://mirror.allowed.test/)" '^X-Agentsh-Redirect: a mirror answers'
is "what TLS asks for is still who was asked for" "$(openssl s_client -connect mirror.allowed.test:443 \
	-servername evil.test -proxy "127.0.0.1:$LED" </dev/null 2>&1 | grep -c 'alert access denied')" 1
has "where it cannot be followed, nothing else is tried" "$(led https://closed.allowed.test/)" "response 502"
is "unless the rule says so" "$(led https://www.allowed.test/)" "hello from 192.0.2.10"
is "others go where they say" "$(led https://allowed.test/)" "hello from 192.0.2.10"
is "a name may be led elsewhere" "$(led https://named.allowed.test/)" "hello from 192.0.2.11"
before=$(wc -l <reached)
has "what is denied is not led anywhere" "$(led https://evil.test/)" "response 403"
is "it does not arrive" "$(wc -l <reached)" "$before"
: >named
led https://renamed.allowed.test/ >o
is "the server is asked by the other name" "$(cat named)" allowed.test
kill -TERM "$led"
mkfifo fifo
timeout 10 "$AGENTSH" proxy --policy wide.yaml --listen 127.0.0.1:3131 --events fifo >o 2>&1
has "events for nobody: refused at once" "$? $(cat o)" "^1 .*cannot open 'fifo'"
exec 5<>fifo
"$AGENTSH" proxy --policy wide.yaml --listen 127.0.0.1:3131 --events fifo 2>>err &
stuck=$!
until_true 10 curl -s --noproxy "*" -o answer http://127.0.0.1:3131/
for i in $(seq 400); do echo "url = http://allowed.test/$i" && echo "output = o"; done >urls
curl -s -m 30 -x http://127.0.0.1:3131 -K urls -w '%{http_code}\n' | sort | uniq -c >codes
has "what nobody reads of does not happen, and nobody waits" "$(cat codes)" ' 503$'
kill -TERM "$stuck"
exec 5>&-

# A denial of a name that nobody filled in would deny nothing.
sed "s/\*\*/\${NOBODY}.test/" wide.yaml >variable.yaml
"$AGENTSH" proxy --policy variable.yaml --listen 127.0.0.1:3131 >o 2>&1
is "a variable that is not set is refused" \
	"$? $(grep -c 'policy variable.yaml:5: .*variable NOBODY is not set' o)" "1 1"

# --- byte by byte

unset http_proxy https_proxy
PROXY_MIB=${PROXY_MIB:-256} checks timeout 100 python3 -B "$here/client.py" "$PORT" "$TMP" "$proxy" "$WIDE"
kill -TERM "$wide"

# --- names

if command -v getent >o; then
	echo 'nameserver 127.0.0.53' >resolv.inside
	inside() {
		unshare --mount --propagation private \
			sh -c "mount --bind resolv.inside /etc/resolv.conf && getent ahostsv4 $1" |
			cut -d ' ' -f 1 | sort -u
	}
	is "the C library's resolver" "$(inside www.allowed.test)" 192.0.2.10
	is "hears of nothing else" "$(inside evil.test)" ""
fi
checks timeout 60 python3 -B "$here/asker.py" 127.0.0.53 "$TMP"

# --- what it gave up

for field in CapEff CapPrm CapBnd; do
	is "no $field is left" "$(awk "/^$field/ { print \$2 }" "/proc/$proxy/status")" 0000000000000000
done
is "a filter is in force" "$(awk '/^Seccomp:/ { print $2 }' "/proc/$proxy/status")" 2
kill -TERM "$proxy"
wait "$proxy"
is "SIGTERM ends it well" $? 0
is "without a complaint" "$(grep -vc 'listening on' err)" 0
