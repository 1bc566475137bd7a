#!/bin/bash
# shell - SH-*, EX-05 to EX-07, EX-34, BE-01: the denied program through shells, tools and their hooks.
# Each is tried without us first, where it must work, and then under `agentsh run`, as root and as a user.
# shellcheck disable=SC2016,SC2034,SC2086  # texts for the shells that are tried; words are split on purpose
. "$(dirname "$0")/../t.sh"
needs root setpriv bash

USER_ID=$((30000 + $$ % 30000)) # of this test alone
chmod 755 "$TMP"
mkdir -m 777 "$TMP/drop"
mkdir "$TMP/bin" "$TMP/dynamic"
cp "$OUT/kernel/exec" "$TMP/bin/canary" # writes into $KT_CANARY and ends
cp "$(command -v touch)" "$TMP/dynamic/canary"
cp "$AGENTSH" "$TMP/agentsh"
chmod -R a+rX "$TMP/bin" "$TMP/dynamic" "$TMP/agentsh"
export KT_CANARY=$TMP/drop/reached PATH="$TMP/bin:$PATH" HOME=$TMP/drop
cat >"$TMP/lab.yaml" <<'EOF'
version: 1
name: lab
command_rules:
  - name: deny-canary
    commands: [canary]
    decision: deny
    message: "not for you"
  - name: allow-rest
    commands: ["*"]
    decision: allow
EOF
chmod 644 "$TMP/lab.yaml"
cd "$TMP/drop" || exit 1

# as UID COMMAND…: its exit status; output in $TMP/.err. Nothing may take longer than 20 s.
as() {
	uid=$1
	shift
	rm -f "$KT_CANARY"
	if [ "$uid" = 0 ]; then
		timeout 20 "$@" </dev/null >"$TMP/.err" 2>&1
	else
		timeout 20 setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@" \
			</dev/null >"$TMP/.err" 2>&1
	fi
}

# is_denied STATUS: it did not happen, the log and the caller know why, the status is the wanted one.
is_denied() {
	[ ! -e "$KT_CANARY" ] && grep -q '"decision":"deny".*"rule":"deny-canary"' log &&
		grep -q "agentsh: canary: denied by rule 'deny-canary' (lab.yaml:4): not for you" \
			"$TMP/.err" &&
		[ "${want:-$1}" -eq "$1" ]
}

# denied NAME COMMAND…: works ungoverned, is denied governed, and everybody is told.
denied() {
	name=$(printf %s "$1" | tr '\n' ' ')
	shift
	for uid in 0 $USER_ID; do
		find . -mindepth 1 -delete
		prepare
		as "$uid" "$@"
		[ -e "$KT_CANARY" ]
		t_report $? "$name works ungoverned (uid $uid)"
		[ -e "$KT_CANARY" ] || sed 's/^/# /' "$TMP/.err" | head -5
		find . -mindepth 1 -delete
		prepare
		as "$uid" "$TMP/agentsh" run --policy "$TMP/lab.yaml" --audit "$TMP/drop/log" -- "$@"
		status=$?
		is_denied $status
		t_report $? "$name: denied and told (uid $uid)"
		is_denied $status || { echo "# status $status"; sed 's/^/# /' "$TMP/.err" | head -5; }
	done
}
prepare() { :; }
want=''

# --- shells: 126, as bash itself says it ----------------------------------------------------------
want=126
cp "$(command -v bash)" "$TMP/bin/bash.real"
cp "$(command -v bash)" "$TMP/bin/harmless"
ln -s "$(command -v bash)" "$TMP/bin/link"
denied SH-01 "$TMP/bin/bash.real" -c 'canary'
for shell in sh dash zsh ksh "busybox sh"; do
	command -v "${shell%% *}" >/dev/null && denied "SH-02 $shell" $shell -c 'canary; exit $?'
done
denied "SH-03 copy" "$TMP/bin/harmless" -c canary
denied "SH-03 link" "$TMP/bin/link" -c canary
for v in AGENTSH_IN_SESSION=1 AGENTSH_SHIM_FORCE=0 AGENTSH_DISABLE=1 AGENTSH_BYPASS=1 \
	AGENTSH_SESSION_ID=other AGENTSH_BIN=/bin/true AGENTSH_SERVER=http://127.0.0.1:1; do
	denied "SH-04 $v" env "$v" bash -c 'canary; exit $?'
