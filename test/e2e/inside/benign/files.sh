# names, links, renames, locks, times, sparse files in the workspace
cd /tmp/w
touch 'a b' $'new\nline' -- -dash 'ünïcode' "$(printf 'x%.0s' $(seq 255))"; find . -name .agentsh_trash -prune -o -type f -print0 | sort -z | tr '\0' '|'; echo
ln -s nowhere dangling; readlink dangling; ln -s loop loop; cat loop 2>/dev/null; echo $?; ln 'a b' hard; stat -c %h hard
mkdir -p d1/d2/d3 && mv d1/d2 d4 && ls -R d4; echo new >t.tmp && mv t.tmp t && cat t
python3 -c 'import os; os.umask(0o27); open("masked", "w")'; stat -c %a masked; chmod 4755 masked; stat -c %a masked; setfacl --version >/dev/null 2>&1; touch -d @86400 masked; stat -c %Y masked
(flock 8; echo locked) 8>lock; truncate -s 10M sparse; du -k sparse | cut -f1; stat -c %s sparse
cp -a d4 copy && diff -r d4 copy && echo equal; sed -i 's/new/old/' t && cat t; perl -pi -e 's/old/older/' t; cat t
for i in $(seq 300); do mkdir -p "tree/$((i % 20))"; echo $i >"tree/$((i % 20))/$i"; done; grep -rl 17 tree | wc -l; find tree -type f | wc -l; cat tree/*/* | sort -n | tail -1
mktemp -u | grep -c tmp; sort -S 1M <(seq 20000 -1 1) | head -1; echo old | tee t2 >/dev/null; printf 'b\na\n' | sort | paste -s -d, | tr , '\n' | join - <(printf 'a 1\nb 2\n')
python3 -c 'import ctypes, os
fd = os.open(".", os.O_TMPFILE | os.O_RDWR); os.write(fd, b"named")
print(ctypes.CDLL(None).linkat(-100, b"/proc/self/fd/%d" % fd, -100, b"linked", 0x400), open("linked").read())'
