#!/bin/bash
# fsops - 100,000 random file operations give the same results, and leave the same trees, governed as not: as
# a user on a tmpfs; a fifth of them on the disk and as root. FSOPS_ALL=1: all of them everywhere. FSOPS_OPS
# and FSOPS_SEED choose others.
. "$(dirname "$0")/../t.sh"
needs root setpriv

OPS=${FSOPS_OPS:-100000} SEED=${FSOPS_SEED:-3}
USER_ID=$((30000 + $$ % 30000)) # of this test alone
[ -x "$OUT/e2e/outer" ] || test/e2e/stage programs
cp "$OUT/files/fsops" "$OUT/e2e/outer" "$AGENTSH" "$TMP"
cat >"$TMP/lab.yaml" <<'EOF'
version: 1
name: lab
command_rules:
  - name: allow-rest
    commands: ["*"]
    decision: allow
EOF
# Everything is judged and done by the supervisor: something is denied somewhere.
cat >"$TMP/files.yaml" <<'EOF'
version: 1
name: files
file_rules:
  - {name: elsewhere, paths: ["/srv/**"], operations: ["*"], decision: deny}
  - {name: allow-rest, paths: ["**"], operations: ["*"], decision: allow}
command_rules:
  - {name: allow-commands, commands: ["*"], decision: allow}
EOF
chmod 755 "$TMP" "$TMP/fsops" "$TMP/agentsh" "$TMP/outer"
chmod 644 "$TMP"/*.yaml
cd / || exit 1

cleanup() {
	[ -z "${shm:-}" ] || rm -rf "$shm"
}

# log NAME UID DIR [COMMAND…]: what the operations gave there, below COMMAND.
log() {
	name=$1 uid=$2 dir=$3
	shift 3
	rm -rf "$dir/tree"
	setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@" \
		"$TMP/fsops" --seed "$SEED" --ops "$OPS" "$dir/tree" >"$TMP/$name" 2>"$TMP/$name.err"
}

# same TEXT ONE OTHER: the same results, and there are some.
same() {
	if cmp -s "$TMP/$2" "$TMP/$3" && [ "$(wc -l <"$TMP/$2")" -ge "$OPS" ]; then
		t_report 0 "$1"
	else
		t_report 1 "$1"
		echo "# seed $SEED; the first that differ, before and after:"
		diff -a "$TMP/$2" "$TMP/$3" | head -12 | cut -c1-300 | sed 's/^/# /'
		cat "$TMP/$2.err" "$TMP/$3.err" | head -5 | sed 's/^/# /'
	fi
}

"$TMP/outer" listener -- "$TMP/agentsh" run --judge-files --policy "$TMP/files.yaml" -- \
	touch "/srv/fsops.$$" 2>"$TMP/touch.err"
t_report "$([ ! -e "/srv/fsops.$$" ] && echo 0 || echo 1)" "Landlock alone holds what is denied"
[ -n "${FSOPS_ALL:-}" ] || fewer=$((OPS / 5))
shm=$(mktemp -d /dev/shm/fsops.XXXXXX)
disk=$TMP/place
mkdir -m 777 "$disk"
chmod 777 "$shm"
log native "$USER_ID" "$shm"
log again "$USER_ID" "$shm"
same "the same twice" native again
for where in $shm $disk; do
	for uid in $USER_ID 0; do
		who="uid $([ "$uid" = 0 ] && echo 0 || echo user) in ${where%%/fsops*}"
		log native "$uid" "$where"
		log governed "$uid" "$where" "$TMP/agentsh" run --policy "$TMP/lab.yaml" --
		same "governed as native: $who, $OPS operations" native governed
		log judged "$uid" "$where" "$TMP/agentsh" run --judge-files --policy "$TMP/files.yaml" --
		same "files judged as native: $who, $OPS operations" native judged
		# On a host where nobody can be asked Landlock holds what it can.
		if [ "$OPS" = "${fewer:-$OPS}" ]; then
			log alone "$uid" "$where" "$TMP/outer" listener -- \
				"$TMP/agentsh" run --judge-files --policy "$TMP/files.yaml" --
			same "files held by Landlock alone as native: $who, $OPS operations" native alone
		fi
		OPS=${fewer:-$OPS}
	done
done
