#!/bin/bash
# fuse_denied - what file rules deny does not happen in a view, by whatever call and spelling; what they
# divert is kept; each in a plain view, too, where it does happen.
. "$(dirname "$0")/../t.sh"
needs root python3 fuse
. "$(dirname "$0")/../view.sh"

cd / || exit 1
chmod 755 "$TMP"
cat >"$TMP/lab.yaml" <<'END'
version: 1
name: lab
file_rules:
  - name: no-secrets
    paths: ["${PROJECT_ROOT}/secret", "${PROJECT_ROOT}/vault", "${PROJECT_ROOT}/vault/**",
      "${PROJECT_ROOT}/holder*/in/closed"]
    operations: ["*"]
    decision: deny
  - name: look-only
    paths: ["/workspace/fixed/**"]
    operations: [write, create, delete, rename, mkdir, rmdir, chmod, symlink]
    decision: deny
  - name: keep-deleted
    paths: ["${PROJECT_ROOT}/**"]
    operations: [delete, rmdir]
    decision: soft_delete
  - name: watched
    paths: ["${PROJECT_ROOT}/fine/watched"]
    operations: [read]
    decision: audit
  - name: sealed
    paths: ["${PROJECT_ROOT}/sealed/*key", "${PROJECT_ROOT}/sealed/box/in/key"]
    operations: [read, open]
    decision: deny
  - name: frozen
    paths: ["${PROJECT_ROOT}/sealed/ice*", "${PROJECT_ROOT}/sealed/berg/in/ice"]
    operations: [write]
    decision: deny
  - name: work
    paths: ["${PROJECT_ROOT}", "${PROJECT_ROOT}/**"]
    operations: ["*"]
    decision: allow
END

# Prints NAME=errno for every act; 0: it happened.
cat >"$TMP/acts.py" <<'END'
import ctypes, os, sys
from acting import act, to
libc = ctypes.CDLL(None, use_errno=True)
os.chdir(sys.argv[1])
def call(number, *args):
    if libc.syscall(number, *args) < 0:
        raise OSError(ctypes.get_errno(), 'syscall')
def by_map():
    fd = os.open('fixed/f', os.O_RDWR)
    os.close(fd)
act('read', lambda: to('secret', os.O_RDONLY))
act('read-absolute', lambda: to(os.path.abspath('secret'), os.O_RDONLY))
act('read-dots', lambda: to('fixed/../secret', os.O_RDONLY))
act('read-link', lambda: to('alias', os.O_RDONLY))
act('read-second-name', lambda: os.link('secret', 'fine/second'))
act('read-moved', lambda: os.rename('secret', 'fine/moved'))
act('list-vault', lambda: os.listdir('vault'))
act('vault-moved', lambda: os.rename('vault', 'fine/vault'))
act('above-moved', lambda: os.rename('outer', 'fine/outer'))
act('holder-moved', lambda: os.rename('holder', 'fine/holder'))
def exchange(one, other):
    call(316, -100, one.encode(), -100, other.encode(), 2)
act('exchange-with-holder', lambda: exchange('fine/r2', 'holder2'))
act('exchange-directories', lambda: exchange('outer' if os.path.exists('outer') else 'fine/outer', 'holder3'))
act('moved-to-read', lambda: os.rename('sealed/key', 'fine/key'))
act('moved-to-write', lambda: os.rename('sealed/ice', 'fine/water'))
act('replaced', lambda: os.rename('fine/r', 'sealed/ice2'))
act('exchanged-to-read', lambda: exchange('sealed/2key', 'fine/r2'))
act('exchanged-to-write', lambda: exchange('fine/f', 'sealed/ice3'))
act('box-to-read', lambda: os.rename('sealed/box', 'fine/box'))
act('berg-to-write', lambda: os.rename('sealed/berg', 'fine/berg'))
act('write', lambda: to('fixed/f'))
act('write-mapped', by_map)
act('append', lambda: to('fixed/f', os.O_WRONLY | os.O_APPEND))
act('cut-by-open', lambda: to('fixed/f', os.O_RDONLY | os.O_TRUNC))
act('cut', lambda: os.truncate('fixed/f', 0))
act('create', lambda: to('fixed/new', os.O_WRONLY | os.O_CREAT))
act('nameless', lambda: to('fixed', os.O_RDWR | os.O_TMPFILE))
act('mkdir', lambda: os.mkdir('fixed/d2'))
act('fifo', lambda: os.mkfifo('fixed/fifo'))
act('symlink', lambda: os.symlink('x', 'fixed/link'))
act('link-into', lambda: os.link('fine/f', 'fixed/linked'))
act('delete', lambda: os.unlink('fixed/f'))
act('rmdir', lambda: os.rmdir('fixed/d'))
act('move-over', lambda: os.rename('fine/f', 'fixed/f'))
act('move-away', lambda: os.rename('fixed/g', 'fine/g'))
act('exchange', lambda: exchange('fixed/h', 'fine/h'))
act('chmod', lambda: os.chmod('fixed/f', 0o777))
act('chown', lambda: os.chown('fixed/f', 1, 1))
act('times', lambda: os.utime('fixed/f', (1, 1)))
act('xattr', lambda: os.setxattr('fixed/f', 'user.a', b'1'))
act('flags', lambda: call(16, os.open('fixed', os.O_RDONLY), 0x40086602, ctypes.byref(ctypes.c_long(16))))
act('neighbour-read', lambda: to('fixed/f' if os.path.exists('fixed/f') else 'fine', os.O_RDONLY))
act('neighbour-write', lambda: to('fine/n', os.O_RDWR | os.O_CREAT | os.O_TRUNC))
act('neighbour-move', lambda: os.rename('fine/n', 'fine/m'))
act('neighbour-mkdir', lambda: os.mkdir('fine/x'))
act('neighbour-watched', lambda: to('fine/watched', os.O_RDONLY))
act('neighbour-tree', lambda: os.rename('fine/x', 'fine/y'))
END

