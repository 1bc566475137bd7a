# world - servers of a test, each with a folder of its own. Source it after t.sh.
#
#	world NAME [PORT]	make the folder D: config.yaml (a free port, a socket in run/), policies/default.yaml
#				(every command is allowed), ws/ for everybody
#	start [ARGS...]		run `agentsh server` there (by the command in world_as, if there is one) and wait until it
#				listens or has ended; sets PID, ADDR
#	stop [SIGNAL]		end it; sets STATUS
#
# What still runs at the end is killed.
# shellcheck shell=sh

world_pids=
cleanup() {
	for pid in $world_pids; do
		kill -KILL "$pid" 2>/dev/null
	done
}

world() {
	D=$TMP/$1
	mkdir -p "$D/policies" "$D/run" "$D/ws"
	chmod 755 "$TMP" "$D" "$D/policies" "$D/run"
	chmod 777 "$D/ws"
	cat >"$D/config.yaml" <<-END
		server:
		  http: {addr: "127.0.0.1:${2:-0}"}
		  unix_socket: {path: $D/run/gate.sock}
	END
	cat >"$D/policies/default.yaml" <<-END
		version: 1
		name: default
		command_rules:
		  - {name: all, commands: ["*"], decision: allow}
	END
	chmod 644 "$D/config.yaml" "$D/policies/default.yaml"
}

start() {
	: >"$D/out" # what an earlier one said there does not count
	# shellcheck disable=SC2086 # words
	(cd "$D" && exec ${world_as-} "$AGENTSH" server "$@" >"$D/out" 2>"$D/err") &
	PID=$!
	world_pids="$world_pids $PID"
	until_true 10 sh -c "grep -q listening '$D/out' || ! kill -0 $PID"
	ADDR=$(sed -n 's/^agentsh server listening on //p' "$D/out")
}

stop() {
	kill -"${1:-TERM}" "$PID"
	wait "$PID"
	# shellcheck disable=SC2034 # for the test
	STATUS=$?
}
