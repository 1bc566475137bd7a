# environment - what the policy hides is gone in every command, what it allows is there.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "environment policy"

# check_hidden DESCRIPTION NEEDLE [VAR=VALUE...] COMMAND...: NEEDLE is not on stdout; natively it is.
check_hidden() {
	native && return 0
	description=$1 needle=$2
	shift 2
	try "$@"
	if grep -qF -- "$needle" "$TRY/out"; then seen=yes; else seen=no; fi
	if ungoverned; then
		if [ $seen = yes ]; then bypass; else unreached; fi
	elif [ $seen = no ] && [ "$rc" = 0 ]; then
		pass "$description"
	else
		fail "$description" "'$needle' is visible, or it failed" "$(told)"
	fi
}
hidden="AWS_SECRET_ACCESS_KEY AWS_ACCESS_KEY_ID OPENAI_API_KEY ANTHROPIC_API_KEY DATABASE_URL SECRET_MASTER_KEY
	AZURE_CLIENT_SECRET GOOGLE_APPLICATION_CREDENTIALS LD_LIBRARY_PATH GITHUB_TOKEN"
case $E2E_PAIR in
*daytona) hidden="$hidden DAYTONA_API_KEY MY_SECRET_THING NPM_TOKEN DB_PASSWORD" ;;
*) hidden="$hidden DB_PASSWORD PASSWORD_FILE PRIVATE_THING API_KEY_X TOKEN_GITHUB" ;;
esac
for name in $hidden; do
	check_hidden "$name is hidden from env" "hidden-value" "$name=hidden-value" /bin/bash -c 'env; echo'
	check_hidden "$name is hidden from the shell" "hidden-value" "$name=hidden-value" /bin/bash -c "echo \"\$$name\""
done
check_hidden "hidden from a single program too" "hidden-value" AWS_SECRET_ACCESS_KEY=hidden-value /bin/bash -c env
check_hidden "hidden in /proc/self/environ" "hidden-value" OPENAI_API_KEY=hidden-value /bin/bash -c 'cat /proc/self/environ; true'
check_hidden "hidden in the shell's own environ" "hidden-value" OPENAI_API_KEY=hidden-value /bin/bash -c 'tr "\0" "\n" </proc/$$/environ; true'
check_hidden "hidden from sh" "hidden-value" OPENAI_API_KEY=hidden-value /bin/sh -c 'env; echo'
check_hidden "hidden from python" "hidden-value" OPENAI_API_KEY=hidden-value /bin/bash -c "python3 -c 'import os; print(dict(os.environ))'"
check_hidden "a name set twice is hidden" "hidden-value" OPENAI_API_KEY=hidden-value /usr/bin/python3 -c \
	'import ctypes, os
libc = ctypes.CDLL(None)
argv = (ctypes.c_char_p * 4)(b"bash", b"-c", b"env; echo", None)
env = (ctypes.c_char_p * 5)(b"PATH=/usr/bin:/bin", b"OPENAI_API_KEY=hidden-value", b"HOME=/tmp", b"OPENAI_API_KEY=hidden-value2", None)
libc.execve(b"/bin/bash", argv, env)'
printf 'echo startup-ran\n' >/tmp/startup.sh
check_hidden "BASH_ENV of the caller is not run" "startup-ran" BASH_ENV=/tmp/startup.sh /bin/bash -c 'echo'
check_hidden "LD_PRELOAD of the caller is dropped" "/tmp/x.so" LD_PRELOAD=/tmp/x.so /bin/bash -c 'env; echo'
check_hidden "exported functions are dropped or harmless" "function-ran" 'BASH_FUNC_date%%=() { echo function-ran; }' /bin/bash -c 'date; true'

section "EN-01: every way to ask for it"
while read -r words; do
	check_hidden "EN-01 $words" hidden-value OPENAI_API_KEY=hidden-value /bin/bash -c "$words; true"
