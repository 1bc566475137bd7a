#!/bin/bash
# netns - sessions in a network namespace of their own (sandbox.network.intercept_mode: netns), on each rung:
# by the names that rules allow, and nothing else; nobody's loopback but one's own; no way out.
# shellcheck disable=SC2034 # for world.sh and session.sh
if [ -z "${NETNS_INSIDE:-}" ] && [ "$(id -u)" = 0 ]; then
	test/e2e/stage programs || exit 1
	NETNS_INSIDE=1 exec unshare --net --mount --pid --fork --kill-child --propagation private "$0" "$@"
fi
. "$(dirname "$0")/../t.sh"
here=$(cd "$(dirname "$0")" && pwd)/net
outer=$(dirname "$AGENTSH")/e2e/outer
needs root ip python3 openssl curl git setpriv
. "$(dirname "$0")/../world.sh"
. "$here/session.sh"
. "$here/lay.sh"
cp "$AGENTSH" "$TMP/agentsh"
export CURL_CA_BUNDLE=$TMP/ca.pem
bare="env -u http_proxy -u https_proxy -u HTTP_PROXY -u HTTPS_PROXY -u ALL_PROXY -u all_proxy"
bare="$bare CURL_CA_BUNDLE=$TMP/ca.pem"
with="env CURL_CA_BUNDLE=$TMP/ca.pem GIT_SSL_CAINFO=$TMP/ca.pem"
evil="--resolve evil.test:80:203.0.113.66 --resolve evil.test:443:203.0.113.66"
apart="python3 -B $here/apart.py"
chmod 755 "$TMP"

# What must not be reached: ports of this machine, outside. A line in ./sang for each that comes.
cat >canaries.py <<'PY'
import select, socket
all = []
for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
    for at in ('203.0.113.66', 4444), ('192.0.2.10', 4444), ('127.0.0.1', 4444):
        s = socket.socket(socket.AF_INET, kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(at)
        if kind == socket.SOCK_STREAM:
            s.listen()
        all.append(s)
s = socket.socket(socket.AF_UNIX)
s.bind('\0netns-canary')
s.listen()
all.append(s)
open('singing', 'w').close()
while True:
    for s in select.select(all, [], [])[0]:
        s.recv(99) if s.type == socket.SOCK_DGRAM else s.accept()[0].close()
        with open('sang', 'a') as f:
            print(s.getsockname(), file=f)
PY
python3 canaries.py &
world_pids="$world_pids $!"
until_true 10 test -e singing
: >sang
: >asked
sang() { wc -l <sang; }
canary() { grep -c "^$1 " reached; }

as() { # NAME [LINE of sandbox.network]
	world "$1"
	kept
	cat >>"$D/config.yaml" <<-END
		sandbox:
		  network: {enabled: true, ${2:-intercept_mode: netns}}
	END
	cat >>"$D/policies/default.yaml" <<-END
		file_rules:
		  - {name: all, paths: ["**"], operations: ["*"], decision: allow}
		network_rules:
		  - {name: local, cidrs: ["127.0.0.0/8", "::1/128"], decision: allow}
		  - {name: odd, cidrs: ["192.0.2.10/32"], ports: [4444], decision: allow}
		  - {name: test, domains: ["*.allowed.test", allowed.test], ports: [80, 443], decision: allow}
		  - {name: nothing-else, domains: ["**"], decision: deny}
	END
}
inside() { # DEED...: what it says
	run "$bare $apart $*" | sed -n '1s/ *$//p'
}
denied() { # ADDRESS COMMAND...: nothing arrives there, and the log says why
	before=$(canary "$1")
	: >"$D/since"
	size=$(stat -c %s "$D/events.jsonl")
	out=$(run "$2")
	echo "$out"
	[ "${out##* }" != 0 ] && [ "$(canary "$1")" = "$before" ] &&
		tail -c "+$((size + 1))" "$D/events.jsonl" | grep -F "\"rule\":\"$3\"" |
		grep -qF '"effective_decision":"deny"'
}
begin_session() {
	first=$(session)
	S=$(printf '%s' "$first" | member id)
	[ -n "$S" ] || skip_all "no session: $first $(cat "$D/err")"
}

for rung in ${RUNGS:-seccomp-notify ptrace entry}; do
	case $rung in
	seccomp-notify) world_as='' refused=EACCES judged=,network, ;;
	ptrace) world_as="$outer listener --" refused=ECONNREFUSED judged=, ;;
	entry) world_as="$outer listener no-ptrace --" refused=ECONNREFUSED judged=, ;;
	esac
	as $rung
	[ $rung != entry ] || printf '  allow_degraded: true\n' >>"$D/config.yaml"
	start --config "$D/config.yaml"
	API=http://$ADDR/api/v1/sessions
	SERVER=$(pgrep -P "$PID" -f "^$AGENTSH server" || echo "$PID") # outer may be between
	begin_session
	is "$rung: is what is played" "$(printf '%s' "$first" | member rung)" "$rung"
	not_ok "$rung: it is not degraded" grep -q 'network' <<<"$(printf '%s' "$first" | member degraded)"

	run true >/dev/null
	there() ( # COMMAND... of a process that enters by itself, as a shell does
		cd "$D/ws" && AGENTSH_SERVER=http://$ADDR \
			timeout 20 "$AGENTSH" exec --events none "$S" -- "$@"
	)
	is "$rung: who enters by itself is there, too" \
		"$(there python3 -B "$here/apart.py" ns)" "$(inside ns)"

	# --- what is allowed
	for how in "$with" "$bare"; do
		for url in http://allowed.test/ https://allowed.test/; do
			is "$rung: $url ${how%% CURL*}" \
				"$(run "$how curl -sS -m 20 $url" | sed -n 1p)" "hello from 192.0.2.10"
		done
	done
	has "$rung: the layer is named" \
		"$(events command_started)" "\"layers\":\"[^\"]*${judged}network\(netns\)"
	is "$rung: python" "$(run "$bare python3 -c 'import urllib.request as u
