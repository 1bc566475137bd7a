#!/bin/bash
# files_asked - a policy has those calls on files asked about that one of its rules restricts, and no others:
# seen by what still happens while its supervisor is stopped. What is denied is denied as ever.
. "$(dirname "$0")/../t.sh"
needs root setpriv python3

USER_ID=$((30000 + $$ % 30000)) # of this test alone
cp "$AGENTSH" "$TMP/agentsh"
cat >"$TMP/acts.py" <<'EOS'
"""Each act in a process of its own. When as many as are expected, and a little later no more of them, have
ended without help these are told, and in the end all that succeeded."""
import os, select, sys, time

for name in "abcdefgh":
    open(name, "w").close()
ACTS = {
    "read": lambda: os.open("a", os.O_RDONLY),
    "list": lambda: os.open(".", os.O_RDONLY | os.O_DIRECTORY),
    "proc": lambda: os.open("/proc/self/stat", os.O_RDONLY),
    "write": lambda: os.open("b", os.O_WRONLY),
    "create": lambda: os.open("new", os.O_WRONLY | os.O_CREAT, 0o644),
    "mkdir": lambda: os.mkdir("e.d"),
    "delete": lambda: os.unlink("c"),
    "rename": lambda: os.rename("f", "f.2"),
    "link": lambda: os.link("g", "g.2"),
    "chmod": lambda: os.chmod("h", 0o600),
}
sys.stdout.write("ready\n")
sys.stdout.flush()
sys.stdin.readline()
pipes = {}
for name, act in ACTS.items():
    r, w = os.pipe()
    if os.fork() == 0:
        try:
            act()
            os.write(w, b"+")
        except OSError as e:
            os.write(w, b"-")
        os._exit(0)
    os.close(w)
    pipes[r] = name


def gather(n, until, results):
    while len(results) < n and time.time() < until:
        for r in select.select(list(pipes), [], [], max(0, until - time.time()))[0]:
            results[pipes.pop(r)] = os.read(r, 1) == b"+"


results = {}
gather(int(sys.argv[1]), time.time() + 20, results)
gather(len(ACTS), time.time() + 0.3, results)
print("alone:", *[n for n in ACTS if results.get(n)])
sys.stdout.flush()
gather(len(ACTS), time.time() + 60, results)
print("ended:", *[n for n in ACTS if results.get(n)])
EOS
chmod -R a+rX "$TMP"
chmod 1777 "$TMP"

policy() { # RULES: the rest is allowed
	{
		printf 'version: 1\nname: t\nfile_rules:\n'
		sed 's/^/  - /'
		printf 'command_rules:\n  - {name: c, commands: ["*"], decision: allow}\n'
		printf 'audit: {log_allowed: %s}\n' "$1"
	} >"$TMP/policy.yaml"
}
# acts DIR ACTS TEXT: what is done while the supervisor is stopped, as expected, and then.
acts() {
	expected=$2
	rm -rf "$1" "$TMP/in" "$TMP/out" "$LOG"
	mkdir -m 777 "$1"
	mkfifo "$TMP/in"
	(cd "$1" && exec setpriv --reuid "$uid" --regid "$uid" --clear-groups "$TMP/agentsh" run \
		--policy "$TMP/policy.yaml" --audit "$LOG" -- \
		/usr/bin/python3 "$TMP/acts.py" "$(wc -w <<<"$expected")" <"$TMP/in" >"$TMP/out") &
	runner=$!
	exec 7>"$TMP/in"
	until_true 30 grep -q ready "$TMP/out"
	kill -STOP "$runner"
	echo go >&7
	exec 7>&-
	until_true 30 grep -q alone: "$TMP/out"
	kill -CONT "$runner"
	wait "$runner"
	is "$who: $3" "$(told alone)" "$expected"
}
told() { sed -n "s/^$1: *//p" "$TMP/out"; }
denied() { # TYPE RULE
	grep -F "\"type\":\"$1\"" "$LOG" | grep -F "\"rule\":\"$2\"" | grep -qF '"effective_decision":"deny"'
}
all="read list proc write create mkdir delete rename link chmod"
some() { # WITHOUT...: all but these
	for act in $all; do case " $* " in *" $act "*) ;; *) printf '%s ' "$act" ;; esac done | sed 's/ $//'
}
rest='{name: rest, paths: ["/**"], operations: ["*"], decision: allow}'
see='{name: see, paths: ["/**"], operations: [open, read, list, stat, readlink], decision: allow}'

for uid in 0 $USER_ID; do
	who=$([ "$uid" = 0 ] && echo root || echo user)
	work=$TMP/$who LOG=$TMP/logs.$who/log
	mkdir -p "$TMP/logs.$who"
	chown "$uid" "$TMP/logs.$who"

	policy false <<<"$rest"
	acts "$work" "$all" "nothing is restricted: nobody is asked"

	policy true <<<"$rest"
	acts "$work" "read list proc" "but changes are, where they are told of"
	is "$who: and happen" "$(told ended)" "$all"
	ok "$who: each is told of" grep -q '"type":"file_delete"' "$LOG"

	policy false <<<"$see
{name: here, paths: [\"$work/[a-h]\", \"$work/*.2\", \"$work/new\"], operations: [\"*\"], decision: allow}"
	acts "$work" "read list proc" "writes are restricted: reads go on by themselves"
	is "$who: what is denied is" "$(told ended)" "$(some mkdir)"
	ok "$who: it is not there" [ ! -e "$work/e.d" ]
	ok "$who: and told of" denied dir_create default-deny-files

	policy false <<<"{name: no-a, paths: [\"$work/a\"], operations: [read], decision: deny}
$rest"
	acts "$work" '' "reads are restricted: so are names and attributes"
	is "$who: the file is not read" "$(told ended)" "$(some read)"
	ok "$who: and that is told" denied file_open no-a

	policy false <<<"{name: no-c, paths: [\"$work/c\"], operations: [delete], decision: deny}
$rest"
	acts "$work" "read list proc write create" \
		"deletions are restricted: only names and attributes are asked about"
	is "$who: the file is not deleted" "$(told ended)" "$(some delete)"
	ok "$who: it is there" [ -e "$work/c" ]
	ok "$who: and that is told" denied file_delete no-c

	policy false <<<"{name: no-h, paths: [\"$work/h\"], operations: [chmod], decision: deny}
$rest"
	acts "$work" "read list proc write create" "modes are restricted"
	is "$who: the file keeps its mode" "$(told ended) $(stat -c %a "$work/h")" "$(some chmod) 644"
	ok "$who: and that is told" denied file_chmod no-h
done

# What is closed whatever a policy says, where reads are nobody's business: others' secrets are not.
policy true <<<"$see
{name: here, paths: [\"$TMP/**\"], operations: [\"*\"], decision: allow}"
sleep 600 &
other=$!
for uid in 0 $USER_ID; do
	who=$([ "$uid" = 0 ] && echo root || echo user)
	as() {
		setpriv --reuid "$uid" --regid "$uid" --clear-groups \
			"$TMP/agentsh" run --policy "$TMP/policy.yaml" -- "$@"
	}
	ok "$who: reads of the system" as cat /etc/passwd /proc/self/environ /proc/cpuinfo
	for file in environ mem maps; do
		not_ok "$who: /proc/$other/$file" as head -c 1 "/proc/$other/$file"
		not_ok "$who: the supervisor's $file" as sh -c "head -c 1 /proc/\$PPID/$file"
	done
done
kill "$other"
