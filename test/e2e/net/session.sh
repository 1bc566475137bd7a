# session - a server of test/world.sh that runs as root or as USER_ID, and a session of it: API, S, ADDR. Source it after
# world.sh.
#
#	owner NAME		the world is root's, or (any other name) that user's
#	kept			its log, state and policies are in its folder
#	begin			start the server
#	run SHELL-COMMAND	in session S: what it wrote to its two outputs, and its exit code, in the last line
#	events TYPE		of session S, from the log
#	worker			the process of the session's proxy
# shellcheck shell=sh

# shellcheck disable=SC2034 # world_as is start()'s, API the test's
owner() {
	world_as=
	[ "$1" = root ] || {
		world_as="setpriv --reuid $USER_ID --regid $USER_ID --clear-groups"
		chown -R "$USER_ID" "$D"
	}
}

kept() {
	cat >>"$D/config.yaml" <<-END
		audit: {output: $D/events.jsonl}
		sessions: {base_dir: $D/state}
		policies: {dir: $D/policies}
	END
}

# shellcheck disable=SC2034
begin() {
	start --config "$D/config.yaml"
	API=http://$ADDR/api/v1/sessions
}

run() {
	python3 -c 'import json, sys
print(json.dumps({"command": "/bin/sh", "args": ["-c", sys.argv[1]]}))' "$1" |
		curl -s --noproxy '*' -m 60 -d @- "$API/$S/exec" >"$D/answer"
	python3 -c 'import json, sys
r = json.load(sys.stdin)["result"]
print(r.get("stdout", ""), r.get("stderr", ""), r["exit_code"])' <"$D/answer"
}

session() { curl -s --noproxy '*' -d "{\"workspace\":\"$D/ws\"}" "$API"; }
member() { python3 -c 'import json, sys; print(json.load(sys.stdin).get(sys.argv[1], ""))' "$1"; }
events() { grep -F "\"session_id\":\"$S\"" "$D/events.jsonl" | grep -F "\"type\":\"$1\""; }
worker() { pgrep -P "$PID" -f '^proxy --session'; }
