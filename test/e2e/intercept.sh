#!/bin/bash
# intercept - hosts whose TLS "agentsh proxy" ends itself: what clients, servers and impostors see.
if [ -z "${INTERCEPT_INSIDE:-}" ] && [ "$(id -u)" = 0 ]; then
	export INTERCEPT_INSIDE=1
	exec unshare --net --mount --pid --fork --kill-child --propagation private "$0" "$@"
fi
. "$(dirname "$0")/../t.sh"
here=$(cd "$(dirname "$0")" && pwd)/net
needs root ip python3 openssl curl
"$AGENTSH" proxy --help 2>&1 | grep -q -e --intercept || skip_all "not in this build"
mount -t proc proc /proc
cd "$TMP" || exit 1

# --- hosts: good ones, and such that cannot prove to be who they should be

PORT=3128
ip link set lo up
for address in 192.0.2.{10,11,12,20,21,22,23}; do
	ip addr add "$address/32" dev lo
done
: >resolv.conf
cat >hosts <<'END'
127.0.0.1 localhost
192.0.2.10 open.and-more.listed.test asked.and-more.listed.test
192.0.2.10 listed.test long-name-of-a-host-that-does-not-fit-into-a-common-name.and-more.listed.test
192.0.2.11 other.test
192.0.2.12 rsa.listed.test
192.0.2.20 expired.listed.test
192.0.2.21 wrong.listed.test
192.0.2.22 self.listed.test
192.0.2.23 stranger.listed.test
END
mount --bind resolv.conf /etc/resolv.conf && mount --bind hosts /etc/hosts ||
	skip_all "no name server of its own"
sign() { # NAME CA DAYS HOSTS [KEY]
	openssl req -newkey "${5:-ec}" ${6:+-pkeyopt} ${6:+"$6"} -nodes -subj "/CN=$1" -keyout "$1.key" \
		-out req.pem
	openssl x509 -req -in req.pem -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days "$3" -out "$1.leaf" \
		-extfile <(echo "subjectAltName=$4")
	cat "$1.leaf" "$2.pem" >"$1.pem"
}
curve=ec_paramgen_curve:P-256
{
	for ca in ca stranger-ca; do
		openssl req -x509 -newkey ec -pkeyopt $curve -nodes -days 2 -subj "/CN=$ca" \
			-addext keyUsage=critical,keyCertSign -keyout $ca.key -out $ca.pem
	done
	sign good ca 2 DNS:listed.test,DNS:*.and-more.listed.test ec ec_paramgen_curve:P-384
	sign other ca 2 DNS:other.test ec $curve
	sign rsa ca 2 DNS:rsa.listed.test rsa:2048
	sign expired ca -1 DNS:expired.listed.test ec $curve
	sign wrong ca 2 DNS:listed.test ec $curve
	sign stranger stranger-ca 2 DNS:stranger.listed.test ec $curve
	openssl req -x509 -newkey ec -pkeyopt $curve -nodes -days 2 -subj /CN=self.listed.test \
		-addext subjectAltName=DNS:self.listed.test -keyout self.key -out self.pem
} >openssl.log 2>&1 || skip_all "no certificates"
anchors=/etc/ssl/certs/ca-certificates.crt
[ -f $anchors ] || skip_all "no system certificates"
cat $anchors ca.pem >anchors
mount --bind anchors $anchors || skip_all "no system certificates of its own"
mkdir www
echo hello >www/hello
head -c 67108864 /dev/urandom >www/big
if command -v git >o; then
	git init -q work && (cd work && echo text >file && git add file &&
		git -c user.name=a -c user.email=a@b commit -qm one)
	git clone -q --bare work www/repo.git && git -C www/repo.git update-server-info
fi
python3 -B "$here/secure.py" "$TMP" 192.0.2.10=good 192.0.2.11=other 192.0.2.12=rsa 192.0.2.20=expired \
	192.0.2.21=wrong 192.0.2.22=self 192.0.2.23=stranger &
until_true 20 test -e secure || skip_all "no servers"
: >arrived
printf '%s\n' 'version: 1' 'name: listed' 'network_rules:' '  - name: tests' \
	'    domains: ["listed.test", "**.listed.test", "other.test"]' '    ports: [443]' \
	'    decision: allow' \
	>policy.yaml