done
denied "SH-07 script on stdin" bash -c 'echo canary | bash'
denied "SH-07 here-string" bash -c 'bash <<<canary'
denied "SH-07 /dev/stdin" bash -c 'echo canary | bash /dev/stdin'
denied "SH-07 file" bash -c 'echo canary >f; bash f'
for o in -xc -ec -lc "--norc -c" "-O extglob -c" "-o pipefail -c" "-c --" "+B -c"; do
	denied "SH-08 $o" bash $o 'PATH='"$TMP"'/bin:$PATH; canary'
done
denied "SH-09 quotes" bash -c "c'an'\"ar\"y"
denied "SH-09 backslash" bash -c 'c\anary'
denied "SH-09 ansi" bash -c "\$'\\x63anary'"
denied "SH-09 variables" bash -c 'a=can; b=ary; $a$b'
denied "SH-09 IFS" bash -c 'x="canary,a"; IFS=,; $x'
denied "SH-09 eval" bash -c 'eval "can""ary"'
denied "SH-09 base64" bash -c 'eval "$(echo Y2FuYXJ5 | base64 -d)"'
denied "SH-09 alias" bash -c 'shopt -s expand_aliases
alias x=canary
x'
denied "SH-09 function" bash -c 'ls() { command canary; }; ls'
denied "SH-09 glob" bash -c "$TMP/bin/can[a]ry"
denied "SH-09 last of a list" bash -c 'true; false || canary'
denied "SH-09 here-document" bash -c 'sh <<EOF
canary
EOF'
want=''
denied "SH-09 background" bash -c 'canary & wait'
denied "SH-09 substitution" bash -c ': $(canary)'
denied "SH-09 process substitution" bash -c 'cat <(canary)'
want=126
denied "SH-10 120 KiB" bash -c "$(head -c 120000 /dev/zero | tr '\0' ' ')canary"
denied "SH-10 3 MB on stdin" bash -c '{ yes "# filler" | head -c 3000006; echo; echo canary; } | bash'
denied "SH-14 imported function" env 'BASH_FUNC_ls%%=() { canary; }' bash -c ls
want=''
denied "SH-15 BASH_ENV" bash -c 'echo canary >f; BASH_ENV=f bash -c :'
denied "SH-15 rcfile" bash -c 'echo "canary; exit" >f; bash --rcfile f -i'
denied "SH-15 PROMPT_COMMAND" bash -c 'echo exit | PROMPT_COMMAND=canary bash --norc -i'
denied "SH-15 PS4" bash -c 'PS4="\$(canary)"; set -x; :'
denied "SH-15 trap" bash -c 'trap canary DEBUG; :'
want=126
denied "SH-16 /proc/self/exe" bash -c '/proc/$$/exe -c "canary; exit \$?"'
denied "SH-17 argv[0]" bash -c 'exec -a ls canary'
if command -v script >/dev/null; then
	want=''
	denied "SH-13 terminal" script -qec "bash -i -c canary" /dev/null
fi

# EX-02: a link lends its name to the file when only root can change it. A session of root can have made it,
# so there it does not where a rule speaks of the file; where none does it still lends.
cat >"$TMP/link.yaml" <<'EOF'
version: 1
name: link
command_rules:
  - {name: allow-innocent, commands: [innocent, unnamed, sh, dash, bash], decision: allow}
  - {name: deny-canary, commands: [canary], decision: deny}
EOF
mkdir "$TMP/links"
cp "$(command -v touch)" "$TMP/links/nobody-named-this"
ln -s "$TMP/bin/canary" "$TMP/links/innocent"
ln -s nobody-named-this "$TMP/links/unnamed"
chmod -R a+rX "$TMP/links" "$TMP/link.yaml"
linked() { # UID NAME
	rm -f "$KT_CANARY" "$TMP/drop"/log*
	as "$1" "$TMP/agentsh" run --policy "$TMP/link.yaml" --audit "$TMP/drop/log" -- \
		sh -c "$TMP/links/$2 $KT_CANARY; exit \$?"
	status=$?
}
as 0 "$TMP/links/innocent"
ok "EX-02 a link works ungoverned" [ -e "$KT_CANARY" ]
linked 0 innocent
ok "EX-02 root's link lends no name: nothing happened" [ ! -e "$KT_CANARY" ]
is "EX-02 ... the shell says 126" $status 126
ok "EX-02 ... an event has the rule" grep -q '"decision":"deny".*"rule":"deny-canary"' "$TMP/drop/log"
linked 0 unnamed
ok "EX-02 beside it: where no rule speaks of the file it does" [ -e "$KT_CANARY" ]
rm -f "$TMP/drop"/log*
linked $USER_ID innocent
ok "EX-02 beside it: to a user, who cannot have made it, it does" [ -e "$KT_CANARY" ]

