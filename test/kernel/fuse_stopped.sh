#!/bin/bash
# fuse_stopped - what the kernel does in a view without asking its process, which is stopped meanwhile: what
# was listed or looked for is known, data passes by. What changes is known at once, and locks hold between
# processes.
. "$(dirname "$0")/../t.sh"
needs root python3 fuse
. "$(dirname "$0")/../view.sh"

cd / || exit 1
cat >"$TMP/alone.py" <<'END'
import os, select, signal, sys
from acting import act

view = int(sys.argv[2])


def alone(name, f):
    """In a child, while the process is stopped."""
    sys.stdout.flush()
    os.kill(view, signal.SIGSTOP)
    child = os.fork()
    if child == 0:
        act(name, f)
        sys.stdout.flush()
        os._exit(0)
    fd = os.pidfd_open(child)
    if not select.select([fd], [], [], 2)[0]:
        print("%s=asks" % name)
        os.kill(child, signal.SIGKILL)
    os.kill(view, signal.SIGCONT)
    os.waitpid(child, 0)
    os.close(fd)
END
cat >"$TMP/acts.py" <<'END'
"""usage: DIR PID, of the view's process: NAME=errno of each act, NAME=asks where it waited for that."""
import ctypes, fcntl, mmap, os, signal, struct, sys, time
from acting import act, to
from alone import alone, view

top = sys.argv[1]
OFD_SETLK = 37
libc = ctypes.CDLL(None)
os.chdir(top)


def together(name, *all):
    """Do they wait for an answer at the same time, none of them for another?"""
    sys.stdout.flush()
    os.kill(view, signal.SIGSTOP)
    children = []
    for f in all:
        children.append(os.fork())
        if children[-1] == 0:
            act("", f)
            os._exit(0)
    for _ in range(200):
        waits = [open("/proc/%d/wchan" % c).read() for c in children]
        if all_asked := all_in(waits):
            break
        time.sleep(0.01)
    print("%s=%s" % (name, 0 if all_asked else waits))
    os.kill(view, signal.SIGCONT)
    for c in children:
        os.waitpid(c, 0)


def all_in(waits):
    return all("request_wait" in w for w in waits)


def same(got, want):
    if got != want:
        raise OSError(5, "")


def other(name, f):
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        act(name, f)
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(child, 0)


def locked(how, start):
    fd = os.open("data", os.O_RDWR)
    fcntl.fcntl(fd, how, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, start, 10, 0))
    return fd


def flocked(how):
    fcntl.flock(os.open("data", os.O_RDWR), how | fcntl.LOCK_NB)


def entries(fd):
    """How many it lists; opendir would look at its times, too, which reading changes."""
    room, n = ctypes.create_string_buffer(1 << 16), 0
    while (size := libc.getdents64(fd, room, len(room))) > 0:
        at = 0
        while at < size:
            at, n = at + struct.unpack_from("H", room, at + 16)[0], n + 1
    return n


names = os.listdir("many")
many, fd = os.open("many", os.O_RDONLY), os.open("data", os.O_RDWR)
os.path.lexists("none")
os.readlink("link")
mapped = mmap.mmap(fd, 0)
os.pwrite(fd, b"x", 0)  # the first one asks for capabilities
alone("stat-listed", lambda: [os.lstat("many/" + n) for n in names])
alone("list-again", lambda: same(entries(many), len(names) + 2))
alone("not-there", lambda: same(os.path.lexists("none"), False))
alone("link-read", lambda: same(os.readlink("link"), "data"))
alone("never-seen", lambda: os.lstat("unseen"))
alone("open", lambda: to("many/1", os.O_RDONLY))
alone("read", lambda: same(os.pread(fd, 4, 1 << 20), b"tail"))
alone("map", lambda: same(mapped[1 << 19], 0))
alone("write", lambda: os.pwrite(fd, b"TAIL", 1 << 20))

together("look-together", lambda: os.lstat("unseen1"), lambda: os.lstat("unseen2"))

