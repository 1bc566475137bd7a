#!/bin/sh
# Soft delete over the API: what a command of a session deletes is kept, told, and comes back; undo, redo.
. "$(dirname "$0")/../t.sh"
needs curl
needs jq

. "$(dirname "$0")/../world.sh"

world d
cat >>"$D/config.yaml" <<END
sessions: {base_dir: $D/sessions}
sandbox:
  fuse: {audit: {mode: soft_delete, ttl: 2s}}
  seccomp: {file_monitor: {enabled: true}}
END
cat >"$D/policies/default.yaml" <<END
version: 1
name: default
file_rules:
  - {name: not-read, paths: ["$D/ws/secret*"], operations: [read], decision: deny}
  - {name: keep-deleted, paths: ["$D/ws/**"], operations: [delete, rmdir], decision: soft_delete}
  - {name: all-files, paths: ["**"], operations: ["*"], decision: allow}
command_rules:
  - {name: all, commands: ["*"], decision: allow}
END
sed -e '/keep-deleted/d' -e 's/: default$/: keepless/' "$D/policies/default.yaml" >"$D/policies/keepless.yaml"
unset AGENTSH_SESSION_ID AGENTSH_SERVER AGENTSH_OUTPUT AGENTSH_EVENTS AGENTSH_API_KEY AGENTSH_CONFIG
start --config "$D/config.yaml"
A=http://$ADDR/api/v1/sessions
W=$D/ws

post() {
	curl -s -m 30 -d "${2:-{\}}" "$A/$S/$1"
}
list() {
	curl -s -m 30 "$A/$S/trash"
}
# sh TEXT: run it in the session; the answer in $R.
run() {
	R=$(post exec "$(jq -nc --arg t "$1" '{command: "/bin/sh", args: ["-c", $t]}')")
}
q() {
	printf '%s\n' "$R" | jq -rc "$1"
}
new() {
	S=$(curl -s -m 30 -d "{\"workspace\":\"$W\"}" "$A" | jq -r .id)
}

new
is 'nothing is kept yet' "$(list)" '{"items":[]}'
mkdir -p "$W/t/sub"
echo one >"$W/t/a"
echo two >"$W/t/sub/b"
chmod 640 "$W/t/a"
touch -d '2001-02-03 04:05:06' "$W/t/a" "$W/t/sub" "$W/t"
before=$(cd "$W" && find t -printf '%p %m %T@ %s\n' | sort)
run "rm -rf $W/t"
is 'rm works' "$(q .result.exit_code)" 0
not_ok 'and is gone' test -e "$W/t"
C=$(q .command_id)
is 'told in the answer' "$(q '[.events.file_operations[] | select(.type == "file_soft_deleted")] | length')" 4
is 'each with a token of its own' "$(q '[.events.file_operations[] | .fields.trash_token // .trash_token |
	select(. != null and length > 10)] | unique | length')" 4
has 'with the rule' "$(q '.events.file_operations[].policy.rule')" '^keep-deleted$'
has 'and what to do' "$(q '.guidance.suggestions[] | select(.action == "restore file") | .command')" \
	'^agentsh trash restore [0-9]{19}$'
has 'also on its stderr' "$(q .result.stderr)" \
	"^soft-delete: $W/t/a -> trash token [0-9]{19}; restore with: agentsh trash restore [0-9]{19}$"
is 'listed' "$(list | jq -r '.items[].path' | sort | tr '\n' ' ')" "$W/t $W/t/a $W/t/sub $W/t/sub/b "
is 'of that command' "$(list | jq -r '.items[0].command_id')" "$C"

T=$(list | jq -r ".items[] | select(.path == \"$W/t/a\") | .token")
is 'an unknown token' "$(post trash/17/restore | jq -r .error)" 'unknown token: 17'
is 'no token at all' "$(post trash/..%2f..%2fx/restore | jq -r .error)" 'unknown token: ../../x'
is 'restored' "$(post "trash/$T/restore")" "{\"ok\":true,\"path\":\"$W/t/a\"}"
is 'with its content' "$(cat "$W/t/a")" one
is 'undo of the rest' "$(post undo "{\"command_id\":\"$C\"}" | jq -c '[.ok, .done]')" '[true,3]'
is 'all is as it was' "$(cd "$W" && find t -printf '%p %m %T@ %s\n' | sort)" "$before"

