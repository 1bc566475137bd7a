#!/bin/bash
# files_masks - what a session makes has the modes it has natively, though the supervisor remembers masks:
# after umask(2), in subshells, and where a thread with a mask of its own becomes its process's only one.
. "$(dirname "$0")/../t.sh"
needs root setpriv python3

USER_ID=$((30000 + $$ % 30000)) # of this test alone
cp "$AGENTSH" "$TMP/agentsh"
cat >"$TMP/files.yaml" <<'EOF'
version: 1
name: files
file_rules:
  - {name: elsewhere, paths: ["/srv/**"], operations: ["*"], decision: deny}
  - {name: allow-rest, paths: ["**"], operations: ["*"], decision: allow}
command_rules:
  - {name: allow-commands, commands: ["*"], decision: allow}
EOF
cat >"$TMP/masks.py" <<'EOF'
import ctypes, os, threading

CLONE_FS = 0x200
SHELL = ": >e; : >f; umask 027; : >g; mkdir g.d; (umask 0; : >h; mkdir h.d); : >i; sh -c ': >j'"


def make(name):
    os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))


def other():
    if ctypes.CDLL(None).unshare(CLONE_FS):
        os._exit(3)
    os.umask(0o077)
    make("c")
    made.set()
    ready.wait()
    make("d")
    os.execv("/bin/sh", ["sh", "-c", SHELL])


os.umask(0o022)
make("a")
made, ready = threading.Event(), threading.Event()
threading.Thread(target=other).start()
made.wait()
for n in range(20):
    make("b%d" % n)
ready.set()
threading.Event().wait()
EOF
chmod -R a+rX "$TMP"
chmod 1777 "$TMP"

# modes DIR COMMAND…: of all that the program makes there.
modes() {
	mkdir -m 777 "$1"
	(cd "$1" && shift &&
		setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@" /usr/bin/python3 "$TMP/masks.py")
	(cd "$1" && stat -c '%n %a' ./* 2>/dev/null)
}

for uid in $USER_ID 0; do
	modes "$TMP/native.$uid" >"$TMP/expected"
	modes "$TMP/judged.$uid" "$TMP/agentsh" run --judge-files --policy "$TMP/files.yaml" -- >"$TMP/got"
	who=$([ "$uid" = 0 ] && echo 0 || echo user)
	is "uid $who: all is made" "$(wc -l <"$TMP/expected")" 31
	is "uid $who: modes as natively" "$(cat "$TMP/got")" "$(cat "$TMP/expected")"
done
