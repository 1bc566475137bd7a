#!/bin/bash
# fuse - a view through FUSE is what it shows: random file operations, hard links, what outlives its name,
# more files than there are descriptors, other users. FUSE_OPS chooses how many.
. "$(dirname "$0")/../t.sh"
needs root setpriv fuse fusermount3

# FSOPS_ALL=1: all of them everywhere.
OPS=${FUSE_OPS:-100000} MORE=${FSOPS_ALL:+${FUSE_OPS:-100000}}
MORE=${MORE:-$((OPS / 4))} SEED=${FSOPS_SEED:-326}
USER_ID=$((30000 + $$ % 30000))
cp "$OUT/files/fsops" "$TMP"
chmod 755 "$TMP" "$TMP/fsops"
cd / || exit 1

# show BASE [OPTION…]: BASE/seen shows BASE/real; BASE/bare is another file system to compare with.
show() {
	base=$1
	shift
	mkdir -p "$base/real" "$base/seen" "$base/bare"
	chmod 777 "$base" "$base/real" "$base/bare"
	mount --bind "$base/bare" "$base/bare"
	"$AGENTSH" fuse "$@" "$base/real" "$base/seen" 2>>"$TMP/err" &
	view=$!
	until_true 5 mountpoint -q "$base/seen"
}

hide() {
	umount "$base/seen" 2>/dev/null
	wait "$view"
	umount "$base/bare" 2>/dev/null
}

cleanup() {
	[ -z "${base:-}" ] || { umount -l "$base/seen" "$base/bare" 2>/dev/null; wait "$view" 2>/dev/null; }
	[ -z "${shm:-}" ] || rm -rf "$shm"
}

log() {
	setpriv --reuid "$1" --regid "$1" --clear-groups "${governed[@]}" \
		"$TMP/fsops" --view --seed "$SEED" --ops "$2" "$3/tree" >"$4" 2>&1
}

# compared TEXT UID OPS [COMMAND…]: below COMMAND in the view.
compared() {
	governed=()
	log "$2" "$3" "$base/bare" "$TMP/bare.log"
	governed=("${@:4}")
	log "$2" "$3" "$base/seen" "$TMP/seen.log"
	cmp -s "$TMP/bare.log" "$TMP/seen.log" && [ "$(wc -l <"$TMP/seen.log")" -ge "$3" ]
	t_report $? "$1: $3 operations"
	diff -a "$TMP/bare.log" "$TMP/seen.log" | head -8 | cut -c1-300 | sed "s/^/# seed $SEED: /"
}

shm=$(mktemp -d /dev/shm/fuse.XXXXXX)
chmod 755 "$shm"
show "$shm"
ok "is mounted under its names" grep -q "^agentsh-workspace $shm/seen fuse.agentsh rw,nosuid,nodev" \
	/proc/mounts
compared "as a user on a tmpfs" "$USER_ID" "$OPS"
compared "as root on a tmpfs" 0 $MORE

cd "$shm/seen" || exit 1
echo one >a && ln a b && echo two >>b
is "hard links are one file" "$(cat a; stat -c %h,%i a)" "one
two
2,$(stat -c %i ../real/b)"
exec 5<>a
rm a b
echo three >&5
is "an open file outlives its names" "$(wc -c </proc/self/fd/5; stat -Lc %h /proc/self/fd/5)" "8
0"
exec 5>&-
mkdir d && (cd d && rmdir ../d && ! touch x 2>/dev/null && [ "$(stat -c %h .)" -ge 0 ])
t_report $? "a removed directory can be left"
(umask 027 && mkdir m && touch m/f)
is "the umask is the caller's" "$(stat -c %a m m/f)" "750
640"
chmod 777 .
setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups sh -c 'mkdir own; : >own/f; : >m/g' 2>/dev/null
is "files are their maker's, and nobody else's directories" "$(stat -c %u own own/f; ls m)" "$USER_ID
$USER_ID
f"
# The kernel has names and attributes of it by then.
mkdir m/in && echo closed >m/in/open && chmod 755 m/in && chmod 644 m/in/open && cat m/in/open >/dev/null
looks='cat m/in/open; stat m/in/open; echo x >m/in/open; cd m/in && pwd; ls m/in'
setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups sh -c "$looks" >"$TMP/looks" 2>/dev/null
is "nor what somebody else has looked at there" "$(cat "$TMP/looks" m/in/open)" closed
mkdir -m 2775 team && chgrp $((USER_ID + 1)) team && chmod 2775 team
setpriv --reuid "$USER_ID" --regid "$USER_ID" --groups $((USER_ID + 1)) sh -c ': >team/f && mkdir team/d'
is "a group lets in its members" "$(stat -c %g,%a team/f team/d)" "$((USER_ID + 1)),644
$((USER_ID + 1)),2755"
printf '#!/bin/sh\necho ran\n' >run && chmod 755 run
cp /bin/true prog
is "what was just written can be executed" "$(./run && ./prog && echo ran)" "ran
ran"
mkdir many && seq 1 3000 | (cd many && xargs touch)
is "large directories are listed whole" "$(ls -f many | sort -u | wc -l; ls -l many | wc -l)" "3002
3001"
if [ -n "$(command -v python3)" ]; then
	is "what is made here has the capabilities that it is given, until it is written to" "$(
		python3 - <<'END'