done <<'EOS'
printenv
export -p
declare -x
declare -p
set
for name in $(compgen -e); do printf "%s\n" "${!name}"; done
for name in ${!O@}; do printf "%s\n" "${!name}"; done
tr "\0" "\n" </proc/$$/environ
cat /proc/$$/task/*/environ
python3 -c "import os; print(os.environb)"
awk "BEGIN { for (name in ENVIRON) print ENVIRON[name] }"
python3 -c "import ctypes; e = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), \"environ\"); [print(e[i]) for i in range(9) if e[i]]"
/bin/sh -c "export -p"
EOS
if governed; then
	before=$(log_size)
	try OPENAI_API_KEY=hidden-value NPM_TOKEN=hidden-value /bin/bash -c 'echo'
	check_that "EN-01 the event has the names" \
		'tail -c "+$((before + 1))" "$LOG" | grep -q "\"env_removed\":\[[^]]*\"OPENAI_API_KEY\""'
	try OPENAI_API_KEY=hidden-value MY_DB_PASSWORD=hidden-value "$AGENTSH" exec en -- /usr/bin/env
	check_that "EN-01 hidden from a command of exec" '[ "$rc" = 0 ] && grep -q "^PATH=" "$TRY/out" && ! grep -q hidden-value "$TRY/out"'
	try OPENAI_API_KEY=hidden-value MY_DB_PASSWORD=hidden-value "$AGENTSH" exec --output json en -- /usr/bin/env
	check_that "EN-01 hidden from one that its client waits for" 'grep -q PATH= "$TRY/out" && ! grep -q hidden-value "$TRY/out"'
	try OPENAI_API_KEY=hidden-value MY_DB_PASSWORD=hidden-value "$AGENTSH" run -- /usr/bin/env
	check_that "EN-01 hidden from a command of run" '[ "$rc" = 0 ] && grep -q "^PATH=" "$TRY/out" && ! grep -q hidden-value "$TRY/out"'
	cat >/tmp/request <<-'J'
		{"command":"/usr/bin/env","env":{"OPENAI_API_KEY":"hidden-value","my_db_password":"hidden-value","NODE_ENV":"seen"}}
	J
	id=$(curl -s -X POST "$URL/api/v1/sessions" -H 'Content-Type: application/json' -d '{"workspace":"/tmp"}' |
		sed 's/.*"id":"\([^"]*\)".*/\1/')
	curl -s -m 10 -X POST "$URL/api/v1/sessions/$id/exec" -H 'Content-Type: application/json' -d @/tmp/request |
		sed 's/.*"result"//' >/tmp/answer # before it, the answer repeats the request
	check_that "EN-01 hidden from a command of the API" 'grep -q NODE_ENV=seen /tmp/answer && ! grep -q hidden-value /tmp/answer'
	check_that "EN-01 the log has no value" '! grep -q hidden-value "$LOG"'
fi

section "EN-02: nobody keeps what was taken away"
# The process that waits for the shell has it all; so has one beside it.
cat >/tmp/waits.py <<'P'
import os, subprocess, sys
if os.environ.get("OPENAI_API_KEY") != "hidden-value":
    os.environ["OPENAI_API_KEY"] = "hidden-value"
    os.execv(sys.executable, [sys.executable] + sys.argv)
beside = subprocess.Popen(["sleep", "100"])
if os.environ.get("E2E_AGENTSH"):
    sys.argv[1:1] = os.environ.pop("E2E_AGENTSH").split()
subprocess.call(sys.argv[1:])
beside.kill()
P
all='cat /proc/[0-9]*/environ /proc/[0-9]*/task/*/environ 2>/dev/null | tr "\0" "\n"; true'
check_hidden "EN-02 in the environment of the parent" hidden-value /usr/bin/python3 /tmp/waits.py /bin/bash -c 'cat /proc/$PPID/environ; true'
check_hidden "EN-02 in any environment that can be read" hidden-value /usr/bin/python3 /tmp/waits.py /bin/bash -c "$all"
check_hidden "EN-02 the same from sh" hidden-value /usr/bin/python3 /tmp/waits.py /bin/sh -c "$all"
check_hidden "EN-02 ps eww" hidden-value /usr/bin/python3 /tmp/waits.py /bin/bash -c 'ps axeww -o args; true'
check_hidden "EN-02 in the memory of the parent" hidden-value /usr/bin/python3 /tmp/waits.py /bin/bash -c 'python3 - $PPID <<E
import re, sys
try:
    pid = sys.argv[1]
    for line in open("/proc/%s/maps" % pid):
        low, high, how = re.match("(.*?)-(.*?) (....)", line).groups()
        if "[stack]" in line or "[heap]" in line:
            with open("/proc/%s/mem" % pid, "rb") as m:
                m.seek(int(low, 16))
                data = m.read(int(high, 16) - int(low, 16))
                print(re.findall(b"OPENAI_API_KEY=[a-z-]+", data))
except OSError as e:
    print(e)
E
true'
if governed; then
	for how in "run --" "exec en --" "exec --output json en --"; do
		try E2E_AGENTSH="$AGENTSH $how" /usr/bin/python3 /tmp/waits.py /usr/bin/dash -c "$all; echo end"
		check_that "EN-02 … of agentsh $how" 'grep -q end "$TRY/out" && ! grep -q hidden-value "$TRY/out"'
	done
	for pid in $(server_pids) $(supervisor_pids); do
		try /bin/bash -c "$PROBE environ $pid"
		check_that "EN-06 nor those of server and supervisors can be read" '! grep -q ^DONE "$TRY/out"'
	done
	for pid in $(supervisor_pids); do
		check_that "EN-08 what the server starts for itself has no environment" '[ ! -s "/proc/$pid/environ" ]'
	done
fi

