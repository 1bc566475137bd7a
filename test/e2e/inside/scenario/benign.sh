# benign - a developer's day: every script of benign/ gives the same output and exit code as without us.
# shellcheck shell=sh disable=SC2016,SC2086
. /opt/e2e/lib.sh
section "benign work"
# day SCRIPT... NAME: each in /tmp/w, which is a directory of its own or a link to one in the workspace.
day() {
	where=$1
	shift
	for name in "$@"; do
		[ -z "${E2E_ONLY:-}" ] || case $name in *$E2E_ONLY*) ;; *) continue ;; esac
		fresh_home
		rm -rf /tmp/w
		if [ "$where" = workspace ]; then
			as_user mkdir "$E2E_HOME/w"
			as_user ln -s "$E2E_HOME/w" /tmp/w
			E2E_CWD=$E2E_HOME/w
			export E2E_CWD
		else
			as_user mkdir /tmp/w
		fi
		LIMIT=120
		check_same "benign, $where: $name" /bin/bash "/opt/e2e/benign/$name.sh"
		E2E_CWD=$E2E_HOME
	done
	rm -rf /tmp/w
	fresh_home
}
all=$(for script in /opt/e2e/benign/*.sh; do basename "$script" .sh; done)
# Its landlock.allow_execute lets nothing be started from /tmp.
case $E2E_PAIR in
real-daytona) files_armed || day /tmp $all ;;
*) day /tmp $all ;;
esac
# In the workspace, where what is deleted is kept.
files_armed || exit 0
case $E2E_PAIR in
real-daytona) day workspace $all ;;
*) day workspace archives checkout files git make-gcc npm python-venv sqlite ;;
esac
exit 0
