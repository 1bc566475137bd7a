#!/usr/bin/python3
"""Kill server and supervisors at random moments under a load of allowed and denied commands.

usage: kill.py KILLS SEED     (as root inside the stage, ungoverned; the shim is installed)

Whatever dies when: no denied program runs, whatever was done is in the log,
once; the chain holds; the command after the kill works; nothing stays behind.
With a server that forgets the rings of the one before it (delete them before
each start, E2E_FORGET=1) effects without events must be found.
"""
import glob
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time

KILLS, SEED = int(sys.argv[1]), int(sys.argv[2])
HOME = os.environ["E2E_HOME"]
STATE = "/var/lib/agentsh"
LOG = STATE + "/events.jsonl"
MARKS = HOME + "/m"
LOADERS = 3
number = failed = 0


def check(text, good, *details):
    global number, failed
    number += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {number} - {text}")
    for line in details if not good else ():
        print("#   " + str(line)[:600].replace("\n", "\n#   "))
    sys.stdout.flush()
    return good


def governed(text, limit=40):
    return subprocess.run(["/opt/e2e/as_user", "/bin/bash", "-c", text], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit)


def mark(name):
    return f"cp /etc/hostname m/{name}"


def job(rng, name):
    """One command line: an effect to be found, a denial to be tried, or both, in one of several ways."""
    return rng.choice([
        mark(name),
        f"for i in 1 2 3; do {mark(name + '.$i')}; done",
        f"{mark(name)}; sudo id {name}; {mark(name + '.b')}",
        f"sudo id {name}",
        f"env sudo id {name}; sh -c '{mark(name)}'",
        f"echo x | xargs sudo id; {mark(name)} | cat",
        f"python3 -c 'import os; os.system(\"{mark(name)}\"); os.execv(\"/usr/bin/sudo\", [\"sudo\", \"id\"])'",
        f"(sleep 0.1; sudo id; {mark(name + '.late')}) >/dev/null 2>&1 & {mark(name)}",
    ])


def load(index, stop, counts):
    rng, n = random.Random(SEED * 1000 + index), 0
    while not stop.is_set():
        n += 1
        try:
            counts[governed(job(rng, f"{index}-{n}")).returncode == 0] += 1
        except subprocess.TimeoutExpired:
            counts["hung"] += 1


