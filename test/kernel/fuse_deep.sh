#!/bin/bash
# fuse_deep - directories in a view whose names are longer than paths may be (PATH_MAX): what can be done in
# a plain directory can be done there, by the rules that hold higher up, too; what they deny does not happen.
. "$(dirname "$0")/../t.sh"
needs root python3 fuse
. "$(dirname "$0")/../view.sh"

cd / || exit 1
chmod 755 "$TMP"
cat >"$TMP/lab.yaml" <<'END'
version: 1
name: lab
file_rules:
  - {name: no-env, paths: ["**/.env"], operations: ["*"], decision: deny}
  - {name: no-closed, paths: ["${PROJECT_ROOT}/**/closed/**"], operations: ["*"], decision: deny}
  - {name: no-virtual, paths: ["/workspace/**/virtual/**"], operations: ["*"], decision: deny}
  - {name: work, paths: ["${PROJECT_ROOT}", "${PROJECT_ROOT}/**"], operations: ["*"], decision: allow}
END
cat >"$TMP/acts.py" <<'END'
"""usage: dig DIR [NAME]: forty directories of the longest names, the second of them named so; act DIR [NAME]:
what can be done at their end, NAME=errno each; pit DIR COUNT: a directory in a directory, short names;
fall DIR COUNT: what is done there after many others were in use, and deeper down."""
import os, sys
from acting import act, to

what, top = sys.argv[1:3]
os.chdir(top)


def names():
    middle = sys.argv[3] if len(sys.argv) > 3 else None
    return [middle if i == 1 and middle else chr(97 + i % 26) * 255 for i in range(40)]


def dig():
    for name in names():
        os.mkdir(name)
        os.chdir(name)
    for name in ("f", ".env"):
        open(name, "w").write("content")
    os.makedirs("tree/in")
    os.makedirs("shut/in")
    to("shut/in/.env", os.O_CREAT | os.O_WRONLY)


