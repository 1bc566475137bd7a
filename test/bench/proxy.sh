#!/bin/bash
# proxy - what connections cost by way of our proxy, by others', and judged in the tree, against direct ones.
#
# usage: proxy.sh [ROUNDS [COUNT [MIB]]]	(root; without arguments writes docs/proxy-bench.md)
#
# All that a table compares is interleaved in one run; on loopback, one connection at a time.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd -P)
repo=$(cd "$here/../.." && pwd -P)
. "$repo/test/until.sh"
OUT=${OUT:-$repo/build/out} AGENTSH=${AGENTSH:-$repo/build/out/agentsh}
rounds=${1:-11} count=${2:-300} mib=${3:-512}
whole=$#
"$repo/build/need" tinyproxy:tinyproxy-bin squid:squid gcc:gcc
mkdir -p "$OUT/bench"
via=$OUT/bench/via
env -u CC gcc -D_GNU_SOURCE -O2 -static -pthread -o "$via" "$here/via.c"
top=$(mktemp -d) pids=''
clean() {
	for pid in $pids; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	rm -rf "$top" /dev/shm/squid-bench$$*
}
trap clean EXIT

cat >"$top/policy.yaml" <<-'END'
	version: 1
	name: bench
	description: everything on this machine
	command_rules:
	  - {name: all, commands: ["*"], decision: allow}
	network_rules:
	  - {name: not-there, cidrs: ["10.0.0.0/8"], decision: deny}
	  - {name: here, cidrs: ["127.0.0.1/32"], decision: allow}
