# view - what work costs with every layer on: judged calls, and a view of the workspace; started by
# bench/fuse.sh in the stage. Native is the same in a copy of the home beside the view. Prints spawn's rows.
# shellcheck shell=sh disable=SC1091,SC2016,SC2154
. /opt/e2e/bin/work.sh

# Git packs what was committed in the background.
until_true 60 as_user /bin/bash.real -c 'git -C $HOME/repo gc -q'
beside=/home/beside
cp -a "$E2E_HOME" "$beside"
as_user /bin/bash -c 'sleep 1000 & echo' >/dev/null
until_true 5 grep -q fuse.agentsh /proc/mounts || { echo "view: there is none" >&2; exit 1; }
# GROUP COMMAND
both() {
	printf '%s\tnative\t1\trun,HOME=%s\t/bin/bash.real\tbash\t-c\t%s\n' "$1" "$beside" "$2"
	printf '%s\tagentsh\t1\trun\t/bin/bash\tbash\t-c\t%s\n' "$1" "$2"
}
{
	both 'git status' 'cd $HOME/repo && git status >/dev/null'
	both 'compile' 'cd $HOME/src && gcc -c f1.c'
	both mixed '. /tmp/mixed.sh >/dev/null'
} >/tmp/commands
as_user "$bin/spawn" "$rounds" </tmp/commands
