"""every_call - one of each kind of call on files, in the current directory: prints what came of it."""
import ctypes
import fcntl
import mmap
import os
import stat
import sys

libc = ctypes.CDLL(None, use_errno=True)


def tell(name, act):
    try:
        print(name, act())
    except OSError as e:
        print(name, "errno", e.errno)


def make(name, text=b"0123456789"):
    with open(name, "wb") as f:
        f.write(text)
    return name


def mode(name):
    return oct(os.lstat(name).st_mode)


def by_fd(flags, act):
    fd = os.open("f", flags)
    try:
        return act(fd)
    finally:
        os.close(fd)


def mapped():
    with open("f", "r+b") as f, mmap.mmap(f.fileno(), 0) as m:
        m[0:3] = b"map"
        m.flush()
    return open("f", "rb").read()


def nameless():
    fd = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o640)
    os.write(fd, b"named later")
    os.link(f"/proc/self/fd/{fd}", "later", follow_symlinks=True)
    os.close(fd)
    return mode("later"), open("later").read()


def exchange():
    make("one", b"1")
    make("two", b"2")
    done = libc.renameat2(-100, b"one", -100, b"two", 2)
    return done, open("one").read(), open("two").read()


def no_replace():
    done = libc.renameat2(-100, b"one", -100, b"two", 1)
    return done, ctypes.get_errno()


def copied():
    a, b = os.open("f", os.O_RDONLY), os.open("g", os.O_CREAT | os.O_RDWR, 0o600)
    n = os.copy_file_range(a, b, 5)
    os.close(a)
    os.close(b)
    return n, open("g", "rb").read()


def holes():
    fd = os.open("holes", os.O_CREAT | os.O_RDWR, 0o600)
    os.pwrite(fd, b"end", 1 << 20)
    # Where data is may be told more or less exactly.
    found = os.lseek(fd, 0, os.SEEK_DATA) <= 1 << 20, os.pread(fd, 9, (1 << 20) - 2)
    os.close(fd)
    return found


def unlinked():
    fd = os.open("gone", os.O_CREAT | os.O_RDWR, 0o600)
    os.unlink("gone")
    os.write(fd, b"still")
    os.fchmod(fd, 0o644)
    got = os.pread(fd, 9, 0), oct(os.fstat(fd).st_mode)
    os.close(fd)
    return got


make("f")
tell("chmod", lambda: (os.chmod("f", 0o604), mode("f")))
tell("fchmod", lambda: (by_fd(os.O_RDONLY, lambda fd: os.fchmod(fd, 0o640)), mode("f")))
tell("chown", lambda: os.chown("f", os.getuid(), os.getgid()))
tell("chown root", lambda: os.chown("f", 0, 0) if os.getuid() else "is root")
tell("utime", lambda: (os.utime("f", ns=(5, 7)), os.stat("f").st_mtime_ns))
tell("futime", lambda: (by_fd(os.O_RDWR, lambda fd: os.utime(fd, ns=(5, 9))), os.stat("f").st_mtime_ns))
tell("append", lambda: by_fd(os.O_WRONLY | os.O_APPEND, lambda fd: os.write(fd, b"more")))
tell("pwrite", lambda: by_fd(os.O_RDWR, lambda fd: (os.pwrite(fd, b"X", 2), os.pread(fd, 4, 1))))
tell("pwritev", lambda: by_fd(os.O_RDWR, lambda fd: os.pwritev(fd, [b"Y", b"Z"], 3)))
tell("truncate", lambda: (os.truncate("f", 8), os.stat("f").st_size))
tell("ftruncate", lambda: by_fd(os.O_RDWR, lambda fd: (os.ftruncate(fd, 9), os.fstat(fd).st_size)))
tell("fallocate", lambda: by_fd(os.O_RDWR, lambda fd: (os.posix_fallocate(fd, 0, 20), os.fstat(fd).st_size)))
tell("O_TRUNC", lambda: (make("f"), os.stat("f").st_size))
tell("fsync", lambda: by_fd(os.O_RDWR, lambda fd: (os.fsync(fd), os.fdatasync(fd))))
tell("map", mapped)
tell("setxattr", lambda: (os.setxattr("f", "user.a", b"1"), os.getxattr("f", "user.a"), os.listxattr("f")))
tell("removexattr", lambda: (os.removexattr("f", "user.a"), os.listxattr("f")))
tell("fsetxattr", lambda: by_fd(os.O_RDWR, lambda fd: (os.setxattr(fd, "user.b", b"2"), os.listxattr(fd))))
tell("no xattr", lambda: os.getxattr("f", "user.none"))
tell("link", lambda: (os.link("f", "hard"), os.stat("f").st_nlink))
tell("symlink", lambda: (os.symlink("f", "soft"), os.readlink("soft"), os.lstat("soft").st_size))
tell("lutime", lambda: os.utime("soft", ns=(1, 2), follow_symlinks=False))
tell("fifo", lambda: (os.mkfifo("fifo", 0o600), stat.S_ISFIFO(os.stat("fifo").st_mode)))
tell("mkdir", lambda: (os.mkdir("d", 0o750), mode("d")))
tell("in it", lambda: (make("d/x"), sorted(os.listdir("d")), os.path.getsize("d/x")))
tell("rmdir full", lambda: os.rmdir("d"))
tell("rename", lambda: (os.rename("d/x", "moved"), os.listdir("d")))
tell("rename dir", lambda: (os.rename("d", "e"), os.path.isdir("e")))
tell("rename over", lambda: (make("over", b"old"), os.replace("moved", "over"), open("over", "rb").read()))
tell("exchange", exchange)
tell("no replace", no_replace)
tell("nameless", nameless)
tell("copy_file_range", copied)
tell("holes", holes)
tell("unlinked", unlinked)
tell("flock", lambda: by_fd(os.O_RDWR, lambda fd: fcntl.flock(fd, fcntl.LOCK_EX)))
tell("lockf", lambda: by_fd(os.O_RDWR, lambda fd: fcntl.lockf(fd, fcntl.LOCK_EX)))
tell("direct", lambda: by_fd(os.O_RDONLY | os.O_DIRECTORY, lambda fd: 0))
tell("nofollow", lambda: os.open("soft", os.O_RDONLY | os.O_NOFOLLOW))
tell("long", lambda: make("n" * 255) and len(os.listdir(".")))
tell("too long", lambda: make("n" * 256))
tell("bytes", lambda: make(b"\xff\n") and b"\xff\n" in os.listdir(b"."))
tell("statvfs", lambda: os.statvfs(".").f_namemax)
tell("rmdir", lambda: (os.rmdir("e"), os.path.exists("e")))
for name in sorted(os.listdir(b".")):
    st = os.lstat(name)
    print(name, oct(st.st_mode), st.st_nlink, st.st_size, st.st_uid == os.getuid())
    sys.stdout.flush()