"$AGENTSH" proxy --policy policy.yaml --listen "127.0.0.1:$PORT" --events "$TMP/events" \
	--intercept listed.test --intercept '**.Listed.test' \
	--ca-file "$TMP/session.pem" --ca-bundle "$TMP/bundle.pem" 2>err &
proxy=$!
ok "starts" until_true 20 curl -s -o answer "http://127.0.0.1:$PORT/"

# --- the authority

text=$(openssl x509 -in session.pem -noout -text)
has "its own certificate is an authority's" "$text" 'CA:TRUE, pathlen:0'
has "and may only sign certificates" "$text" '^ +Certificate Sign$'
ok "it is its own" openssl verify -CAfile session.pem session.pem
is "all that is trusted is in the bundle" "$(grep -c BEGIN bundle.pem)" "$(($(grep -c BEGIN anchors) + 1))"
is "both can be read by all" "$(stat -c %a session.pem bundle.pem | sort -u)" 644
is "a key is in no file" "$(grep -rl 'PRIVATE KEY' . --include='*.pem' | grep -cE 'session|bundle')" 0
is "nothing of it is on the disk" "$(find "$TMP" /tmp /run /dev/shm -xdev -newer secure -type f \
	-size -64k -exec grep -lE 'BEGIN (EC )?PRIVATE KEY' {} + 2>e)" ""
is "others cannot look into its memory" "$(stat -c %U "/proc/$proxy/mem" 2>e)" root
if command -v setpriv >o; then
	not_ok "nor can root without privileges" setpriv --bounding-set -all --inh-caps -all --reuid 65534 \
		--clear-groups head -c 1 "/proc/$proxy/environ"
fi

# --- clients

export http_proxy=http://127.0.0.1:$PORT https_proxy=http://127.0.0.1:$PORT
for name in SSL_CERT_FILE CURL_CA_BUNDLE REQUESTS_CA_BUNDLE NODE_EXTRA_CA_CERTS GIT_SSL_CAINFO PIP_CERT \
	CARGO_HTTP_CAINFO AWS_CA_BUNDLE; do
	export "$name=$TMP/bundle.pem"
done
long="long-name-of-a-host-that-does-not-fit-into-a-common-name.and-more.listed.test"
cat >get.py <<'PY'
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode(), end='')
PY
cat >requests.py.txt <<'PY'
import sys, requests
r = requests.get(sys.argv[1], timeout=10)
r.raise_for_status()
print(r.text, end='')
PY
cat >strict.py <<'PY'
import ssl, sys, socket, urllib.parse, os
u = urllib.parse.urlsplit(sys.argv[1])
s = socket.create_connection(('127.0.0.1', int(os.environ['http_proxy'].split(':')[2])))
s.sendall(b'CONNECT %s:443 HTTP/1.1\r\nHost: a\r\n\r\n' % u.hostname.encode())
s.recv(1000)
c = ssl.create_default_context()
c.verify_flags |= getattr(ssl, 'VERIFY_X509_STRICT', 0)
t = c.wrap_socket(s, server_hostname=u.hostname)
t.sendall(('GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' % (u.path, u.hostname)).encode())
data = b''
while True:
    more = t.recv(65536)
    if not more:
        break
    data += more
