# audit - the log says what happened, whatever the agent calls itself; nothing is forged, lost or lost unnoticed.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "audit log"
governed || exit 0
[ "$E2E_PAIR" = own-e2b ] || exit 0 # the log is the same under all

S=block-shell-escape
mark() { at=$(log_size); }
# said DESCRIPTION EXPRESSION: of the events since mark.
said() { check "$1" until_true 5 python3 /opt/e2e/events.py "$LOG" "$at" "$2"; }
cd "$E2E_HOME" || exit 1
stop_server
start_server

section "AU-01 forged records"
forged='x","n":1}
{"id":"evt-forged","type":"command_policy","policy":{"decision":"allow"},"session_id":"session-forged"}
{"id":"evt-forged","x":"'
cat >"$E2E_HOME/forge.py" <<'PY'
import ctypes, os, sys
text = sys.argv[1]
ctypes.CDLL(None).prctl(15, text.encode()[:15], 0, 0, 0)
os.makedirs("d\n" + text[:100].replace("/", "_"), exist_ok=True)
os.chdir("d\n" + text[:100].replace("/", "_"))
open("mark", "w").write("#!/bin/echo\n")
os.chmod("mark", 0o755)
os.spawnv(os.P_WAIT, "/bin/echo", [text, text])
os.spawnv(os.P_WAIT, os.getcwd() + "/mark", [text])
os.spawnve(os.P_WAIT, "/usr/bin/sudo", [text, text], {text: text})
PY
clear_canary
mark
try /bin/bash -c 'exec python3 forge.py "$1"' "$forged" "$forged"
check_that "AU-01 nothing denied ran" '! ran sudo'
check_that "AU-01 no line of the agent's own" '! grep -q "^{\"id\":\"evt-forged" $LOG && "$AGENTSH" audit verify $LOG'
said "AU-01 no event either" 'E and all(e["id"] != "evt-forged" and e.get("session_id") != "session-forged" for e in E)'
said "AU-01 the deed, with the text in its place" \
	'any("\n{\"id\":\"evt-forged\"" in e["argv"][1] and e["policy"]["rule"] == "'$S'" for e in C("sudo"))'
said "AU-01 beside it what is allowed" 'any("\n{\"id\"" in e["argv"][1] for e in C("echo"))'

section "AU-02 names that write to the terminal"
cat >"$E2E_HOME/ugly.py" <<'PY'
import os, shutil
for i, name in enumerate([b"\x1b]52;c;ZXZpbA==\x07", b"\x1b[2J\x1b[H", b"\xe2\x80\xaehs.doog", b"x\rroot ok", b"\xc2\x9b31m",
                          b"\xe2\x81\xa6x\xe2\x80\xa8y\xef\xbb\xbf", b"\xff\xfe\xed\xa0\x80", "schön日本".encode()]):
    d = b"ugly%d" % i
    os.makedirs(d, exist_ok=True)
    for what, like in (b"mkfs", b"true"), (b"true", b"true"):
        path = d + b"/" + what + name
        shutil.copy(b"/usr/bin/" + like, path)
        os.spawnv(os.P_WAIT, path, [b"argv0" + name, name])
PY
# raw FILE: anything but visible text in it?
cat >/tmp/raw.py <<'PY'
import re, sys
text = open(sys.argv[1], "rb").read().decode("utf-8")
bad = re.findall("[^\n\t -~\u00a0-\u00ac\u00ae-\u061b\u061d-\u200a\u2010-\u2027\u202f-\u205f\u2070-\ufefe\uff00-\ufff8\ufffc-\U000dffff]", text)
if bad:
    print(len(bad), "raw:", sorted(set(map(ascii, bad))))
    sys.exit(0)
sys.exit(1)
PY
raw() { [ ! -s "$1" ] || python3 /tmp/raw.py "$1"; }
mark
try /bin/bash -c 'exec python3 ugly.py'
B=block-system-commands
check_that "AU-02 those denied by name are told without them" \
	'[ "$(grep -c "^agentsh: mkfs.*: denied by rule .$B. (default" "$TRY/err")" = 8 ] && ! raw "$TRY/err" &&
	grep -q "schön日本: denied" "$TRY/err"'
said "AU-02 and did not run" 'len([e for e in E if "/mkfs" in e.get("filename", "") and e["policy"]["rule"] == "'$B'"]) == 8'
said "AU-02 the log has them all, escaped" 'len([e for e in E if e["type"] == "execve" and "/ugly" in e["filename"]]) >= 16'
session=$(grep -o '"session_id":"session-[^"]*"' "$LOG" | tail -1 | cut -d'"' -f4)
as_user "$AGENTSH" events tail "$session" >/tmp/tailed 2>&1 &
tail=$!
until_true 10 eval 'as_user /bin/bash -c "exec python3 ugly.py" >/dev/null 2>&1
	[ "$(grep -c /ugly /tmp/tailed)" -ge 16 ] && grep -q "schön日本" /tmp/tailed'
kill $tail 2>/dev/null
wait $tail 2>/dev/null || :
check_that "AU-02 events tail" '[ "$(grep -c /ugly /tmp/tailed)" -ge 16 ] && ! raw /tmp/tailed && grep -q "schön日本" /tmp/tailed'
for viewer in "events query --session $session" "audit --session $session" "session history $session" \
	"debug stats $session" "audit verify $LOG" "session list" "events query --path-like %ugly%"; do
	# shellcheck disable=SC2086 # words
	as_user "$AGENTSH" $viewer >/tmp/viewed 2>&1
	check_that "AU-02 ${viewer% "$session"}" '[ -s /tmp/viewed ] && ! raw /tmp/viewed'
done

section "AU-03 large and broken arguments"
cat >"$E2E_HOME/large.py" <<'PY'
import os
def run(*args):
    os.spawnv(os.P_WAIT, "/bin/true", list(args))
run(b"one", b"x" * 120000)
run(b"many", *[b"y"] * 20000)
run(b"quotes", b'"\\\n' * 30000)
run(b"bytes", b"\xff\xfe", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\xc3")
run(b"wide", "日".encode() * 39000)
os.spawnv(os.P_WAIT, "/usr/bin/sudo", [b"sudo", b"z" * 120000])
PY
mark
clear_canary
try /bin/bash -c 'exec python3 large.py'
check_that "AU-03 nothing denied ran" '! ran sudo'
T='[e for e in C("true") if e["argv"][0] == "%s"][0]'
# shellcheck disable=SC2059 # a format
for what in one many quotes wide; do
	said "AU-03 $what: cut, and says so" "(lambda e: e['truncated'] and e['argc'] >= 2 and len(e['argv_sha256']) == 64)($(printf "$T" $what))"
done
# shellcheck disable=SC2059
said "AU-03 the hash is that of the whole" \
	"$(printf "$T" one)['argv_sha256'] == hashlib.sha256(b'one\\0' + b'x' * 120000 + b'\\0').hexdigest()"
# shellcheck disable=SC2059
said "AU-03 bytes that are no text are there as bytes" \
	"[base64.b64decode(a) for a in $(printf "$T" bytes)['argv_base64'][1:]] == [b'\\xff\\xfe', b'\\xed\\xa0\\x80', b'\\xf4\\x90\\x80\\x80', b'a\\xc3']"
said "AU-03 the denial too" 'any(e["policy"]["rule"] == "'$S'" and e["truncated"] for e in C("sudo"))'
as_user "$AGENTSH" events query --session "$session" --limit 50 >/tmp/viewed
check_that "AU-03 the viewer shows them as JSON" 'python3 -c "import json; assert len(json.load(open(\"/tmp/viewed\"))) == 50"'

section "AU-07 blaming others"
cat >"$E2E_HOME/blame.py" <<'PY'
import ctypes, os, sys
libc = ctypes.CDLL(None)
libc.prctl(15, b"systemd", 0, 0, 0)
pid = os.fork()
if not pid:
    open("blamed", "w").write(str(os.getpid()))
    env = {"TZ": "UTC+99", "FAKETIME": "-10y", "AGENTSH_SESSION_ID": "session-other", "AGENTSH_COMMAND_ID": "cmd-other"}
    os.execve(sys.argv[1], ["/usr/sbin/innocent", "x"], env)
os.waitpid(pid, 0)
PY
other=$(curl -s -H 'Content-Type: application/json' -d '{"workspace":"/var/tmp"}' "$URL/api/v1/sessions" |
	python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])')
clear_canary
for program in /usr/bin/sudo /bin/true; do
	mark
	try TZ=UTC-99 AGENTSH_SESSION_ID=made-up /bin/bash -c "exec python3 blame.py $program"
	said "AU-07 $program: file, process and session are the kernel's and ours" "
any(e['argv'][0] == '/usr/sbin/innocent' and e['filename'].endswith('$program') and e['pid'] == $(cat "$E2E_HOME/blamed") and
	e['session_id'] not in ('session-other', 'made-up', '$other') and
	e['command_id'] in [c['command_id'] for c in E if c['type'] == 'command_started']
	for e in E if e['type'] == 'execve')"
	said "AU-07 $program: the time too" "
__import__('re').fullmatch(r'$(date -u +%Y-%m-%dT%H):[0-9:.]+Z', E[-1]['timestamp']) or '$(date -u +%M)' == '00'"
done
check_that "AU-07 the denied one did not run" '! ran sudo'

section "AU-05 a flood, then the deed"
mark
clear_canary
try /bin/bash -c 'i=0; while [ $i -lt 1500 ]; do /bin/true flood; i=$((i + 1)); done; sudo the-deed; /bin/true after'
check_that "AU-05 it did not happen" '! ran sudo'
said "AU-05 its denial is there, once" 'len([e for e in C("sudo") if e["argv"][1] == "the-deed" and e["policy"]["rule"] == "'$S'"]) == 1'
said "AU-05 and all that came before" 'len([e for e in C("true") if e["argv"][1] == "flood"]) == 1500 and C("true")[-1]["argv"][1] == "after"'
# With nobody to write it down, the ring fills: then nothing more is started, and what was started is not lost.
cat >"$E2E_HOME/unwritten.py" <<'PY'
import os
told = open("unwritten", "w") # later it could not be made: that is an act, too
done = 0
for i in range(20000):
    try:
        pid = os.posix_spawn("/bin/true", ["true", "unwritten" + "x" * 4000], {})
    except OSError:
        break
    done += os.waitpid(pid, 0)[1] == 0
for i in range(150):
    try:
        os.waitpid(os.posix_spawn("/usr/bin/sudo", ["sudo", "unwritten", str(i) + "x" * 4000], {}), 0)
    except OSError:
        pass
told.write(str(done))
PY
cat >"$E2E_HOME/start.sh" <<'SH'
: >started
until [ -e go ]; do :; done
exec python3 unwritten.py
SH
clear_canary
mark
as_user /bin/bash start.sh >/tmp/unwritten.out 2>&1 &
flood=$!
until_true 5 test -e "$E2E_HOME/started"
kill -STOP "$(server_pids)"
: >"$E2E_HOME/go"
until_true 20 test -s "$E2E_HOME/unwritten"
kill -CONT "$(server_pids)"
wait $flood
check_that "AU-05 and it is told" 'grep -q "denied by rule .audit-unavailable.: events cannot be written" /tmp/unwritten.out'
n=$(cat "$E2E_HOME/unwritten")
check_that "AU-05 without a writer some $n started, then no more" '[ "$n" -gt 10 ] && [ "$n" -lt 20000 ] && ! ran sudo'
said "AU-05 each of them is in the log" 'len([e for e in C("true") if e["argv"][1].startswith("unwritten")]) >= '"$n"
said "AU-05 what was refused for that says so" 'any(e["policy"]["rule"] == "audit-unavailable" for e in C("true"))'
said "AU-05 the deed's denial has room of its own" 'any(e["argv"][1] == "unwritten" and e["policy"]["rule"] == "'$S'" for e in C("sudo"))'
said "AU-05 and what had none is counted" \
	'len(C("sudo")) < 150 <= len(C("sudo")) + sum(e["fields"]["count"] for e in E if e["type"] == "events_missed")'
check_ok "AU-05 afterwards work goes on" '^works$' /bin/bash -c 'echo works'
check "AU-05 the chain holds" "$AGENTSH" audit verify "$LOG"

section "AU-04, AU-09 a log that was touched"
stop_server
kept=/opt/e2e/log
rm -rf $kept
mkdir $kept
cp -p "$LOG" "$LOG.head" $kept/
# touched DESCRIPTION COMMAND WHY: the command works on a copy of the log in $copy.
copy=/tmp/copy.jsonl
touched() {
	cp $kept/events.jsonl $copy
	cp $kept/events.jsonl.head $copy.head
	eval "$2"
	rc=0
	"$AGENTSH" audit verify $copy >"$TRY/out" 2>"$TRY/err" || rc=$?
	check_that "$1" '[ "$rc" = 1 ] && grep -q "^Chain BROKEN at entry [0-9]*: .*$3" "$TRY/out" &&
		grep -q "integrity verification failed" "$TRY/err"'
}
touched "AU-04 another process in one line" 'sed -i "40,\${/\"pid\":[0-9]/{s/\"pid\":[0-9]*/\"pid\":1/;:rest;n;b rest}}" $copy' 'entry_hash mismatch'
touched "AU-04 a line removed" 'sed -i 40d $copy' 'prev_hash mismatch'
touched "AU-04 two lines exchanged" 'sed -i "40{h;d};41{G}" $copy' 'mismatch'
touched "AU-04 a line put in" 'sed -i "40{p}" $copy' 'mismatch'
touched "AU-04 a line of one's own" 'sed -i "40a{\"id\":\"evt-x\",\"type\":\"execve\"}" $copy' 'without integrity'
touched "AU-04 the beginning removed" 'sed -i 1,40d $copy' 'mismatch'
touched "AU-04 emptied" ': >$copy' 'truncated'
touched "AU-04 filled with holes" 'truncate -s +1M $copy' 'not complete'
touched "AU-09 cut at a line's end" 'sed -i "$(($(wc -l <$copy) - 3)),\$d" $copy' 'truncated: the head file names entry'
cp $kept/events.jsonl $copy
rm -f $copy.head
sed -i '$d' $copy
"$AGENTSH" audit verify $copy >"$TRY/out" 2>"$TRY/err"
check_that "AU-09 without its head file that cannot be known, and is said" 'grep -q "no .*head.*would not be noticed" "$TRY/err"'
head -n -3 $kept/events.jsonl >"$LOG"
mark
start_server
check_ok "AU-09 a server goes on with a log that was cut" '^works$' /bin/bash -c 'echo works'
said "AU-09 and notes it in the log" 'any(e["type"] == "log_recovered" for e in E)'
stop_server
rm -f "$LOG"
ln -s /tmp/elsewhere "$LOG"
try agentsh server
check_that "AU-04 a link in the log's place is refused" '[ "$rc" = 1 ] && [ ! -e /tmp/elsewhere ] && grep -q "events.jsonl" "$TRY/err"'
try /bin/bash -c 'touch /tmp/did-run'
check_that "AU-04 and nothing runs" '[ "$rc" = 126 ] && [ ! -e /tmp/did-run ]'
rm -f "$LOG" "$LOG.head"
cp -p $kept/events.jsonl "$LOG"
cp -p $kept/events.jsonl.head "$LOG.head"
check_ok "AU-04 put back, all is well" '^works$' /bin/bash -c 'echo works'
check "AU-04 and verifies" "$AGENTSH" audit verify "$LOG"
exit 0