fill() {
	mkdir -p "$1/vault" "$1/fixed/d" "$1/fine" "$1/outer/vault" "$1/sealed/box/in" "$1/sealed/berg/in"
	echo canary >"$1/secret"
	echo canary >"$1/vault/key"
	for name in holder holder2 holder3; do
		mkdir -p "$1/$name/in"
		echo canary >"$1/$name/in/closed"
	done
	for name in key 2key ice ice2 ice3 box/in/key berg/in/ice; do
		echo canary >"$1/sealed/$name"
	done
	echo other | tee "$1/fine/r" >"$1/fine/r2"
	for name in f g h; do
		echo canary >"$1/fixed/$name"
		echo other >"$1/fine/$name"
	done
	echo watched >"$1/fine/watched"
	chmod 644 "$1/fixed/f"
	touch -d 2020-01-01 "$1/fixed/f"
	ln -s secret "$1/alias"
}

# show NAME [OPTION…]: the view lies over the directory itself.
show() {
	dir=$TMP/$1
	shift
	fill "$dir"
	before=$(state "$dir")
	show_view "$dir" "$@"
}
state() {
	(
		cd "$1" && find secret vault fixed holder* sealed -printf '%p %y %m %u %T@ %s\n' | sort
		cat secret vault/key holder*/in/closed \
			sealed/*key sealed/ice* sealed/*/in/* fixed/f fixed/g fixed/h
	)
}

show plain
python3 "$TMP/acts.py" "$dir" >"$TMP/plain.out" 2>&1
hide

show judged --policy "$TMP/lab.yaml" --events "$TMP/events"

python3 "$TMP/acts.py" "$dir" >"$TMP/judged.out" 2>&1
while IFS='=' read -r name code; do
	case $name in
	neighbour-*) is "$name" "$code" 0 ;;
	flags) is "attributes of the file system are not reached" "$code" ENOTTY ;;
	above-moved) is "a directory moves with what no rule is about" "$code" 0 ;;
	*)
		is "$name is refused" "$code" EACCES
		is "$name happens in a plain view" "$(grep "^$name=" "$TMP/plain.out")" "$name=0"
		;;
	esac
done <"$TMP/judged.out"
is "each act was tried twice" "$(cut -d= -f1 "$TMP/judged.out")" "$(cut -d= -f1 "$TMP/plain.out")"
for want in 'sealed file_rename' 'frozen file_rename' \
	'no-secrets file_open' 'no-secrets dir_list' 'no-secrets file_rename' 'look-only file_write' \
	'look-only file_create' 'look-only dir_create' 'look-only symlink_create' 'look-only file_delete' \
	'look-only dir_delete' 'look-only file_rename' 'look-only file_chmod'; do
	ok "an event tells of $want" jq -es --arg r "${want% *}" --arg t "${want#* }" \
		'any(.[]; .type == $t and .policy.rule == $r and .policy.effective_decision == "deny")' \
		"$TMP/events"
done
ok "an event tells of what is watched" jq -es 'any(.[]; .type == "file_open" and .policy.rule == "watched" and
	.policy.decision == "audit" and .policy.effective_decision == "allow")' "$TMP/events"
not_ok "none of what is not" jq -es 'any(.[]; .type == "file_open" and .policy.rule == "work")' "$TMP/events"
ok "an event tells whose path, and which line of the policy" jq -es --arg p "$dir/fixed/f" \
	'any(.[]; .path == $p and .policy.line == 9 and .policy.file == "lab.yaml" and .pid > 0)' \
	"$TMP/events"

rm "$dir/fine/f" && mkdir "$dir/fine/gone" && rmdir "$dir/fine/gone"
t_report $? "what is diverted looks deleted"
not_ok "and is not there any more" ls "$dir/fine/f"
is "the store is not seen" "$(find "$dir" -maxdepth 1 -name "*trash*" | wc -l
	stat "$dir/.agentsh_trash" 2>&1 | grep -c 'No such')" "0
1"
not_ok "nor made" mkdir "$dir/.agentsh_trash"
not_ok "nor replaced" mv "$dir/fine" "$dir/.agentsh_trash"
ok "an event names the token" jq -es --arg p "$dir/fine/f" \
	'any(.[]; .type == "file_soft_deleted" and .path == $p and (.fields.trash_token | length) > 10)' \
	"$TMP/events"
token=$(jq -r --arg p "$dir/fine/f" 'select(.type == "file_soft_deleted" and .path == $p) |
	.fields.trash_token' "$TMP/events")
hide
is "what was deleted is kept whole" "$(cat "$dir/.agentsh_trash/payload/$token")" other
is "nothing that is denied has happened" "$(state "$dir")" "$before"
is "nothing was complained of" "$(cat "$TMP/err")" ""