sys.stdout.write(data.partition(b'\r\n\r\n')[2].decode())
PY
cat >get.js <<'JS'
const [, , url] = process.argv, http = require('http'), https = require('https'), u = new URL(url);
const fail = (e) => { console.error(e); process.exit(1); };
http.request({ host: '127.0.0.1', port: process.env.http_proxy.split(':')[2], method: 'CONNECT',
	path: u.host + ':443' }).on('connect', (r, s) => {
	if (r.statusCode !== 200)
		fail(r.statusCode);
	https.get(url, { socket: s, agent: false, servername: u.hostname }, (a) => {
		if (a.statusCode !== 200)
			process.exitCode = 1;
		a.pipe(process.stdout);
	}).on('error', fail);
}).on('error', fail).end();
JS
programs=(curl python strict openssl requests node wget)
fetch() { # PROGRAM URL
	case $1 in
	curl) curl -sSf -m 20 "$2" ;;
	python) python3 get.py "$2" ;;
	strict) python3 strict.py "$2" ;;
	requests) python3 - "$2" <requests.py.txt ;;
	node) node get.js "$2" ;;
	wget) wget -q -T 20 -t 1 --ca-certificate=bundle.pem -O - "$2" ;; # GnuTLS knows no variable
	openssl)
		host=${2#https://} path=/${host#*/} host=${host%%/*}
		printf 'GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$path" "$host" |
			timeout 20 openssl s_client -quiet -verify_return_error -verify_hostname "$host" \
				-CAfile bundle.pem -connect "$host:443" -servername "$host" \
				-proxy "127.0.0.1:$PORT" 2>e | tr -d '\r' | sed '1,/^$/d' ;;
	esac
}
arrived() { grep -c "^$1 " arrived; }
told() { grep -F "\"rule\":\"$1\"" events | grep -F '"effective_decision":"deny"' | grep -qF "$2"; }

