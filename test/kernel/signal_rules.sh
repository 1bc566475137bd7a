#!/bin/sh
# signal_rules - signal rules that let, soften or swallow a signal, against processes of this test only.
. "$(dirname "$0")/../t.sh"

cat >"$TMP/policy.yaml" <<'END'
version: 1
name: signals
command_rules:
  - {name: all, commands: ["*"], decision: allow}
signal_rules:
  - {name: soften, signals: [SIGKILL], target: {type: children}, decision: redirect, redirect_to: SIGTERM}
  - {name: swallow, signals: [SIGUSR1], target: {type: external}, decision: absorb}
  - {name: rest, signals: ["@all"], target: {type: session}, decision: allow}
END

# A process outside the session, which every one of these signals would end.
sleep 300 &
outside=$!

governed() {
	"$AGENTSH" run --policy "$TMP/policy.yaml" --audit "$TMP/log" -- /bin/bash -c "$1" 2>"$TMP/err"
}

is 'natively SIGKILL ends a child as SIGKILL' \
	"$(bash -c 'sleep 50 & kill -9 $!; wait $!; echo $?' 2>/dev/null)" 137
is 'a redirected SIGKILL arrives as SIGTERM' "$(governed 'sleep 50 & kill -9 $!; wait $!; echo $?')" 143
is 'an absorbed signal looks sent' "$(governed "kill -USR1 $outside; echo \$?")" 0
ok 'and was not' kill -0 "$outside"
is 'any other signal to the outside is refused' "$(governed "kill -TERM $outside; echo \$?")" 1
ok 'and did not arrive' kill -0 "$outside"
for type in signal_redirected signal_absorbed signal_blocked; do
	ok "the log has $type" grep -q "\"type\":\"$type\"" "$TMP/log"
done
kill "$outside"
wait "$outside" 2>/dev/null
is 'natively the signal does arrive' $? 143
