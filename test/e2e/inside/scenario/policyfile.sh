# policyfile - what is not a whole, understood, trusted policy runs nothing; a reload takes all of one, or nothing.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "policy files"
governed || exit 0
[ "$E2E_PAIR" = own-e2b ] || exit 0 # its rules are named below

CONFIG=/etc/agentsh/config.yaml
stop_server
cp -p $CONFIG /tmp/config.before
cp -p $POLICY /tmp/policy.before
back() {
	rm -rf $POLICY
	cp -p /tmp/policy.before $POLICY
	cp -p /tmp/config.before $CONFIG
}
works() { check_ok "$1" '^works$' /bin/bash -c 'echo works'; }
mark() { at=$(log_size); }
said() { check "$1" until_true 5 python3 /opt/e2e/events.py "$LOG" "$at" "$2"; }
# closed DESCRIPTION WHY: with the files as they are nothing runs, in time, and one line says why.
closed() {
	why=$2
	stop_server
	clear_canary
	rm -f /tmp/did-run
	started=$(($(date +%s%N) / 1000000))
	try /bin/bash -c '/usr/bin/touch /tmp/did-run; sudo id'
	took=$(($(date +%s%N) / 1000000 - started))
	check_that "$1: nothing runs" \
		'[ "$rc" = 126 ] && [ ! -e /tmp/did-run ] && [ ! -e /tmp/canary ] && [ ! -s "$TRY/out" ] && [ $took -lt 2500 ]'
	check_that "$1: one line says why" '[ "$(grep -c "^agentsh: " "$TRY/err")" -ge 1 ] && grep -qE "$why" "$TRY/err"'
}
text() { printf '%b' "$1" >$POLICY; }

section "CF-06 no usable policy"
rm $POLICY
closed "CF-06 missing" 'policy "default" not found'
try /bin/sh -c 'touch /tmp/did-run'
check_that "CF-06 missing: sh too" '[ "$rc" = 126 ] && [ ! -e /tmp/did-run ]'
text ''
closed "CF-06 empty" 'default.yaml:1:1: the policy is empty'
text '# allow everything\n'
closed "CF-06 only a comment" 'the policy is empty'
text '{}'
closed "CF-06 {}" 'the policy is empty'
text 'null'
closed "CF-06 null" 'the policy is empty'
rm $POLICY
mkdir $POLICY
closed "CF-06 a directory" 'not a regular file'
rmdir $POLICY
mkfifo $POLICY
closed "CF-06 a pipe that nobody writes to" 'not a regular file'
rm $POLICY
ln -s /dev/zero $POLICY
closed "CF-06 a device" 'not a regular file'
ln -sf default.yaml $POLICY
closed "CF-06 a link to itself" 'not found|symbolic links'
rm $POLICY
cp /usr/bin/true $POLICY
closed "CF-06 a program" 'default.yaml:1:1: '
truncate -s 200M $POLICY
closed "CF-06 200 MB" 'larger than|too large|at most|limit|1048576'
back
if [ "$E2E_AS" = user ]; then
	chmod 0 $POLICY
	closed "CF-06 unreadable" 'Permission denied'
	back
fi
works "CF-06 the policy is back: it works"

