/* Every spelling of what tools for files and addresses can be told. */
#include "test/unit/facts_rows.h"

static const struct row rm_rows[] = {
	{ "rm.recursive",
	  { "rm -r x",
	    "rm -R x",
	    "rm -rf x",
	    "rm -fr x",
	    "rm -vrf x",
	    "rm -dR x",
	    "rm x -r",
	    "rm x -rf",
	    "rm -f x -r -- y",
	    "rm --recursive x",
	    "rm --recursiv x",
	    "rm --recurs x",
	    "rm --recu x",
	    "rm --r x",
	    "rm --re x",
	    "rm x --rec",
	    "rm -v -i -R x",
	    "rm -Ivr x",
	    "rm '' -r",
	    "rm - -r x",
	    "rm -r",
	    "rm -rr -RR x",
	    "rm --force --recursive x",
	    "rm --one-file-system -r x",
	    "rm --preserve-root=all -r x",
	    "rm --verbose x y -R",
	    "rm ---presume-input-tty -r x" } },
	{ "!rm.recursive !rm.unknown",
	  { "rm x", "rm -f x", "rm -- -r", "rm -f -- -rf --recursive", "rm my-report.txt",
	    "rm notes-readme.txt", "rm a-r", "rm -dv x", "rm --force x", "rm -i x", "rm --interactive=once x",
	    "rm --no-preserve-root x", "rm", "rm --verb x", "rm ./-r", "rm --dir x" } },
	{ "rm.force !rm.interactive",
	  { "rm -f x", "rm -rf x", "rm --force x", "rm --f x", "rm -i -f x", "rm -if x", "rm -If x",
	    "rm --interactive -f x", "rm -i x -f" } },
	{ "!rm.force rm.interactive",
	  { "rm -i x", "rm -I x", "rm -fi x", "rm -f -i x", "rm -f x -I", "rm --interactive x",
	    "rm --inter x", "rm --interactive=always x", "rm --interactive=once x", "rm -f --i x" } },
	{ "!rm.force !rm.interactive", { "rm x", "rm --interactive=never x", "rm -f --interactive=no x" } },
	{ "rm.no_preserve_root", { "rm -rf --no-preserve-root /", "rm --no-p -r /", "rm / -r --no" } },
	{ "rm.dir", { "rm -d x", "rm --dir x", "rm -fd x" } },
	{ "rm.target=x !rm.target=-f", { "rm x", "rm -f x", "rm x -f", "rm -- x", "rm -rf y x" } },
	{ "rm.target=-r rm.target=--", { "rm -- -r --", "rm -f -- -- -r" } },
	{ "rm.unknown rm.recursive?",
	  { "rm --frobnicate x", "rm -Z x", "rm --recursive=yes x", "rm -r --nope x", "rm --in --zz",
	    "rm -x" } },
};

T_CASE(rm)
{
	CHECK(rm_rows);
}

static const struct row chmod_rows[] = {
	{ "chmod.recursive chmod.mode=777 chmod.target=/",
	  { "chmod -R 777 /", "chmod 777 -R /", "chmod 777 / -R", "chmod --recursive 777 /",
	    "chmod --rec 777 /", "chmod -vR 777 /", "chmod -Rcf 777 -- /", "chmod -fR -v 777 /" } },
	{ "!chmod.recursive !chmod.unknown",
	  { "chmod 755 x", "chmod -r x", "chmod -rwx x", "chmod -v +x x", "chmod a-r x", "chmod -- -R x",
	    "chmod --reference=R x" } },
	{ "chmod.setid",
	  { "chmod 4755 x", "chmod 2755 x", "chmod 06755 x", "chmod u+s x", "chmod g+s x", "chmod +s x",
	    "chmod ug+xs x", "chmod a=rx,u+s x", "chmod u=rwxs,g=rx x", "chmod u+x+s x", "chmod =6755 x",
	    "chmod +4000 x", "chmod u-w+s x" } },
	{ "!chmod.setid", { "chmod 755 x", "chmod u-s x", "chmod 0755 x", "chmod +t x", "chmod 1777 x" } },
	{ "chmod.world_writable",
	  { "chmod 777 x", "chmod 0666 x", "chmod 1777 x", "chmod o+w x", "chmod a+w x", "chmod ugo+rw x",
	    "chmod a=rwx x", "chmod u=rw,o=w x", "chmod go-x+w x" } },
	{ "!chmod.world_writable",
	  { "chmod 775 x", "chmod u+w x", "chmod o-w x", "chmod g+w x", "chmod a+x x", "chmod 644 x" } },
	{ "chmod.world_writable?", { "chmod +w x", "chmod o=u x", "chmod =rw x" } },
	{ "chmod.executable",
	  { "chmod +x x", "chmod 755 x", "chmod u+x x", "chmod a+rX x", "chmod 100 x", "chmod -v u=rx x" } },
	{ "!chmod.executable", { "chmod 644 x", "chmod -x x", "chmod a-x x", "chmod u+rw x" } },
	{ "chmod.target=a chmod.target=b !chmod.target=u+w", { "chmod u+w a b", "chmod -v u+w -- a b" } },
	{ "chmod.target=a chmod.mode=-w", { "chmod -w a", "chmod a -w", "chmod -w -- a" } },
	{ "chmod.target=a chmod.reference=b",
	  { "chmod --reference=b a", "chmod --ref b a", "chmod a --refe=b" } },
	{ "chmod.unknown chmod.recursive?",
	  { "chmod --frob 777 x", "chmod --recursive=1 777 x", "chmod -Z 7 x" } },
};

