#!/usr/bin/python3
"""Kill who keeps versions, at random moments while a command destroys files.

usage: kill_files.py KILLS SEED     (as root inside the stage, ungoverned; the shim is installed)

The victims in turn: the supervisor, the server, the command's shell, the program that destroys, a view
(`agentsh fuse`). Whatever dies when: all that was in the tree is there or in the store; the store can be listed and
what the command did is undone byte for byte; the next command works; the chain of the log holds.
"""
import glob
import hashlib
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

KILLS, SEED = int(sys.argv[1]), int(sys.argv[2])
HOME, USER = os.environ["E2E_HOME"], os.environ["E2E_USER"]
WORK = HOME + "/project"
FILES = 400
number = failed = 0
hits = {}  # of each role: those that were there to be killed, those that came before the command's end

# Each goes through the files of the current directory, in some order.
WAYS = [
    "os.unlink(n)",
    "open(n, 'w').write('gone')",
    "os.truncate(n, 1)",
    "open(n + '.new', 'w').write('x'); os.replace(n + '.new', n)",
    "os.rename(n, n + '.moved')",
    "os.chmod(n, 0o600); os.utime(n, (1, 2))",
    "os.unlink(n) if random.random() < .5 else open(n, 'r+').write('changed')",
]
PROGRAM = "import os, random\nnames = sorted(os.listdir('.'))\nrandom.Random(%d).shuffle(names)\nfor n in names:\n    %s\n"


def check(what, good, *details):
    global number, failed
    number += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {number} - {what}")
    if not good:
        for d in details:
            print("#  ", str(d)[:500].replace("\n", "\n#   "))


def as_user(*words, cwd=WORK, **options):
    env = dict(os.environ, E2E_CWD=cwd)
    return subprocess.Popen(["/opt/e2e/as_user", *words], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, **options)


def run(*words, cwd=WORK, limit=60):
    p = as_user(*words, cwd=cwd)
    try:
        out = p.communicate(timeout=limit)[0].decode(errors="replace")
    except subprocess.TimeoutExpired:
        p.kill()
        return 124, "hangs"
    return p.returncode, out


def until(condition, seconds=10.0, step=0.001):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(step)
    return True


def pids():
    return [int(e) for e in os.listdir("/proc") if e.isdigit()]


