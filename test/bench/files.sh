#!/bin/bash
# files - what one judged call on a file costs, as a user and as root.
#
# usage: files.sh [ROUNDS [WORD]]	WORD: of the rows, or "work" for whole commands
#	(root; writes docs/files-bench.md when called without arguments)
#
# The least of all rounds, native and judged in turn: a machine that is busy otherwise changes it little.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
repo=$(cd "$here/../.." && pwd -P)
OUT=${OUT:-$repo/build/out} AGENTSH=${AGENTSH:-$repo/build/out/agentsh}
rounds=${1:-30} word=${2:-}
"$repo/build/need" setpriv:util-linux gcc:gcc
mkdir -p "$OUT/bench"
env -u CC gcc -D_GNU_SOURCE -O2 -static -pthread -o "$OUT/bench/opens" "$here/opens.c"
top=$(mktemp -d)
mount -t tmpfs -o mode=755 none "$top"
trap 'cd /; umount -l "$top"; rmdir "$top"' EXIT
cp "$AGENTSH" "$top/agentsh"
cp "$OUT/bench/opens" "$top"
cp "$repo/policies/e2b/default.yaml" "$top/policy.yaml"

# measured UID: "NAME native judged" lines between tabs.
measured() {
	mkdir "$top/$1"
	chown "$1" "$top/$1"
	for _ in 1 2 3; do
		for who in native judged; do
			run=()
			[ $who = native ] ||
				run=("$top/agentsh" run --judge-files --policy "$top/policy.yaml" --)
			(cd "$top/$1" &&
				HOME=$top/$1 setpriv --reuid "$1" --regid "$1" --clear-groups "${run[@]}" \
					"$top/opens" "$top/$1" $(((rounds + 2) / 3)) ${word:+"$word"}) |
				sed "s/^/$who\t/"
		done
	done | awk -F'\t' '
		!(($1, $2) in least) || $3 < least[$1, $2] { least[$1, $2] = $3 }
		!seen[$2]++ { name[++n] = $2 }
		END { for (i = 1; i <= n; i++)
			printf "%s\t%s\t%s\n", name[i], least["native", name[i]], least["judged", name[i]] }'
	rm -rf "${top:?}/$1"
}

table() {
	measured 30000 >"$top/user"
	measured 0 >"$top/root"
	paste "$top/user" "$top/root" | awk -F'\t' '
		{ printf "| %s | %.1f µs | %.1f µs | %.1f | %.1f µs |\n", $1, $2, $3, $3 / $2, $6 }'
}

# Whole commands: the least of all rounds, native and under each policy in turn.
cat >"$top/writes.yaml" <<'EOF'
version: 1
name: writes
file_rules:
  - {name: see, paths: ["/**"], operations: [open, read, list, stat, readlink], decision: allow}
  - {name: work, paths: ["${PROJECT_ROOT}/**", "/tmp/**", "/dev/**"], operations: ["*"], decision: allow}
command_rules:
  - {name: all, commands: ["*"], decision: allow}