T_CASE(chmod)
{
	CHECK(chmod_rows);
}

static const struct row chown_rows[] = {
	{ "chown.recursive chown.owner=u:g chown.target=x",
	  { "chown -R u:g x", "chown u:g -R x", "chown u:g x --recursive", "chown --rec u:g x",
	    "chown -Rv u:g x", "chown -hR u:g x", "chown --from=a:b -R u:g x", "chown --from a -R u:g x" } },
	{ "!chown.recursive", { "chown u x", "chown -- -R x", "chown -h u x", "chown --reference=y x" } },
	{ "chown.recursive chown.group=g chown.target=x",
	  { "chgrp -R g x", "chgrp g x -R", "chgrp --recurs g x" } },
	{ "chown.reference=y chown.target=x",
	  { "chown --reference=y x", "chown --refer y x", "chgrp --ref=y x" } },
	{ "chown.follow", { "chown -RL u x", "chown -HR u x" } },
	{ "!chown.follow", { "chown -RP u x", "chown -LP -R u x" } },
	{ "chown.no_preserve_root", { "chown -R --no-preserve-root u /", "chown --no-p -R u /" } },
	{ "chown.unknown chown.recursive?", { "chown --frob u x", "chown --re u x", "chown -Z u x" } },
};

T_CASE(chown)
{
	CHECK(chown_rows);
}

static const struct row dd_rows[] = {
	{ "dd.of=/dev/sda !dd.unknown",
	  { "dd of=/dev/sda", "dd if=x of=/dev/sda", "dd of=y of=/dev/sda", "dd bs=1M of=/dev/sda count=1",
	    "dd -- of=/dev/sda", "dd of=/dev/sda conv=fsync,notrunc status=none",
	    "dd oflag=direct of=/dev/sda" } },
	{ "!dd.of=/dev/sda", { "dd if=/dev/sda of=x", "dd of=/dev/sda of=x", "dd if=/dev/sda", "dd" } },
	{ "dd.if=/etc/shadow", { "dd if=/etc/shadow", "dd if=x if=/etc/shadow of=y" } },
	{ "dd.unknown dd.of?", { "dd foo", "dd foo=bar", "dd of= x", "dd --of=x", "dd o=x" } },
};

T_CASE(dd)
{
	CHECK(dd_rows);
}

static const struct row find_rows[] = {
	{ "find.exec find.command=rm !find.unknown",
	  { "find . -exec rm {} ;", "find . -exec rm {} +", "find -execdir rm {} ;", "find . -ok rm {} ;",
	    "find . -okdir rm {} ;", "find / -name x -o -exec rm -rf {} ; -print",
	    "find . ( -name a -o -name b ) -exec rm {} +", "find . -exec echo {} ; -exec rm {} ;",
	    "find -L . -newermt yesterday -exec rm {} ;", "find . -exec rm" } },
	{ "!find.exec !find.unknown",
	  { "find .", "find . -name -exec", "find . -name x -print0", "find . -newer -exec -print",
	    "find -D exec . -name x", "find . -printf %p", "find -O3 . -maxdepth 1",
	    "find . -type f -size +1M", "find . -fprintf out -exec", "find", "find -H -- . -empty",
	    "find . -regextype awk -regex x", "find . -perm -u+s", "find . -newerXY x" } },
	{ "find.delete !find.exec",
	  { "find . -delete", "find -delete", "find . -name x -delete", "find . -depth -delete -print",
	    "find . ! -name x -delete" } },
	{ "!find.delete",
	  { "find . -name -delete", "find . -exec echo -delete ;", "find . -path -delete", "find ./-delete",
	    "find . -fprint -delete" } },
	{ "find.delete", { "find . -exec echo {} ; -delete", "find . -exec echo {} + -delete" } },
	{ "find.write=/x",
	  { "find . -fprint /x", "find . -fprint0 /x", "find . -fls /x", "find . -fprintf /x %p",
	    "find . -name a -fprint /x -print" } },
	{ "find.path=/a find.path=/b",
	  { "find /a /b", "find -L /a /b -name x", "find -D tree -O2 /a /b -print" } },
	{ "!find.path=x", { "find . -name x", "find -P . -exec x ;" } },
	{ "find.from_file find.path?", { "find -files0-from f -delete" } },
	{ "find.unknown find.delete? find.exec?",
	  { "find . -frob", "find . --delete", "find . -exe rm {} ;" } },
};