def words(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().split(b"\0")
    except OSError:
        return [b""]


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


def tagged():
    left = []
    for pid in pids():
        try:
            hard = resource.prlimit(pid, 10)[1]
        except OSError:
            continue
        if hard >> 56 == 0x41 and not gone(pid) and not words(pid)[0].startswith(b"supervise"):
            left.append(pid)
    return left


def victim(role, shell):
    if role == "shell":
        return shell.pid
    for pid in pids():
        w = words(pid)
        if role == "supervisor" and w[0] == b"supervise" or \
           role == "server" and w[0].endswith(b"agentsh") and w[1:2] == [b"server"] or \
           role == "program" and w[0] == b"python3" and any(b"shuffle" in x for x in w):
            return pid
    return 0


def show(path):
    """But for files that were made when their supervisor died: nobody may have been told of those, and they stay."""
    out = subprocess.run(["/usr/bin/python3", "/opt/e2e/tree.py", "show", path], capture_output=True, check=True).stdout
    return sorted(line for line in out.split(b"\n") if b".new' " not in line)


def contents(top):
    """What regular files below hold."""
    found = set()
    for place, _, files in os.walk(top):
        for name in files:
            path = os.path.join(place, name)
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as f:
                    found.add(hashlib.sha256(f.read()).digest())
    return found


def fresh(where, k):
    os.mkdir(where)
    for i in range(FILES):
        name = f"{where}/f{i}"
        with open(name, "w") as f:
            f.write(f"file {k} {i}\n" * (1 + i % 20))
        os.chmod(name, 0o640 + i % 8)
        os.utime(name, ns=(10 ** 18 + i, 10 ** 18 + k * 10 ** 6 + i))
    for place, _, files in os.walk(where):
        for name in [place] + [os.path.join(place, f) for f in files]:
            shutil.chown(name, USER, USER)


def begun(where, before):
    """Has the command changed anything?"""
    sample = [f"{where}/f{i}" for i in range(FILES)]

    def changed():
        for name in sample:
            try:
                st = os.lstat(name)
            except OSError:
                return True
            if (st.st_ino, st.st_mtime_ns, st.st_mode) != before[name]:
                return True
        return False
    return changed


def one(rng, k, role, top):
    """A command in a fresh directory below top, killed on the way. What went wrong."""
    where = f"{top}/k{k}"
    real = where.replace(WORK, HOME + "/shown") if role == "view" else where
    fresh(real, k)
    had, was = contents(real), show(real)
    stats = {f"{real}/f{i}": os.lstat(f"{real}/f{i}") for i in range(FILES)}
    before = {n: (st.st_ino, st.st_mtime_ns, st.st_mode) for n, st in stats.items()}
    # Alone, a view keeps what its rules keep: what is deleted.
    way = rng.choice(WAYS) if role != "view" else WAYS[0]
    shell = "/bin/bash" if role != "view" else "/bin/bash.real"
    p = as_user(shell, "-c", f'cd k{k} && python3 -c "$1"; true', "x", PROGRAM % (SEED + k, way), cwd=top)
    until(begun(real, before), 20)
    time.sleep(rng.uniform(0, 0.02 if role != "view" else 0.01))
    pid = view.pid if role == "view" else victim(role, p)
    hits[role] = hits.get(role, 0) + (pid != 0)
    hits[role + " in time"] = hits.get(role + " in time", 0) + (not gone(p.pid))
    try:
        os.kill(pid or p.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    if role == "view":
        view.wait()
        subprocess.run(["/opt/e2e/bin/real-umount", "-l", WORK], check=False)
    try:
        p.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        p.kill()
        return [f"{role}: hangs in {way}"]
    wrong = []
    if role != "view" and not until(lambda: not tagged(), 60, 0.01):
        wrong.append(f"processes are left: {[words(x) for x in tagged()]}")
    store = f"{HOME}/shown/.agentsh_trash" if role == "view" else f"{WORK}/.agentsh_trash"
    lost = had - contents(real) - contents(store)
    if lost:
        wrong.append(f"{len(lost)} versions lost by {way}")
    home = os.path.dirname(store)
    code, out = run("/usr/bin/agentsh", "trash", "list", "--all", cwd=home)
    if code:
        wrong.append(f"trash list: {code} {out}")
    if role == "view":
        return wrong
    code, out = run("/bin/bash", "-c", "echo works")
    if code or out != "works\n":
        wrong.append(f"the next command: {code} {out}")
    code, out = run("/usr/bin/agentsh", "undo", "last", cwd=home)
    now = show(real)
    if now != was:
        wrong.append(f"undo after {way}: {code} {out[-300:]} {sorted(set(now) ^ set(was))[:4]}")
    shutil.rmtree(real)
    return wrong


def mount():
    """A view of shown/ over the project. Popen."""
    p = as_user("/usr/bin/agentsh", "fuse", "--policy", "/tmp/fuse.yaml", HOME + "/shown", WORK, cwd="/")
    until(lambda: subprocess.run(["grep", "-qs", f" {WORK} fuse", "/proc/mounts"], check=False).returncode == 0)
    return p


def main():
    global view
    rng = random.Random(SEED)
    print(f"# seed {SEED}, {KILLS} kills")
    for where in (WORK, HOME + "/shown"):
        os.makedirs(where, exist_ok=True)
        shutil.chown(where, USER, USER)
    run("git", "init", "-q", WORK)
    check("commands work", run("/bin/bash", "-c", "echo works") == (0, "works\n"))
    for role in ("supervisor", "server", "shell", "program"):
        wrong = []
        began = time.monotonic()
        n = max(1, KILLS // 5)
        for k in range(n):
            wrong += one(rng, 1000 * number + k, role, WORK)
        check(f"{role}: killed {n} times, nothing is lost", not wrong, *wrong[:6])
        print(f"# {time.monotonic() - began:.1f} s")
    r = subprocess.run(["/usr/bin/agentsh", "audit", "verify", "/var/lib/agentsh/events.jsonl"], capture_output=True,
                       check=False)
    check("agentsh audit verify", r.returncode == 0, r.stdout.decode(), r.stderr.decode())
    shutil.rmtree(WORK)
    os.mkdir(WORK)
    shutil.chown(WORK, USER, USER)
    with open("/etc/agentsh/policies/default.yaml") as f, open("/tmp/fuse.yaml", "w") as out:
        out.write(f.read().replace("${HOME}", HOME))
    wrong = []
    for k in range(max(1, KILLS // 5)):
        view = mount()
        wrong += one(rng, k, "view", WORK)
    check(f"view: killed {max(1, KILLS // 5)} times, nothing is lost", not wrong, *wrong[:6])
    print("# there: " + ", ".join(f"{k} {v}" for k, v in hits.items()))
    print(f"1..{number}")
    sys.exit(failed > 0)


main()
