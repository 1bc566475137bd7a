# benign - a developer's day: every script of benign/ gives the same output and exit code as without us.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "benign work"
for script in /opt/e2e/benign/*.sh; do
	[ -z "${E2E_ONLY:-}" ] || case $script in *$E2E_ONLY*) ;; *) continue ;; esac
	name=$(basename "$script" .sh)
	fresh_home
	rm -rf /tmp/w
	as_user mkdir /tmp/w
	LIMIT=120
	check_same "benign: $name" /bin/bash "$script"
done
fresh_home
# Once more in the workspace, where what is deleted is kept.
case $E2E_PAIR in *e2b) ;; *) exit 0 ;; esac
files_armed || exit 0
for name in archives checkout files git make-gcc npm python-venv sqlite; do
	[ -z "${E2E_ONLY:-}" ] || case $name in *$E2E_ONLY*) ;; *) continue ;; esac
	fresh_home
	rm -rf /tmp/w
	as_user mkdir "$E2E_HOME/w"
	as_user ln -s "$E2E_HOME/w" /tmp/w
	E2E_CWD=$E2E_HOME/w
	export E2E_CWD
	LIMIT=120
	check_same "benign in the workspace: $name" /bin/bash "/opt/e2e/benign/$name.sh"
	E2E_CWD=$E2E_HOME
done
rm -f /tmp/w
fresh_home
exit 0
