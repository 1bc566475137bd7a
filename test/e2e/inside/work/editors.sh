# how editors save: in place, by a new file and a rename, with a backup; with and without their own temporary files
set -e
make_file() { printf 'one\ntwo\nthree\n' >"$1" && chmod "${2:-644}" "$1"; }
show() { stat -c '%n %a %F' "$@" && cat "$@" | sha256sum; }
if [ -x /usr/bin/vim ]; then
	for how in 'backupcopy=yes' 'backupcopy=no' 'backupcopy=auto backup' 'backupcopy=auto,breakhardlink' 'nowritebackup'; do
		make_file vim 640 && ln -f vim vim.hard
		vim -es -u NONE -c "set $how backupdir=." -c '%s/one/ONE/' -c 'wq' vim
		show vim vim.hard && [ vim -ef vim.hard ] && echo linked; find . -maxdepth 1 | sort | tr '\n' ' ' && echo && rm -f vim~ vim.hard
	done
	make_file swap && vim -es -u NONE -c 'set swapfile directory=. undofile undodir=.' -c '%s/t/T/' -c wq swap && show swap && ls -A
	rm -f .swap.un~
	ln -s vim by-link && vim -es -u NONE -c '%s/ONE/two/' -c wq by-link && readlink by-link && show vim
fi
if [ -x /usr/bin/ed ]; then
	make_file ed 600 && printf '2s/two/TWO/\n$a\nfour\n.\nw\nq\n' | ed -s ed && show ed
fi
make_file in-place 755 && sed -i 's/one/1/' in-place && sed -i.bak 's/two/2/' in-place && show in-place in-place.bak
make_file perl && perl -pi -e 's/one/1/' perl && perl -pi.orig -e 's/two/2/' perl && show perl perl.orig
python3 - <<'P'
import ctypes, os, tempfile
def show(*names):
    for n in names:
        print(n, oct(os.stat(n).st_mode), open(n, "rb").read())
def put(name, text=b"old\n"):
    open(name, "wb").write(text)
# a new file beside it, flushed, with the mode of the old one, renamed over it
put("py")
os.chmod("py", 0o640)
fd, new = tempfile.mkstemp(dir=".")
os.write(fd, b"new\n"); os.fchmod(fd, 0o640); os.fsync(fd); os.close(fd); os.replace(new, "py")
d = os.open(".", os.O_RDONLY | os.O_DIRECTORY); os.fsync(d); os.close(d)
show("py")
# the old one becomes the backup, a new one takes its name
put("em")
os.rename("em", "em~"); put("em", b"new\n"); show("em", "em~")
# the backup is another name of the old one
put("hard")
os.link("hard", "hard~"); put("hard.new", b"new\n"); os.rename("hard.new", "hard"); show("hard", "hard~")
# a file without a name gets one, and takes the old one's
put("tmpfile")
fd = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o644)
os.write(fd, b"new\n")
r = ctypes.CDLL(None).linkat(-100, b"/proc/self/fd/%d" % fd, -100, b"tmpfile.new", 0x400)
os.close(fd); os.rename("tmpfile.new", "tmpfile"); print(r); show("tmpfile")
# both are exchanged
put("x1", b"1\n"); put("x2", b"2\n")
print(ctypes.CDLL(None).renameat2(-100, b"x1", -100, b"x2", 2)); show("x1", "x2")
print(ctypes.CDLL(None).renameat2(-100, b"x1", -100, b"x2", 1) == -1); show("x1", "x2")
# written in place: shorter, longer, in the middle, by a mapping
put("w", b"0123456789" * 1000)
with open("w", "r+b") as f: f.seek(4000); f.write(b"middle"); f.truncate(8000)
with open("w", "ab") as f: f.write(b"end")
import mmap
with open("w", "r+b") as f:
    m = mmap.mmap(f.fileno(), 0); m[10:14] = b"MMAP"; m.flush(); m.close()
print(os.stat("w").st_size, hash(open("w", "rb").read()) == hash(open("w", "rb").read()))
# a lock file as some have it
fd = os.open("w.lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY); os.close(fd)
try: os.open("w.lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
except FileExistsError as e: print(e)
os.unlink("w.lock")
P
ls -A