section "CF-01 ... CF-14 no part of a policy is guessed"
# refused ID WHY TEXT: the server does not start. TEXT stands behind the head.
refused() {
	why=$2
	printf 'version: 1\nname: default\n%b\n' "$3" >$POLICY
	try timeout 5 "$AGENTSH" server
	check_that "$1 $(printf %s "$3" | head -c 60)" '[ "$rc" = 1 ] && grep -qE "default\.yaml:[0-9]+:[0-9]+: .*$why" "$TRY/err"'
}
stop_server
R='command_rules:\n  - {name: r, decision: allow'
refused CF-01 'anchors are not supported' 'a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]'
refused CF-02 "duplicate key 'command_rules'; first given in line 3" 'command_rules: []\ncommand_rules: []'
refused CF-02 "duplicate key 'decision'" 'command_rules:\n  - name: r\n    decision: deny\n    decision: allow'
refused CF-03 "did you mean 'command_rules'" 'comand_rules: []'
refused CF-03 "did you mean 'decision'" 'command_rules:\n  - {name: r, decison: deny}'
refused CF-03 "did you mean 'commands'" "$R, command: [dd]}"
refused CF-03 "did you mean 'args_patterns'" "$R, arg_patterns: [dd]}"
refused CF-03 "unknown key 'commands'" 'command_rules:\n  - {name: r, decision: deny}\ncommands: [dd]'
refused CF-04 'unknown decision' 'command_rules:\n  - {name: r, decision: block}'
refused CF-04 'decision' 'command_rules:\n  - {name: r, decision: [deny]}'
refused CF-04 'decision' 'command_rules:\n  - {name: r, decision: null}'
refused CF-04 'without a decision' 'command_rules:\n  - {name: r, commands: [dd]}'
refused CF-04 'commands must be a list' "$R, commands: {}}"
refused CF-04 'port must be' 'network_rules:\n  - {name: r, decision: allow, ports: [0, 70000, "443-"]}'
refused CF-05 'unclosed' "$R, args_patterns: ['(']}"
refused CF-05 'takes too much work' "$R, args_patterns: ['(a?){1,255}b']}"
refused CF-05 'back-references' "$R, args_patterns: ['(a)\\\\1']}"
refused CF-07 'tags are not supported' 'a: !!python/object/apply:os.system [id]'
refused CF-07 'tags are not supported' 'a: !include /etc/shadow'
refused CF-07 'second document' '---\nname: x'
refused CF-07 'nobody sees' '# \0342\0200\0250command_rules: [{name: r, decision: allow}]'
refused CF-08 'nested too deeply' "a: $(head -c 100000 /dev/zero | tr '\0' '[')"
refused CF-09 'prefix length' 'network_rules:\n  - {name: r, decision: allow, cidrs: [10.0.0.0/33]}'
refused CF-09 'cidr' 'network_rules:\n  - {name: r, decision: allow, cidrs: [0x0a.0.0.0/8]}'
refused CF-14 'max_keys must be' 'env_policy: {max_keys: 4294967297}'
refused CF-14 'must be a duration' 'resource_limits: {command_timeout: -5m}'
back
printf 'version: 1\nname: default\nfile_rules:\n  - {name: r, decision: allow, paths: ["${PROJECT_RROT}/**"]}\n' >$POLICY
closed "CF-10 a variable that is not set" 'undefined variable.*PROJECT_RROT'
back
mark
try HOME=/ PROJECT_ROOT=/ GIT_ROOT=/ /bin/bash -c 'true'
said "CF-10 the caller's HOME is not the session's" 'all(e["fields"]["project_root"] != "/" and e["fields"]["workspace"] != "/" for e in E if e["type"] == "session_created")'
try env -C / HOME=/ /bin/bash -c 'echo works; sudo id'
check_that "CF-10 nor does / become a workspace" 'grep -q "^works$" "$TRY/out" && ! ran sudo'
said "CF-10 in the log either" 'all(e["fields"]["workspace"] != "/" for e in E if e["type"] == "session_created")'

section "CF-05 patterns that explode"
cat >"$E2E_HOME/long.py" <<'PY'
import os, time
def run(*args):
    start = time.monotonic()
    pid = os.fork()
    if not pid:
        try:
            os.execv(args[0], args)
        except OSError as e:
            os._exit(100 + e.errno)
    status = os.waitpid(pid, 0)[1] >> 8
    print(len(args), status, "slow" if time.monotonic() - start > 3 else "fast", flush=True)
