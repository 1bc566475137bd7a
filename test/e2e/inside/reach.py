"""Reach a file by one of many ways: read it, or change it or what stands beside it.

usage: reach.py read|change                       list the ways
       reach.py read|change all TOP SCRATCH       try all: a line "WAY ERROR|done|failed TEXT" each
       reach.py read|change WAY TOP SCRATCH       one of them

Way W's file is TOP/W/f, beside a directory TOP/W/empty; SCRATCH is a directory of one's own. TEXT is what was read.
"""
import ctypes
import errno
import mmap
import os
import socket
import struct
import subprocess
import sys
import tempfile

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, O_PATH = -100, os.O_PATH
NR = {"x86_64": {"openat2": 437, "fchmodat2": 452, "renameat2": 316, "linkat": 265, "creat": 85, "open": 2},
      "aarch64": {"openat2": 437, "fchmodat2": 452, "renameat2": 276, "linkat": 37}}[os.uname().machine]


def call(name, *args):
    got = libc.syscall(NR[name], *[ctypes.c_long(a) if isinstance(a, int) else a for a in args])
    if got < 0:
        raise OSError(ctypes.get_errno(), name)
    return got


def show(fd):
    os.write(1, os.read(fd, 4096))


def read(path, **how):
    show(os.open(path, os.O_RDONLY, **how))


def openat2(dirfd, path, flags, resolve):
    how = ctypes.create_string_buffer(struct.pack("QQQ", flags, 0, resolve), 24)
    return call("openat2", dirfd, path.encode(), how, 24)


def link_to(target, scratch, name="link"):
    path = os.path.join(scratch, name)
    os.symlink(target, path)
    return path


# --- reading: target, scratch ---

def r_plain(t, s): read(t)
def r_cat(t, s): subprocess.run(["cat", t], check=True)
def r_shell(t, s): subprocess.run(["/usr/bin/dash", "-c", 'while read l; do echo "$l"; done <"$1"', "x", t], check=True)
def r_copy(t, s): subprocess.run(["cp", t, s + "/copy"], check=True); read(s + "/copy")
def r_tar(t, s): subprocess.run(["tar", "-cPf", s + "/x.tar", t], check=True); read(s + "/x.tar")
def r_grep(t, s): subprocess.run(["grep", "-r", ".", os.path.dirname(t)], check=True)
def r_dots(t, s): read(s + "/../" * 20 + t)
def r_slashes(t, s): read(t.replace("/", "//"))
def r_relative(t, s): os.chdir(s); read(os.path.relpath(t, s))
def r_from_there(t, s): os.chdir(os.path.dirname(t)); read(os.path.basename(t))
def r_proc_root(t, s): read("/proc/self/root" + t)
def r_thread_root(t, s): read("/proc/thread-self/root" + t)
def r_proc_cwd(t, s): os.chdir("/"); read("/proc/self/cwd" + t)
def r_proc_pid_root(t, s): read("/proc/%d/root%s" % (os.getpid(), t))
def r_dirfd(t, s): read(os.path.basename(t), dir_fd=os.open(os.path.dirname(t), O_PATH))
def r_dirfd_root(t, s): read(t[1:], dir_fd=os.open("/", O_PATH))
def r_dirfd_dots(t, s): read("../" * 20 + t[1:], dir_fd=os.open(s, os.O_RDONLY))
def r_symlink(t, s): read(link_to(t, s))
def r_symlink_chain(t, s): read(link_to(link_to(t, s, "one"), s, "two"))
def r_symlink_dir(t, s): read(link_to(os.path.dirname(t), s) + "/" + os.path.basename(t))
def r_symlink_relative(t, s): read(link_to(os.path.relpath(t, s), s))
def r_symlink_proc(t, s): read(link_to("/proc/self/root" + t, s))
def r_symlink_late(t, s): path = link_to(s + "/later", s); os.symlink(t, s + "/later"); read(path)
def r_reopen(t, s): read("/proc/self/fd/%d" % os.open(t, O_PATH))
def r_reopen_dev(t, s): read("/dev/fd/%d" % os.open(t, O_PATH))
def r_reopen_below(t, s): read("/proc/self/fd/%d/%s" % (os.open(os.path.dirname(t), O_PATH), os.path.basename(t)))
def r_openat2(t, s): show(openat2(AT_FDCWD, t, 0, 0))
def r_openat2_root(t, s): show(openat2(os.open("/", O_PATH), t, 0, 0x10))
def r_openat2_beneath(t, s): show(openat2(os.open("/", O_PATH), t[1:], 0, 0x08))
def r_mmap(t, s): os.write(1, mmap.mmap(os.open(t, os.O_RDONLY), 0, prot=mmap.PROT_READ)[:])
def r_hard_link(t, s): os.link(t, s + "/hard"); read(s + "/hard")
def r_moved(t, s): os.rename(t, s + "/moved"); read(s + "/moved")
def r_moved_dir(t, s): os.rename(os.path.dirname(t), s + "/moved"); read(s + "/moved/" + os.path.basename(t))
def r_exchange(t, s): open(s + "/x", "w").close(); exchange(t, s + "/x"); read(s + "/x")
def r_write_too(t, s): show(os.open(t, os.O_RDWR))