# SH-21: other ways to a shell that nobody put a shim in front of
if command -v script >/dev/null; then
	denied "SH-21 script" script -qec 'canary; exit $?' /dev/null
fi
if command -v tmux >/dev/null; then
	inner='canary 2>&1 | tee err; tmux -S t wait-for -S end'
	denied "SH-21 tmux" sh -c "tmux -S t -f /dev/null new-session -d '$inner' ';' wait-for end; cat err"
fi

# --- EX-05: tools that start what they are told ----------------------------------------------------
want=''
while read -r line; do
	tool=${line%% *}
	command -v "$tool" >/dev/null && denied "EX-05 $line" $line
done <<'EOF'
env canary
env -S canary
env -u X A=b canary
nice -n 1 canary
nice -n1 canary
timeout 5 canary
timeout -s KILL 5s canary
nohup canary
setsid -w canary
stdbuf -o0 canary
xargs canary
xargs -P2 -n1 canary
find . -maxdepth 0 -exec canary ;
find . -maxdepth 0 -execdir canary ;
flock . canary
ionice -c3 canary
taskset 1 canary
chrt -o 0 canary
setarch -R canary
unshare canary
time canary
sh -c exec${IFS}canary
env nice timeout 5 sh -c canary
EOF

# --- EX-06: interpreters and tools with an escape ---------------------------------------------------
each() { # TOOL COMMAND…
	tool=$1
	shift
	command -v "$tool" >/dev/null && denied "EX-06 $*" "$@"
}
PYTHON=/usr/bin/python3
each $PYTHON $PYTHON -c 'import os; os.system("canary")'
each $PYTHON $PYTHON -c 'import subprocess; subprocess.call(["canary"])'
each $PYTHON $PYTHON -c 'import os; os.execvp("canary", ["canary"])'
each $PYTHON $PYTHON -c "import os; os.waitpid(os.posix_spawn('$TMP/bin/canary', ['x'], os.environ), 0)"
each perl perl -e 'exec "canary"'
each perl perl -e 'print `canary`'
each node node -e 'require("child_process").spawnSync("canary", {stdio: "inherit"})'
each awk awk 'BEGIN { system("canary") }'
each sed sh -c 'echo x | sed "1e canary"'
each make sh -c 'printf "all:\n\tcanary\n" >Makefile; make'
each git git -c alias.x='!canary' x
each tar sh -c 'echo x >f; tar cf t f --checkpoint=1 --checkpoint-action=exec=canary'
each sqlite3 sqlite3 :memory: '.shell canary'
each vim vim -es -c '!canary' -c q
each tclsh sh -c 'echo "exec canary >@stdout 2>@stderr" | tclsh'
each expect expect -c 'spawn canary; expect eof'
each ed sh -c 'printf "!canary\nq\n" | ed'

# EX-07: execve sees the loader only. What it loads is a copy of touch here.
loader=$(readelf -l "$(command -v touch)" 2>/dev/null | sed -n 's/.*interpreter: \(.*\)]/\1/p')
if [ -n "$loader" ]; then
	denied "EX-07 loader" "$loader" "$TMP/dynamic/canary" "$KT_CANARY"
	denied "EX-07 loader with options" "$loader" --library-path /lib --argv0 ls "$TMP/dynamic/canary" \
		"$KT_CANARY"
	denied "EX-12 loader on the first line" \
		sh -c 'printf "#!%s %s\n" "$1" "$2" >s; chmod 755 s; ./s "$3"' x \
		"$loader" "$TMP/dynamic/canary" "$KT_CANARY"
	# The name of another loader, the content of this one.
	denied "EX-07 loader by another name" sh -c 'cp "$1" ld-musl-x.so.1; ./ld-musl-x.so.1 "$2" "$3"' x \
		"$loader" "$TMP/dynamic/canary" "$KT_CANARY"
fi

# --- EX-13: a handler of binfmt_misc starts what the kernel was told, not what was asked for -----------
prepare() { printf 'KTMAGIC1' >handled && chmod 755 handled; }
registered='mount -t binfmt_misc x /proc/sys/fs/binfmt_misc &&
	printf ":kt:M::KTMAGIC1::%s:" "$0" >/proc/sys/fs/binfmt_misc/register || exit 99; "$@"'
