#!/bin/bash
# load - the proxy under many requests, many connections, and clients that mean no good.
# LOAD_REQUESTS chooses how many requests (make test-load: 200,000).
if [ -z "${LOAD_INSIDE:-}" ] && [ "$(id -u)" = 0 ]; then
	LOAD_INSIDE=1 exec unshare --net --mount --pid --fork --kill-child --propagation private "$0" "$@"
fi
. "$(dirname "$0")/../t.sh"
here=$(cd "$(dirname "$0")" && pwd)/net
needs root ip python3 curl wrk nginx
mount -t proc proc /proc
ip link set lo up
cd "$TMP" || exit 1
requests=${LOAD_REQUESTS:-10000} PORT=3128
ulimit -n "$(ulimit -Hn)"

mkdir www && head -c 1000 /dev/zero | tr '\0' x >www/small
cat >nginx.conf <<-END
	daemon off; pid $TMP/nginx.pid; error_log stderr; user root;
	worker_rlimit_nofile 8192;
	events { worker_connections 4096; }
	http { access_log off; keepalive_requests 1000000; server { listen 127.0.0.1:8080; root $TMP/www; } }
END
nginx -p "$TMP" -c "$TMP/nginx.conf" 2>nginx.err &
cat >policy.yaml <<-'END'
	version: 1
	name: load
	description: one server
	network_rules:
	  - {name: here, cidrs: ["127.0.0.1/32"], decision: allow}
END
"$AGENTSH" proxy --policy policy.yaml --listen "127.0.0.1:$PORT" --events /dev/null 2>err &
proxy=$!
mkfifo hold
python3 "$here/crowd.py" echo <hold >echo.port &
exec 9>hold
until_true 20 test -s echo.port && read -r echo_port <echo.port
asked() { curl -s -m "$1" -x "127.0.0.1:$PORT" -o got http://127.0.0.1:8080/small && cmp -s got www/small; }
ok "a request gets through" until_true 20 asked 5

rss() { awk '/^VmRSS/ { print $2 }' "/proc/$proxy/status"; }
open_fds() { find "/proc/$proxy/fd" -mindepth 1 | wc -l; }
# Pipes are kept for the next tunnels, a few.
is_idle() {
	now=$(open_fds)
	[ "$now" -le $((fds + 40)) ] || { echo "$now descriptors"; false; }
}
fds=$(open_fds)
lives() { kill -0 "$proxy"; }

cat >by_proxy.lua <<-'END'
	wrk.path = "http://127.0.0.1:8080/small"
END
served=0 bad=0
wave() { # SECONDS
	wrk -t 2 -c 50 -d "$1" -s by_proxy.lua "http://127.0.0.1:$PORT" >wrk.out 2>&1 || return 1
	served=$((served + $(awk '/requests in/ { print $1 }' wrk.out)))
	bad=$((bad + $(awk '/Non-2xx/ { n += $NF } /Socket errors/ { gsub(",", ""); n += $4 + $6 + $8 }
		END { print n + 0 }' wrk.out)))
}
wave 1
before=$(rss)
for ((round = 0; round < 120 && served < requests; round++)); do
	wave 3 || break
done
echo "# $served requests, $bad bad, $before KiB before, $(rss) after"
ok "$requests requests are answered" test "$served" -ge "$requests"
is "all of them well" "$bad" 0
ok "no descriptor is left" until_true 20 is_idle
ok "and no memory" test "$(rss)" -le $((before + 512))

is "500 tunnels at once, each byte back" \
	"$(timeout 120 python3 "$here/crowd.py" tunnels "$PORT" "$echo_port" 500 100000)" 500
ok "no descriptor is left of them" until_true 20 is_idle

crowd() { # WHAT COUNT: they come, and others are served meanwhile
	mkfifo "$1.hold"
	python3 "$here/crowd.py" "$1" "$PORT" "$2" <"$1.hold" >"$1.out" 2>&1 &
	exec 8>"$1.hold"
	ok "$2 $1 clients come" until_true 60 grep -q ready "$1.out"
	ok "somebody else is served meanwhile" until_true 10 asked 5
	ok "again and again" eval 'for i in 1 2 3 4 5; do asked 5 || exit 1; done'
	ok "in little memory" test "$(rss)" -le 65536
	echo "# $(rss) KiB with $2 $1 clients, $(open_fds) descriptors"
	exec 8>&-
	ok "no descriptor is left of them" until_true 40 is_idle
}
crowd idle 10000
crowd slow 1000
ok "the proxy is the one that was started" lives
kill "$proxy"