END
free_port() {
	python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
until_open() { # PORT: somebody listens there
	until_true 10 is_open "$1" || { echo "nobody listens on $1" >&2; exit 1; }
}

mkfifo "$top/hold"
"$via" serve <"$top/hold" >"$top/port" &
pids="$pids $!"
exec 9>"$top/hold"
until_true 10 test -s "$top/port" || exit 1
read -r port <"$top/port"
ours=$(free_port)
"$AGENTSH" proxy --policy "$top/policy.yaml" --listen "127.0.0.1:$ours" --events /dev/null 2>"$top/err" &
our_pid=$!
pids="$pids $our_pid"
tiny=$(free_port)
printf 'Port %d\nListen 127.0.0.1\nTimeout 60\nMaxClients 500\nLogFile "%s"\nLogLevel Error\n' "$tiny" \
	"$top/tiny.log" >"$top/tiny.conf"
tinyproxy -d -c "$top/tiny.conf" >"$top/tiny.out" 2>&1 &
tiny_pid=$!
pids="$pids $tiny_pid"
squid=$(free_port)
cat >"$top/squid.conf" <<-END
	http_port 127.0.0.1:$squid
	http_access allow all
	cache deny all
	cache_mem 0 MB
	access_log none
	cache_log $top/squid/log
	pid_filename $top/squid/pid
	netdb_filename none
	pinger_enable off
	shutdown_lifetime 0 seconds
	coredump_dir $top/squid
	cache_effective_user proxy
	max_filedescriptors 4096
	memory_cache_shared off
END
install -d -o proxy "$top/squid"
chmod 755 "$top"
squid -N -n "bench$$" -f "$top/squid.conf" >"$top/squid.out" 2>&1 &
squid_pid=$!
pids="$pids $squid_pid"
for p in $ours $tiny $squid; do until_open "$p"; done

rss() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
ways() { # WORKER: a line each
	printf 'direct\t%s %s %s 0\n' "$via" "$1" "$port"
	for way in agentsh=$ours tinyproxy=$tiny squid=$squid; do
		printf '%s\t%s %s %s %s\n' "${way%=*}" "$via" "$1" "$port" "${way#*=}"
	done
}
in_tree() {
	printf 'native\t%s connect %s 0\n' "$via" "$port"
	printf 'judged\t%s run --judge-net --policy %s -- %s connect %s 0\n' "$AGENTSH" "$top/policy.yaml" \
		"$via" "$port"
}
# In a network of its own: one host by a public address and a name that the policy allows, at port 443.
led() {
	cat >"$top/led.yaml" <<-'END'
		version: 1
		name: led
		description: one host by its name
		command_rules:
		  - {name: all, commands: ["*"], decision: allow}
		network_rules:
		  - {name: the-host, domains: [bench.test], ports: [443], decision: allow}
	END
	printf '203.0.113.10 bench.test\n' >"$top/hosts"
	printf 'native\t%s hello 443 203.0.113.10\n' "$via" >"$top/led"
	printf 'led\t%s run --judge-net --policy %s -- %s hello 443 203.0.113.10\n' "$AGENTSH" \
		"$top/led.yaml" "$via" >>"$top/led"
	mkfifo "$top/led.hold"
	unshare -nm bash -eu -c '
		mount --bind "$1/hosts" /etc/hosts
		ip link set lo up
		ip address add 203.0.113.10/32 dev lo
		"$2" serve 203.0.113.10 443 <"$1/led.hold" >"$1/led.port" &
		exec 9>"$1/led.hold"
		. "$5/test/until.sh"
		until_true 10 test -s "$1/led.port"
		"$2" drive led "$3" "$4" <"$1/led"
		exec 9>&-
		wait' - "$top" "$via" "$rounds" "$count" "$repo"
}
middle() { # differences and ratios to the first, round by round: their medians
	awk -F '\t' '
		function median(a, n,    i, j, t) {
			for (i = 1; i < n; i++)
				for (j = i; j > 0 && a[j] < a[j - 1]; j--) {
					t = a[j]
					a[j] = a[j - 1]
					a[j - 1] = t
				}
			return a[int(n / 2)]
		}
		!first { first = $2 }
		!($2 in seen) { seen[$2]; who[++n] = $2 }
		{ time[$2, $3] = $4; rounds = $3 + 1 > rounds ? $3 + 1 : rounds
		  if (!(($2) in least) || $4 < least[$2]) least[$2] = $4 }
		END { for (i = 1; i <= n; i++) {
			w = who[i]
			for (r = 0; r < rounds; r++) {
				t[r] = time[w, r]
				d[r] = t[r] - time[first, r]
				q[r] = t[r] / time[first, r]
			}
			printf "%s\t%.1f\t%.1f\t%.2f\t%.1f\n", w, median(t, rounds), median(d, rounds),
				median(q, rounds), least[w] - least[first]
		} }'
}
{
	printf '# What connections cost\n\n'
	printf 'On loopback, one at a time: medians of %d interleaved rounds. ' "$rounds"
	printf 'Written by `make bench-proxy`: %s, Linux %s, %d processors, load average %s.\n\n' \
		"$(date -u +%Y-%m-%d)" "$(uname -r | sed 's/-.*//')" "$(nproc)" \
		"$(cut -d ' ' -f 1 /proc/loadavg)"
	printf '| connect, 100 bytes each way, close | µs | more than direct | of the least | limit |\n'
	echo '|---|--:|--:|--:|--:|'
	ways connect | "$via" drive connect "$rounds" "$count" | middle >"$top/connect"
	awk -F '\t' '{
		limit = $1 == "agentsh" ? "70 µs" (($3 <= 70) ? " ✓" : " ✗") : "–"
		printf "| %s | %s | %s µs | %s µs | %s |\n", $1, $2, $3, $5, limit }' "$top/connect"
	printf '\n| in the tree (`run --judge-net`) | µs | ratio | limit |\n|---|--:|--:|--:|\n'
	in_tree | "$via" drive judged "$rounds" "$count" | middle | awk -F '\t' '{
		limit = $1 == "judged" ? "1.8" (($4 <= 1.8) ? " ✓" : " ✗") : "–"
		printf "| %s | %s | %s | %s |\n", $1, $2, $4, limit }'
	printf '\n| led to the proxy (port 443) | µs | more than native | of the least | limit |\n'
	echo '|---|--:|--:|--:|--:|'
	led | middle | awk -F '\t' '{
		limit = $1 == "led" ? "120 µs" (($3 <= 120) ? " ✓" : " ✗") : "–"
		printf "| %s | %s | %s µs | %s µs | %s |\n", $1, $2, $3, $5, limit }'
	printf '\n| %d MiB through one tunnel | ' "$mib"
	printf 'throughput, direct = 1 | limits |\n|---|--:|--:|\n'
	for way in up down; do
		ways "$way" | "$via" drive "$way" "$rounds" "$mib" | middle >"$top/bulk"
		awk -F '\t' -v way="$way" '
			{ x[$1] = 1 / $4; order[++n] = $1 }
			END { for (i = 1; i <= n; i++) {
				w = order[i]; limit = "–"
				if (w == "agentsh") {
					good = x[w] >= 0.55 && x[w] >= x["squid"] &&
						x[w] >= 3 * x["tinyproxy"]
					limit = "0.55, squid, 3 × tinyproxy " (good ? "✓" : "✗")
				}
				printf "| %s, %s | %.2f | %s |\n", way, w, x[w], limit
			} }' "$top/bulk"
	done
	printf '\n| memory with 100 tunnels | KiB resident | limit |\n|---|--:|--:|\n'
	for way in "agentsh $ours $our_pid" "tinyproxy $tiny $tiny_pid" "squid $squid $squid_pid"; do
		read -r name at pid <<<"$way"
		coproc held { exec "$via" held 100 "$port" "$at"; }
		read -r -t 30 said <&"${held[0]}" && [ "$said" = ready ]
		kib=$(rss "$pid") held_pid=$!
		eval "exec ${held[1]}>&-"
		wait "$held_pid"
		limit=–
		[ "$name" != agentsh ] || limit="6144 $([ "$kib" -le 6144 ] && echo ✓ || echo ✗)"
		printf '| %s | %d | %s |\n' "$name" "$kib" "$limit"
	done
} | tee "$top/table"
[ "$whole" -gt 0 ] || cp "$top/table" "$repo/docs/proxy-bench.md"
