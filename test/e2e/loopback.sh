#!/bin/bash
# loopback - sandbox.network.foreign_loopback (NW-18): who listens here and is of no session, whatever
# way is taken to it; and net_listen (NW-21) of a server's sessions. As root and as a user.
if [ -z "${LOOPBACK_INSIDE:-}" ] && [ "$(id -u)" = 0 ]; then
	LOOPBACK_INSIDE=1 exec unshare --net --mount --pid --fork --kill-child --propagation private "$0" "$@"
fi
. "$(dirname "$0")/../t.sh"
needs root ip python3 curl setpriv
. "$(dirname "$0")/../world.sh"
. "$(dirname "$0")/net/session.sh"
# shellcheck disable=SC2034 # of session.sh
USER_ID=61235
mount -t proc proc /proc
ip link set lo up
ip addr add 192.0.2.1/32 dev lo
cp "$AGENTSH" "$TMP/agentsh"
chmod 755 "$TMP" "$TMP/agentsh"
AGENTSH=$TMP/agentsh
foreign=18556 own=18557

# Somebody of no session, who tells of each that comes.
cat >"$TMP/outside.py" <<'PY'
import socket, sys
l = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    c = l.accept()[0]
    open(sys.argv[2], "a").write("reached\n")
    c.recv(4096)
    c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    c.close()
PY
python3 "$TMP/outside.py" $foreign "$TMP/reached" &
world_pids="$world_pids $!"
ok "somebody listens outside" until_true 10 sh -c "curl -s -o /dev/null -m 5 http://127.0.0.1:$foreign/"

policy() { # MORE: the ports that are named, and other rules
	cat >>"$D/policies/default.yaml" <<-END
		network_rules:
		  - {name: here, cidrs: ["127.0.0.0/8", "::1/128"], decision: allow$1}
		  - {name: itself, cidrs: ["192.0.2.1/32"], decision: allow}
		  - {name: shut, operations: [listen], ports: [18558], decision: deny}
	END
}
as() { # WHO MODE [PORTS]
	world "$1$2${3:+-named}"
	owner "$1"
	kept
	cat >>"$D/config.yaml" <<-END
		sandbox:
		  allow_degraded: true
		  network: {enabled: true, judge: true, foreign_loopback: $2}
	END
	policy "${3:+, ports: [$3]}"
	begin
	first=$(session)
	S=$(printf '%s' "$first" | member id)
	URL=$(printf '%s' "$first" | member proxy_url)
	[ -n "$S" ] || skip_all "no session: $first $(cat "$D/err")"
	: >"$TMP/reached"
}
direct() { run "curl -s -m 20 --noproxy '*' -o /dev/null -w '%{http_code}' http://127.0.0.1:$1/"; }
proxied() { run "curl -s -m 20 --noproxy '' -x $URL -o /dev/null -w '%{http_code}' http://$2:$1/"; }
reached() { grep -c reached "$TMP/reached"; }
serving() { # SHELL-COMMAND while a server of the session listens on port $own of all addresses
	run "python3 -m http.server $own --bind 0.0.0.0 -d $D/ws >/dev/null 2>&1 & p=\$!; i=0
		until curl -s --noproxy '*' -o /dev/null http://192.0.2.1:$own/; do
			i=\$((i + 1)); [ \$i -le 100 ] || exit 9; sleep 0.1
		done
		$1; kill \$p"
}

for who in root user; do
	as $who audit
	is "$who: by default it is reached" "$(direct $foreign)" '200  0'
	has "$who: and told" "$(events net_connect)" '"listener":"foreign".*"rule":"here"'
	is "$who: by the proxy, too" "$(proxied $foreign 127.0.0.1)" '200  0'
	is "$who: it was" "$(reached)" 2
	before=$(events net_connect | grep -c '"listener"')
	is "$who: a server of the session" \
		"$(serving "curl -s --noproxy '*' -o out -w '%{http_code}' http://127.0.0.1:$own/")" '200  0'
	is "$who: is none to tell of" "$(events net_connect | grep -c '"listener"')" "$before"
	has "$who: but that it listens is" "$(events net_listen)" \
		'"command_id":"cmd-.*"address":"0.0.0.0","port":18557.*"decision":"allow"'
	is "$who: once" "$(events net_listen | grep -c .)" 1
	has "$who: where a rule says no" "$(run 'exec 2>&1; python3 -m http.server 18558')" \
		'Permission denied|Errno 13'
	has "$who: that is told with its rule" "$(events net_listen)" '"port":18558.*"rule":"shut"'
	has "$who: and in the answer" "$(cat "$D/answer")" '"blocked_operations":\[\{.*"rule":"shut"'
	stop

	as $who deny
	has "$who: denied, it is not reached" "$(direct $foreign)" "^000 agentsh: .*rule 'foreign-loopback'"
	has "$who: that is told" "$(events net_connect)" '"listener":"foreign".*"rule":"foreign-loopback"'
	for name in 127.0.0.1 localhost 127.1 0.0.0.0 '[::ffff:127.0.0.1]'; do
		is "$who: nor by the proxy as $name" "$(proxied $foreign "$name")" '403  0'
	done
	has "$who: with its rule" "$(events net_http_request)" '"rule":"foreign-loopback"'
	is "$who: nobody came" "$(reached)" 0
	is "$who: a server of the session is reached" \
		"$(serving "curl -s --noproxy '*' -o out -w '%{http_code}' http://127.0.0.1:$own/")" '200  0'
	stop

	as $who deny $foreign
	is "$who: a rule names the port" "$(direct $foreign) $(proxied $foreign 127.0.0.1)" '200  0 200  0'
	is "$who: it is reached" "$(reached)" 2
	stop

	as $who allow
	is "$who: allowed" "$(direct $foreign)" '200  0'
	not_ok "$who: nothing is told of who listens" grep -q '"listener"' "$D/events.jsonl"
	stop

	# --- Landlock sees who binds to a port; who listens without is given one
	world "$who-landlock"
	owner "$who"
	kept
	cat >>"$D/config.yaml" <<-END
		landlock: {enabled: true, network: {allow_bind_tcp: false, bind_ports: [18560]}}
		sandbox: {allow_degraded: true, network: {enabled: true, judge: true}}
	END
	policy
	printf 'file_rules:\n  - {name: all, paths: ["/**"], operations: ["*"], decision: allow}\n' \
		>>"$D/policies/default.yaml"
	begin
	S=$(session | member id)
	listens() {
		run "exec 2>&1; python3 -c 'import socket
s = socket.socket(); $1s.listen(); print(\"listens\")'"
	}
	has "$who: a port that is open to servers" "$(listens "s.bind((\"127.0.0.1\", 18560)); ")" '^listens'
	has "$who: one that is not" "$(listens 's.bind(("127.0.0.1", 18559)); ')" 'Permission denied'
	has "$who: one that nobody named" "$(listens '')" 'Permission denied'
	has "$who: that is told" "$(events net_listen)" '"rule":"no-tcp-servers"'
	stop
done
