# view - a directory seen through a view that lies over it. Source it after t.sh.
#
#	show_view DIR [OPTION...]	`agentsh fuse` over it, until it is there; sets dir, view
#	hide				take it away, and wait for its process; also at the end
#	$TMP/acting.py			for Python: act(NAME, FUNCTION) prints NAME=errno, 0: it happened; to(PATH, FLAGS)
# shellcheck shell=sh

show_view() {
	dir=$1
	shift
	"$AGENTSH" fuse "$@" "$dir" "$dir" 2>>"$TMP/err" &
	view=$!
	until_true 5 mountpoint -q "$dir"
}
hide() {
	umount "$dir" 2>/dev/null
	wait "$view"
}
cleanup() {
	[ -z "${dir:-}" ] || umount -l "$dir" 2>/dev/null
	wait "${view:-}" 2>/dev/null
	rm -rf "${shm:-}"
}

cat >"$TMP/acting.py" <<'END'
import errno, os


def act(name, f):
    try:
        f()
        print("%s=0" % name)
    except OSError as e:
        print("%s=%s" % (name, errno.errorcode[e.errno]))


def to(path, flags=os.O_WRONLY):
    os.close(os.open(path, flags, 0o644))
END
