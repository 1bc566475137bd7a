#!/bin/bash
# fuse_alike - a view that judges alone and a supervisor that judges calls answer alike: every act, in a
# directory where one operation is denied, out of it, into it and across.
. "$(dirname "$0")/../t.sh"
needs root python3 fuse
. "$(dirname "$0")/../view.sh"

cd / || exit 1
OPERATIONS='read write create delete rename chmod mkdir rmdir symlink link truncate list stat'
chmod 755 "$TMP"
cat >"$TMP/acts.py" <<'END'
"""usage: fill|act DIR OPERATION...: OPERATION/NAME=errno of each act; all of them have files of their own."""
import ctypes, os, sys
from acting import act, to

libc = ctypes.CDLL(None, use_errno=True)
how, top, operations = sys.argv[1], sys.argv[2], sys.argv[3:]
os.chdir(top)


def swap(one, other):
    if libc.renameat2(-100, one.encode(), -100, other.encode(), 2) < 0:
        raise OSError(ctypes.get_errno(), "exchange")


def named(directory, name):
    fd = os.open(directory, os.O_TMPFILE | os.O_RDWR)
    if libc.linkat(-100, b"/proc/self/fd/%d" % fd, -100, name.encode(), 0x400) < 0:
        raise OSError(ctypes.get_errno(), "link")