# What changes is known at once, for all that.
to("none", os.O_CREAT | os.O_WRONLY)
act("made", lambda: os.lstat("none"))
os.rename("many/1", "many/moved")
act("moved-from", lambda: same(os.path.lexists("many/1"), False))
act("moved-to", lambda: os.lstat("many/moved"))
os.unlink("many/2")
act("removed", lambda: same(os.path.lexists("many/2"), False))
act("listed-anew", lambda: same(set(os.listdir("many")), set(names) - {"1", "2"} | {"moved"}))
os.chmod("many/3", 0o600)
act("mode-anew", lambda: same(os.lstat("many/3").st_mode & 0o777, 0o600))

# Locks, of this process and of others.
fcntl.flock(fd, fcntl.LOCK_EX)
other("flock-beside", lambda: flocked(fcntl.LOCK_SH))
fcntl.flock(fd, fcntl.LOCK_SH)
other("flock-shared", lambda: flocked(fcntl.LOCK_SH))
other("flock-over", lambda: flocked(fcntl.LOCK_EX))
fcntl.flock(fd, fcntl.LOCK_UN)
held = locked(OFD_SETLK, 0)
act("ofd-same-process", lambda: locked(OFD_SETLK, 5))
other("ofd-beside", lambda: locked(OFD_SETLK, 5))
other("ofd-elsewhere", lambda: locked(OFD_SETLK, 10))
other("posix-beside-ofd", lambda: locked(fcntl.F_SETLK, 9))
os.close(held)
other("ofd-after-close", lambda: locked(OFD_SETLK, 5))
END

# seen [OPTION...]: the acts in a view.
seen() {
	mkdir "$TMP/top"
	mkdir "$TMP/top/many"
	(cd "$TMP/top" && touch unseen $(seq -f 'many/%g' 200) && ln -s data link &&
		truncate -s 1M data && touch unseen1 unseen2 && printf tail >>data)
	show_view "$TMP/top" "$@"
	# shellcheck disable=SC2154 # by show_view
	timeout 60 python3 "$TMP/acts.py" "$TMP/top" "$view" >"$TMP/out" 2>&1
	kill -CONT "$view"
	hide
	rm -rf "$TMP/top"
}
# gives NAME=ERRNO...
gives() {
	for want; do is "$how: ${want%=*}" "$(grep "^${want%=*}=" "$TMP/out")" "$want"; done
}
known='stat-listed=0 list-again=0 not-there=0 link-read=0
	made=0 moved-from=0 moved-to=0 removed=0 listed-anew=0 mode-anew=0'
locks='flock-beside=EAGAIN flock-shared=0 flock-over=EAGAIN ofd-same-process=EAGAIN ofd-beside=EAGAIN
	ofd-elsewhere=0 posix-beside-ofd=EAGAIN ofd-after-close=0'
how='data passes by'
seen
# shellcheck disable=SC2086 # lists of words
gives $known $locks look-together=0 never-seen=asks open=asks read=0 write=0 map=0
how='data through the process'
seen --no-passthrough
# shellcheck disable=SC2086
gives $known $locks look-together=0 never-seen=asks open=asks read=asks map=asks

# What is synced is synced below: where that is a view itself, and its process is stopped, it is waited for.
cat >"$TMP/sync.py" <<'END'
import os, sys
from alone import alone

os.chdir(sys.argv[1])
fd = os.open("data", os.O_RDWR)
os.pwrite(fd, b"y", 0)
alone("file", lambda: os.fsync(fd))
alone("content", lambda: os.fdatasync(fd))
alone("nothing", lambda: os.getpid())
END
how='synced'
mkdir "$TMP/top" "$TMP/over"
echo x >"$TMP/top/data"
show_view "$TMP/top"
"$AGENTSH" fuse --no-passthrough "$TMP/top" "$TMP/over" 2>>"$TMP/err" &
over=$!
until_true 5 mountpoint -q "$TMP/over"
timeout 60 python3 "$TMP/sync.py" "$TMP/over" "$view" >"$TMP/out" 2>&1
kill -CONT "$view"
umount "$TMP/over"
wait "$over"
hide
gives file=asks content=asks nothing=0
is "nothing was complained of" "$(cat "$TMP/err")" ""
