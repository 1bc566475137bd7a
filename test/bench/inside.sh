# inside - the measured commands, in the stage; started by bench/run. Prints spawn's rows and "rss" rows.
# shellcheck shell=sh disable=SC1091,SC2034,SC2046
E2E_PASS=bench
. /opt/e2e/lib.sh
rounds=$1
quick=${2:-}
bin=/opt/e2e/bin
fresh_home
# Ungoverned: what the method itself finds between two equal things.
if [ "$E2E_MODE" = ungoverned ]; then cp /bin/bash /bin/bash.real; else install_shim; fi

# The same work for everybody, made once.
cat >/tmp/prepare.sh <<'P'
set -e
mkdir "$HOME/repo" "$HOME/src" && cd "$HOME/repo"
git init -q
for d in $(seq 100); do mkdir "d$d"; for f in $(seq 100); do echo "$d $f" >"d$d/f$f"; done; done
git add . && git commit -qm files
echo changed >>d1/f1
cd "$HOME/src"
for n in 1 2 3 4 5 6 7 8; do
	printf '#include <stdio.h>\n#include <stdlib.h>\nint f%d(int x) { return printf("%%d", x + %d); }\n' $n $n >f$n.c
done
printf 'int f1(int); int main(void) { return f1(1) < 0; }\n' >main.c
P
as_user /bin/bash.real /tmp/prepare.sh
cat >"$E2E_HOME/mixed.sh" <<'P'
cd "$HOME/repo" && git status --short && git log --oneline && git diff --stat && git grep -c '^99 ' | tail -1
cd "$HOME/src" && for n in 1 2 3 4 5 6 7 8; do gcc -c f$n.c; done && gcc main.c f?.o -o main && ./main
python3 -c 'import json, ssl, asyncio, subprocess'
ls -l "$HOME/repo" >/dev/null; cat f1.c >/dev/null
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do /bin/true; done
cd "$HOME/repo" && git checkout -q -- . && echo changed >>d1/f1
P

# rss WHEN: resident memory of server and supervisor, "fresh" or "used".
rss() {
	as_user /bin/bash -c 'sleep 1000 & echo' >/dev/null
	sleep 1 # idle is what comes after half a second without work
	for p in /proc/[0-9]*; do
		case $(tr '\0' ' ' 2>/dev/null <"$p/cmdline") in
		*"agentsh server "*) what=server ;;
		*supervise*) what=supervisor ;;
		*) continue ;;
		esac
		awk -v what="$what-$1" '/^VmRSS/ { rss = $2 } /^RssAnon/ { anon = $2 }
			END { printf "rss\t%s\t%d\t%d\n", what, rss, anon }' "$p/status"
	done
}
rss fresh

often() { [ -n "$quick" ] && echo "$1" || echo "$2"; }

# GROUP COUNT SHELLCOMMAND: natively, governed, in bubblewrap.
three() {
	for who in native agentsh bwrap; do
		case $who in
		native) set -- "$1" "$2" "$3" /bin/bash.real bash ;;
		agentsh) set -- "$1" "$2" "$3" /bin/bash bash ;;
		bwrap) set -- "$1" "$2" "$3" /usr/bin/bwrap "bwrap	--ro-bind	/	/	--bind	$E2E_HOME	$E2E_HOME	--bind	/tmp	/tmp	--dev	/dev	--proc	/proc	--unshare-pid	--die-with-parent	/bin/bash.real" ;;
		esac
		as_user "$4" $(printf %s "$5" | cut -s -f2- | tr '\t' ' ') -c : >/dev/null 2>&1 </dev/null || continue
		printf '%s\t%s\t%s\t%s\t%s\t%s\t-c\t%s\n' "$1" $who "$2" "${mode:-run}" "$4" "$5" "$3"
	done
}
{
	three shell $(often 10 60) :
	three plain $(often 10 60) /bin/true
	mode=inside
	three nested $(often 20 100) "exec $bin/spawn inside /bin/true"
	mode=run
	three git-status $(often 1 8) "cd $E2E_HOME/repo && git status >/dev/null"
	three python $(often 1 8) "python3 -c 'import json, ssl, asyncio, subprocess'"
	three compile $(often 1 8) "cd $E2E_HOME/src && gcc -c f1.c"
	three mixed 1 ". $E2E_HOME/mixed.sh >/dev/null"
} >/tmp/commands
as_user "$bin/spawn" "$rounds" </tmp/commands || exit 1

rss used