for program in "${programs[@]}"; do
	urls=(https://listed.test/hello https://other.test/hello)
	bad=(wrong)
	if [ "$program" = curl ]; then
		urls+=("https://$long/hello" https://rsa.listed.test/hello)
		bad=(expired wrong self stranger)
	fi
	for url in "${urls[@]}"; do
		is "$program: $url" "$(fetch "$program" "$url")" hello
	done
	for name in "${bad[@]}"; do
		answer=$(fetch "$program" "https://$name.listed.test/hello" 2>e)
		is "$program: $name is not spoken to" \
			"$(grep -c hello <<<"$answer") $(grep -c "^192.0.2.2" arrived)" "0 0"
	done
done
if command -v git >o; then
	ok "git clones over it" timeout 60 git clone -q https://listed.test/repo.git copy
	is "what is there" "$(cat copy/file)" text
fi
for name in expired:'not valid now' wrong:'for another name' self:'signed by nobody' \
	stranger:'signed by nobody'; do
	ok "the log says of ${name%%:*} why" told tls-untrusted-server "${name#*:}"
	has "and so is the client told" "$(curl -s "https://${name%%:*}.listed.test/")" "${name#*:}"
done
ok "the canary of the stranger sings when nobody is asked" \
	curl -sSfk --noproxy '*' -o o https://stranger.listed.test/hello
is "and was heard" "$(arrived 192.0.2.23)" 1

# --- who is seen by whom

issuer() { # HOST
	openssl s_client -connect "$1:443" -servername "$1" -proxy "127.0.0.1:$PORT" </dev/null 2>e |
		sed -n 's/^issuer=//p'
}
has "a listed host is signed for by the session" "$(issuer listed.test)" '^CN = agentsh session'
is "another shows its own certificate" "$(issuer other.test)" "CN = ca"
openssl s_client -connect "$long:443" -servername "$long" -proxy "127.0.0.1:$PORT" </dev/null 2>e |
	openssl x509 >leaf.pem 2>e
ok "a certificate is in order" openssl verify -x509_strict -purpose sslserver -verify_hostname "$long" \
	-CAfile session.pem leaf.pem
has "and no authority's" "$(openssl x509 -in leaf.pem -noout -text)" CA:FALSE
curl -sS https://listed.test/hello >o
has "a request is told of" "$(grep '"type":"net_http_request"' events)" \
	'"domain":"listed.test".*"path":"/hello".*"scheme":"https"'
is "not of what only goes through" "$(grep '"type":"net_http_request"' events | grep -c other.test)" 0

# --- what comes inside

ask() { # LINE...: its answer's status
	{ printf '%s\r\n' "$@"; printf '\r\n'; } | timeout 20 openssl s_client -quiet -CAfile bundle.pem \
		-connect listed.test:443 -servername listed.test -proxy "127.0.0.1:$PORT" 2>e | tr -d '\r' |
		sed -n '1s/^[^ ]* \([0-9]*\).*/\1/p'
}
close='Connection: close'
is "the neighbour of what follows" "$(ask 'GET /hello HTTP/1.1' 'Host: listed.test' "$close")" 200
before=$(wc -l <arrived)
is "NW-16 another Host" "$(ask 'GET /hello HTTP/1.1' 'Host: evil.test' "$close")" 403
is "another port" "$(ask 'GET /hello HTTP/1.1' 'Host: listed.test:8443' "$close")" 403
is "two of them" "$(ask 'GET /hello HTTP/1.1' 'Host: listed.test' 'Host: evil.test' "$close")" 400
is "none" "$(ask 'GET /hello HTTP/1.1' "$close")" 400
is "an absolute URI" "$(ask 'GET https://evil.test/hello HTTP/1.1' 'Host: listed.test' "$close")" 400
is "CONNECT" "$(ask 'CONNECT evil.test:443 HTTP/1.1' 'Host: evil.test')" 400
is "two lengths" "$(ask 'POST /hello HTTP/1.1' 'Host: listed.test' 'Content-Length: 1' \
	'Transfer-Encoding: chunked')" 400
is "what is no HTTP" "$(ask 'hello there')" 400
is "nothing of that arrives" "$(wc -l <arrived)" "$before"
ok "the log has the rule for another Host" told tls-name-mismatch listed.test
is "another name in the hello" "$(openssl s_client -connect listed.test:443 -servername other.test \
	-proxy "127.0.0.1:$PORT" </dev/null 2>&1 | grep -c 'alert access denied')" 1
is "none" "$(openssl s_client -connect listed.test:443 -noservername \
	-proxy "127.0.0.1:$PORT" </dev/null 2>&1 | grep -c 'alert access denied')" 1
is "who wants HTTP/2 only gets nothing" "$(openssl s_client -connect listed.test:443 -servername listed.test \
	-alpn h2 -proxy "127.0.0.1:$PORT" </dev/null 2>&1 | grep -c 'alert no application protocol')" 1
cat >plain.py <<'PY'
import socket, sys
s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
s.settimeout(20)
s.sendall(b'CONNECT listed.test:443 HTTP/1.1\r\nHost: a\r\n\r\n')
s.recv(1000)
s.sendall(b'GET /hello HTTP/1.1\r\nHost: listed.test\r\n\r\n')
print(s.recv(1000))
PY
is "what is no TLS" "$(python3 plain.py $PORT)" "b''"
ok "the log has its rule" told tls-only listed.test
is "nothing of that arrives" "$(wc -l <arrived)" "$before"

# --- bodies, keep-alive, websockets

is "two requests on one connection" "$(curl -sS https://listed.test/hello https://listed.test/hello \
	-w '%{num_connects}\n' | tr '\n' ' ')" "hello 1 hello 0 "
sum=$(sha256sum <www/big)
is "much comes down" "$(curl -sS -m 100 https://listed.test/big | sha256sum)" "$sum"
is "much goes up" "$(curl -sS -m 100 -H Expect: --data-binary @www/big https://listed.test/)" \
	"67108864 ${sum%% *}"
is "little memory is needed for that" "$(awk '/^VmHWM/ { print $2 < 16384 }' "/proc/$proxy/status")" 1
cat >ws.py <<'PY'
import ssl, socket, sys
s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
s.sendall(b'CONNECT listed.test:443 HTTP/1.1\r\nHost: a\r\n\r\n')
s.recv(1000)
t = ssl.create_default_context().wrap_socket(s, server_hostname='listed.test')
t.sendall(b'GET /ws HTTP/1.1\r\nHost: listed.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
head = b''
while not head.endswith(b'\r\n\r\n'):
    head += t.recv(1)
data, back = bytes(range(256)) * 40, b''
t.sendall(data)
while len(back) < len(data):
    back += t.recv(65536)
print(head.split()[1].decode(), back == data)
PY
is "a websocket" "$(timeout 20 python3 ws.py $PORT)" "101 True"
not_ok "an answer that breaks off is none" curl -sSf -m 20 https://listed.test/cut

# --- where the operator leads connections, and what somebody would have to approve

LED=3131
cat >led.yaml <<'END'
version: 1
name: led
network_rules:
  - {name: asks, domains: ["asked.and-more.listed.test"], decision: approve}
  - {name: tests, domains: ["**.listed.test"], ports: [443], decision: allow}
connect_redirects:
  - {name: away, match: '^away\.listed\.test:443$', redirect_to: '192.0.2.11:443'}
  - {name: closed, match: '^closed\.listed\.test:443$', redirect_to: '192.0.2.99:443'}
  - name: open
    match: '^open\.and-more\.listed\.test:443$'
    redirect_to: '192.0.2.99:443'
    on_failure: fail_open
dns_redirects:
  - {name: led, match: '^led\.and-more\.listed\.test$', resolve_to: 192.0.2.10}
  - {name: misled, match: '^misled\.and-more\.listed\.test$', resolve_to: 192.0.2.22}
END
"$AGENTSH" proxy --policy led.yaml --listen "127.0.0.1:$LED" --events "$TMP/led" \
	--intercept '**.listed.test' --ca-file "$TMP/led.pem" --ca-bundle "$TMP/led-bundle.pem" 2>led.err &
led=$!
ok "one with redirects starts" until_true 20 curl -s --noproxy '*' -o answer "http://127.0.0.1:$LED/"
led() { # HOST [OPTION...]
	host=$1
	shift
	curl -sS -m 20 -x "http://127.0.0.1:$LED" --cacert led-bundle.pem "$@" "https://$host/hello" 2>&1
}
shown() { # HOST: who signed what is shown
	led "$1" -k -v -o o | sed -n 's/^\*  issuer: //p'
}
is "what is led elsewhere shows who is there" "$(shown away.listed.test)" "CN=ca"
has "and is not looked into" "$(grep away.listed.test led | grep -c '"path"')" '^0$'
has "where nobody is there, nothing else is tried" "$(led closed.listed.test)" 'response 502'
is "unless the rule says so: then it is as without" "$(led open.and-more.listed.test)" hello
has "and looked into" "$(shown open.and-more.listed.test)" '^CN=agentsh session'
has "each request" "$(grep '"type":"net_http_request"' led)" '"domain":"open.and-more.*"path":"/hello"'
is "a name that is led elsewhere" "$(led led.and-more.listed.test)" hello
has "is looked into" "$(shown led.and-more.listed.test)" '^CN=agentsh session'
has "and told of" "$(grep '"type":"dns_redirect"' led)" '"domain":"led.and-more.listed.test".*"rule":"led"'
before=$(grep -c '^192.0.2.22 ' arrived)
has "who is there must be who was asked for" "$(led misled.and-more.listed.test -w '%{http_code}')" '502$'
is "else nothing is said to him" "$(grep -c '^192.0.2.22 ' arrived)" "$before"
before=$(wc -l <arrived)
has "what is to be approved: by itself the proxy asks nobody" \
	"$(led asked.and-more.listed.test)" 'response 403'
is "and does not arrive" "$(wc -l <arrived)" "$before"
has "the log has its rule" "$(grep '"domain":"asked.and-more' led)" \
	'"effective_decision":"deny".*"rule":"asks"'
kill -TERM "$led"
wait "$led"
is "that one ends well, too" $? 0

# --- its end

is "no capabilities" "$(awk '/^CapEff/ { print $2 }' "/proc/$proxy/status")" 0000000000000000
is "a filter is in force" "$(awk '/^Seccomp:/ { print $2 }' "/proc/$proxy/status")" 2
descriptors() { [ "$(find "/proc/$proxy/fd" -lname 'socket:*' | wc -l)" = 1 ]; }
ok "nothing is left open" until_true 20 descriptors
kill -TERM "$proxy"
wait "$proxy"
is "SIGTERM ends it well" $? 0
is "without a complaint" "$(grep -vc 'listening on' err)" 0
"$AGENTSH" proxy --policy policy.yaml --listen 127.0.0.1:3130 --ca-file "$TMP/none.pem" 2>err &
proxy=$!
ok "without a list" until_true 20 curl -s --noproxy '*' -o answer "http://127.0.0.1:3130/"
not_ok "there is no authority" test -e none.pem
kill -TERM "$proxy"