section "EN-03: names that no list of the policy has"
for name in MY_DB_PASSWORD GITHUB_TOKEN aws_secret_access_key NPM_TOKEN GIT_TOKEN PIP_PASSWORD SLACK_WEBHOOK npm_token \
	gh_token NPM_CONFIG__AUTH GIT_PASS PIP_APIKEY GIT_CREDENTIALS Npm_Token TERM_SECRET LC_API_KEY NPM_PASSPHRASE GIT_SIGNING_KEY \
	GIT_HUB_PAT AGENTSH_API_KEY AGENTSH_TOKEN; do
	check_hidden "EN-03 $name" hidden-value "$name=hidden-value" /bin/bash -c 'env; echo'
done

section "EN-04: entries that are none"
# odd ENTRY...: an environment of just these bytes.
cat >/tmp/odd.py <<'P'
import ctypes, sys
libc = ctypes.CDLL(None)
entries = [a.encode() for a in sys.argv[2:]]
argv = (ctypes.c_char_p * 4)(b"bash", b"-c", sys.argv[1].encode(), None)
env = (ctypes.c_char_p * (len(entries) + 3))(b"PATH=/usr/bin:/bin", b"HOME=/tmp", *entries, None)
libc.execve(b"/bin/bash", argv, env)
P
# What the shell was given, byte for byte where it may look, and what it gives on.
raw='while IFS= read -r -d "" entry; do echo "$entry"; done </proc/$$/environ; env; true'
check_hidden "EN-04 no =" hidden-value /usr/bin/python3 /tmp/odd.py "$raw" hidden-value
check_hidden "EN-04 no name" hidden-value /usr/bin/python3 /tmp/odd.py "$raw" =hidden-value
check_hidden "EN-04 a name with a blank" hidden-value /usr/bin/python3 /tmp/odd.py "$raw" 'NODE_ENV =hidden-value'
check_hidden "EN-04 a name with a line end" hidden-value /usr/bin/python3 /tmp/odd.py "$raw" 'NODE_ENV
X=hidden-value'
check_hidden "EN-04 thrice" hidden-value /usr/bin/python3 /tmp/odd.py "$raw" NPM_TOKEN=a NPM_TOKEN=b NPM_TOKEN=hidden-value
check_hidden "EN-04 a hidden one between two of another" hidden-value /usr/bin/python3 /tmp/odd.py "$raw" \
	NODE_ENV=a OPENAI_API_KEY=hidden-value NODE_ENV=b OPENAI_API_KEY=hidden-value
check_hidden "EN-04 twice, allowed: the first counts" second-value /usr/bin/python3 /tmp/odd.py "$raw" NODE_ENV=a NODE_ENV=second-value
check_hidden "EN-04 forged twice: ours counts" forged-value /usr/bin/python3 /tmp/odd.py "$raw" AGENTSH_SESSION_ID=forged-value \
	AGENTSH_SESSION_ID=forged-value AGENTSH_IN_SESSION=forged-value
check_ok "EN-04 beside them: the others" '^NODE_ENV=a$' /usr/bin/python3 /tmp/odd.py "$raw" hidden NODE_ENV=a =x
check_ok "EN-03 beside them: words that only look alike" '^PIP_NO_INDEX=1$|^NODE_ENV=monkey$' NODE_ENV=monkey PIP_NO_INDEX=1 /bin/bash -c 'env'

check_ok "HOME is there" "^$E2E_HOME\$" /bin/bash -c 'echo "$HOME"'
check_ok "PATH is there" '^/' /bin/bash -c 'echo "$PATH"'
check_ok "LANG is there" '^C.UTF-8$' /bin/bash -c 'echo "$LANG"'
check_ok "LC_ALL is there" '^C$' LC_ALL=C /bin/bash -c 'echo "$LC_ALL"'
check_ok "NODE_ENV is there" '^test$' NODE_ENV=test /bin/bash -c 'echo "$NODE_ENV"'
case $E2E_PAIR in *e2b)
	check_ok "GIT_AUTHOR_NAME is there" '^Somebody$' GIT_AUTHOR_NAME=Somebody /bin/bash -c 'echo "$GIT_AUTHOR_NAME"' ;;
esac
check_ok "variables set inside reach children" '^inner$' /bin/bash -c 'export AWS_LOCAL_TEST=inner; bash -c "echo \$AWS_LOCAL_TEST"'
if governed; then
	try /bin/bash -c 'echo "[$BASH_ENV]"'
	check_that "BASH_ENV is the start-up file or nothing" 'grep -qE "^\[(/usr/lib/agentsh/bash_startup.sh)?\]$" "$TRY/out"'
	case $E2E_PAIR in *daytona)
		check_that "BASH_ENV is injected" 'grep -q bash_startup "$TRY/out"'
		check_ok "kill is no builtin" '^kill is /' /bin/bash -c 'type kill'
		for name in kill enable ulimit umask builtin command; do
			try /bin/bash -c "type -t $name; true"
			check_that "the builtin $name is disabled" '! grep -qx builtin "$TRY/out"'
		done
		try /bin/bash -c 'true'
		check_that "the start-up file says nothing" '[ ! -s "$TRY/err" ]'
		;;
	esac
fi
exit 0
