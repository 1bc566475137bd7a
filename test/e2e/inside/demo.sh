# demo - a few commands as an agent's platform would start them, through the installed shim.
# shellcheck shell=sh
E2E_PASS=demo
. /opt/e2e/lib.sh
fresh_home
install_shim
wrong=0

# shows CODE COMMANDLINE
shows() {
	printf "\n\$ /bin/bash -c '%s'\n" "$2"
	try /bin/bash -c "$2"
	sed 's/^/  /' "$TRY/out" "$TRY/err"
	if [ "$rc" = "$1" ]; then printf '  -> exit code %s\n' "$rc"; else
		printf '  -> exit code %s, and not %s: this is a fault\n' "$rc" "$1"
		wrong=1
	fi
}
printf '\n=== policies/%s, as user %s ===\n' "${E2E_PAIR#own-}" "$E2E_USER"
shows 126 'sudo whoami'
shows 126 'env nice sudo whoami'
shows 126 'rm -rf important'
shows 1 'python3 -c "import subprocess; subprocess.run(['\''ssh'\'', '\''host'\''])" 2>&1 | grep -v "^ "; exit ${PIPESTATUS[0]}'
shows 0 'git init -q project && cd project && git commit -q --allow-empty -m first && git log --format=%s'
shows 0 'python3 -c "print(sum(range(10)))"'
shows 0 'printf "all:; @echo made\n" >Makefile && make -s'
printf '\nWhat the audit log says about it:\n'
grep -E '"effective_decision":"deny"' "$LOG" | tail -2 | sed -E 's/,"(session_id|timestamp|type|integrity)".*/, …}/' | sed 's/^/  /'
"$AGENTSH" audit verify "$LOG" | sed 's/^/  audit verify: /'
exit $wrong
