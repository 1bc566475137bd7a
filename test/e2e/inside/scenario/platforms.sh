# platforms - the ways real platforms start commands, governed, with nothing added.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "platforms"

# Daytona sends the command to bash on standard input.
stdin_bash='import subprocess, sys
sys.exit(subprocess.run(["/bin/bash"], input=sys.argv[1].encode()).returncode)'
# Its older way: no bash at all.
base64_sh() { printf 'echo %s | base64 -d | sh' "$(printf '%s\n' "$1" | base64 -w0)"; }
# E2B's newer wrapper.
oom_wrapper='echo 100 > /proc/$$/oom_score_adj && exec nice -n 0 "${@}"'

check_same "bash -l -c" /bin/bash -l -c 'echo hello; exit 4'
check_same "wrapper with oom_score_adj and nice" /bin/sh -c "$oom_wrapper" sh /bin/bash -l -c 'cat /proc/self/oom_score_adj; echo "$0"; exit 5'
check_same "wrapper starting a program" /bin/sh -c "$oom_wrapper" sh /usr/bin/env true
check_same "command on standard input" /usr/bin/python3 -c "$stdin_bash" 'whoami; id -u; pwd; exit 6'
check_same "base64 piped into sh" sh -c "$(base64_sh 'echo hello; exit 7')"
check_same "the same in /bin/sh by path" /bin/sh -c "$(base64_sh 'uname; exit 8')"

check_denied "bash -l -c" sudo block-shell-escape 126 'ran sudo' /bin/bash -l -c 'sudo whoami'
check_denied "wrapper: sudo inside the shell" sudo block-shell-escape 126 'ran sudo' \
	/bin/sh -c "$oom_wrapper" sh /bin/bash -l -c 'sudo whoami'
check_denied "wrapper: sudo as the program" sudo block-shell-escape 126 'ran sudo' \
	/bin/sh -c "$oom_wrapper" sh sudo whoami
check_denied "command on standard input" sudo block-shell-escape 126 'ran sudo' \
	/usr/bin/python3 -c "$stdin_bash" 'sudo whoami'
check_denied "base64 piped into sh" sudo block-shell-escape 126 'ran sudo' sh -c "$(base64_sh 'sudo whoami')"

# kill is a builtin of dash: no exec to deny, the signal itself is.
for signal in 9 TERM HUP STOP; do
	start_victim
	case $signal in
	STOP) evidence='grep -q "^State:	T" /proc/$victim/status' ;;
	*) evidence='until_true 1 victim_hit' ;;
	esac
	check_denied "base64 piped into sh: kill -$signal of an outside process" kill - fail "$evidence" \
		sh -c "$(base64_sh "kill -$signal $victim")"
	governed && check_that "kill says why: not permitted" 'grep -q "Operation not permitted" "$TRY/err"'
	stop_victim
done
if governed; then
	for pid in $(server_pids); do
		try sh -c "$(base64_sh "kill -9 $pid")"
		check_that "the server survives kill -9 from inside" 'alive $pid && healthy'
	done
	for p in /proc/[0-9]*; do
		tr '\0' ' ' 2>/dev/null <"$p/cmdline" | grep -q '^agentsh supervise\|^supervise' || continue
		try sh -c "$(base64_sh "kill -9 ${p#/proc/}")"
		check_that "a supervisor survives kill -9 from inside" '[ -d "$p" ]'
	done
	try sh -c "$(base64_sh 'kill -9 -1')"
	check_that "kill -1 reaches nothing outside" 'healthy'
fi

# Two commands of one session, as two calls of the platform.
dev_server() {
	native && return 0
	try /bin/bash -c 'python3 -m http.server --bind 127.0.0.1 8123 >/dev/null 2>&1 & echo $!'
	pid=$(cat "$TRY/out")
	try /bin/bash -c 'for i in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/8123) 2>/dev/null && exit 0; sleep 0.05; done; exit 1'
	if [ "$rc" = 0 ]; then pass "command 2 uses the server that command 1 left in the background"; else
		fail "command 2 uses the server that command 1 left in the background" "$(told)"
	fi
	try /bin/bash -c "python3 -c 'import os; os.kill($pid, 15)'"
	if until_true 3 eval '! alive $pid'; then pass "command 2 ends the server that command 1 started"; else
		fail "command 2 ends the server that command 1 started" "$(told)"
	fi
	kill -9 "$pid" 2>/dev/null || :
}
dev_server
exit 0
