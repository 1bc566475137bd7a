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
check_hidden "hidden in /proc/self/environ" "hidden-value" OPENAI_API_KEY=hidden-value /bin/bash -c 'cat /proc/self/environ'
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
