# inside - the measured commands, in the stage; started by bench/run. Prints spawn's rows and "rss" rows. Where the
# file layer is on, only the work on files, natively and governed.
# shellcheck shell=sh disable=SC1091,SC2046,SC2086,SC2154
. /opt/e2e/bin/work.sh

as_user /bin/bash -c 'sleep 1000 & echo' >/dev/null

# GROUP COUNT SHELLCOMMAND: natively, governed, and by whom else.
three() {
	for who in native agentsh $others; do
		case $who in
		bare) set -- "$1" "$2" "$3" "$bin/bare_files" "bare_files	$E2E_HOME/.bare	/bin/bash.real	bash" ;;
		native) set -- "$1" "$2" "$3" /bin/bash.real bash ;;
		agentsh) set -- "$1" "$2" "$3" /bin/bash bash ;;
		bwrap) set -- "$1" "$2" "$3" /usr/bin/bwrap "bwrap	--ro-bind	/	/	--bind	$E2E_HOME	$E2E_HOME	--bind	/tmp	/tmp	--dev	/dev	--proc	/proc	--unshare-pid	--die-with-parent	/bin/bash.real" ;;
		esac
		as_user "$4" $(printf %s "$5" | cut -s -f2- | tr '\t' ' ') -c : >/dev/null 2>&1 </dev/null || continue
		printf '%s\t%s\t%s\t%s\t%s\t%s\t-c\t%s\n' "$1" $who "$2" "${mode:-run}" "$4" "$5" "$3"
	done
}
# What works with files.
on_files() {
	mode=run
	three git-status $(often 1 8) "cd $E2E_HOME/repo && git status >/dev/null"
	three python $(often 1 8) "python3 -c 'import json, ssl, asyncio, subprocess'"
	three compile $(often 1 8) "cd $E2E_HOME/src && gcc -c f1.c"
	three find $(often 1 8) "find $E2E_HOME/repo -name 'f1*' -size +1k"
	# Each round unpacks a tree of its own, and later each takes one of them away.
	three untar 1 "cd \$(mktemp -d $E2E_HOME/tree.XXXXXX) && tar -xf $E2E_HOME/many.tar"
	three delete 1 "set -- $E2E_HOME/tree.*; find \$1 -delete"
	three mixed 1 ". /tmp/mixed.sh >/dev/null"
}
if files_armed; then
	others=bare
	on_files >/tmp/commands
	as_user "$bin/spawn" "$rounds" </tmp/commands || exit 1
	exit 0
fi
others=bwrap
rss fresh
{
	three shell $(often 10 60) :
	printf 'shell\tbare\t%d\trun\t%s\thop\t-c\t:\n' $(often 10 60) "$bin/bare"
} >/tmp/commands
if [ "$E2E_MODE" = ungoverned ]; then
	grep -v bare /tmp/commands | as_user "$bin/spawn" "$rounds" || exit 1
else
	as_user "$bin/bare" "$bin/spawn" "$rounds" </tmp/commands || exit 1
fi
{
	three plain $(often 10 60) /bin/true
	mode=inside
	three nested $(often 20 100) "exec $bin/spawn inside /bin/true"
	on_files
} >/tmp/commands
as_user "$bin/spawn" "$rounds" </tmp/commands || exit 1

rss used
