"""Try all ways of reach.py to read or change what a policy closes, or opens, and say for each how it went.

usage: reach_judge.py read|change TOP RULE|- silent|said|open LOG COMMAND...

COMMAND gets "reach.py KIND all TOP SCRATCH" as one more argument and runs it: governed, or not. A line each:
"ok TEXT" when the way led nowhere, was said to by an event of the rule, and nothing changed. "silent": events
are not asked for. "open": it is a neighbour that may be read and changed, and must have been. A line of
"reached TEXT" tells the self-test that a closed way was open.
"""
import json
import os
import shutil
import stat
import subprocess
import sys
import time

kind, top, rule, how, log = sys.argv[1:6]
command = sys.argv[6:]
user = os.environ["E2E_USER"] # a name, or a number without one
user = int(user) if user.isdigit() else user
here = os.environ.get("E2E_DIR", "/opt/e2e")
SECRET = b"the secret of this test\n"
# A socket is made by bind(2), which Landlock refuses without a word.
UNSAID = {"bind"}
# What Landlock has no right for.
NOT_LANDLOCK = {"chmod", "fchmod", "chmod_path", "times", "times_fd", "xattr"}
# Names may move: other errors than EACCES say no, too.
MOVES = {"hard_link", "moved", "moved_dir", "exchange", "away", "over", "new_link", "new_by_rename", "move_dir",
         "tmpfile_linked", "beside"}
# A view of the workspace is a mount of its own: between it and what lies outside the kernel says so, nobody is asked.
MOUNTS = os.environ.get("E2E_VIEW") == "on"


def state(way):
    out = []
    for place, dirs, files in os.walk("%s/%s" % (top, way)):
        for name in sorted(dirs + files):
            path = os.path.join(place, name)
            st = os.lstat(path)
            text = open(path, "rb").read() if stat.S_ISREG(st.st_mode) else b""
            out.append((path, st.st_mode, st.st_nlink, st.st_mtime_ns, text, os.listxattr(path, follow_symlinks=False)))
    return out


def prepare(way):
    place = "%s/%s" % (top, way)
    os.makedirs(place + "/empty")
    with open(place + "/f", "wb") as f:
        f.write(SECRET)
    for path in (place, place + "/empty", place + "/f"):
        shutil.chown(path, user, user)


def denials():
    out = []
    if not os.path.exists(log):
        return out
    with open(log, errors="replace") as f:
        f.seek(begin)
        for line in f:
            try:
                e = json.loads(line)
            except ValueError:
                continue
            policy = e.get("policy") or {}
            if policy.get("effective_decision") == "deny" and policy.get("rule") == rule:
                out.append(line)
    return out


ways = subprocess.check_output(["/usr/bin/python3", here + "/reach.py", kind], text=True).split()
shutil.rmtree(top, ignore_errors=True)
for way in ways:
    prepare(way)
shutil.chown(top, user, user)
before = {way: state(way) for way in ways}
begin = os.path.getsize(log) if os.path.exists(log) else 0
scratch = os.environ.get("E2E_SCRATCH", "/tmp/scratch")
shutil.rmtree(scratch, ignore_errors=True)
os.makedirs(scratch)
shutil.chown(scratch, user, user)
script = "/usr/bin/python3 %s/reach.py %s all %s %s" % (here, kind, top, scratch)
ran = subprocess.run(command + [script], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
results = {}
for line in ran.stdout.splitlines():
    way, result, text = (line.split(" ", 2) + ["", ""])[:3]
    results[way] = (result, text)


def wrong(way):
    result, text = results.get(way, ("nothing", ran.stderr[-200:]))
    changed = state(way) != before[way]
    happened = changed if kind == "change" else SECRET.decode().strip() in text
    if how == "open":
        return "" if happened or way == "tmpfile" and result == "done" else "did not work (%s %s)" % (result, text)
    if way == "tmpfile":
        happened = result == "done"
    if happened:
        return "reached"
    if changed:
        return "something changed"
    if result not in ("EACCES", "failed") and not (way in MOVES and result in ("EXDEV", "EPERM")):
        return "error %s, want EACCES (%s)" % (result, ran.stderr[-200:])
    if how == "said" and way not in UNSAID and not (MOUNTS and result == "EXDEV") and not said(way):
        return "no event of %s about %s/%s" % (rule, top, way)
    return ""


def said(way):
    for _ in range(20):
        if any("%s/%s" % (top, way) in line for line in denials()):
            return True
        time.sleep(0.05)
    return False


for way in ways:
    if how == "silent" and way in NOT_LANDLOCK:
        continue
    # Landlock grants it only where no name is closed: not beside patterns of any depth.
    if how == "open" and way in UNSAID:
        continue
    text = "%s of %s: %s" % (kind, top, way)
    bad = wrong(way)
    print("ok " + text if not bad else "reached " + text if bad == "reached" else "not ok %s: %s" % (text, bad))
