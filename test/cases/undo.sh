#!/bin/sh
# undo, redo, diff: a journal's lines and versions are put back, and forged ones reach nothing.
. "$(dirname "$0")/../t.sh"
cd "$TMP" || exit 1
"$AGENTSH" undo --help >/dev/null 2>&1 || skip_all 'this build has no undo'

store=$TMP/.agentsh_trash
# act KIND TOKEN COMMAND PATH TO [MODE [SIZE]]: a line, as lib/journal/line.h has it.
act() {
	printf '%s\t%s\t%s\t0\t%s\t0\t0\t0\t%s\t0\t0\t0\t0\t0\t0\t0\t%s\t%s\n' \
		"$1" "$2" "$3" "${6:-0}" "${7:-0}" "$4" "$5"
}
# fill LINES: a store with these; versions are files in payload/.
fill() {
	rm -rf "$store"
	mkdir -p "$store/payload" "$store/manifest" "$store/acts"
	chmod -R go= "$store"
	{
		act b 1 session-1 "$store" ''
		printf '%s\n' "$1"
	} >"$store/acts/1-1"
}
# there FILE: 0 or, when it is gone, 1.
there() {
	test -e "$1"
	echo $?
}
cli() {
	out=$("$AGENTSH" "$@" 2>err)
	code=$?
	err=$(cat err)
}

# Somebody may have worked above this folder.
err=$(cd /proc && "$AGENTSH" undo 2>&1)
code=$?
has 'nothing is kept here' "$code $err" '^1 agentsh-undo: nothing is kept here: no \.agentsh_trash$'
fill "$(act D 1700000000000000001 cmd-1 "$TMP/gone" '' 100644 4
	act C 1700000000000000002 cmd-1 "$TMP/made" ''
	act T 1700000000000000003 cmd-1 "$TMP/cut" '' 100644 4)"
echo old >"$store/payload/1700000000000000001"
printf 'one\ntwo\nthree\n' >"$store/payload/1700000000000000003"
printf 'one\n2\nthree\n' >"$TMP/cut"
echo new >made
cli trash list
has 'listed' "$out" "^1700000000000000001	$TMP/gone	4 bytes	"
is 'only what was deleted' "$(echo "$out" | wc -l)" 1
cli trash list --all
is 'or all that is kept' "$(echo "$out" | wc -l)" 2
cli diff
is 'diff' "$code $out" "0 deleted	$TMP/gone
--- $TMP/gone
+++ /dev/null
@@ -1,1 +0,0 @@
-old
created	$TMP/made
--- /dev/null
+++ $TMP/made
@@ -0,0 +1,1 @@
+new
truncated	$TMP/cut
--- $TMP/cut
+++ $TMP/cut
@@ -1,3 +1,3 @@
 one
-two
+2
 three"
cli undo last --dry-run
is 'a dry run' "$code $(there gone)" '0 1'
cli undo cmd-2
has 'an unknown command' "$code $err" '^1 agentsh-undo: cmd-2: nothing is known of it'
cli undo last "$TMP/none"
is 'a path that it did nothing to' "$code $err" "1 agentsh-undo: cmd-1: it did nothing to $TMP/none"
cli diff last "$TMP/none"
is 'nor is there anything to show' "$code $err" "1 agentsh-diff: cmd-1: it did nothing to $TMP/none"
cli undo last "$TMP/gone"
is 'one path' "$code $(cat gone made)" '0 old
new'
cli undo
is 'the rest' "$code $(cat cut) $(there made)" '0 one
two
three 1'
cli undo
has 'once' "$code $err" '^1 agentsh-undo: nothing to undo$'
cli redo
is 'redo' "$code $(cat made) $(sed -n 2p cut) $(there gone)" '0 new 2 1'
cli undo cmd-1
is 'and back' "$code $(cat gone) $(sed -n 2p cut)" '0 old two'

# Whatever a store says, no link on the way is followed, and what is there is not replaced.
mkdir real other
ln -s real link
fill "$(act D 1700000000000000001 c "$TMP/link/f" '' 100644 4)"
echo evil >"$store/payload/1700000000000000001"
cli undo
has 'a link on the way' "$code $err" \
	"^1 agentsh-undo: $TMP/link/f: .*the symbolic link 'link' stands in the way"
not_ok 'nothing is there' test -e real/f
fill "$(act D 1700000000000000001 c "$TMP/other/../real/f" '' 100644 4)"
echo evil >"$store/payload/1700000000000000001"
cli undo
has 'dots' "$code $err" '^1 agentsh-undo: .*no path to a file'
fill "$(act D 1700000000000000001 c "$TMP/gone" '' 100644 4
	act e 1700000000000000002 c '' '')"
echo evil >"$store/payload/1700000000000000001"
cli undo
has 'what is there now' "$code $err" "^1 agentsh-undo: $TMP/gone: changed since by somebody else \(left"
is 'stays' "$(cat gone)" old
cli undo --force
is 'unless forced' "$code $(cat gone)" '0 evil'
cli redo
is 'which keeps it' "$code $(cat gone)" '0 old'
fill "$(act D 1700000000000000001 c "$TMP/x" '' 100644 4)"
echo evil >"$store/payload/1700000000000000001"
chmod 777 "$store"
cli undo
has 'a store that others can write' "$code $err" '^1 agentsh-undo: .*others can write this store'
not_ok 'does nothing' test -e x
chmod 700 "$store"
printf 'D\t17\n\n\tgarbage\nD\t99999999999999999999\tc\n' >>"$store/acts/1-1"
cli undo
is 'garbage is passed over' "$code $(cat x)" '0 evil'
# A newline and an escape in a name.
nul=$(printf '0\t0\t0\t4\t0\t0\t0\t0\t0\t0\t0')
fill "$(printf 'D\t1700000000000000001\tc\t0\t100644\t%s\t%s/a\\nb\\tc\\\\\t\n' "$nul" "$TMP")"
echo odd >"$store/payload/1700000000000000001"
cli undo
is 'odd names' "$code $(cat "a
b	c\\")" '0 odd'
is 'are told on one line' "$(echo "$out" | wc -l)" 2