def tasks():
    """(pid, role) of the governor's processes."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            continue
        if words[0] == b"supervise":
            found.append((int(entry), "supervisor"))
        elif words[0].endswith(b"agentsh") and words[1:2] == [b"server"]:
            found.append((int(entry), "server"))
    return found


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


def forget_rings():
    for ring in glob.glob(STATE + "/sessions/*/ring"):
        os.unlink(ring)


def kill_all(rng):
    """The kill points. How often each role was hit, the commands after a kill that failed, the slowest one."""
    hits, failures, slowest = {"server": 0, "supervisor": 0}, [], 0.0
    for k in range(KILLS):
        time.sleep(rng.uniform(0, 0.08))
        role = rng.choice(["server", "supervisor"])
        until(lambda: any(r == role for _, r in tasks()), 5)
        victims = sorted(t for t in tasks() if t[1] == role)
        if not victims:
            victims = sorted(tasks())
        if not victims:
            failures.append(f"kill {k}: nobody there")
            continue
        pid, role = rng.choice(victims)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        hits[role] += 1
        until(lambda: gone(pid))
        if os.environ.get("E2E_FORGET") and role == "server":
            forget_rings()
        started = time.monotonic()
        try:
            r = governed(mark(f"next-{k}"))
        except subprocess.TimeoutExpired:
            failures.append(f"kill {k} ({role}): hangs")
            continue
        slowest = max(slowest, time.monotonic() - started)
        if r.returncode or not os.path.exists(f"{MARKS}/next-{k}"):
            failures.append(f"kill {k} ({role}): {r.returncode} {r.stdout.decode(errors='replace')}")
    return hits, failures, slowest


def tagged():
    left = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                hard = resource.prlimit(int(entry), 10)[1]
            except OSError:
                continue
            if hard >> 56 == 0x41 and hard & 0xffffffff == 0xffffffff and not gone(int(entry)):
                left.append(int(entry))
    return left


def read_log():
    events, bad = [], 0
    names = sorted((n for n in os.listdir(STATE) if re.fullmatch(r"events\.jsonl(\.\d+)?", n)),
                   key=lambda n: -int(n.rsplit(".", 1)[1]) if n[-1].isdigit() else 1)
    for name in names:
        with open(f"{STATE}/{name}") as f:
            for line in f:
                try:
                    events.append(json.loads(line))
                except ValueError:
                    bad += 1
    return events, bad


def judge(events, bad):
    made = sorted(os.listdir(MARKS))
    execs = set()
    for ev in events:
        if ev.get("type") == "execve" and ev.get("policy", {}).get("effective_decision") != "deny":
            execs.update(w for w in ev.get("argv", []) if w.startswith("m/"))
    missing = [m for m in made if "m/" + m not in execs]
    ids = [ev["id"] for ev in events if "id" in ev]
    twice = sorted({i for i in ids if ids.count(i) > 1}) if len(ids) != len(set(ids)) else []
    created = [ev["session_id"] for ev in events if ev.get("type") == "session_created"]
    ended = [ev["session_id"] for ev in events if ev.get("type") in ("session_destroyed", "session_expired")]
    denied = sum(1 for ev in events if ev.get("type") == "execve" and
                 ev.get("policy", {}).get("effective_decision") == "deny")
    check("no denied program ran", not os.path.exists("/tmp/canary"), os.listdir("/tmp/canary")
          if os.path.exists("/tmp/canary") else "")
    check(f"each of {len(made)} effects has its event", made and not missing, missing[:8])
    check(f"{denied} denials are in the log", denied > KILLS // 10)
    check("no event is there twice", not twice, twice[:8])
    check("every line can be read", not bad, bad)
    check(f"each of {len(created)} sessions has its end in the log", sorted(created) == sorted(ended),
          set(created) ^ set(ended))


def main():
    rng = random.Random(SEED)
    print(f"# seed {SEED}, {KILLS} kills")
    os.makedirs(MARKS)
    # No shell of our own: it would be governed, and the server root's.
    shutil.chown(MARKS, os.environ["E2E_USER"])
    check("commands work", governed(mark("first")).returncode == 0)
    stop, counts = threading.Event(), {True: 0, False: 0, "hung": 0}
    loaders = [threading.Thread(target=load, args=(i, stop, counts)) for i in range(LOADERS)]
    for t in loaders:
        t.start()
    began = time.monotonic()
    hits, failures, slowest = kill_all(rng)
    took = time.monotonic() - began
    stop.set()
    for t in loaders:
        t.join()
    check(f"the command after each of {KILLS} kills works", not failures, *failures[:5], len(failures))
    check("nothing hangs", not counts["hung"])
    check("the last command works", governed(mark("last")).returncode == 0)
    # A server that is told to stop ends its sessions.
    for pid, role in tasks():
        if role == "server":
            os.kill(pid, signal.SIGTERM)
    check("the server ends", until(lambda: not tasks(), 20), tasks())
    check("no governed process is left", until(lambda: not tagged(), 5), tagged())
    r = subprocess.run(["/usr/bin/agentsh", "audit", "verify", LOG], capture_output=True, check=False)
    check("agentsh audit verify", r.returncode == 0, r.stdout.decode(), r.stderr.decode())
    judge(*read_log())
    print(f"# {hits['server']} servers, {hits['supervisor']} supervisors killed in {took:.1f} s under "
          f"{counts[True]} + {counts[False]} commands; slowest next command {slowest * 1000:.0f} ms")
    if failed:
        with open("/var/log/agentsh/server.log") as f:
            print("".join("# " + line for line in f.readlines()[-30:]), end="")
    print(f"1..{number}")
    sys.exit(failed > 0)


main()
