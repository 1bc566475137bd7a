#!/bin/sh
# trash: what existing clients read of it, stores of others, killed half-way, across file systems.
. "$(dirname "$0")/../t.sh"
cd "$TMP" || exit 1
"$AGENTSH" trash list >/dev/null 2>&1 || skip_all 'this build has no trash'

trash() {
	out=$("$AGENTSH" trash "$@" 2>err)
	code=$?
	err=$(cat err)
}

token_of() {
	"$AGENTSH" trash list | grep -F "$1" | cut -f1
}

trash list
is 'no store is an empty one' "$out" 'trash empty'
echo notes >notes.md
mkdir -p tree/sub
echo deep >tree/sub/file
trash put --session s-1 notes.md tree
is 'put says the tokens' "$(echo "$out" | grep -cx '[0-9]\{19\}')" 2
not_ok 'and the files are gone' ls notes.md
trash list
has 'a line per entry' "$out" "^[0-9]{19}	$TMP/notes.md	6 bytes	[0-9]s ago$"
has 'of a tree the sum' "$out" "^[0-9]{19}	$TMP/tree	5 bytes	[0-9]s ago$"
trash list --session other
is 'of another session nothing' "$out" 'trash empty'
token=$(token_of notes.md)
trash show "$token"
has 'show tells where it was' "$out" "\"original_path\": \"$TMP/notes.md\""
has 'and of which session' "$out" '"session": "s-1"'
trash restore "$token"
is 'restored' "$out" "restored to $TMP/notes.md"
is 'with its content' "$(cat notes.md)" notes
trash restore "$token"
is 'only once' "$code $err" "1 agentsh-trash: unknown token: $token"
trash restore "$(token_of tree)" --dest "$TMP/elsewhere"
is 'to another place' "$(cat elsewhere/sub/file)" deep

# What is there is not replaced, unless it is said so.
trash put notes.md
echo newer >notes.md
token=$(token_of notes.md)
trash restore "$token"
is 'a destination that exists' "$code $err" \
	"1 agentsh-trash: destination exists: $TMP/notes.md (use force=true to overwrite)"
trash restore --force "$token"
is 'is overwritten by force' "$code $(cat notes.md)" '0 notes'

# Bad input: one line, 1, nothing done.
trash restore ../../notes
is 'a token is a number' "$code $err" '1 agentsh-trash: unknown token: ../../notes'
trash purge --ttl 7x
has 'a bad age' "$code $err" '^1 agentsh-trash: --ttl 7x: '
trash purge --quota -1
has 'a bad size' "$code $err" '^1 agentsh-trash: --quota -1: '
trash put missing
has 'a missing file' "$code $err" '^1 agentsh-trash: .*No such file'
trash put .
has 'not the directory that holds the store' "$code $err" '^1 agentsh-trash: '
trash frobnicate
has 'an unknown word' "$code $err" '^1 usage: agentsh trash list'

# Names that would break a line or a terminal.
esc=$(printf 'a\nb\033[2Jc')
: >"$esc"
trash put -- "$esc"
trash list
has 'a name stays on its line' "$out" 'a\\x0ab\\x1b\[2Jc	0 bytes'
trash restore "$(token_of 'a\x0ab')"
ok 'and comes back as it was' test -e "$esc"
trash purge --ttl 7d
is 'nothing is a week old' "$out" 'removed 0 entries'
echo x >x
trash put x
trash purge --ttl 0s
is 'all is older than nothing' "$out" 'removed 1 entry'

# Another file system: copied whole before it goes.
if [ "$(stat -c %d /dev/shm)" != "$(stat -c %d .)" ]; then
	shm=$(mktemp -d /dev/shm/agentsh-test.XXXXXX)
	mkdir "$shm/t"
	head -c 3000000 /dev/urandom >"$shm/t/big"
	ln "$shm/t/big" "$shm/t/twin"
	sum=$(sha256sum <"$shm/t/big")
	trash put "$shm/t"
	not_ok 'from another file system' ls "$shm/t"
	trash restore "$(token_of "$shm")"
	is 'and back' "$code $(sha256sum <"$shm/t/twin") $(stat -c %h "$shm/t/big")" "0 $sum 2"
	rm -r "$shm"
else
	skip 'another file system' '/dev/shm is none here'
fi

# Killed at any moment: each file is in its place or in the store, never nowhere, never half.
mkdir many
i=0
while [ $i -lt 300 ]; do
	echo "content $i" >many/f$i
	i=$((i + 1))
done
round=0
while [ $round -lt 25 ]; do
	"$AGENTSH" trash put many/f* >/dev/null 2>&1 &
	pid=$!
	sleep "0.00$((round % 10))"
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	for token in $("$AGENTSH" trash list | awk 'NR % 2 && /\/many\// { print $1 }'); do
		"$AGENTSH" trash restore "$token" >/dev/null || echo "$token" >>lost
	done
	round=$((round + 1))
done
for token in $("$AGENTSH" trash list | awk '/\/many\// { print $1 }'); do
	"$AGENTSH" trash restore "$token" >/dev/null || echo "$token" >>lost
done
i=0
while [ $i -lt 300 ]; do
	[ "$(cat many/f$i 2>&1)" = "content $i" ] || echo "f$i" >>lost
	i=$((i + 1))
done
ok 'killed 25 times, nothing is lost' test ! -e lost

# Root restores from a store that somebody else can write: nothing goes anywhere but there.
if [ "$(id -u)" = 0 ]; then
	chmod 755 "$TMP"
	mkdir -m 777 agent
	setpriv --reuid 65534 --regid 65534 --clear-groups sh -c \
		'cd agent && echo evil >evil && "$AGENTSH" trash put evil' >token
	sed -i "s,\"original_path\": .*,\"original_path\": \"/etc/agentsh-canary\"\,," \
		"agent/.agentsh_trash/manifest/$(cat token).json"
	trash restore --trash-path agent/.agentsh_trash "$(cat token)"
	has 'a forged path is refused' "$code $err" '^1 agentsh-trash: /etc/agentsh-canary: others can write'
	ok 'and nothing was written' test ! -e /etc/agentsh-canary
	trash restore --trash-path agent/.agentsh_trash "$(cat token)" --dest "$TMP/agent/back"
	is 'where root says, it goes' "$code $(stat -c %u agent/back)" '0 65534'
else
	skip 'a store of others' 'not root'
fi
