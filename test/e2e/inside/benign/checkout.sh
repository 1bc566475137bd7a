# a checkout of many files and back, gc, clean; what editors, build tools and mirrors do; what a watcher is told
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
set -e
cd /tmp/w
git init -q -b work many && cd many
git commit -q --allow-empty -m empty
git checkout -q -b full
python3 -c 'import os
for i in range(2000):
    os.makedirs("d%d/e%d" % (i % 20, i % 7), exist_ok=True)
    open("d%d/e%d/f%d" % (i % 20, i % 7, i), "w").write("file %d\n" % i * (i % 9))'
git add -A && git commit -qm full && git ls-files | wc -l
git checkout -q work && ls -A -I .agentsh_trash && git checkout -q full && git status --short | wc -l
git diff --stat work full | tail -1
echo changed >d1/e1/f1 && rm d2/e2/f2 2>/dev/null; git status --short; git checkout -q -- . && git status --short
git gc -q --prune=now && git fsck 2>/dev/null; git count-objects -v | grep -e in-pack -e garbage
touch new && mkdir junk && touch junk/x && git clean -ndx && git stash list && git rev-parse HEAD
tar -cf ../many.tar --sort=name --owner=0 --group=0 --mtime=@0 --exclude=.git . && sha256sum <../many.tar
mkdir ../out && tar -xf ../many.tar -C ../out && diff -r --exclude=.git . ../out && echo equal
cp -a ../out ../copy && find ../copy -type f -print0 | xargs -0 rm && find ../copy -type f | wc -l
[ ! -x /usr/lib/e2e/real-rsync ] || { /usr/lib/e2e/real-rsync -a --delete ../out/ ../copy/ && diff -r ../out ../copy && echo mirrored; }
cd ..
# as editors save
printf 'one\n' >t && python3 - <<'P'
import os, tempfile
fd, name = tempfile.mkstemp(dir=".")
os.write(fd, b"two\n"); os.fsync(fd); os.close(fd); os.chmod(name, 0o644); os.replace(name, "t")
os.rename("t", "t~"); open("t", "w").write("three\n"); print(open("t~").read(), open("t").read(), os.stat("t").st_mode & 0o777)
P
sed -i.bak s/three/four/ t && cat t t.bak; ls -A -I .agentsh_trash
if [ -x /usr/bin/vim ]; then vim -es -u NONE -c 's/four/five/' -c 'wq' t && cat t; fi
# a script that was just written runs at once, every time
for i in $(seq 100); do printf '#!/bin/sh\nexit 0\n' >s.new && chmod +x s.new && mv s.new s && ./s || echo "not $i"; done
# a watcher sees what happens
python3 - <<'P'
import ctypes, os, struct
libc = ctypes.CDLL(None)
os.mkdir("watched")
fd = libc.inotify_init1(os.O_NONBLOCK)
libc.inotify_add_watch(fd, b"watched", 0x100 | 0x8 | 0x40 | 0x80 | 0x200 | 0x4)
open("watched/a", "w").write("x"); os.rename("watched/a", "watched/b"); os.chmod("watched/b", 0o600)
os.mkdir("watched/d"); os.rmdir("watched/d")
data = os.read(fd, 65536)
while data:
    _, mask, _, n = struct.unpack("iIII", data[:16])
    print("%x" % mask, data[16:16 + n].rstrip(b"\0").decode())
    data = data[16 + n:]
P
