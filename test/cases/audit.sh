#!/bin/sh
# audit and events as commands: what existing clients read from them, exit codes, nothing raw on the terminal.
. "$(dirname "$0")/../t.sh"
cd "$TMP" || exit 1

# chain FILE EVENT... - append sealed lines to a fresh log.
chain() {
	file=$1 n=0 prev=
	shift
	: >"$file"
	for event; do
		n=$((n + 1))
		hash=$(printf '%s' "$n|$prev|$event" | sha256sum | cut -d' ' -f1)
		printf '%s,"integrity":{"sequence":%d,"prev_hash":"%s","entry_hash":"%s"}}\n' \
			"${event%\}}" $n "$prev" "$hash" >>"$file"
		prev=$hash
	done
}

# run COMMAND... - output, errors and exit code in $out, $err, $code.
run() {
	out=$("$@" 2>err)
	code=$?
	err=$(cat err)
}

one='{"n":1,"session_id":"s1","timestamp":"2025-01-01T00:00:00Z","type":"execve"}'
two='{"n":2,"session_id":"s2","timestamp":"2025-01-01T00:00:01Z","type":"execve"}'
three='{"n":3,"policy":{"decision":"deny"},"session_id":"s1","timestamp":"2025-01-01T00:00:02Z"'
three="$three,\"type\":\"net_connect\"}"
chain log "$one" "$two" "$three"

run "$AGENTSH" audit verify log
is 'an intact log' "$out" "Verified 3 entries (0 skipped without integrity)
Chain intact: OK"
is 'exit 0' "$code$err" "0agentsh-audit: no log.head: entries missing at the end would not be noticed"

{ echo '{"type":"old"}'; cat log; } >mixed
run "$AGENTSH" audit verify mixed
is 'lines without integrity are counted' "$out" "Verified 3 entries (1 skipped without integrity)
Chain intact: OK"

sed 's/"n":2/"n":9/' log >bad
run "$AGENTSH" audit verify bad
is 'a changed entry: exit 1' "$code" 1
is 'and one line on stderr' "$err" 'integrity verification failed'
hex='"[0-9a-f]{64}"'
has 'which entry and why' "$out" "^Chain BROKEN at entry 2: entry_hash mismatch: computed $hex, got $hex\$"
sed 2d log >bad
run "$AGENTSH" audit verify bad
has 'a removed entry' "$out" "^Chain BROKEN at entry 2: prev_hash mismatch: expected $hex, got $hex\$"

head -n 2 log >short
last=$(sed -n '3s/.*"entry_hash":"\([0-9a-f]*\)".*/\1/p' log)
printf '{"algorithm":"sha256","entry_hash":"%s","first_prev_hash":"","first_sequence":1,"sequence":3}\n' \
	"$last" >short.head
run "$AGENTSH" audit verify short
has 'an entry missing at the end' "$out" '^Chain BROKEN at entry 3: truncated: '
sed 's/sha256/hmac-sha256/' short.head >keyed.head
cp log keyed
run "$AGENTSH" audit verify keyed
is 'a log with a key needs the key' "$code$err" '1agentsh-audit: either --key-file or --key-env is required'
run "$AGENTSH" audit verify log --algorithm hmac-sha512
is 'an algorithm needs a key' "$code$err" '1agentsh-audit: either --key-file or --key-env is required'
KEY=short run "$AGENTSH" audit verify log --key-env KEY
has 'a short key is refused' "$code$err" '^1.*5 bytes'
run "$AGENTSH" audit verify log --algorithm md5 --key-env KEY
has 'an unknown algorithm is refused' "$code$err" '^1.*md5'
run "$AGENTSH" audit verify nowhere
has 'a missing log' "$code$err" '^1agentsh-audit: open nowhere: No such file'
run "$AGENTSH" audit verify
has 'misuse' "$code$err" '^1usage: agentsh audit verify'
if command -v openssl >/dev/null; then
	key=0123456789abcdef0123456789abcdef
	event='{"a":1}'
	hash=$(printf '1||%s' "$event" | openssl dgst -sha256 -hmac $key | sed 's/.* //')
	printf '{"a":1,"integrity":{"sequence":1,"prev_hash":"","entry_hash":"%s"}}\n' "$hash" >hmac
	printf '%s\n' $key >key
	run "$AGENTSH" audit verify hmac --key-file key
	is 'a key from a file' "$code$out" "0Verified 1 entries (0 skipped without integrity)
Chain intact: OK"
else
	skip 'a key from a file' 'no openssl here'
fi