T_CASE(find)
{
	CHECK(find_rows);
}

static const struct row tar_rows[] = {
	{ "tar.exec",
	  { "tar -xf a --to-command=sh",
	    "tar xf a --to-command sh",
	    "tar --to-c=sh -xf a",
	    "tar -I sh -cf a b",
	    "tar -cf a --use-compress-program=sh b",
	    "tar -cIf sh a b",
	    "tar cIf sh a b",
	    "tar cfI a sh b",
	    "tar -cf a --use=sh b",
	    "tar -cf a --checkpoint=1 --checkpoint-action=exec=sh b",
	    "tar -cf a b --checkpoint-act=exec=sh --checkpoint=1",
	    "tar -Mcf a -F sh b",
	    "tar cMfF a sh b",
	    "tar --info-script=sh -cf a b",
	    "tar --new-volume-script sh -cf a b",
	    "tar -cf h:x --rsh-command=sh b",
	    "tar -cf a --rmt-command=sh b",
	    "tar cf host:x b",
	    "tar -cf user@host:x b",
	    "tar -Ish -xf a",
	    "tar b -cf a -I sh" } },
	{ "!tar.exec !tar.unknown",
	  { "tar xf a", "tar -czf a b", "tar cf a --checkpoint=1 --checkpoint-action=dot b",
	    "tar -cf a --checkpoint-action=echo=exec b", "tar -cf a -- -I sh", "tar xzvf a -C d",
	    "tar -cf a --exclude=--to-command b", "tar -cf a --exclude -I b", "tar --force-local -cf h:x b",
	    "tar -tvf a", "tar -cf ./h:x b", "tar -xpf a --strip-components=1 --no-same-owner", "tar --help",
	    "tar -cJf - b", "tar -caf a.zst b" } },
	{ "tar.extract tar.file=a",
	  { "tar xf a", "tar -xf a", "tar -x -f a", "tar -xfa", "tar --extract --file=a",
	    "tar --extr --file a", "tar --get -f a", "tar zxf a", "tar -vxzf a", "tar xvfC a d",
	    "tar -f a -x" } },
	{ "!tar.extract",
	  { "tar cf x y", "tar -tf x", "tar cf extract x", "tar -cf a -- -x", "tar -rf a b" } },
	{ "tar.create",
	  { "tar cf a b", "tar -rf a b", "tar --append -f a b", "tar uf a b", "tar -Af a b",
	    "tar --concat -f a b", "tar --create -f a b", "tar --cr -f a b" } },
	{ "tar.directory=d",
	  { "tar xf a -C d", "tar -xf a -Cd", "tar -C d -xf a", "tar xfC a d", "tar --directory=d -xf a",
	    "tar --dir d -xf a", "tar xCf d a", "tar -xf a --one-top-level=d" } },
	{ "tar.delete",
	  { "tar --delete -f a b", "tar -cf a --remove-files b", "tar --remove-f -cf a b",
	    "tar --dele -f a b", "tar -xf a --recursive-unlink" } },
	{ "tar.absolute", { "tar -xPf a", "tar xPf a", "tar --absolute-names -xf a", "tar --abs -xf a" } },
	{ "tar.remote tar.exec", { "tar xf host:a", "tar -xf me@host:/a" } },
	{ "tar.from_file tar.exec?",
	  { "tar -cf a -T list", "tar cTf list a", "tar --files-from=list -cf a" } },
	{ "tar.member=b", { "tar cf a b", "tar -cf a b c", "tar -cf a --add-file=b" } },
	{ "tar.unknown tar.exec?", { "tar --frob -cf a b", "tar -c! b", "tar --no-such=x cf a" } },
};

T_CASE(tar)
{
	CHECK(tar_rows);
}

