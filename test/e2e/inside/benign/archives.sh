# tar, gzip, xz round trips with modes, links and times
set -e
cd /tmp/w
mkdir -p src/d && echo content >src/f && ln -s f src/link && ln src/f src/hard && chmod 0711 src/d && touch -d @1000000000 src/f
truncate -s 1M src/sparse
for z in '' z J; do
	tar -c${z}f a.tar -C src . && mkdir -p out && tar -x${z}f a.tar -C out
	(cd out && find . | sort && stat -c '%a %Y %h' f && stat -c %a d && readlink link)
	rm out/f out/hard out/link out/sparse && rmdir out/d out
done
gzip -c src/sparse | gunzip | cmp - src/sparse && echo same
