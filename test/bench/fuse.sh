#!/bin/bash
# fuse - what a view through FUSE costs against the file system below, and against bindfs and mergerfs.
#
# usage: fuse.sh [ROUNDS [FILES [tmpfs|disk|mixed]...]]	(root; without arguments writes docs/fuse-bench.md)
#
# Everything is interleaved; ratios of time to native are medians of the rounds' own.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd -P)
repo=$(cd "$here/../.." && pwd -P)
OUT=${OUT:-$repo/build/out} AGENTSH=${AGENTSH:-$repo/build/out/agentsh}
rounds=${1:-11} files=${2:-10000}
whole=$#
[ $# -lt 2 ] || shift 2
[ $# -gt 0 ] && [ "$whole" -gt 2 ] || set -- tmpfs disk mixed
few=$((files / 10)) # where each file is made, opened or removed
"$repo/build/need" bindfs:bindfs mergerfs:mergerfs git:git gcc:gcc
mkdir -p "$OUT/bench"
for program in ops spawn; do
	env -u CC gcc -I"$repo" -D_GNU_SOURCE -O2 -static -o "$OUT/bench/$program" "$here/$program.c"
done
top='' pids=''
names='native agentsh alone bindfs mergerfs'

clean() {
	cd /
	for name in $names; do
		umount -l "$top/$name" 2>/dev/null || true
	done
	for pid in $pids; do
		wait "$pid" 2>/dev/null || true
	done
	pids=''
	[ -z "$top" ] || rm -rf "$top"
	top=''
}
source=$(mktemp -d "$OUT/bench/source.XXXXXX")
trap 'clean; rm -rf "$source"' EXIT

# Two trees of small files, one of them as an archive.
make_tree() {
	for ((d = 0; d < $2 / 100; d++)); do
		mkdir -p "$1/d$d"
		for ((i = 0; i < 100; i++)); do
			head -c $((200 + (d * 7919 + i * 104729) % 6000)) /dev/urandom >"$1/d$d/f$i"
		done
	done
}
(
	mkdir "$source/base" && cd "$source/base"
	mkdir ops out
	make_tree tree "$files"
	make_tree few "$few"
	git init -q tree
	git -C tree config gc.auto 0 # what is copied must not be packed meanwhile
	git -C tree add -A
	git -C tree -c user.name=x -c user.email=x@x commit -qm x
	printf '#include <%s.h>\n' stdio stdlib unistd string >one.c
	echo 'int main(void) { return puts("x"); }' >>one.c
	tar cf ../few.tar few
)

# Filled from below: that is not what is measured.
start() {
	for name in $names; do
		mkdir -p "$top/$name" "$top/below"
		cp -a "$source/base" "$top/below/$name"
	done
	"$AGENTSH" fuse "$top/below/agentsh" "$top/agentsh" &
	pids="$pids $!"
	"$AGENTSH" fuse --no-passthrough "$top/below/alone" "$top/alone" &
	pids="$pids $!"
	bindfs "$top/below/bindfs" "$top/bindfs"
	# As the other two, for others, too.
	mergerfs -o allow_other,use_ino,cache.files=auto-full,cache.attr=3600,cache.entry=3600 \
		-o cache.readdir=true "$top/below/mergerfs" "$top/mergerfs"
	mount --bind "$top/below/native" "$top/native"
	for name in agentsh alone; do
		for _ in $(seq 100); do ! mountpoint -q "$top/$name" || break; sleep 0.1; done
		mountpoint -q "$top/$name" || exit 1
	done
	for name in $names; do
		(
			cd "$top/$name"
			git -C tree status >/dev/null
			find tree -ls >/dev/null
		)
	done
	sync -f "$top"
}

# GROUP COMMAND: the same in every directory.
each() {
	for name in $names; do
		printf '%s\t%s\t1\trun\t/bin/bash\tbash\t-c\t' "$1" "$name"
		printf 'cd %s && %s\n' "$top/$name" "$2"
	done
}

measure() {
	# shellcheck disable=SC2086,SC2046
	"$OUT/bench/ops" "$rounds" 3 $(for name in $names; do echo "$name=$top/$name/ops"; done)
	{
		each 'git status' 'git -C tree status >/dev/null'
		each 'find -ls' 'find tree -ls >/dev/null'
		each 'grep -r' '! grep -rq "no such text" few'
		each 'gcc' 'gcc one.c -o out/one && gcc -c one.c -o out/one.o'
	} | "$OUT/bench/spawn" "$rounds" | awk -F '\t' '
		!($1 in first) { first[$1] = $4 }
		{ print $1 "\t" $2 "\t" $6 "\t" $4 / first[$1] }'
	# These two undo each other.
	for ((round = 0; round < rounds; round++)); do
		for name in $names; do
			case $name in bindfs | mergerfs) [ $((round % 3)) -eq 0 ] || continue ;; esac
			from=${EPOCHREALTIME/./}
			tar xf "$source/few.tar" -C "$top/$name/out"
			between=${EPOCHREALTIME/./}
			rm -rf "$top/$name/out/few"
			took=$((${EPOCHREALTIME/./} - between))
			printf 'untar\t%s\t%d\t%d\n' "$name" "$round" $((between - from))
			printf 'rm -rf\t%s\t%d\t%d\n' "$name" "$round" "$took"
		done
	done | "$here/ratios"
}

table() {
	printf '| on %s | agentsh | of the least | limit | as a user | bindfs | mergerfs |\n' "$1"
	echo '|---|--:|--:|--:|--:|--:|--:|'
	awk -F '\t' -v where="$1" '
		BEGIN {
			limit["git status"] = limit["find -ls"] = 1.1; limit["gcc"] = 1.15
			limit["untar"] = where == "tmpfs" ? 5 : 1.5
			n = split("write 64 MiB|read 64 MiB|4 KiB random reads|mmap, touch 64 MiB", data, "|")
			while (n) limit[data[n--]] = 1.05 # 0.95 of what there is in the same time
		}
		!seen[$1]++ { order[++rows] = $1 }
		{ ratio[$1, $2] = $3 + 0; least[$1, $2] = $4 + 0 }
		END { for (i = 1; i <= rows; i++) {
			what = order[i]; x = ratio[what, "agentsh"]; most = limit[what]; behind = ""
			if (x > ratio[what, "bindfs"]) behind = behind " bindfs"
			if (x > ratio[what, "mergerfs"]) behind = behind " mergerfs"
			printf "| %s | **%.2f**%s%s | %.2f | %s | %.2f | %.2f | %.2f |\n", what, x,
				!most ? "" : x <= most ? " ✓" : " ✗",
				behind == "" ? "" : " (behind" behind ")", least[what, "agentsh"],
				most ? sprintf("%.2f", most) : "–",
				ratio[what, "alone"], ratio[what, "bindfs"], ratio[what, "mergerfs"]
		} }'
}

# The day's work of the other tables, with calls judged, everything kept, and the workspace a view; "native"
# in a copy of it beside the view.
mixed() {
	"$repo/test/e2e/stage" need
	printf '| layers | native | agentsh | ratio (rounds) | limit |\n|---|--:|--:|--:|--:|\n'
	for judged in on off; do
		for who in user $([ $judged = off ] || echo root); do
			E2E_FILES=$judged E2E_VIEW=on "$repo/test/e2e/stage" run --as $who \
				--with "$here/work.sh" --with "$OUT/bench/spawn" --with "$here/view.sh" \
				-- bin/view.sh "$rounds" | layers "$judged" "$who"
		done
	done
}

layers() {
	awk -F '\t' -v judged="$1" -v who="$2" '
		$2 == "native" { native = $3 }
		$2 == "agentsh" {
			limit = $1 == "mixed" ? 1.1 : 0
			printf "| %s, %s, as %s ", judged == "on" ? "all" : "calls not judged", $1, who
			printf "| %.1f ms | %.1f ms ", native / 1000, $3 / 1000
			holds = !limit ? "" : $6 <= limit ? " ✓" : " ✗"
			printf "| **%.2f** (%.2f–%.2f)%s ", $6, $7, $8, holds
			printf "| %s |\n", limit ? "1.10" : "–"
		}'
}

{
	trap clean EXIT # of this shell
	printf '# What a view through FUSE costs\n\n'
	printf 'Time divided by that of the file system below; medians of %d interleaved rounds ' "$rounds"
	printf '(slow peers are in each third one), and of the least times; trees of %d files, ' "$files"
	printf 'or, where files are opened, made or removed, of %d. ' "$few"
	printf 'Written by `make bench-fuse`: %s, Linux %s, %d processors, ' \
		"$(date -u +%Y-%m-%d)" "$(uname -r | sed 's/-.*//')" "$(nproc)"
	printf 'on which %s other processes were at work in the minutes before: ' \
		"$(cut -d . -f 1 /proc/loadavg)"
	printf 'where there are any, believe the least times.\n'
	cat <<-'END'

		As a user: a view that may not let data pass by it, as mounts of users may not
		(CAP_SYS_ADMIN). Limits are for the first column; a limit of 1.05 is 0.95 of the native
		throughput.

		What no setting takes away: whatever changes a directory is followed by a question for the
		attributes of that directory, here as with the others; each read that passes by costs about
		0.1 µs in the kernel, which shows in small reads of what is in memory; and a file that is
		deleted is held by a descriptor until the kernel forgets it, so that who has it by O_PATH
		still has it: bindfs, which has none, deletes faster.

		Where who asks and the view are on two processors that sleep in between, each request takes
		ten times as long. A view of root's has who asks come to its own processor; that of a user
		may not, and goes where he is, but the kernel may part them again. untar as root is nine
		requests for a file; tar waits for eight, at 3 to 4 µs each even where little is done for
		them. All of a file takes 6 µs natively on a tmpfs, and 10 to 12 on a disk whose journal
		does not wait: the limits for it leave no room for that.
	END
	for where; do
		echo
		if [ "$where" = mixed ]; then
			mixed
			continue
		fi
		top=$(mktemp -d "$([ "$where" = tmpfs ] && echo /dev/shm || echo "$OUT/bench")/fuse.XXXXXX")
		start
		measure | table "$where"
		clean
	done
} | tee "$source/table"
[ "$whole" -gt 0 ] || cp "$source/table" "$repo/docs/fuse-bench.md"
