# lib - helpers of the end-to-end scenarios. Sourced by scenario scripts, which
# `stage` runs ungoverned as root inside the throw-away root, with dash.
# shellcheck shell=sh
#
# A scenario runs in one of three passes (E2E_PASS):
#   native      before the shim is installed: check_same records what happens
#   governed    after it: every check is made, check_same compares
#   ungoverned  self-test: no shim at all; every denial check must report BYPASS, and every check_same must agree with
#               itself
#
# Every check prints one TAP line; what was wrong follows as "# " lines.

. /opt/e2e/until.sh
AGENTSH=/usr/bin/agentsh
LOG=/var/lib/agentsh/events.jsonl
POLICY=/etc/agentsh/policies/default.yaml
URL=http://127.0.0.1:18080
TRY=/tmp/try                # directory of this command's out, err, rc
NATIVE=/opt/e2e/native      # what check_same recorded
PROBE=/usr/lib/e2e/probe
LIMIT=${E2E_LIMIT:-60}      # seconds a command may take

governed() { [ "$E2E_PASS" = governed ]; }
ungoverned() { [ "$E2E_PASS" = ungoverned ]; }
native() { [ "$E2E_PASS" = native ]; }
# What the file layer and the identity of copies are to stop; natively seen already, governed with E2E_LATER=1 only.
later() { ungoverned || [ -n "${E2E_LATER:-}" ]; }

# The file layer decides about files (stage: E2E_FILES), connections are judged (E2E_NET), the view of the workspace is there (E2E_VIEW=on).
files_armed() { [ "${E2E_FILES:-off}" = on ]; }
net_armed() { [ "${E2E_NET:-off}" = on ]; }
view_armed() { [ "${E2E_VIEW:-off}" != off ]; }

# --- TAP ---------------------------------------------------------------------

count() {
	echo >>/opt/e2e/count
	number=$(wc -l </opt/e2e/count)
}
pass() {
	count
	printf 'ok %d - %s\n' "$number" "$*"
}
fail() {
	count
	echo >>/opt/e2e/failed
	printf 'not ok %d - %s\n' "$number" "$1"
	shift
	for line in "$@"; do
		printf '%.1500s\n' "$line" | head -${LINES_SHOWN:-12} | LC_ALL=C tr -d '\000-\010\013-\037' | sed 's/^/#   /'
	done
}
section() { printf '# %s: %s\n' "$E2E_PASS" "$*"; }

# check DESCRIPTION COMMAND...: the command (run ungoverned) must succeed. Only in the governed pass.
check() {
	governed || return 0
	description=$1
	shift
	if detail=$("$@" 2>&1); then pass "$description"; else fail "$description" "failed: $*" "$detail"; fi
}
# check_that DESCRIPTION EXPRESSION: the same for a shell expression.
check_that() {
	governed || return 0
	if detail=$(eval "$2" 2>&1); then pass "$1"; else fail "$1" "false: $2" "$detail" "$(told)"; fi
}

# --- running commands as the platform would ------------------------------------

# As the platform's daemon starts a command: the user's ids, a small environment, the workspace as directory.
as_user() { /opt/e2e/as_user "$@"; }

# try [VAR=VALUE...] COMMAND...: run as_user with standard input from $INPUT; sets $rc, leaves $TRY/out and $TRY/err.
INPUT=/dev/null
try() {
	mkdir -p "$TRY"
	rc=0
	timeout -k 2 "$LIMIT" /opt/e2e/as_user "$@" <"$INPUT" >"$TRY/out" 2>"$TRY/err" || rc=$?
}
told() {
	printf 'rc=%s\nout: ' "$rc"
	head -c 500 "$TRY/out"
	printf '\nerr: '
	head -c 700 "$TRY/err"
}
# sh_c COMMANDLINE: through the shell agents use.
sh_c() { try /bin/bash -c "$1"; }

log_size() { stat -c %s "$LOG" 2>/dev/null || echo 0; }

# --- evidence --------------------------------------------------------------------

ran() { [ -e "/tmp/canary/$1" ] || grep -q "CANARY $1" "$TRY/out" "$TRY/err" 2>/dev/null; }
clear_canary() { rm -rf /tmp/canary; }