static const struct row rsync_rows[] = {
	{ "rsync.delete !rsync.unknown",
	  { "rsync -a --delete a b", "rsync --del -a a b", "rsync a b --delete-after",
	    "rsync -a --delete-excluded a b", "rsync --remove-source-files a b",
	    "rsync -av --delete-before --progress a/ b/", "rsync --max-delete 5 --delete-during a b" } },
	{ "!rsync.delete !rsync.unknown",
	  { "rsync -a a b", "rsync -a -- --delete b", "rsync -e --delete a b", "rsync -avz --progress a b",
	    "rsync --exclude --delete a b", "rsync --delete --no-delete a b", "rsync -rlptgoD a b",
	    "rsync -aAXH --info=progress2 a b", "rsync -az --zt=4 --no-i-r --confine-root=/d a b" } },
	{ "rsync.exec",
	  { "rsync -e ssh a b", "rsync -ave 'ssh -p 1' a b", "rsync --rsh=sh a b", "rsync --rsh sh a b",
	    "rsync --rsync-path=x a b", "rsync -essh a b" } },
	{ "rsync.remote net.url.host=h rsync.target=h:/b", { "rsync a h:/b", "rsync -a a c h:/b" } },
	{ "rsync.remote net.url.host=h rsync.source=h:b", { "rsync h:b .", "rsync h:b", "rsync -av h:b d" } },
	{ "rsync.remote net.url.host=h net.url.scheme=rsync",
	  { "rsync rsync://h/m/x .", "rsync rsync://u@h:8/m" } },
	{ "!rsync.remote rsync.target=b rsync.source=a",
	  { "rsync a b", "rsync -r a c b", "rsync a -r b -v" } },
	{ "!rsync.remote", { "rsync ./h:b c", "rsync /a:b c" } },
	{ "rsync.server", { "rsync --daemon", "rsync --server --sender . x" } },
	{ "rsync.unknown rsync.delete?", { "rsync --frob a b", "rsync --dele a b", "rsync -w9 a b" } },
};

T_CASE(rsync)
{
	CHECK(rsync_rows);
}

static const struct row addresses_rows[] = {
	{ "net.url.host=h.test !net.url.unknown",
	  { "curl h.test",
	    "curl https://h.test",
	    "curl https://h.test/x?y#z",
	    "curl http://h.test:8080/",
	    "curl https://u:p@h.test/",
	    "curl https://evil.test@h.test/",
	    "curl h.test:443",
	    "curl -sL h.test/x",
	    "curl --url https://h.test",
	    "curl --url=https://h.test",
	    "curl -- h.test",
	    "wget h.test",
	    "wget -q https://h.test/a",
	    "curl https://h.test?x=evil.test/",
	    "curl https://h.test#@evil.test",
	    "git clone https://h.test/r",
	    "git clone ssh://git@h.test:22/r",
	    "git clone git@h.test:r",
	    "git fetch https://h.test/r",
	    "git push https://h.test/r main",
	    "git ls-remote https://h.test/r",
	    "git remote add x https://h.test/r",
	    "git submodule add https://h.test/r d",
	    "npm i https://h.test/x.tgz",
	    "npm i x@https://h.test/x.tgz",
	    "npm i git+ssh://git@h.test/r",
	    "pip install git+https://h.test/r",
	    "pip install 'x @ https://h.test/x.whl'",
	    "pip install -e git+https://h.test/r",
	    "cargo install --git https://h.test/r",
	    "pip install -i https://h.test/simple x",
	    "npm --registry https://h.test/ i x" } },
	{ "net.url.host=[::1]", { "curl 'http://[::1]:80/'", "curl 'http://u@[::1]/'" } },
	{ "net.url.unknown net.url.host?",
	  { "curl 'https://h.test\\@evil.test/'", "curl 'http://{a,b}.test/'", "curl 'http://h[1-3].test/'",
	    "curl https:/evil.test/", "curl https:///evil.test/", "curl 'https:\\\\evil.test/'",
	    "curl 'https://h.test evil.test/'", "git clone 'ext::sh -c x'", "npm i github:a/b",
	    "npm i a/b" } },
	{ "net.url.host=a net.url.host=b net.url.scheme=ftp",
	  { "curl http://a ftp://b", "curl -o x a -: ftp://b" } },
	{ "!net.url.host !net.url.unknown",
	  { "curl file:///etc/passwd", "git clone /srv/r d", "git clone ./a:b d" } },
};

T_CASE(addresses)
{
	CHECK(addresses_rows);
}