import os
name, given = "security.capability", bytes.fromhex("0100000200040000000000000000000000000000")
fd = os.open("able", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
def has():
    try: return os.getxattr("able", name) == given
    except OSError as e: return e.strerror
print(has())
os.setxattr("able", name, given); print(has())
os.write(fd, b"x"); print(has())
os.setxattr("able", name, given); os.chown("able", 1, 1); print(has())
os.unlink("able")
END
	)" "No data available
True
No data available
No data available"
	is "a whiteout stays behind" "$(python3 - <<'END'
import ctypes, os
open("white", "w").close()
print(ctypes.CDLL(None).renameat2(-100, b"white", -100, b"black", 4))
st = os.lstat("white")
print(oct(st.st_mode), st.st_rdev, os.lstat("black").st_size)
os.unlink("white"), os.unlink("black")
END
)" "0
0o20000 0 0"
	is "more files are known than descriptors are allowed" "$(python3 - <<'END'
import os
n = 30000
held = []
for i in range(n // 100):
    os.mkdir('many/d%d' % i)
    for k in range(100):
        f = os.open('many/d%d/%d' % (i, k), os.O_CREAT | os.O_WRONLY)
        os.close(f)
print(sum(len(f) for _, _, f in os.walk('many')) - 3000)
END
)" 30000
	is "it holds few descriptors" "$([ "$(ls "/proc/$view/fd" | wc -l)" -lt 9000 ] && echo few)" few
fi
rm -rf many
is "all of it is removed" "$(ls ../real | tr "\n" " ")" "m own prog run team tree "
cd /
hide
ok "what it showed is there without it" cmp /bin/true "$shm/real/prog"

show "$shm" --no-passthrough
compared "data through the process" "$USER_ID" $MORE
hide
# Something is denied somewhere: everything is judged, by the view, and by the supervisor besides.
cat >"$TMP/rules.yaml" <<END
version: 1
name: rules
file_rules:
  - {name: elsewhere, paths: ["$shm/seen/elsewhere/**"], operations: ["*"], decision: deny}
  - {name: allow-rest, paths: ["**"], operations: ["*"], decision: allow}
command_rules:
  - {name: allow-commands, commands: ["*"], decision: allow}
END
cp "$AGENTSH" "$TMP/agentsh"
chmod 755 "$TMP/agentsh"
show "$shm" --policy "$TMP/rules.yaml"
mkdir -m 777 "$base/real/elsewhere"
not_ok "a view that judges" touch "$base/seen/elsewhere/x"
[ -z "$(command -v python3)" ] ||
	is "a file without a name in a directory without one" "$(cd "$base/seen" && python3 -c '
import os
os.mkdir("gone"); os.chdir("gone"); os.rmdir("../gone")
print(os.write(os.open(".", os.O_TMPFILE | os.O_RDWR), b"x"))
')" 1
compared "judged by the view" "$USER_ID" $MORE
compared "judged by the view, as root" 0 $MORE
compared "judged by the view and by call" "$USER_ID" $MORE \
	"$TMP/agentsh" run --judge-files --policy "$TMP/rules.yaml" --
rmdir "$base/real/elsewhere"
hide
disk=$TMP/place
show "$disk"
compared "on the disk" "$USER_ID" $MORE
hide

