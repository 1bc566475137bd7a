#!/bin/bash
# files_reach - FS-01 to FS-06, FS-12 to FS-15: every way to read or change a file that the policy closes, and
# the same ways to one it opens; as root and as a user. test/e2e/inside/reach.py is the list of ways.
. "$(dirname "$0")/../t.sh"
needs root setpriv python3

USER_ID=$((30000 + $$ % 30000)) # of this test alone
inside=$(cd "$(dirname "$0")/../e2e/inside" && pwd -P)
mkdir "$TMP/bin" "$TMP/top"
cp "$AGENTSH" "$inside/reach.py" "$TMP/bin"
cat >"$TMP/lab.yaml" <<EOF
version: 1
name: lab
file_rules:
  - name: open
    paths: ["$TMP/top/open", "$TMP/top/open/**", "/tmp/tmp*"]
    operations: ["*"]
    decision: allow
  - name: tools
    paths: ["$TMP", "$TMP/bin", "$TMP/bin/**", "/proc/self/**", "/proc/thread-self/**"]
    operations: [open, read, list, stat]
    decision: allow
  - name: closed
    paths: ["**"]
    operations: ["*"]
    decision: deny
command_rules:
  - name: allow-rest
    commands: ["*"]
    decision: allow
EOF
chmod -R a+rX "$TMP"

# The governor, the judged ways one line each: "ok TEXT" or what was wrong.
ways() { # UID KIND TOP RULE HOW
	rm -rf "$TMP/top"
	mkdir -p "$TMP/top/closed" "$TMP/top/open"
	chown -R "$1:$1" "$TMP/top"
	chmod 1777 "$TMP"
	LOG=$TMP/log.$1.$2.$5
	governor=("$TMP/bin/agentsh" run --judge-files --policy "$TMP/lab.yaml" --audit "$LOG" --)
	[ -z "${alone:-}" ] || governor=()
	E2E_DIR=$TMP/bin E2E_USER=$1 E2E_SCRATCH=$TMP/top/open/scratch \
		/usr/bin/python3 "$inside/reach_judge.py" "$2" "$TMP/top/$3" "$4" "$5" "$LOG" \
		setpriv --reuid "$1" --regid "$1" --clear-groups "${governor[@]}" /bin/sh -c >"$TMP/ways" 2>&1
	echo end >>"$TMP/ways"
}

for uid in 0 $USER_ID; do
	who=$([ "$uid" = 0 ] && echo root || echo user)
	for kind in read change; do
		ways "$uid" $kind closed/ways closed said
		while read -r verdict text; do
			case $verdict$text in
			ok*) t_report 0 "$who: ${text#* of *: }: $kind, refused" ;;
			end*) break ;;
			*) t_report 1 "$who: $kind: $verdict $text" ;;
			esac
		done <"$TMP/ways"
		ways "$uid" $kind open/ways - open
		is "$who: $kind: the same ways to a file that is open" \
			"$(grep -v -e ^ok -e ^end "$TMP/ways")" ""
		# What is not reached without us proves nothing.
		alone=y ways "$uid" $kind closed/ways closed said
		is "$who: $kind: without us all are reached" "$(grep -v -e ^reached -e ^end "$TMP/ways")" ""
	done
done