run "$AGENTSH" events query --log log --session s1 --order asc
plain=$(printf '%s' "$out" | tr -d '\n' | sed 's/,"integrity":{[^}]*}//g')
is 'query: a JSON array' "$plain" "[$one,$three]"
first=$out
run "$AGENTSH" events --session s1 --log log
is 'events --session: newest first' "$(printf '%s' "$out" | grep -o '"n":.' | tr -d '\n')" '"n":3"n":1'
run "$AGENTSH" audit --session s1 --log log
is 'audit --session' "$(printf '%s' "$out" | grep -c '"n":')" 2
AGENTSH_DB_PATH=$TMP/log run "$AGENTSH" events query --session s1 --order asc
is 'the log is found' "$out" "$first"
run "$AGENTSH" events query --log log --decision deny --type net_connect,x --since 2025-01-01T00:00:02Z
is 'filters' "$(printf '%s' "$out" | grep -o '"n":.')" '"n":3'
run "$AGENTSH" events query --log log --session nobody
is 'nothing found' "$code$out" '0[]'
for args in '--limit x' '--since yesterday' '--order up' '--frobnicate' '--log nowhere'; do
	# shellcheck disable=SC2086
	run "$AGENTSH" events query --log log $args
	has "refused: $args" "$code$err" '^1agentsh-events: '
	is 'and nothing on stdout' "$out" ''
done

printf '{"path":"\302\233[2J\342\200\256x\033]0;\377","session_id":"s1"}\n' >ugly
printf '{"path":"\302\233[2J\342\200\256x","session_id":"s1"}\n' >>ugly
run "$AGENTSH" events --session s1 --log ugly
is 'nothing that moves the cursor' "$out" '[{"path":"\u009b[2J\u202ex","session_id":"s1"}]'

# tail: follows, filters, survives rotation.
"$AGENTSH" events tail s1 --log "$TMP/log" >tailed 2>&1 &
pid=$!
server=
cleanup() {
	# shellcheck disable=SC2086 # two numbers
	kill $pid $server 2>/dev/null
}
# Written each time anew: the watch may not have begun yet.
is_told() {
	printf '{"session_id":"s2"}\n{"session_id":"s1","text":"%s"}\n' "$1" >>log
	grep -q "$1" tailed
}
ok 'tail shows what is written' until_true 10 is_told one
mv log log.1
ok 'tail follows a rotation' until_true 10 is_told two
not_ok 'tail shows only its session' grep -q s2 tailed
not_ok 'tail begins at the end' grep -q '"n":1' tailed

# Without a file that may be read, the server is asked.
unset AGENTSH_DB_PATH
export AGENTSH_CONFIG="$TMP/config.yaml"
printf 'audit:\n  output: %s/unreadable.jsonl\n' "$TMP" >config.yaml
if command -v python3 >/dev/null; then
	cat >server.py <<-'END'
		import http.server, os
		class Handler(http.server.BaseHTTPRequestHandler):
		    def do_GET(self):
		        body = b'[{"path":"\xc2\x9b"}]\n'
		        if self.path.endswith('/events'):
		            body = b'event: ready\ndata: {}\n\ndata: {"n":1}\n\ndata: {"n":2}\n\n'
		        with open('asked', 'a') as f:
		            f.write(self.path + '\n')
		        self.send_response(404 if 'nobody' in self.path else 200)
		        self.send_header('Content-Length', str(len(body)))
		        self.end_headers()
		        self.wfile.write(body)
		    def log_message(self, *args):
		        pass
		s = http.server.HTTPServer(('127.0.0.1', 0), Handler)
		with open('port.tmp', 'w') as f:
		    f.write(str(s.server_port))
		os.rename('port.tmp', 'port')
		s.serve_forever()
	END
	python3 server.py &
	server=$!
	until_true 10 test -e port
	AGENTSH_SERVER=http://127.0.0.1:$(cat port)
	export AGENTSH_SERVER
	run "$AGENTSH" events query --session 's 1' --since 2025-01-01T00:00:00+01:00 --path-like '%a&b'
	is 'query through the server' "$code$out" '0[{"path":"\u009b"}]'
	query='session_id=s%201&path_like=%25a%26b&since=2024-12-31T23:00:00Z&limit=0&offset=0&order=desc'
	is 'what it was asked' "$(cat asked)" "/api/v1/events/search?$query"
	run "$AGENTSH" audit --session s1
	is 'audit --session through the server' "$code$out" '0[{"path":"\u009b"}]'
	run "$AGENTSH" events tail s1
	is 'tail through the server' "$out" '{"n":1}
{"n":2}'
	has 'its end is told' "$code$err" '^1agentsh-events: the server ended the stream'
	run "$AGENTSH" events tail nobody
	has 'no such session' "$code$err" '^1agentsh-events: server said 404'
	run "$AGENTSH" events tail ../x
	has 'no session id' "$code$err" '^1agentsh-events: .* is not a session id'
	run "$AGENTSH" events query --direct-db
	has 'only the file was wanted' "$code$err" '^1agentsh-events: .*/unreadable.jsonl: No such file'
else
	skip 'through the server' 'no python3 here'
fi
export AGENTSH_SERVER=http://127.0.0.1:1
run "$AGENTSH" events query
has 'neither file nor server' "$code$err" '^1agentsh-events: server http://127.0.0.1:1: '