# A process of the user's that is outside governance.
start_victim() {
	/opt/e2e/as_user sleep 1000 </dev/null >/dev/null 2>&1 &
	victim=$!
	until_true 5 grep -q sleep "/proc/$victim/cmdline"
}
alive() { grep -qs '^State:	[RSD]' "/proc/$1/status"; }
victim_hit() { ! alive "$victim"; }
stop_victim() {
	kill -9 "$victim" 2>/dev/null || :
	wait "$victim" 2>/dev/null || :
}

# rule_at LINE: the name of the rule that line LINE of the policy belongs to.
rule_at() {
	awk -v at="$1" 'NR > at { exit } /^ *- name:/ { sub(/^ *- name: */, ""); gsub(/["'\'']/, ""); sub(/ *#.*/, ""); name = $0 }
		END { print name }' "$POLICY"
}

# An event after byte $1 of the log that denies by rule $2 and speaks of $3.
denial_logged() {
	tail -c "+$(($1 + 1))" "$LOG" 2>/dev/null | grep -F "\"rule\":\"$2\"" |
		grep -E '"effective_decision":"deny"' | grep -qF "$3"
}

# The line on stderr that teaches: agentsh: SUBJECT: denied by rule 'RULE' (default.yaml:LINE)
denial_told() {
	line=$(grep -E "^agentsh: +$3: denied by rule '$2' \\(default\\.yaml:[0-9]+\\)(: |$)" "$1" | head -1)
	[ -n "$line" ] || return 1
	at=${line#*default.yaml:}
	at=${at%%)*}
	[ "$(rule_at "$at")" = "$2" ]
}

# Ungoverned: the denied thing happened, as it must for the check to mean something; or it did not.
bypass() {
	echo >>/opt/e2e/bypassed
	pass "BYPASS: $description"
}
unreached() {
	echo >>/opt/e2e/unreached
	fail "$description: not reached natively, the check proves nothing" "$(told)"
}