# --- changing ---

def exchange(a, b): call("renameat2", AT_FDCWD, a.encode(), AT_FDCWD, b.encode(), 2)
def own(s, name="own"): open(s + "/" + name, "w").write("own\n"); return s + "/" + name


def w_append(t, s): open(t, "a").write("changed\n")
def w_write(t, s): os.write(os.open(t, os.O_WRONLY), b"changed\n")
def w_both(t, s): os.write(os.open(t, os.O_RDWR), b"changed\n")
def w_truncate(t, s): os.truncate(t, 1)
def w_truncate_reading(t, s): os.open(t, os.O_RDONLY | os.O_TRUNC)
def w_openat2(t, s): os.write(openat2(AT_FDCWD, t, os.O_WRONLY, 0), b"changed\n")
def w_mmap(t, s): mmap.mmap(os.open(t, os.O_RDWR), 0)[0:1] = b"C"
def w_reopen(t, s): os.write(os.open("/proc/self/fd/%d" % os.open(t, os.O_RDONLY), os.O_WRONLY), b"changed\n")
def w_symlink(t, s): open(link_to(t, s), "w").write("changed\n")
def w_hard_link(t, s): os.link(t, s + "/hard"); open(s + "/hard", "w").write("changed\n")
def w_unlink(t, s): os.unlink(t)
def w_away(t, s): os.rename(t, s + "/away")
def w_beside(t, s): os.rename(t, t + ".away")
def w_over(t, s): os.rename(own(s), t)
def w_exchange(t, s): exchange(own(s), t)
def w_dirfd(t, s): os.unlink(os.path.basename(t), dir_fd=os.open(os.path.dirname(t), O_PATH))
def w_chmod(t, s): os.chmod(t, 0o640)
def w_fchmod(t, s): os.fchmod(os.open(t, os.O_RDONLY), 0o640)
def w_chmod_path(t, s): call("fchmodat2", os.open(t, O_PATH), b"", 0o640, 0x1000)
def w_times(t, s): os.utime(t, (1, 1))
def w_times_fd(t, s): os.utime(os.open(t, os.O_RDONLY), (1, 1))
def w_xattr(t, s): os.setxattr(t, "user.changed", b"1")
def w_create(t, s): open(t + ".new", "w").close()
def w_mkdir(t, s): os.mkdir(t + ".new")
def w_fifo(t, s): os.mkfifo(t + ".new")
def w_node(t, s): os.mknod(t + ".new")
def w_new_symlink(t, s): os.symlink("x", t + ".new")
def w_new_link(t, s): os.link(own(s), t + ".new")
def w_new_by_rename(t, s): os.rename(own(s), t + ".new")
def w_rmdir(t, s): os.rmdir(os.path.dirname(t) + "/empty")
def w_move_dir(t, s): os.rename(os.path.dirname(t) + "/empty", s + "/empty")
def w_tmpfile(t, s): os.open(os.path.dirname(t), os.O_TMPFILE | os.O_RDWR)


def w_tmpfile_linked(t, s):
    fd = os.open(s, os.O_TMPFILE | os.O_RDWR)
    call("linkat", AT_FDCWD, b"/proc/self/fd/%d" % fd, AT_FDCWD, (t + ".new").encode(), 0x400)


def w_creat(t, s):
    call("creat", t.encode(), 0o644) if "creat" in NR else open(t, "w")


def w_tools(t, s):
    subprocess.run(["sed", "-i", "s/./changed/", t], check=True)


def w_bind(t, s): socket.socket(socket.AF_UNIX).bind(t + ".new")


prefix = {"read": "r_", "change": "w_"}[sys.argv[1]]
names = [name[2:] for name in list(globals()) if name.startswith(prefix)]


def attempt(way):
    try:
        scratch = tempfile.mkdtemp(dir=sys.argv[4])
        globals()[prefix + way]("%s/%s/f" % (sys.argv[3], way), scratch)
        return "done"
    except OSError as e:
        return errno.errorcode.get(e.errno, "?")
    except subprocess.CalledProcessError:
        return "failed"


def one(way):
    """In a process of its own, as it may move to other directories."""
    with tempfile.TemporaryFile(dir="/tmp") as out:
        pid = os.fork()
        if pid == 0:
            os.dup2(out.fileno(), 1)
            result = attempt(way)
            os.write(1, b"\n" + result.encode())
            os._exit(0)
        os.waitpid(pid, 0)
        out.seek(0)
        text, _, result = out.read().rpartition(b"\n")
        print(way, result.decode(), text[:2000].replace(b"\n", b" ").replace(b"\0", b"").decode("utf-8", "replace"), flush=True)


if len(sys.argv) == 2:
    print("\n".join(names))
else:
    for way in names if sys.argv[2] == "all" else [sys.argv[2]]:
        one(way)
