#!/bin/bash
# fuse_work - a developer's tools find in a view what they find without it: git, make, sqlite with two
# writers, what editors and tar do; fio and stress-ng end well.
. "$(dirname "$0")/../t.sh"
needs root python3 git make gcc fuse fio stress-ng

cd / || exit 1
chmod 755 "$TMP"
mkdir "$TMP/bare" "$TMP/real" "$TMP/seen"
"$AGENTSH" fuse "$TMP/real" "$TMP/seen" 2>"$TMP/err" &
view=$!
cleanup() {
	umount -l "$TMP/seen" 2>/dev/null
	wait "$view" 2>/dev/null
}
until_true 5 mountpoint -q "$TMP/seen"
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_DATE='2020-01-01 00:00:00 +0000' \
	GIT_COMMITTER_DATE='2020-01-01 00:00:00 +0000' GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x@x \
	GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x@x

cat >"$TMP/git" <<'END'
set -e
git init -q -b main repo && cd repo
for d in $(seq 30); do
	mkdir -p "src/d$d"
	for i in $(seq 40); do echo "$d $i" >"src/d$d/f$i"; done
done
git add -A && git commit -qm one
sed -i s/1/one/ src/d1*/f* && git mv src/d2 src/moved && git rm -qr src/d3 && chmod +x src/d4/f1
git commit -qam two
git checkout -q -b side HEAD~1 && echo side >src/d5/f5 && git commit -qam three
git checkout -q main && git merge -q side -m four && git gc -q --prune=now && git fsck --strict
git clone -q . ../clone && git -C ../clone status --short && git stash list
git rev-parse HEAD && git status --short && git ls-files -s | sha256sum
git clean -fdxq && git checkout -q HEAD~2 && git status --short
find . -path ./.git -prune -o -print | sort | sha256sum
END
cat >"$TMP/make" <<'END'
set -e
mkdir project && cd project
for i in $(seq 12); do echo "int f$i(int x) { return x + $i; }" >"f$i.c"; done
{
	for i in $(seq 12); do echo "int f$i(int x);"; done
	echo '#include <stdio.h>'
	echo 'int main(void) { int x = 0;'
	for i in $(seq 12); do echo "x = f$i(x);"; done
	echo 'printf("%d\n", x); return 0; }'
} >main.c
{
	printf 'OBJ := $(patsubst %%.c,%%.o,$(wildcard *.c))\nprogram: $(OBJ)\n\tgcc -o $@ $^\n'
	printf '%%.o: %%.c\n\tgcc -O1 -c $< -o $@\n'
} >Makefile
make -s -j2 && ./program && make -q && touch f1.c && ! make -q && make -s && ./program
ar rc lib.a f*.o && gcc -shared -fPIC -o libx.so f1.c && strip program && ./program
END
cat >"$TMP/files" <<'END'
set -e
mkdir files && cd files
printf 'a\nb\n' >text && cp -p text copy && sed -i s/a/A/ text && mv copy over && mv text over && cat over
touch -d '2001-02-03 04:05:06' over && tar cf x.tar over && rm over && tar xf x.tar && stat -c '%Y %s %a' over
ln over second && ln -s over third && cp -a . ../copied && stat -c '%h %F' ../copied/second ../copied/third
truncate -s 10M hole && cp --sparse=always hole hole2 && du -k hole2 | cut -f1 && cmp hole hole2
dd if=/dev/zero of=hole bs=1k seek=100 count=1 conv=notrunc status=none
fallocate -p -o 0 -l 4096 hole && wc -c hole
for i in 1 2 3 4; do (for k in $(seq 50); do echo "line $i $k" >>log; done) & done; wait
sort log | uniq | wc -l
python3 - <<'P'
import fcntl, mmap, os
with open('map', 'wb+') as f:
    f.truncate(8192)
    m = mmap.mmap(f.fileno(), 8192)
    m[4096:4101] = b'hello'
    m.flush()
    print(os.pread(f.fileno(), 5, 4096), os.stat('map').st_size)
    fcntl.lockf(f, fcntl.LOCK_EX)
    if os.fork() == 0:
        g = open('map', 'rb+')
        try:
            fcntl.lockf(g, fcntl.LOCK_EX | fcntl.LOCK_NB)
            print('locked twice')
        except OSError:
            print('held')
        os._exit(0)
    os.wait()
END
printf 'P\nrm -rf ../copied && ls | sort\n' >>"$TMP/files"
cat >"$TMP/sqlite.py" <<'END'
import multiprocessing, os, sqlite3
def write(k):
    c = sqlite3.connect('db', timeout=60)
    for i in range(100):
        with c:
            c.execute('insert into t values(?, ?)', (k, i))
c = sqlite3.connect('db')
print(c.execute('pragma journal_mode=wal').fetchone())
c.execute('create table t(a, b)')
c.commit()
both = [multiprocessing.Process(target=write, args=(k,)) for k in range(2)]
for p in both: p.start()
for p in both: p.join()
print(c.execute('select count(*), sum(b) from t').fetchone(), c.execute('pragma integrity_check').fetchone())
END
echo 'python3 ../sqlite.py && ls db' >"$TMP/sqlite"

for what in git make files sqlite; do
	for where in bare seen; do
		(cd "$TMP/$where" && timeout 60 bash "../$what") >"$TMP/$where.$what" 2>&1
		echo "$?" >>"$TMP/$where.$what"
	done
	is "$what" "$(cat "$TMP/seen.$what")" "$(cat "$TMP/bare.$what")"
	is "$what succeeds" "$(tail -1 "$TMP/seen.$what")" 0
done
cd "$TMP/seen" || exit 1
ok "fio verifies what it wrote" fio --name=v --directory=. --size=8m --rw=randrw --bs=4k-64k \
	--verify=crc32c --do_verify=1 --numjobs=2 --fallocate=none --ioengine=psync --minimal
ok "and through mappings" fio --name=m --directory=. --size=8m --rw=randwrite --bs=4k \
	--verify=crc32c --ioengine=mmap --minimal
# STRESS=all: all filesystem stressors; what ends with an error in a bare directory may do so here.
strain() { # STRESSOR DIRECTORY
	(cd "$2" && timeout 30 stress-ng --temp-path . "--$1" 1 -t 1)
}
all=$(stress-ng --class 'filesystem?' 2>&1 | sed -n 's/^class .*: //p')
[ "${STRESS:-}" = all ] || all='dentry rename link symlink xattr fallocate seek copy-file flock lockofd mmap'
for what in $all; do
	strain "$what" "$TMP/seen" >"$TMP/strain" 2>&1
	rc=$?
	[ $rc -eq 0 ] || rc=$(strain "$what" "$TMP/bare" >/dev/null 2>&1; echo $((rc - $?)))
	is "stress-ng $what $(grep -am1 fail "$TMP/strain")" "$rc" 0
done
cd /
umount "$TMP/seen"
wait "$view"
is "it ended when it was unmounted" $? 0
is "nothing was complained of" "$(cat "$TMP/err")" ""