if prepare && unshare -Urm sh -c "$registered" /bin/true ./handled; then
	for how in "" "$TMP/agentsh run --policy $TMP/lab.yaml --audit $TMP/drop/log --"; do
		find . -mindepth 1 -delete
		prepare
		as 0 unshare -Urm sh -c "$registered" "$TMP/bin/canary" $how ./handled
		if [ -z "$how" ]; then
			ok "EX-13 a handler of binfmt_misc works ungoverned" [ -e "$KT_CANARY" ]
		else
			is_denied 0
			t_report $? "EX-13 a handler of binfmt_misc: denied and told"
			ok "EX-13 found out at its start" grep -q '"type":"exec_intercept"' log
		fi
	done
fi
prepare() { :; }

# --- EX-26: code of the agent's own inside an allowed program is under the same rules
if command -v cc >/dev/null; then
	prepare() {
		cp "$TMP/x.so" . && chmod 755 x.so
	}
	printf '#include <stdlib.h>\n__attribute__((constructor)) static void f(void) { %s }\n' \
		'unsetenv("LD_PRELOAD"); if (system("canary")) exit(1);' >"$TMP/x.c"
	cc -shared -fPIC -o "$TMP/x.so" "$TMP/x.c" && chmod 644 "$TMP/x.so"
	denied "EX-26 LD_PRELOAD" env LD_PRELOAD=./x.so ls
	prepare() { :; }
fi

# --- EX-34: variables that make tools start something ------------------------------------------------
hook() { # TOOL COMMAND…
	tool=$1
	shift
	command -v "$tool" >/dev/null && denied "EX-34 $*" "$@"
}
hook git sh -c 'git init -q r; cd r; echo a >a; git add a; echo b >a; GIT_EXTERNAL_DIFF=canary git diff'
hook git sh -c 'git init -q r; cd r; GIT_EDITOR=canary git -c user.name=a -c user.email=a@b \
commit --allow-empty'
hook perl sh -c "echo 'system(\"canary\"); 1;' >P.pm; PERL5OPT='-I. -MP' perl -e 1"
hook tar sh -c 'echo x >f; TAR_OPTIONS="--checkpoint=1 --checkpoint-action=exec=canary" tar cf t f'
hook make sh -c 'echo "all: ; @:" >Makefile; echo "x := \$(shell canary)" >m; MAKEFILES=m make'
hook less sh -c 'echo x >f; LESSOPEN="|canary %s" less -f f | cat'

# --- BE-01: the kill builtin, whatever was disabled ---------------------------------------------------
# victim_of UID: a process of that user's, outside.
victim_of() {
	if [ "$1" = 0 ]; then
		sleep 300 &
	else
		setpriv --reuid "$1" --regid "$1" --clear-groups sleep 300 &
	fi
	victim=$!
	disown "$victim" # the shell is not to tell how it ends
	until_true 5 grep -q sleep "/proc/$victim/cmdline"
}
is_gone() { ! grep -qs '^State:.[RSDT]' "/proc/$victim/status"; }
end_victim() {
	kill -9 "$victim" 2>/dev/null || true
}
# A signal that was sent has killed by then.
stays() {
	sleep 0.1
	! is_gone
}
for shell in "bash -c" "bash -p -c" "bash --posix -c" "sh -c" "dash -c" "busybox sh -c" \
	"env -u BASH_ENV bash -c" "env BASH_ENV= bash -c"; do
	command -v "${shell%% *}" >/dev/null || continue
	for uid in 0 $USER_ID; do
		find . -mindepth 1 -delete
		victim_of "$uid"
		as "$uid" $shell "kill -9 $victim; :"
		ok "BE-01 $shell works ungoverned (uid $uid)" until_true 5 is_gone
		end_victim
		victim_of "$uid"
		as "$uid" "$TMP/agentsh" run --policy "$TMP/lab.yaml" --audit "$TMP/drop/log" -- \
			$shell "kill -9 $victim; :"
		ok "BE-01 $shell: the outsider lives (uid $uid)" stays
		ok "BE-01 $shell: an event says so (uid $uid)" \
			grep -q '"effective_decision":"deny".*"type":"signal_blocked"' "$TMP/drop/log"
		end_victim
	done
done
