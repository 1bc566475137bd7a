# root - roots made from next to nothing, for tests of the same file on any image. Source it first:
#
#	. "$(dirname "$0")/../root.sh"
#
# The test then runs in namespaces of its own, as process 1's child, and ends with everything it started.
# shellcheck shell=sh disable=SC2034,SC2016 # expressions are evaluated later
if [ -z "${ROOTS_INSIDE:-}" ] && [ "$(id -u)" = 0 ]; then
	test/e2e/stage need busybox-static gcc libc6-dev util-linux && test/e2e/stage programs || exit 1
	ROOTS_INSIDE=1 exec unshare --mount --pid --fork --kill-child --net --uts --ipc \
		--propagation private "$0" "$@"
fi
. test/t.sh
needs root
repo=$PWD
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
OTHER_PROC=$TMP/other-proc
mkdir "$OTHER_PROC"
mount --bind /proc "$OTHER_PROC"
mount -t proc proc /proc
busybox ip link set lo up

# --- making roots

cleanup() {
	for mounted in $(awk -v at="$TMP/" 'index($2, at) == 1 { print $2 }' /proc/mounts | sort -r); do
		umount -l "$mounted"
	done
}

# base NAME: $R with our file, a policy, a denied program and mounts; nothing else.
base() {
	name=$1 R=$TMP/$1 U=0 OUTER='' VARS='PATH=/bin:/usr/bin'
	mkdir "$R"
	mount -t tmpfs -o mode=0755 "$1" "$R"
	mkdir -p "$R/bin" "$R/usr/bin" "$R/proc" "$R/dev" "$R/run" "$R/etc/agentsh/policies" "$R/root" \
		"$R/var/lib/agentsh" "$R/var/log/agentsh" "$R/home/user"
	mkdir -m 1777 "$R/tmp"
	mount -t proc proc "$R/proc"
	for node in 'null 1 3' 'zero 1 5' 'urandom 1 9' 'tty 5 0'; do
		# shellcheck disable=SC2086 # name, major, minor
		set -- $node
		mknod -m 0666 "$R/dev/$1" c "$2" "$3"
	done
	chown 1000:1000 "$R/home/user"
	cp "$AGENTSH" "$R/usr/bin/agentsh"
	ln -s agentsh "$R/usr/bin/agentsh-shell-shim"
	cp "$repo/policies/e2b/config.yaml" "$R/etc/agentsh/config.yaml"
	cp "$repo/policies/e2b/default.yaml" "$R/etc/agentsh/policies/default.yaml"
	cp "$repo/build/out/e2e/outer" "$R/usr/bin/outer"
	{ cat "$repo/build/out/e2e/canary" && printf sudo; } >"$R/usr/bin/sudo"
	chmod 0755 "$R/usr/bin/sudo"
	LOG=$R/var/lib/agentsh/events.jsonl
}

# What Alpine has: one program under many names; no glibc, no bash.
busybox_links() {
	# As the policy says: its shell is the image's /bin/sh.
	sed -i 's/applet-shell, //' "$R/etc/agentsh/policies/default.yaml"
	cp "$(command -v busybox)" "$R/bin/busybox"
	for link in sh ash cat echo ls id true false sleep env grep head kill ps wc mkdir rm; do
		ln -s /bin/busybox "$R/bin/$link"
	done
}

# --- running in them

# Sets $rc, leaves $TMP/o and $TMP/e.
in_root() {
	rc=0
	# shellcheck disable=SC2086 # lists of words
	(cd "$R" && exec timeout -k 2 20 env -i $VARS /usr/sbin/chroot --userspec="$U:$U" "$R" $OUTER "$@") \
		</dev/null >"$TMP/o" 2>"$TMP/e" || rc=$?
}
seen() {
	printf 'rc=%s\nout: %s\nerr: %s\nlog: %s\n' "$rc" "$(head -c 600 "$TMP/o")" \
		"$(head -c 900 "$TMP/e")" "$(tail -n 2 "$LOG" 2>/dev/null | cut -c 1-900)" | sed 's/^/# /'
}
judge() { # TEXT EXPRESSION
	if eval "$2"; then t_report 0 "$name: $1"; else
		t_report 1 "$name: $1"
		echo "# false: $2"
		seen
	fi
}
install_in() {
	in_root /usr/bin/agentsh shim install-shell --root / --shim /usr/bin/agentsh-shell-shim --bash \
		--i-understand-this-modifies-the-host
}
ran() { [ -e "$R/tmp/canary/sudo" ] || grep -q CANARY "$TMP/o"; }
one_line() { [ "$(wc -l <"$TMP/e")" = 1 ] && grep -qE "^agentsh(-[a-z]+)?: $1" "$TMP/e"; }
logged() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		grep -F '"rule":"block-shell-escape"' "$LOG" 2>/dev/null |
			grep -qF '"effective_decision":"deny"' && return 0
		sleep 0.05
	done
	return 1
}
denied_ok() {
	! ran && [ "$rc" = 126 ] &&
		grep -q "^agentsh: sudo: denied by rule 'block-shell-escape' (default.yaml:[0-9]*)" "$TMP/e"
}
forget() { rm -rf "$R/tmp/canary"; }

# The whole of it through a shell: plain, nested, and from a program.
shell_behaves() {
	forget
	in_root "$1" -c 'echo one && echo two | cat'
	judge "$1: an allowed command works" '[ "$rc" = 0 ] && [ "$(cat "$TMP/o")" = "one
two" ] && [ ! -s "$TMP/e" ]'
	in_root "$1" -c 'sudo whoami'
	judge "$1: a denied command is refused and told" denied_ok
	judge "$1: its event is in the log" logged
	in_root "$1" -c 'env sudo whoami; exit $?'
	judge "$1: so it is below a program" denied_ok
}
run_behaves() {
	forget
	in_root /usr/bin/agentsh run --policy /etc/agentsh/policies/default.yaml -- "$@"
}
stop_server() {
	for lock in "$R/run/agentsh" "$R/var/lib/agentsh" "$R/tmp"/agentsh-*; do
		[ -s "$lock/server.lock" ] || continue
		pid=$(head -n 1 "$lock/server.lock")
		kill -TERM "$pid" 2>/dev/null
		for _ in $(seq 100); do
			kill -0 "$pid" 2>/dev/null || break
			sleep 0.05
		done
	done
}

# A failure that is closed: nothing ran, 126 or another failure of ours, one line of ours that says WHY.
closed() { # TEXT WHY
	why=$2 # shellcheck disable=SC2034
	judge "$1" '! ran && [ "$rc" != 0 ] && [ "$rc" -lt 128 ] && one_line "$why"'
}
finish() {
	stop_server
	umount -l "$R/proc" 2>/dev/null
	umount -l "$R"
}
