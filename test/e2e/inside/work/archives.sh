# tar, cp, rsync, patch, zip, node's fs: names, types, modes, times, links, holes and attributes
set -e
python3 /opt/e2e/tree.py make "$(mkdir t && echo t)" 400
setfattr() { python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user." + sys.argv[2], sys.argv[3].encode())' "$@"; }
setfattr t/d1/e1/f1 colour blue && setfattr t/d1 shape round
tar -cf a.tar --sort=name -S --xattrs --format=posix t && mkdir out && tar -xpf a.tar -S --xattrs --xattrs-include='user.*' -C out
python3 /opt/e2e/tree.py show t >one && python3 /opt/e2e/tree.py show out/t >two && sort one | cmp - <(sort two) && echo "tar: equal"
tar -df a.tar && tar -czf a.tgz t && tar -xzf a.tgz --overwrite -C out && tar -xf a.tar --keep-newer-files -C out 2>/dev/null && echo again
tar -tf a.tar | wc -l
cp -a t copied && python3 /opt/e2e/tree.py show copied | sort | cmp - <(sort one) && echo "cp -a: equal"
cp -rlP t linked && stat -c %h linked/d3/e3/f3 && cp --sparse=always t/sparse holes && stat -c %b holes
if [ -x /usr/lib/e2e/real-rsync ]; then
	R=/usr/lib/e2e/real-rsync
	$R -aHX t/ mirror/ && python3 /opt/e2e/tree.py show mirror | sort | diff - <(sort one) && echo "rsync: equal"
	echo changed >t/d3/e3/f3 && rm t/d4/e4/f4 && $R -aHX --delete --itemize-changes t/ mirror/ | grep -v '^\.d' | sort
	$R -a --inplace --backup --suffix=.b t/d5/ mirror/d6/ && $R -a --remove-source-files mirror/d1/ moved/ && find moved -type f | wc -l
fi
mkdir p && cp -r t/d5 p/a && cp -r p/a p/b && sed -i '1s/.*/changed/' p/b/e5/f* && echo new >p/b/new && rm p/b/e12/f12
(cd p && diff -ruN a b >../x.patch) || true
(cd p/a && patch -s -p1 <../../x.patch && cd .. && diff -r a b && echo patched && patch -s -R -p1 -b -d a <../x.patch && find a -name '*.orig' | wc -l)
python3 - <<'P'
import os, shutil, zipfile
with zipfile.ZipFile("z.zip", "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as z:
    for place, _, files in os.walk("t/d2"):
        for f in sorted(files):
            z.write(os.path.join(place, f))
with zipfile.ZipFile("z.zip") as z:
    print(z.testzip(), len(z.namelist()))
    z.extractall("unzipped")
shutil.copytree("t/d6", "tree", symlinks=True)
shutil.move("tree", "t/d2/moved")
print(len(os.listdir("t/d2/moved")))
shutil.rmtree("t/d2/moved")
P
cat >n.js <<'N'
const fs = require('fs'), p = require('path');
fs.mkdirSync('n/a/b/c', {recursive: true});
fs.writeFileSync('n/a/f', 'one\n', {mode: 0o640}); fs.appendFileSync('n/a/f', 'two\n');
fs.copyFileSync('n/a/f', 'n/a/g', fs.constants.COPYFILE_EXCL);
try { fs.copyFileSync('n/a/f', 'n/a/g', fs.constants.COPYFILE_EXCL); } catch (e) { console.log(e.code, e.message); }
fs.renameSync('n/a/g', 'n/a/b/g'); fs.symlinkSync('../f', 'n/a/b/s'); fs.linkSync('n/a/f', 'n/a/h');
fs.truncateSync('n/a/f', 5); fs.utimesSync('n/a/f', 1, 2); fs.lutimesSync('n/a/b/s', 3, 4); fs.chmodSync('n/a/f', 0o600);
fs.cpSync('n/a', 'n/copy', {recursive: true, preserveTimestamps: true});
console.log(fs.readdirSync('n', {recursive: true}).sort().join(' '), fs.readFileSync('n/copy/h', 'utf8'), fs.lstatSync('n/a/b/s').mtimeMs);
try { fs.rmdirSync('n/a'); } catch (e) { console.log(e.code); }
fs.rmSync('n/copy', {recursive: true}); console.log(fs.existsSync('n/copy'), fs.realpathSync('n/a/b/s').endsWith('n/a/f'));
const d = fs.mkdtempSync('n/tmp-'); fs.rmdirSync(d);
(async () => {
	await Promise.all([...Array(200).keys()].map(i => fs.promises.writeFile('n/p' + i, String(i))));
	await Promise.all([...Array(200).keys()].filter(i => i % 2).map(i => fs.promises.unlink('n/p' + i)));
	const s = fs.createWriteStream('n/stream'); for (let i = 0; i < 1000; i++) s.write('line ' + i + '\n');
	s.end(() => console.log(fs.statSync('n/stream').size, fs.readdirSync('n').length));
})();
N
node n.js
install -D -m 751 n.js d1/d2/installed && ln -sfn d1 current && ln -sfn t current && readlink current && ln -f n.js d1/hard
split -l 10 n.js part. && cat part.* | cmp - n.js && dd if=n.js of=dd bs=7 conv=notrunc,sync status=none && dd if=/dev/zero of=dd bs=1 seek=3 count=2 conv=notrunc status=none
fallocate -l 100K fa && fallocate -p -o 4096 -l 8192 fa && truncate -s 33 fa && stat -c '%s' fa && mkfifo -m 600 ff && (echo through >ff &) && cat ff
touch -d @1000000000 t/d3/e3/f3 && touch -r t/d3/e3/f3 dd && touch -h -d @5 current && chmod -R u+w,go-w t && chmod 1777 d1 && stat -c '%a' d1 && stat -c %Y dd current
rm -f a.tar a.tgz z.zip one two x.patch