# Taken away while somebody asks: at times between a request and its reading.
rm -rf "$shm/real" && mkdir "$shm/real"
peaceful=0
for _ in $(seq 60); do
	show "$shm" --no-passthrough
	rm -f "$base/real/asks"
	(while echo x; do :; done >"$base/seen/asks") 2>/dev/null &
	until_true 5 test -s "$base/real/asks"
	umount -f -l "$base/seen"
	wait "$view" && peaceful=$((peaceful + 1))
	wait
	umount "$base/bare"
done
is "a view that is taken away while somebody asks ends in peace" "$peaceful" 60

# Killed at work: errors, nothing lost, and another view in its place.
show "$shm"
mkdir "$base/seen/work"
echo whole >"$base/seen/work/held"
(while echo x; do :; done >"$base/seen/work/log") 2>/dev/null &
writer=$!
until_true 5 test -s "$base/real/work/log"
stamps() {
	stat -c '%n %i %y %a %h' "$base/seen" "$base/seen/work" "$base/seen/work/held"
}
# Nobody closes it after that: what is written is below at once.
(printf hole; exec sleep 60) 1<>"$base/seen/work/held" &
holder=$!
until_true 5 grep -q sleep "/proc/$holder/comm"
before=$(stamps)
kill -9 "$view"
wait "$view" 2>/dev/null
has "a view that was killed gives errors" "$(LC_ALL=C ls "$base/seen" 2>&1)" 'not connected'
not_ok "also for what would be made" touch "$base/seen/work/new"
kill "$writer" 2>/dev/null
wait "$writer" 2>/dev/null
umount -l "$base/seen"
umount "$base/bare"
show "$shm"
is "another one shows all there was" "$(cat "$base/seen/work/held"; ls "$base/seen/work")" "holee
held
log"
is "under the same numbers and times" "$(stamps)" "$before"
ok "and works beside what is still open in the first" sh -c "echo y >>$base/seen/work/held"
kill "$holder"
wait "$holder" 2>/dev/null
hide

# By fusermount3 and with a user's rights alone; the device is everybody's in a namespace of its own.
alone=$TMP/alone
mkdir "$alone" "$alone/real" "$alone/seen" "$alone/bare"
cp "$AGENTSH" "$TMP/fsops" "$alone"
mknod -m 666 "$TMP/device" c 10 229
chown -R nobody "$alone"
cat >"$TMP/alone.sh" <<-END
	mount --bind $TMP/device /dev/fuse
	mount --bind $alone/bare $alone/bare
	as_nobody() { setpriv --reuid nobody --regid nogroup --clear-groups "\$@"; }
	as_nobody $alone/agentsh fuse $alone/real $alone/seen &
	for i in \$(seq 100); do mountpoint -q $alone/seen && break; sleep 0.05; done
	grep -c "$alone/seen fuse.agentsh .*user_id=\$(id -u nobody)" /proc/mounts
	ls $alone/seen >/dev/null 2>&1 && echo root looks in
	as_nobody sh -c 'ls /proc/self/fd' >/dev/null && echo own descriptors
	as_nobody sh -c 'ls -l /proc/*/fd' 2>/dev/null | grep -F " -> $alone/real" && echo below the view
	as_nobody sh -c 'ls -d /proc/*/fd/*/canary' 2>/dev/null
	as_nobody setpriv --no-new-privs fusermount3 -u $alone/seen 2>/dev/null && echo unmounted
	as_nobody unshare -Urm umount -l $alone/seen 2>/dev/null && echo unmounted by a root of his own
	grep -q "$alone/seen fuse.agentsh" /proc/mounts && echo stays
	for where in bare seen; do
		as_nobody $alone/fsops --view --seed $SEED --ops $MORE $alone/\$where/tree \
			>$TMP/\$where.log 2>&1
	done
	as_nobody fusermount3 -u $alone/seen
	wait && echo ended
END
mkdir "$alone/real/canary"
is "a user mounts for himself, and finds no way below by the descriptors of his view" \
	"$(unshare -m sh "$TMP/alone.sh" 2>&1)" "1
own descriptors
stays
ended"
cmp -s "$TMP/bare.log" "$TMP/seen.log" && [ "$(wc -l <"$TMP/seen.log")" -ge $MORE ]
t_report $? "as a user alone: $MORE operations"
diff -a "$TMP/bare.log" "$TMP/seen.log" | head -8 | cut -c1-300 | sed "s/^/# seed $SEED: /"
is "nothing was complained of" "$(cat "$TMP/err")" ""