EOF
cat >"$top/prepare" <<'EOF'
git init -q . && git config gc.auto 0 && git config user.email t@example.test && git config user.name t
for d in $(seq 100); do mkdir "d$d"; for f in $(seq 100); do echo "$d $f" >"d$d/f$f"; done; done
printf '#include <stdio.h>\n#include <stdlib.h>\nint f(int x) { return printf("%%d", x); }\n' >f.c
git add . && git -c gc.auto=0 commit -qm files && git -c gc.auto=0 gc -q --force
EOF
cat >"$top/works" <<'EOF'
works=('git status,git status --short' 'python imports,python3 -c "import json, ssl, asyncio, subprocess"'
	'gcc -c,gcc -c f.c -o f.o' 'find,find . -type f'
	'git grep,git grep -c "^99 "'
	'mixed,git status --short; git log --oneline; git grep -c "^99 "; gcc -c f.c -o f.o; gcc -c f.c -o g.o
		python3 -c "import json, ssl, asyncio"; ls -l; cat f.c
		/bin/true; /bin/true; /bin/true; /bin/true; /bin/true')
for work in "${works[@]}"; do
	for ((n = 0; n < $1; n++)); do
		begin=$EPOCHREALTIME
		eval "${work#*,}" >/dev/null
		end=$EPOCHREALTIME
		printf '%s\t%s\n' "${work%%,*}" $((${end/./} - ${begin/./}))
	done
done
EOF
worked() { # UID ROUNDS: NAME native e2b writes
	mkdir "$top/work"
	chown "$1" "$top/work"
	as() { HOME=$top/work setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"; }
	(cd "$top/work" && as "$1" bash "$top/prepare")
	for _ in 1 2 3 4 5; do
		for how in native policy writes; do
			run=()
			[ $how = native ] ||
				run=("$top/agentsh" run --judge-files --policy "$top/$how.yaml" --)
			(cd "$top/work" && as "$1" "${run[@]}" bash "$top/works" $((($2 + 4) / 5))) |
				sed "s/^/$how\t/"
		done
	done | awk -F'\t' '
		!(($1, $2) in least) || $3 < least[$1, $2] { least[$1, $2] = $3 }
		!seen[$2]++ { name[++n] = $2 }
		END { for (i = 1; i <= n; i++) {
			a = least["native", name[i]]
			b = least["policy", name[i]]
			c = least["writes", name[i]]
			printf "| %s | %.1f ms | %.1f ms | %.2f | %.1f ms | %.2f |\n", name[i], a / 1000,
				b / 1000, b / a, c / 1000, c / a } }'
	rm -rf "${top:?}/work"
}

[ $# = 0 ] || {
	if [ "$word" = work ]; then worked 30000 "$rounds"; else table; fi
	exit
}
table >"$top/table"
worked 30000 25 >"$top/worked"
{
	cat <<'EOF'
# What a judged call on a file costs

Written by `make bench-files`: open and close, or what the row says, in one directory of a tmpfs, under
the policy of `policies/e2b`, every call judged and done by the supervisor. The least of many rounds
each, native and judged in turn; what else the machine does makes most of these more, but handing over a
descriptor less (below).
EOF
	echo "Load average meanwhile: $(cut -d' ' -f1 /proc/loadavg), on $(nproc) processors."
	cat <<'EOF'

| call | native | judged | ratio | judged, root |
| --- | ---: | ---: | ---: | ---: |
EOF
	cat "$top/table"
	cat <<'EOF'

What it is made of:

- A call that is answered without a descriptor (a missing file) takes two switches between the caller
  and the supervisor and 6 system calls of the supervisor: wait, receive, whose process it is, the path,
  the attempt, the answer.
- A descriptor that is handed over takes two switches more: the caller puts it into its table itself
  (`SECCOMP_IOCTL_NOTIF_ADDFD`), and the kernel wakes it wherever there is room. 9 system calls.
- On a machine that does nothing else that wake-up would be most of it: on an idle processor instead of the
  one where caller and supervisor have just been, and then the other way round. Where it is seen to take long,
  a caller that calls several times on end is held to the supervisor's processor until it has its descriptor
  (`lib/enforce/exec/hand.h`): 8 calls more, half of the time. Measured with both processors idle: 28 µs for a
  read instead of 55, 33 µs to write instead of 62, 37 µs to create instead of 64. Where no processor is idle
  nobody is held, and it is less.
- What can be written to takes yet another, as the supervisor closes its own copy before the caller goes
  on: a program could not be executed, a lock or a lease not be had while there is a second one. 16 for
  what is there, 15 for what is made, 12 where it must be new (`O_EXCL`): its whole path is opened at once.
- What has been asked for is remembered for half a millisecond, unless the session moves or removes something:
  where a directory is, and the file that was just made.
- Relative names take one more, which asks for the caller's directory; in sessions of root's two more,
  which ask for its ids.
- Links are followed by their text: those of `/lib`, `/bin` and their like as if they were spelled
  `/usr/…`, files' in directories of root's from memory (checked once a second), one's own each time (3
  more). Anything else (links to directories, dots behind them, devices, FIFOs, other processes in
  `/proc`, `openat2` with a resolution) is walked name by name: 20 to 50.

## A policy that restricts writes only

Whole commands as a user, in a repository of 10,000 files: under the policy of `policies/e2b`, which has
every opening asked about, and under one that allows all reading and lists where may be written, which has
none of the openings asked about that only read (`docs/files.md`, which calls are asked about). In both
each program that is started is judged. The least of 25 rounds each.

| work | native | e2b | ratio | writes only | ratio |
| --- | ---: | ---: | ---: | ---: | ---: |
EOF
	cat "$top/worked"
} >"$repo/docs/files-bench.md"
