"""Say all that a tree is, or make one to lose.

usage: tree.py show DIR      a line an object: type, mode, owner, time, size, links, xattrs, hash
       tree.py shape DIR     the same of what two runs make alike: no times of today, not what holds such times
       tree.py make DIR N    N files, and one of each kind there is
       tree.py deepen DIR N  N directories, one in the other, of the longest names, with a file in each
"""
import fnmatch
import hashlib
import os
import stat
import sys
import time

os.chdir(sys.argv[2])


# Times, numbers of inodes or the order of two writers are in them.
VAGUE = (b"*/.git/*index", b"*/.git/modules/*index", b"*.pack", b"*.idx", b"*.rev", b"*.pyc", b"*/db", b"*.un~")

STORE = b".agentsh_trash"


def show(alike):
    first = {}
    today = (time.time() - 86400) * 10 ** 9
    for place, dirs, files, at in os.fwalk(b"."):
        dirs[:] = sorted(d for d in dirs if not (alike and d == STORE))
        for name in sorted(dirs + files):
            path = os.path.join(place, name)
            st = os.lstat(name, dir_fd=at)
            here = b"/proc/self/fd/%d/%s" % (at, name)
            kind = stat.S_IFMT(st.st_mode)
            line = [path, "%o" % st.st_mode, st.st_uid, st.st_gid]
            # A directory's own time is that of its last entry's coming back.
            if kind != stat.S_IFDIR:
                line += ["now" if alike and st.st_mtime_ns > today else st.st_mtime_ns]
                # Of a file that lost a name here, the kept name counts as one.
                line += [first.setdefault(st.st_ino, path)] + [st.st_nlink] * (not alike)
            if kind == stat.S_IFREG and not (alike and any(fnmatch.fnmatchcase(path, v) for v in VAGUE)):
                line.append(st.st_size)
                try:
                    line.append(hashlib.sha256(open(here, "rb").read()).hexdigest())
                except PermissionError:  # a user's view, whom the mode keeps out
                    line.append("closed")
            if kind == stat.S_IFLNK:
                line.append(os.readlink(here))
            else:
                names = [] if "closed" in line else sorted(os.listxattr(here))
                line += [(x, os.getxattr(here, x)) for x in names if x.startswith("user.")]
            print(*line)


def make(count):
    for i in range(count):
        place = "d%d/e%d" % (i % 7, i % 31)
        os.makedirs(place, exist_ok=True)
        with open("%s/f%d" % (place, i), "w") as f:
            f.write("file %d\n" % i * (i % 50))
        os.utime(f.name, ns=(i * 10 ** 12 + 123456789, i * 10 ** 12 + 987654321))
    os.chmod("d1/e1/f1", 0o4711)
    os.chmod("d2", 0o2750)
    os.link("d1/e1/f1", "d2/hard")
    os.symlink("../d1/e1/f1", "d3/link")
    os.symlink("nowhere", "dangling")
    os.mkfifo("fifo", 0o640)
    os.mkdir("empty", 0o711)
    os.setxattr("d4/e4/f4", "user.note", b"kept\0too")
    with open("sparse", "wb") as f:
        f.truncate(1 << 20)
        f.seek(1 << 19)
        f.write(b"middle")
    for name in (b"new\nline", b"-dash", b"\xff\xfe", b"n" * 255):
        open(name, "wb").write(name)
    for name in (b"d3/link", b"dangling", b"fifo", b"sparse", b"new\nline", b"\xff\xfe"):
        os.utime(name, ns=(10 ** 18 + 1, 10 ** 18 + 2), follow_symlinks=False)


def deepen(count):
    name = "deep"
    for i in range(count):
        os.mkdir(name)
        os.chdir(name)
        open("f", "w").write("at %d\n" % i)
        name = "n" * 255


if sys.argv[1] == "make":
    make(int(sys.argv[3]))
elif sys.argv[1] == "deepen":
    deepen(int(sys.argv[3]))
else:
    show(sys.argv[1] == "shape")
