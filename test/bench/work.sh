# work - what inside.sh and scale.sh measure, made once in the stage; sourced by them.
# shellcheck shell=sh disable=SC1091,SC2034,SC2046
E2E_PASS=bench
. /opt/e2e/lib.sh
rounds=$1
quick=${2:-}
bin=/opt/e2e/bin
fresh_home
# Ungoverned: what the method itself finds between two equal things.
if [ "$E2E_MODE" = ungoverned ]; then cp /bin/bash /bin/bash.real; else install_shim; fi

cat >/tmp/prepare.sh <<'P'
set -e
mkdir "$HOME/repo" "$HOME/src" && cd "$HOME/repo"
git init -q
for d in $(seq 100); do mkdir "d$d"; for f in $(seq 100); do echo "$d $f" >"d$d/f$f"; done; done
git add . && git commit -qm files
echo changed >>d1/f1
tar --exclude=.git -cf "$HOME/many.tar" .
cd "$HOME/src"
for n in 1 2 3 4 5 6 7 8; do
	printf '#include <stdio.h>\n#include <stdlib.h>\nint f%d(int x) { return printf("%%d", x + %d); }\n' $n $n >f$n.c
done
printf 'int f1(int); int main(void) { return f1(1) < 0; }\n' >main.c
P
as_user /bin/bash.real /tmp/prepare.sh
cat >"/tmp/mixed.sh" <<'P'
cd "$HOME/repo" && git status --short && git log --oneline && git diff --stat && git grep -c '^99 ' | tail -1
cd "$HOME/src" && for n in 1 2 3 4 5 6 7 8; do gcc -c f$n.c; done && gcc main.c f?.o -o main && ./main
python3 -c 'import json, ssl, asyncio, subprocess'
ls -l "$HOME/repo" >/dev/null; cat f1.c >/dev/null
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do /bin/true; done
cd "$HOME/repo" && git checkout -q -- . && echo changed >>d1/f1
P

often() { [ -n "$quick" ] && echo "$1" || echo "$2"; }

# Server and supervisors that run: what, pid.
product() {
	for p in /proc/[0-9]*; do
		case $(tr '\0' ' ' 2>/dev/null <"$p/cmdline") in
		*"agentsh server "*) echo "server ${p#/proc/}" ;;
		*supervise*) echo "supervisor ${p#/proc/}" ;;
		esac
	done
}

# rss WHEN: resident memory of the server and, when there are many, the middle one of the supervisors; how many they
# are and their own pages together.
rss() {
	sleep 1 # idle is what comes after half a second without work
	product | while read -r what pid; do
		awk -v what="$what" '/^VmRSS/ { rss = $2 } /^RssAnon/ { anon = $2 } END { print what, rss, anon }' \
			"/proc/$pid/status"
	done | sort -k1,1 -k2,2n | awk -v when="$1" '
		{ n[$1]++; rss[$1, n[$1]] = $2; anon[$1, n[$1]] = $3; sum[$1] += $3 }
		END { for (what in n) { i = int((n[what] + 1) / 2)
			printf "rss\t%s-%s\t%d\t%d\t%d\t%d\n", what, when, rss[what, i], anon[what, i], n[what], sum[what] } }'
}