run "printf x >$W/t/a; mv $W/t/sub/b $W/t/c; mkdir $W/n; rm -r $W/t; echo made >$W/n/f"
is 'a change of each kind' "$(q .result.exit_code)" 0
has 'diff' "$(curl -s "$A/$S/diff" | jq -r '.changes[] | .action + " " + .path')" "^deleted $W/t/c$"
is 'a dry run' "$(post undo '{"dry_run":true}' | jq -c .ok)" true
not_ok 'does nothing' test -e "$W/t"
is 'undone' "$(post undo | jq -c .ok)" true
is 'as it was' "$(cd "$W" && find t -printf '%p %m %T@ %s\n' | sort)" "$before"
not_ok 'what was made is gone' test -e "$W/n"
is 'redone' "$(post redo | jq -c .ok)" true
is 'as the command left it' "$(cat "$W/n/f" && ls "$W")" "made
n"
is 'undone again' "$(post undo | jq -c .ok)" true
is 'nothing lost' "$(cat "$W/t/sub/b" "$W/t/a")" "two
one"

# Another session does not see it, and its tokens do not work there.
run "rm $W/t/a"
T=$(list | jq -r '.items[0].token')
O=$S
new
is 'not of the other session' "$(list)" '{"items":[]}'
is 'nor restored' "$(post "trash/$T/restore" | jq -r .error)" "unknown token: $T"
S=$O

# The session cannot reach the store, but its commands can ask.
echo hello >"$W/f"
run "rm $W/f; cd $W; cat .agentsh_trash/acts/* >/dev/null; rm -rf .agentsh_trash; mv .agentsh_trash x; \
	touch .agentsh_trash/payload/1; echo > .agentsh_trash/usage; chmod 777 .agentsh_trash"
ok 'the store is there' test -d "$W/.agentsh_trash/payload"
not_ok 'under its name' test -e "$W/x"
not_ok 'nothing was put there' test -e "$W/.agentsh_trash/payload/1"
is 'closed' "$(stat -c %a "$W/.agentsh_trash")" 700
T=$(list | jq -r ".items[] | select(.path == \"$W/f\") | .token")
G="cd $W && AGENTSH_SERVER=http://$ADDR"
run "$G $AGENTSH trash list"
has 'its commands list' "$(q .result.stdout)" "^$T	$W/f	6 bytes	"
run "$G $AGENTSH trash purge; AGENTSH_SERVER=http://$ADDR $AGENTSH trash restore --force $T"
has 'but do not purge' "$(q .result.stderr)" 'purge'
is 'nor replace' "$(list | jq -r ".items[] | select(.token == \"$T\") | .token")" "$T"
run "$G $AGENTSH trash restore $T"
is 'and restore' "$(q .result.stdout | head -n 1)" "restored to $W/f"
is 'it' "$(cat "$W/f")" hello
run "cd $W && rm f"
run "$G $AGENTSH undo"
is 'and undo' "$(cat "$W/f")" hello
run "rm $W/f"
ok 'manifests follow' until_true 5 sh -c "ls '$W/.agentsh_trash/manifest' | grep -q json"

# The operator, by hand and over the API.
cd "$W" || exit 1
T=$(list | jq -r ".items[] | select(.path == \"$W/f\") | .token")
trash() { env -u AGENTSH_SESSION_ID "$AGENTSH" trash "$@"; }
is 'show' "$(trash show "$T" | jq -r '[.token, .original_path, .trash_path, .size, .session] | join(" ")')" \
	"$T $W/f $W/.agentsh_trash/payload/$T 6 $S"
echo there >"$W/elsewhere"
is 'restored elsewhere' "$(post "trash/$T/restore" "{\"dest\":\"$W/elsewhere\"}" | jq -r .error)" \
	"destination exists: $W/elsewhere (use force=true to overwrite)"