def everything():
    for name in names():
        os.chdir(name)
    at = os.open(".", os.O_PATH)
    act("list", lambda: os.listdir("."))
    act("read", lambda: to("f", os.O_RDONLY))
    act("read-.env", lambda: to(".env", os.O_RDONLY))
    act("write", lambda: to("f", os.O_WRONLY))
    act("create", lambda: to("new", os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    act("create-in-.env", lambda: to("tree/.env", os.O_WRONLY | os.O_CREAT))
    act("nameless", lambda: to(".", os.O_RDWR | os.O_TMPFILE))
    act("truncate", lambda: os.truncate("new", 0))
    act("chmod", lambda: os.chmod("new", 0o600))
    act("chmod-.env", lambda: os.chmod(".env", 0o600))
    act("times", lambda: os.utime("new", (1, 1)))
    act("xattr", lambda: os.setxattr("new", "user.x", b"1"))
    act("mkdir", lambda: os.mkdir("d", dir_fd=at))
    act("symlink", lambda: os.symlink("f", "s"))
    act("through", lambda: to("s", os.O_RDONLY))
    act("link", lambda: os.link("f", "l"))
    act("link-.env", lambda: os.link(".env", "l2"))
    act("rename", lambda: os.rename("new", "d/old"))
    act("rename-.env", lambda: os.rename(".env", "env"))
    act("rename-to-.env", lambda: os.rename("l", "tree/.env"))
    act("another", lambda: to("l3", os.O_WRONLY | os.O_CREAT))
    act("rename-over", lambda: os.rename("l3", "d/old"))
    act("rename-tree", lambda: os.rename("tree", "d/tree"))
    act("rename-tree-with-.env", lambda: os.rename("shut", "d/shut"))
    act("fifo", lambda: os.mkfifo("p"))
    act("rmdir-full", lambda: os.rmdir("d"))
    act("unlink", lambda: os.unlink("d/old"))
    act("unlink-.env", lambda: os.unlink(".env"))
    act("rmdir", lambda: os.rmdir("d/tree/in"))


def pit(count):
    os.mkdir("beside")
    for i in range(9000):
        os.makedirs("beside/%d/in" % i)
    os.mkdir("pit")
    os.chdir("pit")
    for _ in range(count):
        os.mkdir("d")
        os.chdir("d")


def fall(count):
    beside = os.open("beside", os.O_RDONLY)
    os.chdir("pit")
    for _ in range(count):
        os.chdir("d")
    for i in range(9000):
        os.stat("%d/in" % i, dir_fd=beside)
    act("create", lambda: to("f", os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    act("create-.env", lambda: to(".env", os.O_WRONLY | os.O_CREAT))
    act("rename", lambda: os.rename("f", "g"))
    for _ in range(15):
        os.mkdir("l" * 255)
        os.chdir("l" * 255)
    for name in ("l" * 254, "l" * 255, "m" * 255):
        os.path.exists(name)
    for _ in range(15):
        os.mkdir("l" * 255)
        os.chdir("l" * 255)


if what == "dig":
    dig()
elif what == "act":
    everything()
elif what == "pit":
    pit(int(sys.argv[3]))
else:
    fall(int(sys.argv[3]))
END

# show NAME WHAT [ARGUMENT]
show() {
	dir=${shm:-$TMP}/$1
	mkdir "$dir"
	python3 "$TMP/acts.py" "$2" "$dir" "${@:3}"
	list "$dir" >"$TMP/before"
	show_view "$dir" --policy "$TMP/lab.yaml" --events "$TMP/$1.events"
}
list() { find "$1" -printf '%y %m %s\n' | sort; }
denied() { # RULE TYPE
	jq -es --arg r "$1" --arg t "$2" \
		'any(.[]; .type == $t and .policy.rule == $r and .policy.effective_decision == "deny")' \
		"$TMP/${dir##*/}.events"
}

dir=$TMP/native
mkdir "$dir"
python3 "$TMP/acts.py" dig "$dir"
python3 "$TMP/acts.py" act "$dir" >"$TMP/native.out"
show open dig
python3 "$TMP/acts.py" act "$dir" >"$TMP/open.out"
is "each act is there" "$(wc -l <"$TMP/open.out")" "$(wc -l <"$TMP/native.out")"
while IFS='=' read -r name code; do
	case $name in
	*.env) is "$name is refused" "$code" EACCES ;;
	*) is "$name" "$name=$code" "$(grep "^$name=" "$TMP/native.out")" ;;
	esac
done <"$TMP/open.out"
for want in file_open file_create file_chmod file_rename file_delete; do
	ok "an event names the rule: $want" denied no-env $want
done
hide
is "the file is as it was" "$(find "$dir" -depth -name .env -path '*nn/.env' -printf '%m %s %n')" "644 7 1"

for middle in closed virtual; do
	show $middle dig $middle
	python3 "$TMP/acts.py" act "$dir" $middle >"$TMP/$middle.out" 2>&1
	is "below $middle nothing can be done" "$(cut -d= -f2 "$TMP/$middle.out" | sort -u | tr '\n' ' ')" \
		"EACCES ENOENT "
	ok "an event names it" denied no-$middle file_create
	hide
	list "$dir" | cmp - "$TMP/before"
	t_report $? "nothing happened"
done

# Deeper than the view has descriptors, and then than what is judged. In memory: a disk takes long.
shm=$(mktemp -d /dev/shm/fuse-deep.XXXXXX)
show pit pit 30000
python3 "$TMP/acts.py" fall "$dir" 30000 >"$TMP/pit.out" 2>&1
is "below 30,000 directories" "$(head -n 3 "$TMP/pit.out" | tr '\n' ' ')" \
	"create=0 create-.env=EACCES rename=0 "
has "what has too long a path is not made" "$(tail -n 1 "$TMP/pit.out")" 'File name too long'
ok "the view is there" mountpoint -q "$dir"
hide
is "nothing was complained of" "$(cat "$TMP/err")" ""
