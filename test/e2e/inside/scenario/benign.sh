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
exit 0