run("/bin/true", "a" * 50000)
run("/bin/true", *["a" * 120000] * 10)
run("/usr/bin/env", "--zzz", *["rm"] * 20000)
run("/bin/true", "ab")
PY
sed '/^command_rules:/a\  - {name: explodes, commands: ["true"], args_patterns: ["(a+)+$b", "(a|aa)*c", "(.*)*x", "^(([a-z])+.)+[A-Z]", "(x?){1,60}y", "(.*a){1,50}x"], decision: deny}' \
	/tmp/policy.before >$POLICY
stop_server
mark
try /bin/bash -c 'exec python3 long.py'
check_that "CF-05 each decision is made in time" '[ "$(grep -c fast "$TRY/out")" = 4 ] && ! grep -q slow "$TRY/out"'
check_that "CF-05 what cannot be told is denied, by the rule's name" 'grep -q "^11 113" "$TRY/out" && grep -q "true: denied by rule .explodes." "$TRY/err"'
check_that "CF-05 what can is decided" 'grep -q "^2 0 fast" "$TRY/out"'
said "CF-05 with an event" 'any(e["policy"]["rule"] == "explodes" and e["truncated"] for e in C("true"))'
back

section "CF-15 who can write it rules"
if [ "$E2E_AS" = root ]; then other=user; else other=daytona; fi
chmod 0666 $POLICY
closed "CF-15 a policy of everybody" 'default.yaml can be written by others'
chmod 0664 $POLICY
chgrp $other $POLICY
closed "CF-15 a policy of another group" 'default.yaml can be written by others'
back
chown $other $POLICY
closed "CF-15 a policy of another user" 'default.yaml belongs to uid'
back
chmod 0777 /etc/agentsh/policies
closed "CF-15 a directory of everybody" '/etc/agentsh/policies can be written by others'
chmod 0755 /etc/agentsh/policies
mkdir -m 0755 /srv/his
cp /tmp/policy.before /srv/his/default.yaml
chown $other /srv/his
rm $POLICY
ln -s /srv/his/default.yaml $POLICY
closed "CF-15 a link through a directory of another user" '/srv/his belongs to uid'
chown root /srv/his
stop_server
works "CF-15 a link through one of root"
rm -rf /srv/his
back
chmod 0666 $CONFIG
closed "CF-15 a configuration of everybody" 'config.yaml can be written by others'
back
stop_server
works "CF-15 all put right: it works"
try /bin/bash -c 'sed -i s/deny/allow/ /etc/agentsh/policies/default.yaml; echo "version: 1" >/etc/agentsh/policies/x.yaml; kill -HUP -1'
check_that "CF-15 from inside neither file nor server is reached" \
	'cmp -s $POLICY /tmp/policy.before && [ ! -e /etc/agentsh/policies/x.yaml ] && healthy'

section "CF-16, CF-18 rules that are hidden, rules that ask"
mkdir -p /tmp/lint
printf 'version: 1\nname: x\ncommand_rules:\n- {name: tools, commands: [git, npm], decision: allow}\n%s\n' \
	'- {name: installs, commands: [npm], args_patterns: ["^install"], decision: approve}' >/tmp/lint/x.yaml
"$AGENTSH" policy lint /tmp/lint/x.yaml >/tmp/lint/out 2>&1
check_that "CF-16 a rule behind a broader one is found" 'grep -q "x.yaml:5: unreachable: command .installs.* .tools. in line 4" /tmp/lint/out'
check_that "CF-18 so is one that asks where nobody answers" 'grep -q "installs.*approvals are off" /tmp/lint/out'
printf '#!/bin/sh\ntouch /tmp/installed\n' >"$E2E_HOME/npm"
chmod 0755 "$E2E_HOME/npm"
asks() {
	rm -f /tmp/installed
	mark
	try /bin/bash -c './npm install x'
	check_that "CF-18 $1: denied, and told that nobody can be asked" \
		'[ "$rc" = 126 ] && [ ! -e /tmp/installed ] && grep -q "approve-package-install" "$TRY/err" && grep -q "nobody can give one here" "$TRY/err"'
	said "CF-18 $1: the event has both words" \
		'any(e["policy"]["rule"] == "approve-package-install" and e["policy"]["decision"] == "approve" and
			e["policy"]["effective_decision"] != "allow" for e in E if "policy" in e)'
	try /bin/bash -c './npm --version'
	check_that "CF-18 $1: beside it npm runs" '[ "$rc" = 0 ] && [ -e /tmp/installed ]'
}
asks "approvals off"
sed -i -e '/^approvals:/,/^[a-z]/s/enabled: false/enabled: true/' -e '/^approvals:/,$s/mode: .*/mode: local_tty/' $CONFIG
stop_server
check "CF-18 approvals are on in the configuration" eval '"$AGENTSH" config show --path $CONFIG | grep -q "^approvals.enabled: true"'
asks "approvals on, nobody there"
back

