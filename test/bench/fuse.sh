#!/bin/bash
# fuse - what a view through FUSE costs against the file system below, and against bindfs and mergerfs.
#
# usage: fuse.sh [ROUNDS [FILES]]	(root; without arguments writes the last part of docs/bench.md)
#
# Everything is interleaved; ratios of time to native are medians of the rounds' own.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
repo=$(cd "$here/../.." && pwd -P)
OUT=${OUT:-$repo/build/out} AGENTSH=${AGENTSH:-$repo/build/out/agentsh}
rounds=${1:-11} files=${2:-10000}
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
trap clean EXIT

# A tree of many small files, as an archive.
source=$(mktemp -d "$OUT/bench/source.XXXXXX")
(
	cd "$source"
	for ((d = 0; d < files / 100; d++)); do
		mkdir -p "tree/d$d"
		for ((i = 0; i < 100; i++)); do
			head -c $((200 + (d * 7919 + i * 104729) % 6000)) /dev/urandom >"tree/d$d/f$i"
		done
	done
	tar cf tree.tar tree
)
printf '#include <%s.h>\n' stdio stdlib unistd string >"$source/one.c"
echo 'int main(void) { return puts("x"); }' >>"$source/one.c"

start() {
	for name in $names; do
		mkdir -p "$top/$name" "$top/below/$name"
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
			mkdir ops out
			cp "$source/one.c" .
			tar xf "$source/tree.tar"
			git init -q tree
			git -C tree add -A
			git -C tree -c user.name=x -c user.email=x@x commit -qm x
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
	"$OUT/bench/ops" "$rounds" $(for name in $names; do echo "$name=$top/$name/ops"; done) |
		awk -F '\t' '{ print $1 "\t" $2 "\t" $3 }'
	{
		each 'git status' 'git -C tree status >/dev/null'
		each 'find -ls' 'find tree -ls >/dev/null'
		each 'grep -r' '! grep -rq "no such text" tree/d*'
		each 'gcc' 'gcc one.c -o out/one && gcc -c one.c -o out/one.o'
		each 'untar' "tar xf $source/tree.tar -C out"
		each 'rm -rf' 'rm -rf out/tree'
	} >"$source/commands"
	for group in 'git status' 'find -ls' 'grep -r' gcc; do
		grep "^$group" "$source/commands" | "$OUT/bench/spawn" "$rounds"
	done | awk -F '\t' '{ print $1 "\t" $2 "\t" $6 }'
	# These two undo each other.
	grep -E '^(untar|rm)' "$source/commands" | sort -s -t '	' -k 2,2 >"$source/pairs"
	for ((round = 0; round < rounds; round++)); do
		for name in $names; do
			for what in untar 'rm -rf'; do
				from=${EPOCHREALTIME/./}
				eval "$(grep "^$what	$name	" "$source/pairs" | cut -f 8)"
				took=$((${EPOCHREALTIME/./} - from))
				printf '%s\t%s\t%d\t%d\n' "$what" "$name" "$round" "$took"
			done
		done
	done | "$here/ratios"
}

table() {
	printf '| on %s | %s |\n|---|---|---|---|---|\n' "$1" 'agentsh | as a user | bindfs | mergerfs'
	awk -F '\t' '!seen[$1]++ { order[++n] = $1 } { ratio[$1, $2] = $3 }
		END { for (i = 1; i <= n; i++)
			printf "| %s | %s | %s | %s | %s |\n", order[i], ratio[order[i], "agentsh"],
				ratio[order[i], "alone"], ratio[order[i], "bindfs"],
				ratio[order[i], "mergerfs"] }'
}

{
	printf '## What a view through FUSE costs\n\n'
	printf 'Time divided by that of the file system below; medians of %d interleaved rounds, %d files. ' \
		"$rounds" "$files"
	printf 'Written by `make bench-fuse`.\n'
	cat <<-'END'

		As a user: a view that may not let data pass by it, as mounts of users may not
		(CAP_SYS_ADMIN).

		What no setting takes away: whatever changes a directory is followed by a question for the
		attributes of that directory, here as with the others; each read that passes by costs about
		0.1 µs in the kernel, which shows in small reads of what is in memory; and a file that is
		deleted is held by a descriptor until the kernel forgets it, so that who has it by O_PATH
		still has it: bindfs, which has none, deletes faster.
	END
	for where in tmpfs disk; do
		top=$(mktemp -d "$([ $where = tmpfs ] && echo /dev/shm || echo "$OUT/bench")/fuse.XXXXXX")
		start
		echo
		measure | table "$where"
		clean
	done
} | tee "$source/table"
if [ $# -eq 0 ]; then
	sed '/^## What a view through FUSE costs/,$d' "$repo/docs/bench.md" |
		sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' >"$source/new"
	{ cat "$source/new"; echo; cat "$source/table"; } >"$repo/docs/bench.md"
fi
rm -rf "$source"
