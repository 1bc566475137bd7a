# commands - what the policy denies by name does not run; what it allows does.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "command blocking"

# Program, rule. The same names in every pair.
for name in sudo su chroot nsenter unshare; do
	check_denied "$name" $name block-shell-escape 126 "ran $name" /bin/bash -c "$name whoami"
done
for name in nc netcat ncat socat telnet ssh scp rsync; do
	check_denied "$name" $name block-network-tools 126 "ran $name" /bin/bash -c "$name localhost"
done
for name in shutdown reboot systemctl service mount umount fdisk mkfs killall pkill; do
	check_denied "$name" $name block-system-commands 126 "ran $name" /bin/bash -c "$name now"
done
case $E2E_PAIR in
*e2b)
	for name in envd iptables ip6tables nft tc ip; do
		check_denied "$name" $name block-e2b-interference 126 "ran $name" /bin/bash -c "$name addr"
	done
	;;
esac
check_denied "su -" su block-shell-escape 126 'ran su' /bin/bash -c '/usr/bin/su -'
check_denied "sudo by its path" sudo block-shell-escape 126 'ran sudo' /bin/bash -c '/usr/bin/sudo whoami'
check_denied "sudo through sh" sudo block-shell-escape 126 'ran sudo' /bin/sh -c 'sudo whoami'
check_denied "sudo with nothing else to do" sudo block-shell-escape 126 'ran sudo' /bin/bash -c sudo
check_denied "sudo behind exec" sudo block-shell-escape 126 'ran sudo' /bin/bash -c 'exec sudo whoami'
check_denied "sudo among other commands" sudo block-shell-escape any 'ran sudo' /bin/bash -c 'true; sudo whoami && echo yes; echo end'
check_denied "sudo in a script on standard input" sudo block-shell-escape 126 'ran sudo' \
	/usr/bin/python3 -c 'import subprocess, sys; sys.exit(subprocess.run(["/bin/bash"], input=b"sudo whoami\n").returncode)'
check_denied "sudo in a login shell" sudo block-shell-escape 126 'ran sudo' /bin/bash -l -c 'sudo whoami'

victim_command() {
	start_victim
	case $1 in
	bin) check_denied "/usr/bin/kill -9 of an outside process" kill block-system-commands 126 victim_hit \
		/bin/bash -c "/usr/bin/kill -9 $victim" ;;
	builtin) check_denied "the builtin kill -9 of an outside process" kill - fail victim_hit \
		/bin/bash -c "kill -9 $victim" ;;
	sh) check_denied "dash's builtin kill -9 of an outside process" kill - fail victim_hit \
		/bin/sh -c "kill -9 $victim" ;;
	esac
	if governed; then
		if victim_hit; then fail "the outside process survives"; else pass "the outside process survives ($1)"; fi
	fi
	stop_victim
}
for way in bin builtin sh; do victim_command $way; done

rm_case() {
	as_user mkdir -p /tmp/victim/sub
	as_user touch /tmp/victim/sub/file
	check_denied "$1" rm block-rm-recursive 126 '[ ! -e /tmp/victim/sub/file ]' /bin/bash -c "$1"
	rm -rf /tmp/victim
}
rm_case 'rm -rf /tmp/victim'
rm_case '/bin/rm -r /tmp/victim'
rm_case 'rm --recursive --force /tmp/victim'
case $E2E_PAIR in
own-*)
	# The description promises these too.
	rm_case 'rm -fr /tmp/victim'
	rm_case 'rm -Rf /tmp/victim'
	rm_case 'rm -vfR /tmp/victim'
	rm_case 'rm /tmp/victim -rf'
	;;
esac
as_user rm -f /tmp/dd.out
check_denied "dd" dd block-system-commands 126 '[ -e /tmp/dd.out ]' \
	/bin/bash -c 'dd if=/dev/zero of=/tmp/dd.out bs=1 count=1'
rm -f /tmp/dd.out

git_case() {
	as_user rm -rf /tmp/g /tmp/g.git
	as_user git init -q --bare -b main /tmp/g.git
	as_user git clone -q /tmp/g.git /tmp/g 2>/dev/null
	as_user git -C /tmp/g commit -q --allow-empty -m one
	as_user git -C /tmp/g push -q origin HEAD:main 2>/dev/null
	as_user git -C /tmp/g commit -q --amend --allow-empty -m two
	as_user touch /tmp/g/untracked
	check_denied "$2" git "$1" 126 "$3" /bin/bash -c "cd /tmp/g && $2"
	rm -rf /tmp/g /tmp/g.git
}
pushed() { [ "$(git --git-dir=/tmp/g.git -c safe.directory='*' log -1 --format=%s main)" = two ]; }
case $E2E_PAIR in
own-daytona)
	git_case block-git-force-push 'git push --force origin HEAD:topic' \
		'git --git-dir=/tmp/g.git -c safe.directory="*" rev-parse -q --verify topic'
	git_case block-git-force-push 'git push -f origin HEAD:topic' \
		'git --git-dir=/tmp/g.git -c safe.directory="*" rev-parse -q --verify topic'
	git_case block-git-reset-hard 'git reset --hard HEAD' 'grep -q "HEAD is now" $TRY/out'
	git_case block-git-clean-force 'git clean -f' '[ ! -e /tmp/g/untracked ]'
	;;
esac

check_ok "echo is allowed" '^allowed$' /bin/bash -c 'echo allowed'
check_ok "/bin/echo is allowed" '^policy-test$' /bin/bash -c '/bin/echo policy-test'
check_ok "python3 is allowed" '^Python 3' /bin/bash -c 'python3 --version'
check_ok "git is allowed" '^git version' /bin/bash -c 'git --version'
check_ok "whoami is allowed" "^$E2E_USER\$" /bin/bash -c whoami
check_ok "a file of a denied command may be read" '^1$' /bin/bash -c 'grep -c . /bin/ls >/dev/null; echo 1'
check_ok "words that only look dangerous" '^sudo rm -rf kill$' /bin/bash -c 'echo sudo rm -rf kill'
check_ok "a single file may be removed" '' /bin/bash -c 'touch /tmp/one && rm /tmp/one && [ ! -e /tmp/one ]'

# The teaching line comes with a second one that says what to do, and no denial is without an event.
if governed; then
	try /bin/bash -c 'sudo whoami; exit $?'
	check_that "two lines explain: what, which rule, what to do" '[ "$(grep -c ^agentsh: "$TRY/err")" -ge 2 ]'
	check_that "the shell says it in its own words" 'grep -q "Permission denied" "$TRY/err"'
	check_that "nothing of it on standard output" '[ ! -s "$TRY/out" ]'
	check_that "every line of the log is JSON" 'python3 -c "import json, sys
for l in open(\"$LOG\"): json.loads(l)"'
	check "the log's chain verifies" agentsh audit verify "$LOG"
fi
exit 0