# c and f: a file in the directory, and one outside; d and e: directories likewise; n and m: nothing yet.
ACTS = {
    "read": lambda c, f, d, e, n, m: to(c, os.O_RDONLY),
    "write": lambda c, f, d, e, n, m: to(c, os.O_WRONLY),
    "read-and-write": lambda c, f, d, e, n, m: to(c, os.O_RDWR),
    "append": lambda c, f, d, e, n, m: to(c, os.O_WRONLY | os.O_APPEND),
    "cut-by-open": lambda c, f, d, e, n, m: to(c, os.O_RDONLY | os.O_TRUNC),
    "cut": lambda c, f, d, e, n, m: os.truncate(c, 1),
    "make": lambda c, f, d, e, n, m: to(n, os.O_WRONLY | os.O_CREAT),
    "make-to-read": lambda c, f, d, e, n, m: to(n, os.O_RDONLY | os.O_CREAT | os.O_EXCL),
    "make-there": lambda c, f, d, e, n, m: to(c, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    "mkdir": lambda c, f, d, e, n, m: os.mkdir(n),
    "fifo": lambda c, f, d, e, n, m: os.mkfifo(n),
    "symlink": lambda c, f, d, e, n, m: os.symlink("x", n),
    "nameless": lambda c, f, d, e, n, m: named(os.path.dirname(c), n),
    "nameless-in": lambda c, f, d, e, n, m: named(os.path.dirname(f), n),
    "remove": lambda c, f, d, e, n, m: os.unlink(c),
    "rmdir": lambda c, f, d, e, n, m: os.rmdir(d + "/empty"),
    "list": lambda c, f, d, e, n, m: os.listdir(d),
    "mode": lambda c, f, d, e, n, m: os.chmod(c, 0o600),
    "mode-of-directory": lambda c, f, d, e, n, m: os.chmod(d, 0o700),
    "owner": lambda c, f, d, e, n, m: os.chown(c, 1, 1),
    "times": lambda c, f, d, e, n, m: os.utime(c, (1, 1)),
    "attribute": lambda c, f, d, e, n, m: os.setxattr(c, "user.a", b"1"),
    "no-attribute": lambda c, f, d, e, n, m: os.removexattr(c, "user.had"),
    "move-here": lambda c, f, d, e, n, m: os.rename(c, n),
    "move-out": lambda c, f, d, e, n, m: os.rename(c, m),
    "move-in": lambda c, f, d, e, n, m: os.rename(f, n),
    "move-over": lambda c, f, d, e, n, m: os.rename(f, c),
    "move-onto": lambda c, f, d, e, n, m: os.rename(c, f),
    "exchange-out": lambda c, f, d, e, n, m: swap(c, f),
    "exchange-in": lambda c, f, d, e, n, m: swap(f, c),
    "directory-out": lambda c, f, d, e, n, m: os.rename(d, m),
    "directory-in": lambda c, f, d, e, n, m: os.rename(e, n),
    "directories-out": lambda c, f, d, e, n, m: swap(d, e),
    "directories-in": lambda c, f, d, e, n, m: swap(e, d),
    "file-for-directory": lambda c, f, d, e, n, m: swap(f, d),
    "directory-for-file": lambda c, f, d, e, n, m: swap(e, c),
    "link-here": lambda c, f, d, e, n, m: os.link(c, n),
    "link-out": lambda c, f, d, e, n, m: os.link(c, m),
    "link-in": lambda c, f, d, e, n, m: os.link(f, n),
}

for operation in operations:
    for name in ACTS:
        # A file that never had a name is judged by calls as if it had one where it was made.
        if name == "nameless" and operation in ("read", "write"):
            continue
        here, there = "no-%s/%s" % (operation, name), "free/%s-%s" % (operation, name)
        files = here + "-c", there + "-f"
        trees = here + "-d", there + "-e"
        if how == "fill":
            for path in files:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                open(path, "w").close()
                os.setxattr(path, "user.had", b"1")
            for path in trees:
                os.makedirs(path + "/empty")
                open(path + "/f", "w").close()
        else:
            act(operation + "/" + name, lambda: ACTS[name](*files, *trees, here + "-n", there + "-m"))
END

# made NAME OPERATION...: a tree, and rules of which each denies one operation in a directory of its own.
made() {
	dir=$TMP/$1
	shift
	mkdir "$dir"
	python3 "$TMP/acts.py" fill "$dir" $OPERATIONS || exit 1
	printf '%s\n' 'version: 1' 'name: alike' 'file_rules:'
	for o; do
		printf '  - {name: no-%s, paths: ["%s/no-%s/**"], operations: [%s], decision: deny}\n' \
			"$o" "$dir" "$o" "$o"
	done
	printf '%s\n' '  - {name: rest, paths: ["**"], operations: ["*"], decision: allow}' 'command_rules:' \
		'  - {name: commands, commands: ["*"], decision: allow}'
}
# left: the tree, as it is then.
left() { (cd "$dir" && find . ! -path '*trash*' -printf '%p %y %m %U %s\n' | sort); }

made calls $OPERATIONS >"$TMP/calls.yaml"
"$AGENTSH" run --judge-files --policy "$TMP/calls.yaml" -- python3 "$TMP/acts.py" act "$dir" $OPERATIONS \
	>"$TMP/calls.out" 2>"$TMP/calls.err"
left >"$TMP/calls.left"

made view $OPERATIONS >"$TMP/view.yaml"
show_view "$dir" --policy "$TMP/view.yaml"
python3 "$TMP/acts.py" act "$dir" $OPERATIONS >"$TMP/view.out" 2>&1
hide
left >"$TMP/view.left"

made free >"$TMP/free.yaml"
show_view "$dir" --policy "$TMP/free.yaml"
python3 "$TMP/acts.py" act "$dir" $OPERATIONS >"$TMP/free.out" 2>&1
hide

for o in $OPERATIONS; do
	is "$o denied: alike" "$(grep "^$o/" "$TMP/view.out")" "$(grep "^$o/" "$TMP/calls.out")"
done
is "the same is left" "$(cat "$TMP/view.left")" "$(cat "$TMP/calls.left")"
is "without rules all of it happens" "$(grep -v '=0$' "$TMP/free.out")" ""
is "with them much is refused" "$([ "$(grep -c '=EACCES$' "$TMP/view.out")" -gt 70 ] && echo much)" much
is "and nothing fails otherwise" "$(grep -v -e '=0$' -e '=EACCES$' "$TMP/view.out")" ""
is "nothing was complained of" "$(cat "$TMP/err")" ""