print(u.urlopen(\"http://allowed.test/\").read().decode())'" | sed -n 1p)" "hello from 192.0.2.10"
	has "$rung: git asks the server that is allowed" \
		"$(run "$with git ls-remote https://allowed.test/x.git")" \
		'not found|not valid|fatal'
	ok "$rung: and is there" grep -q '^192.0.2.10 443 GET /x.git/info/refs' reached
	has "$rung: the log says how, and of which command" "$(events net_connect)" \
		"\"command_id\":\"cmd-.*\"method\":\"transparent\""

	# --- what is not
	for how in "$with" "$bare"; do
		for url in http://evil.test/ https://evil.test/; do
			ok "$rung: NW-01 $url is denied ${how%% CURL*}" denied 203.0.113.66 \
				"$how curl -sSf -m 10 $evil $url" \
				nothing-else
		done
	done
	ok "$rung: NW-01 an address without a name" \
		denied 203.0.113.66 "$bare curl -sSf -m 10 http://203.0.113.66/" \
		nothing-else
	ok "$rung: NW-15 over TLS" \
		denied 203.0.113.66 "$bare curl -sSkf -m 10 https://203.0.113.66/" tls-no-name
	before=$(sang)
	is "$rung: an odd port" "$(inside tcp 203.0.113.66 4444)" "$refused"
	is "$rung: an odd port that a rule allows: by CONNECT only" \
		"$(inside tcp 192.0.2.10 4444)" ECONNREFUSED
	has "$rung: a message" "$(inside udp 203.0.113.66 4444)" '^(sent|EACCES)$'
	has "$rung: a message to an address that a rule allows" \
		"$(inside udp 192.0.2.10 4444)" '^(sent|EACCES)$'
	is "$rung: this machine's loopback is not the session's" "$(inside tcp 127.0.0.1 4444)" ECONNREFUSED
	has "$rung: nor by the proxy" \
		"$(run "curl -sS -m 10 --noproxy '' http://127.0.0.1:4444/ -o /dev/null -w '%{http_code}'")" \
			'^ *403'
	has "$rung: and the log says so" "$(events net_http_request)" '"rule":"own-listeners"'
	has "$rung: an abstract socket outside" \
		"$(inside abstract netns-canary)" '^(ECONNREFUSED|EACCES|EPERM)$'
	is "$rung: nobody of them heard anything" "$(sang)" "$before"
	has "$rung: other families" \
		"$(inside kind 40 1) $(inside kind 17 3)" '^(EAFNOSUPPORT|EPERM) (EAFNOSUPPORT|EPERM)$'

	# --- names: whoever is asked, it is ours
	for server in 192.0.2.53 203.0.113.66 127.0.0.11 2001:db8::77; do
		for way in udp tcp; do
			is "$rung: $server over $way" "$(inside ask $server allowed.test $way)" 192.0.2.10
			has "$rung: DN-01 $server over $way does not tell others" \
				"$(inside ask $server evil.test $way)" \
				'^none'
		done
	done
	not_ok "$rung: and nobody was asked for them" grep -qx 'evil.test' asked

	# --- among themselves
	is "$rung: programs of the session talk to each other" "$(inside pair)" hello
	one=$S
	rm -f "$D/ws/serving"
	run "cd $D/ws && { $apart serve 7777 >/dev/null 2>&1 & }" >/dev/null
	until_true 20 test -e "$D/ws/serving"
	begin_session
	two=$S
	not_ok "$rung: another session" [ "$one" = "$two" ]
	is "$rung: does not reach it" "$(inside tcp 127.0.0.1 7777)" ECONNREFUSED
	not_ok "$rung: it lives elsewhere" [ "$(inside ns)" = "$(S=$one inside ns)" ]
	is "$rung: its own does" "$(S=$one inside tcp 127.0.0.1 7777)" connected

	# --- no way out
	has "$rung: NW-22 the server's namespace" "$(inside setns "$SERVER") $(inside setns 1)" \
		'^(EPERM|EACCES) (EPERM|EACCES)$'
	for deed in "setns self" unshare route link; do
		is "$rung: NW-22 $deed" "$(inside "$deed")" EPERM
	done
	not_ok "$rung: NW-22 ip" grep -q ' 0$' <<<"$(run 'ip link set lo down')"
	not_ok "$rung: NW-22 nsenter" grep -q ' 0$' <<<"$(run 'nsenter --net=/proc/1/ns/net true')"

	# --- it stays through an upgrade, and goes with the session
	space=$(inside ns)
	[ $rung = entry ] || {
		kill -USR2 "$SERVER"
		until_true 20 grep -q '"type":"server_upgraded"' "$D/events.jsonl"
	}
	is "$rung: the same after an upgrade" "$(inside ns)" "$space"
	is "$rung: with what is behind it" "$(run "$bare curl -sS -m 20 http://allowed.test/" | sed -n 1p)" \
		"hello from 192.0.2.10"
	kill -KILL "$SERVER"
	wait "$PID"
	literal=$(printf '%s' "$space" | sed 's,[][],\\&,g')
	gone() { ! find /proc/[0-9]*/ns/net /proc/[0-9]*/fd -lname "$literal" 2>/dev/null | grep -q .; }
	ok "$rung: nobody holds it when all were killed" until_true 10 gone
done

# --- NW-22 without a namespace: root may not change the network; with the capability it could
world_as=
as plain 'intercept_mode: all'
start --config "$D/config.yaml"
API=http://$ADDR/api/v1/sessions
rung=plain
begin_session
for deed in route link unshare "setns self"; do
	is "NW-22 of this machine: $deed" "$(inside "$deed")" EPERM
done
not_ok "NW-22 there is no such route" grep -q 198.51.100 <<<"$(ip route show table all)"
stop
printf 'capabilities: {allow: [NET_ADMIN]}\n' >>"$D/config.yaml"
start --config "$D/config.yaml"
API=http://$ADDR/api/v1/sessions
begin_session
is "NW-22 with the capability it is changed" "$(inside route)" "done"
ip route del 198.51.100.0/24
stop

# --- who has no such rights
as user
USER_ID=61234
owner user
world_as="setpriv --reuid 61234 --regid 61234 --clear-groups"
AGENTSH=$TMP/agentsh
start --config "$D/config.yaml"
API=http://$ADDR/api/v1/sessions
has "a user's server: no session, and why" "$(session)" 'network namespace: Operation not permitted'
stop
printf '  allow_degraded: true\n' >>"$D/config.yaml"
start --config "$D/config.yaml"
API=http://$ADDR/api/v1/sessions
begin_session
has "unless that is let pass, and told" "$(printf '%s' "$first" | member degraded)" \
	'network\(netns\): network namespace: Operation not permitted'
has "and in the log" "$(events session_degraded)" 'network\(netns\)'
is "the rest holds" "$(run "$bare curl -sS -m 20 http://allowed.test/" | sed -n 1p)" "hello from 192.0.2.10"
ok "and judges" denied 203.0.113.66 "$bare curl -sSf -m 10 http://203.0.113.66/" nothing-else
stop