is 'by force' "$(post "trash/$T/restore" "{\"dest\":\"$W/elsewhere\",\"force\":true}" | jq -c .ok)" true
is 'it is that' "$(cat elsewhere)" hello
echo 1 >p1 && echo 22 >p2 && echo 333 >p3
run "cd $W; rm p1; rm p2; rm p3"
n=$(find .agentsh_trash/payload -mindepth 1 -maxdepth 1 | wc -l)
is 'nothing is so old' "$(trash purge --ttl 1h)" 'removed 0 entries'
is 'nor of another session' "$(trash purge --session another)" 'removed 0 entries'
is 'the oldest go' "$(trash purge --quota 6)" "removed $((n - 1)) entries"
is 'the newest stays' "$(list | jq -r '.items[].path')" "$W/p3"
not_ok 'no age' trash purge --ttl soon
is 'of this session' "$(trash purge --session "$S")" 'removed 1 entry'
is 'and none is left' "$(trash list)" 'trash empty'
cd / || exit 1

# What could not be read where it was cannot be read where it is kept either; the rest can.
echo TOPSECRET >"$W/secret"
echo TOPSECRET >"$W/secret2"
echo open >"$W/plain"
run "cd $W && rm secret plain && echo new >secret2"
ok 'the manifest follows' until_true 5 sh -c "grep -q secret '$W/.agentsh_trash/manifest/'*"
run "cd $W/.agentsh_trash && cat payload/*; cat manifest/*; ln payload/* $W; tail -n 9 acts/*"
q .result.stdout >"$D/seen"
not_ok 'a closed file is not read in the store' grep -q TOPSECRET "$D/seen"
has 'another is' "$(cat "$D/seen")" '^open$'
has 'by the rule for its old name' \
	"$(q '.events.file_operations[] | select(.path | test("payload")) | .policy.rule')" '^not-read$'
not_ok 'nor what is told of it' grep -q 'original_path.*secret' "$D/seen"

# What somebody else changed after the command had ended stays.
echo mine >"$W/g"
run "echo theirs >$W/g"
C=$(q .command_id)
acts=$W/.agentsh_trash/acts
ok 'the end of a command is told' until_true 5 sh -c "grep -q '^e.*$C' '$acts/'*"
# shellcheck disable=SC2016 # the inner shell's
ok 'by hand, later' until_true 5 sh -c 'echo by hand >"$1" && [ -n "$(find "$1" -newer "$2")" ]' - \
	"$W/g" "$(grep -l "^e.*$C" "$acts/"*)"
is 'a conflict' "$(post undo | jq -c '[.ok, .conflicts]')" '[false,1]'
is 'is left' "$(cat "$W/g")" 'by hand'
is 'unless it is forced' "$(post undo '{"force":true}' | jq -c .ok) $(cat "$W/g")" 'true mine'

# At the end of a session what is old enough goes, and nothing else.
run "rm $W/g"
sleep 2.1
echo new >"$W/h"
run "rm $W/h"
T=$(list | jq -r ".items[] | select(.path == \"$W/h\") | .token")
curl -s -X DELETE "$A/$S"
ok 'the old goes' until_true 5 sh -c "[ \"\$(ls '$W/.agentsh_trash/payload')\" = $T ]"
is 'the new stays' "$(cat "$W/.agentsh_trash/payload/$T")" new
stop

# Nor is the store open to a session that keeps nothing itself.
sed -i 's/mode: soft_delete/mode: monitor/' "$D/config.yaml"
start --config "$D/config.yaml"
A=http://$ADDR/api/v1/sessions
new
echo TOPSECRET >"$W/secret"
echo plain >"$W/plain2"
run "rm $W/secret"
S=$(curl -s -m 30 -d "{\"workspace\":\"$W\",\"policy\":\"keepless\"}" "$A" | jq -r .id)
run "cat $W/.agentsh_trash/payload/*; rm -rf $W/.agentsh_trash; mv $W/.agentsh_trash $W/x; rm $W/plain2"
is 'it reads none' "$(q '.result.stdout // ""')" ''
has 'removes none' "$(cat "$W/.agentsh_trash/payload/"*)" '^TOPSECRET$'
has 'and is told so' "$(q '.events.file_operations[].policy.rule')" '^journal-store$'
not_ok 'what it deletes is gone' test -e "$W/plain2"
stop