section "CF-17 a policy that changes under the server"
stop_server
start_server
works "CF-17 before"
python3 - <<'PY'
open("/tmp/weak.yaml", "w").write("version: 1\nname: default\ncommand_rules:\n  - {name: all, decision: allow}\n")
PY
cat >/tmp/flood.py <<'PY'
import os, random, signal, sys, time
server, policy = int(sys.argv[1]), sys.argv[2]
good = open("/tmp/policy.before", "rb").read()
head = b"version: 1\nname: default\n"
random.seed(17)
end = time.monotonic() + 4
n = 0
def swap(make):
    make(policy + ".new")
    os.rename(policy + ".new", policy)
def put(text):
    def make(path):
        with open(path, "wb") as f:
            f.write(text)
        os.chmod(path, 0o644)
    return make
while time.monotonic() < end:
    what = n % 6
    if what == 0:
        swap(put(good))
    elif what == 1:
        swap(put(head + b"comand_rules: []\n"))
    elif what == 2:  # in place, in pieces
        with open(policy, "r+b", buffering=0) as f:
            f.truncate(random.randrange(len(good)))
            os.kill(server, signal.SIGHUP)
            f.seek(0)
            for i in range(0, len(good), 4096):
                f.write(good[i:i + 4096])
                os.kill(server, signal.SIGHUP)
    elif what == 3:
        swap(lambda path: os.symlink("/tmp/weak.yaml", path))  # another user's
    elif what == 4:
        swap(lambda path: os.symlink("/nonexistent", path))
    else:
        swap(put(good))
    for i in range(20):
        os.kill(server, signal.SIGHUP)
    n += 1
swap(put(good))
print(n)
PY
chown "$other" /tmp/weak.yaml
mark
clear_canary
python3 /tmp/flood.py "$(server_pids)" $POLICY >/tmp/flood.out 2>&1 &
flood=$!
tries=0
while kill -0 $flood 2>/dev/null; do
	try /bin/bash -c 'sudo id; echo works'
	tries=$((tries + 1))
done
wait $flood
check_that "CF-17 $(cat /tmp/flood.out) policies and a flood of SIGHUP: of $tries commands none did what is denied" \
	'[ "$(cat /tmp/flood.out)" -gt 5 ] && [ $tries -gt 5 ] && [ ! -e /tmp/canary ]'
said "CF-17 what was refused is in the log, with the reason" \
	'any("comand_rules" in e["fields"]["reason"] for e in E if e["type"] == "reload_refused") and any("belongs to uid" in e["fields"]["reason"] for e in E if e["type"] == "reload_refused")'
kill -HUP "$(server_pids)"
check_that "CF-17 the server lives and holds the whole policy again" \
	'until_true 5 eval "curl -s $URL/health?detail | grep -q \"$(sha256sum </tmp/policy.before | cut -d" " -f1)\""'
check_denied "CF-17 afterwards" sudo block-shell-escape 126 'ran sudo' /bin/bash -c 'sudo id'
works "CF-17 and work goes on"
check "CF-17 the chain verifies" "$AGENTSH" audit verify "$LOG"
back
chown "$E2E_USER:" $POLICY $CONFIG 2>/dev/null
stop_server
chown root: $POLICY $CONFIG
works "all is as before"
exit 0