# check_denied DESCRIPTION SUBJECT RULE RC EVIDENCE [VAR=VALUE...] COMMAND...
# EVIDENCE: a shell expression that is true when the thing happened. RC: a number, "fail", "EACCES" (it fails and
# says so) or "any". SUBJECT: the program denied. RULE "-" = no rule to be named (a static denial), "quiet RULE" =
# stderr is not ours to see.
check_denied() {
	native && return 0
	description=$1 subject=$2 rule=$3 want=$4 evidence=$5
	shift 5
	clear_canary
	before=$(log_size)
	try "$@"
	if ungoverned; then
		# Who is killed is not gone at once.
		if until_true 2 eval "$evidence"; then bypass; else unreached; fi
		return 0
	fi
	wrong=
	eval "$evidence" && wrong="$wrong it happened ($evidence);"
	grep -qs . /tmp/canary/* 2>/dev/null && wrong="$wrong a canary ran;"
	case $want in
	any) ;;
	fail) [ "$rc" != 0 ] || wrong="$wrong exit code 0;" ;;
	EACCES)
		[ "$rc" != 0 ] || wrong="$wrong exit code 0;"
		grep -qi "permission denied" "$TRY/err" || wrong="$wrong no EACCES told;"
		;;
	*) [ "$rc" = "$want" ] || wrong="$wrong exit code $rc, want $want;" ;;
	esac
	[ "$rc" != 124 ] && [ "$rc" != 137 ] || wrong="$wrong it hung;"
	case $rule in
	-) ;;
	*)
		name=${rule#quiet }
		[ "$rule" != "$name" ] || denial_told "$TRY/err" "$name" "$subject" ||
			wrong="$wrong no line \"agentsh: $subject: denied by rule '$name' (default.yaml:LINE)\" on stderr;"
		until_true 2 denial_logged "$before" "$name" "$subject" ||
			wrong="$wrong no deny event of rule '$name' about $subject;"
		;;
	esac
	if [ -z "$wrong" ]; then pass "$description"; else
		fail "$description" "wrong:$wrong" "$(told)" "log: $(tail -c "+$((before + 1))" "$LOG" 2>/dev/null | tail -2)"
	fi
}

# check_reach KIND TOP RULE HOW: all ways of reach.py; see reach_judge.py.
check_reach() {
	native && return 0
	description="every way to $1 $2"
	case $4 in open) ungoverned && return 0 ;; esac
	python3 /opt/e2e/reach_judge.py "$1" "$2" "$3" "$4" "$LOG" /opt/e2e/as_user /bin/bash -c >"$TRY/ways" 2>&1 ||
		fail "$description" "$(tail -3 "$TRY/ways")"
	while read -r verdict line; do
		case $verdict in
		ok) description=$line; if ungoverned; then unreached; else pass "$line"; fi ;;
		reached) description=$line; if ungoverned; then bypass; else fail "$line" "it was reached"; fi ;;
		*) description=$line; if ungoverned; then unreached; else fail "$line"; fi ;;
		esac
	done <"$TRY/ways"
}

# check_ok DESCRIPTION PATTERN COMMAND...: exit 0 and a line of stdout matches the pattern.
check_ok() {
	native && return 0
	description=$1 pattern=$2
	shift 2
	try "$@"
	if [ "$rc" = 0 ] && { [ -z "$pattern" ] || grep -qE -- "$pattern" "$TRY/out"; }; then
		pass "$description"
	else
		fail "$description" "want exit 0 and /$pattern/" "$(told)"
	fi
}

# check_same NAME COMMAND...: standard output and exit code are those of the native pass, where the same ran with the
# real shell. check_same_all: standard error too.
check_same() { compare 'out rc' "$@"; }
check_same_all() { compare 'out err rc' "$@"; }
compare() {
	parts=$1 name=$2
	shift 2
	try "$@"
	echo "$rc" >"$TRY/rc"
	slot=$NATIVE/$(printf %s "$name" | tr -c 'A-Za-z0-9\n' _)
	if native; then
		mkdir -p "$slot"
		cp "$TRY/out" "$TRY/err" "$TRY/rc" "$slot/"
		[ "$rc" != 124 ] || fail "$name (native)" "hung natively"
		return 0
	fi
	wrong=
	for part in $parts; do
		cmp -s "$slot/$part" "$TRY/$part" || wrong="$wrong $part differs;"
	done
	if [ -z "$wrong" ]; then pass "$name"; else
		fail "$name" "wrong:$wrong rc=$rc (native $(cat "$slot/rc"))" "native and governed output:" \
			"$(diff -a "$slot/out" "$TRY/out" | head -c 900)" "native and governed error output:" \
			"$(diff -a "$slot/err" "$TRY/err" | head -c 900)"
	fi
}

# --- the product -------------------------------------------------------------------

install_shim() {
	"$AGENTSH" shim install-shell --root / --shim /usr/bin/agentsh-shell-shim --bash \
		--i-understand-this-modifies-the-host
}

server_pids() {
	for p in /proc/[0-9]*; do
		tr '\0' ' ' 2>/dev/null <"$p/cmdline" | grep -qE '^([^ ]*/)?agentsh server( |$)' && echo "${p#/proc/}"
	done
	:
}
supervisor_pids() {
	for p in /proc/[0-9]*; do
		tr '\0' ' ' 2>/dev/null <"$p/cmdline" | grep -qx 'supervise ' && echo "${p#/proc/}"
	done
	:
}
healthy() { [ "$(curl -s --max-time 2 "$URL/health")" = ok ]; }
start_server() {
	/opt/e2e/as_user "$AGENTSH" server </dev/null >/var/log/agentsh/server.log 2>&1 &
	server=$!
	until_true 10 healthy
}
stop_server() {
	for p in $(server_pids); do
		kill -TERM "$p" 2>/dev/null || :
	done
	until_true 12 no_server
}
no_server() { [ -z "$(server_pids)" ]; }

# A fresh home, as after login.
fresh_home() {
	rm -rf "${E2E_HOME:?}"/* "$E2E_HOME"/.[!.]* 2>/dev/null || :
	mkdir -p "$E2E_HOME"
	printf '[user]\n\tname = Test\n\temail = test@example.test\n[init]\n\tdefaultBranch = main\n' \
		>"$E2E_HOME/.gitconfig"
	chown -R "$E2E_USER:" "$E2E_HOME"
	chmod 0755 "$E2E_HOME"
	cd "$E2E_HOME" || exit 1
}