static const struct row curl_rows[] = {
	{ "curl.output curl.output.file=f",
	  { "curl -o f h", "curl -of h", "curl -sSLo f h", "curl h -o f", "curl --output f h",
	    "curl --outp f h", "curl -c f h", "curl -D f h", "curl --trace-ascii f h", "curl --stderr f h",
	    "curl --output=f h", "curl -fsSLOo f h", "curl --output-dir f -O h", "curl --dump-header f h",
	    "curl --libcurl f h" } },
	{ "curl.output",
	  { "curl -O h/x", "curl -sLO h/x", "curl --remote-name h/x", "curl -OJ h/x",
	    "curl --remote-name-all h/x", "curl -w '%output{f}x' h" } },
	{ "!curl.output !curl.unknown",
	  { "curl h", "curl -o - h", "curl -sSL h", "curl -H -o h", "curl -A -O h", "curl -- -o",
	    "curl -D - h", "curl -w '%{http_code}' h", "curl --compressed -4 -k h", "curl -u -o h",
	    "curl --max-time 5 -m 3 h", "curl --retry 3 --fail-with-body h", "curl --no-progress-meter h",
	    "curl -XGET h", "curl -N h" } },
	{ "curl.upload curl.upload.file=f",
	  { "curl -T f h", "curl -d @f h", "curl -d@f h", "curl --data-binary @f h", "curl -F x=@f h",
	    "curl -F 'x=@f;type=a/b' h", "curl -F 'x=<f' h", "curl --data-urlencode n@f h",
	    "curl --json @f h", "curl --upload-file f h", "curl -sXPOST -d @f h", "curl --upload-fi f h" } },
	{ "curl.upload !curl.upload.file",
	  { "curl -d x h", "curl --data-raw @f h", "curl -F a=b h", "curl -Gd x h" } },
	{ "!curl.upload", { "curl h", "curl -H 'a: @f' h", "curl -X POST h" } },
	{ "curl.method=PUT", { "curl -X PUT h", "curl -XPUT h", "curl -sX PUT h", "curl --request PUT h" } },
	{ "curl.insecure", { "curl -k h", "curl -sk h", "curl --insecure h", "curl --insec h" } },
	{ "!curl.insecure", { "curl h", "curl -k --no-insecure h" } },
	{ "curl.reroute",
	  { "curl -x p h", "curl --proxy p h", "curl --resolve h:80:1.2.3.4 h", "curl --connect-to ::x: h",
	    "curl --unix-socket s h", "curl --socks5 p h", "curl --doh-url u h", "curl --preproxy p h" } },
	{ "curl.config curl.output? net.url.host?",
	  { "curl -K f h", "curl --config f", "curl -sK - h", "curl --conf f" } },
	{ "curl.unknown curl.output?", { "curl --frobnicate h", "curl --frob=x h" } },
};

T_CASE(curl)
{
	CHECK(curl_rows);
}

static const struct row wget_rows[] = {
	{ "wget.output wget.output.file=f",
	  { "wget -O f h", "wget -Of h", "wget -qO f h", "wget h -O f", "wget --output-document=f h",
	    "wget --output-d f h", "wget -P f h", "wget -a f h", "wget -o f h", "wget -nv -O f h",
	    "wget --directory-prefix f h", "wget -nc -P f h" } },
	{ "!wget.output !wget.unknown",
	  { "wget h", "wget -O- h", "wget -qO - h", "wget -nv h", "wget -U -O h", "wget --header -O h",
	    "wget -- -O", "wget -nc -c h", "wget --no-verbose h", "wget --tries=3 -T 5 h" } },
	{ "wget.upload",
	  { "wget --post-data=x h", "wget --post-file f h", "wget --body-f=f h", "wget --body-data x h" } },
	{ "wget.upload.file=f", { "wget --post-file=f h", "wget --body-file f h" } },
	{ "wget.insecure",
	  { "wget --no-check-certificate h", "wget --no-check-c h", "wget --check-certificate=off h" } },
	{ "!wget.insecure",
	  { "wget h", "wget --check-certificate h", "wget --no-check-certificate --check-certificate h" } },
	{ "wget.config net.url.host? wget.output?",
	  { "wget -i f", "wget --input-file=f", "wget -e output_document=x h", "wget --execute x=y h",
	    "wget --config=f h" } },
	{ "wget.recursive", { "wget -r h", "wget -mk h", "wget --mirror h", "wget -qp h" } },
	{ "wget.exec", { "wget --use-askpass=x h", "wget --use-ask x h" } },
	{ "wget.unknown wget.output?", { "wget --frob h", "wget -Z h" } },
};

T_CASE(wget)
{
	CHECK(wget_rows);
}
