# influence - no variable, file, argument, name or text changes what is enforced: SH-04, SH-05, SH-06, and all like them.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "what callers and agents can say"
native && exit 0
S=block-shell-escape

# Everything an attacker could prepare: a configuration and a policy that allow all, programs of our names, start-up
# files, state. What is run from here leaves its mark in `heard`.
bad=/tmp/bad
prepare() {
	rm -rf $bad
	mkdir -p $bad/bin $bad/policies $bad/agentsh $bad/.config
	printf 'version: 1\nname: lax\ncommand_rules:\n  - {name: allow-all, commands: ["*"], decision: allow}\n' \
		>$bad/policies/default.yaml
	cp $bad/policies/default.yaml $bad/policies/lax.yaml
	sed 's|/etc/agentsh/policies|/tmp/bad/policies|' /etc/agentsh/config.yaml >$bad/config.yaml 2>/dev/null
	cp $bad/config.yaml $bad/agentsh/config.yaml
	cp -R $bad/agentsh $bad/.config/
	for name in agentsh agentsh-shell-shim bash sh bash.real sh.real server supervise; do
		printf '#!/usr/bin/dash\necho "$0" >>/tmp/bad/heard\nexit 0\n' >$bad/bin/$name
	done
	rm -f $bad/bin/sh $bad/bin/bash # the cases call these themselves
	printf 'enable kill enable 2>/dev/null\n:\n' >$bad/startup.sh
	printf 'not a time zone' >$bad/zone
	printf 'module X// Y// evil\n' >$bad/gconv-modules
	printf '{"sid":"lax"}\n' >$bad/session.sid
	chmod 0755 $bad/bin/*
	chown -R "$E2E_USER:" $bad
}
# Names under which others look for switches.
markers="$E2E_HOME/.agentsh $E2E_HOME/.agentshrc $E2E_HOME/agentsh.yaml $E2E_HOME/config.yaml $E2E_HOME/.env
	$E2E_HOME/.agentsh-disable $E2E_HOME/default.yaml $E2E_HOME/.agentsh.yml /tmp/agentsh /tmp/agentsh.disable
	/tmp/.agentsh-bypass /tmp/.agentsh-fuse-enabled /tmp/agentsh.sock /tmp/agentsh-session /tmp/in_session
	/var/tmp/agentsh /dev/shm/agentsh"
litter() {
	for f in $markers; do
		printf 'sandbox: {enabled: false}\ndevelopment: {disable_policy: true}\n' >"$f"
	done
	mkdir -p "$E2E_HOME/.config/agentsh" "$E2E_HOME/policies" "$E2E_HOME/.local/share/agentsh"
	cp $bad/config.yaml "$E2E_HOME/.config/agentsh/"
	cp $bad/policies/default.yaml "$E2E_HOME/policies/"
	for f in .bashrc .bash_profile .bash_login .profile .inputrc .bash_logout; do
		printf 'set -o vi 2>/dev/null\n' >"$E2E_HOME/$f"
	done
	chown -R "$E2E_USER:" "$E2E_HOME"
}
# cases SECTION...: each line of influence.py is a check.
cases() {
	as_user /usr/bin/python3 /opt/e2e/influence.py "$(governed && echo 1 || echo 0)" "$LOG" $S "$@" >/tmp/influence 2>&1 ||
		fail "influence.py $* ran to its end" "$(tail -3 /tmp/influence)"
	while read -r line; do
		case $line in
		'ok '*) description=${line#ok }; if ungoverned; then bypass; else pass "$description"; fi ;;
		*) description=${line#not ok }; if ungoverned; then unreached; else fail "$description"; fi ;;
		esac
	done </tmp/influence
	check_that "nothing of the attacker's was run: $*" '[ ! -s $bad/heard ] && ! ran sudo'
}

prepare
clear_canary
try /bin/bash -c true # a server is there
case $E2E_PAIR in
real-*) cases ours ;;
*) cases ours others ways names texts ;;
esac
litter
cases files
check_denied "in a directory full of such files, after a new start of the server" sudo $S 126 'ran sudo' \
	/bin/bash -c 'sudo whoami'

tidy() {
	for f in $markers; do
		rm -rf "$f"
	done
	rm -rf $bad
	fresh_home
}
case $E2E_PASS-$E2E_PAIR in
governed-own-*) ;;
*)
	tidy
	exit 0
	;;
esac

section "a server that is started meanwhile"
one_server() { [ "$(server_pids | wc -w)" = 1 ]; }
hostile="AGENTSH_CONFIG=$bad/config.yaml AGENTSH_DATA_DIR=$bad AGENTSH_POLICY_NAME=lax AGENTSH_HTTP_ADDR=127.0.0.1:1
	AGENTSH_LOG_LEVEL=off AGENTSH_SERVER=http://127.0.0.1:1 XDG_CONFIG_HOME=$bad XDG_DATA_HOME=$bad LD_PRELOAD=$bad/none.so
	AGENTSH_DB_PATH=/dev/null TMPDIR=$bad TZ=:$bad/zone MUSL_LOCPATH=$bad"
stop_server
# shellcheck disable=SC2086 # a list
check_denied "started by a shim with everything set at once" sudo $S 126 'ran sudo' $hostile HOME=$bad \
	PATH="$bad/bin:$PATH" /bin/bash -c 'sudo whoami'
check_that "its environment is its own" \
	'one_server && [ "$(tr "\0" "\n" <"/proc/$(server_pids)/environ" | cut -d= -f1)" = PATH ]'
check_that "it listens where it was told, and logs there" 'healthy && [ ! -e $bad/events.jsonl ] && [ ! -e $bad/sessions ]'
check_that "no program of the attacker's was run" '[ ! -s $bad/heard ]'
stop_server
cat >$bad/ignoring.py <<'P'
import os, resource, signal
for n in range(1, 65):
    if n not in (9, 19, 32, 33):
        signal.signal(n, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
os.umask(0)
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 4096))
os.execv("/bin/bash", ["bash", "-c", "basename /x/works; (exit 3); echo $?"])
P
try /usr/bin/python3 $bad/ignoring.py
check_that "started by a shim that ignores signals" '[ "$rc" = 0 ] && grep -qx works "$TRY/out" && grep -qx 3 "$TRY/out"'
id=$(curl -s -X POST "$URL/api/v1/sessions" -H 'Content-Type: application/json' -d '{"workspace":"/tmp"}' | sed 's/.*"id":"\([^"]*\)".*/\1/')
curl -s -m 10 -X POST "$URL/api/v1/sessions/$id/exec" -H 'Content-Type: application/json' \
	-d '{"command":"/usr/bin/python3","args":["-c","raise SystemExit(7)"]}' >/tmp/answer
check_that "… and notices how commands end" 'grep -q "\"exit_code\":7" /tmp/answer || { cat /tmp/answer; false; }'
stop_server
section "a configuration that a session left in its home"
try /bin/bash -c 'mkdir -p ~/.config/agentsh && cp /tmp/bad/config.yaml ~/.config/agentsh/ && echo made'
check_that "a session can make one" 'grep -qx made "$TRY/out"'
stop_server
start_server
check_denied "a server that is started by hand does not take it" sudo $S 126 'ran sudo' /bin/bash -c 'sudo whoami'
stop_server
# shellcheck disable=SC2024
check_denied "nor one that exec starts" sudo $S 126 'ran sudo' "$AGENTSH" exec left -- sudo whoami

section "our own program as a tool against us"
# Outside a session these do work: nothing but the session is in their way.
try "$AGENTSH" run --policy $bad/policies/lax.yaml -- /usr/bin/sudo whoami
check_that "outside a session a lax policy is lax" 'ran sudo'
while read -r words; do
	check_denied "inside: $words" sudo - any 'ran sudo' /bin/bash -c "$words"
	check_denied "after it: $words" sudo $S 126 'ran sudo' /bin/bash -c 'sudo whoami'
done <<'EOS'
agentsh run --policy /tmp/bad/policies/lax.yaml -- sudo whoami
exec -a run /bin/bash --policy /tmp/bad/policies/lax.yaml -- sudo whoami
exec -a agentsh /bin/bash run --policy /tmp/bad/policies/lax.yaml -- sudo whoami
agentsh exec other -- sudo whoami
AGENTSH_NO_AUTO=1 AGENTSH_SESSION_ID=other agentsh exec -- sudo whoami
timeout 5 agentsh server --config /tmp/bad/config.yaml
cd / && HOME=/tmp/bad timeout 5 agentsh server
timeout 5 agentsh supervise
agentsh session create --policy lax --workspace /
agentsh policy-test --policy /tmp/bad/policies/lax.yaml --op exec --path /usr/bin/sudo
kill -HUP $(pgrep -x agentsh) 1; kill -USR2 $(pgrep -x agentsh); kill -TERM $(pgrep -x agentsh)
agentsh shim uninstall-shell --root / --bash --i-understand-this-modifies-the-host
agentsh install --uninstall --root /
curl -s -m 5 -X POST http://127.0.0.1:18080/api/v1/sessions -H "Content-Type: application/json" -d "{\"policy\":\"lax\"}"
EOS
tidy
exit 0
