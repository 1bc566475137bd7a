#!/bin/bash
# rss - resident memory of the server and of a session's supervisor after 50 governed programs, with each pair
# of policy and configuration. Both give back what only their work needed as soon as they rest.
. "$(dirname "$0")/../t.sh"
needs root unshare mount

SERVER_KB=4096 SUPERVISOR_KB=1024
LAB=${LAB:-$TMP} # of the outermost one
export LAB

# own_places: what is written to the places of the server stays in these namespaces.
own_places() {
	mkdir -p "$LAB/layer" && mount -t tmpfs tmpfs "$LAB/layer" && mount -t tmpfs tmpfs /run || exit 1
	for dir in etc var/lib var/log; do
		own=$LAB/layer/$dir
		mkdir -p "$own/top" "$own/work"
		mount -t overlay -o "lowerdir=/$dir,upperdir=$own/top,workdir=$own/work" own "/$dir" || exit 1
	done
	rm -rf /etc/agentsh /var/lib/agentsh /var/log/agentsh
	mkdir -p /etc/agentsh/policies /var/lib/agentsh /var/log/agentsh
}

# inside PAIR: in namespaces of its own; prints "server KB" and "supervise KB".
inside() {
	own_places
	ip link set lo up 2>/dev/null
	cp "$1/config.yaml" /etc/agentsh/
	cp "$1/default.yaml" /etc/agentsh/policies/
	# shellcheck disable=SC2016
	"$LAB/bin/bash" -c 'for i in {1..25}; do ls / && cat /etc/hostname; done' >/dev/null || exit 1
	for process in supervise server; do
		limit=$SUPERVISOR_KB
		[ $process = supervise ] || limit=$SERVER_KB
		until_true 5 fits $process $limit
		echo "$process ${kb:-none}"
	done
}

# resident NAME: kB of the process whose command line says so.
resident() {
	for proc in /proc/[0-9]*; do
		case "$(tr '\0' ' ' <"$proc/cmdline" 2>/dev/null)" in
		"$1 "* | "agentsh $1 "* | */"agentsh $1 "*)
			sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' "$proc/status"
			;;
		esac
	done
}

# fits NAME KB: whether it rests within that; sets kb.
fits() {
	kb=$(resident "$1")
	[ -n "$kb" ] && [ "$kb" -le "$2" ]
}

if [ "${1-}" = inside ]; then
	inside "$2"
	exit
fi

mkdir -p "$TMP/bin" "$TMP/own"
cp "$AGENTSH" "$TMP/bin/agentsh"
cp "$AGENTSH" "$TMP/bin/bash"
cp /bin/bash "$TMP/bin/bash.real"
chmod -R a+rX "$TMP"
cp policies/default.yaml policies/daytona/config.yaml "$TMP/own/"
for pair in policies/daytona policies/e2b "$TMP/own"; do
	unshare -mnpf --mount-proc "$0" inside "$pair" >"$TMP/out" 2>&1
	for process in supervise server; do
		limit=$SUPERVISOR_KB
		[ $process = supervise ] || limit=$SERVER_KB
		kb=$(sed -n "s/^$process \([0-9]*\)$/\1/p" "$TMP/out")
		[ -n "$kb" ] && [ "$kb" -le $limit ]
		t_report $? "$(basename "$pair"): $process takes ${kb:-?} KiB of $limit"
	done
	sed 's/^/# /' "$TMP/out"
done
