#!/bin/sh
# What the models of arguments say against what the tools do: each line is run in a folder of its own, and the
# effect must be there exactly when the fact is.
. "$(dirname "$0")/../t.sh"

"$AGENTSH" policy facts >"$TMP/all" 2>/dev/null || skip_all 'this build has no facts'
n=$(wc -l <"$TMP/all")
ok "there are many facts ($n)" [ "$n" -gt 100 ]
out=$("$AGENTSH" policy facts -- rm -fr x 2>&1)
has 'facts of a command' "$out" '^rm\.recursive$'
has 'and its values' "$out" '^rm\.target=x$'
"$AGENTSH" policy facts -- frobnicate >/dev/null 2>&1
is 'no model, no facts' $? 1

# same FACT EFFECT WORDS...: 0 when both hold or neither. EFFECT is a shell expression, run after the command.
same() {
	fact=$1 effect=$2
	shift 2
	said=no is=no
	"$AGENTSH" policy facts -- "$@" >"$TMP/facts" 2>&1
	grep -qx "$fact" "$TMP/facts" && said=yes
	# A tool that refuses its arguments does nothing; then doubt is right, too.
	(cd "$TMP/w" && timeout 10 "$@") >"$TMP/.out" 2>&1 <"$TMP/yes"
	(cd "$TMP/w" && eval "$effect") && is=yes
	[ "$said" = "$is" ] && return 0
	[ $is = no ] && grep -qx "$fact?" "$TMP/facts" && return 0
	wrong="$wrong$* ($fact: we say $said, it is $is)
"
}
verdict() {
	is "$1" "$wrong" ''
	wrong=
}
wrong=

# rm: words of a small language, alone and in pairs; it may ask, and is told yes.
yes 2>/dev/null | head -100 >"$TMP/yes"
for a in -R -d -v -fr -Ivr --recursive --recurs --re --force --f --interactive=never --inter=no \
	--verbose --dir --frob -Z -rZ \
	--one-file-system --preserve-root --preserve ---presume-input-tty -r -i -rf --r -- x; do
	for b in -r -i -rf --r -- x; do
		[ "$b" = -r ] || case $a in -r | -i | -rf | --r | -- | x | -R) ;; *) continue ;; esac
		mkdir -p "$TMP/w/x/sub"
		same rm.recursive '[ ! -e x ]' rm -f "$a" "$b" x
		rm -rf "$TMP/w"
	done
done
verdict 'rm.recursive is what rm does'

for line in '-R u-w x' '--recursive u-w x' '--recurs u-w x' 'u-w -R x' 'u-w x -R' '-vR u-w x' \
	'-fR u-w x' '-r x' '-rw x' \
	'u-w x' '-- u-w x' '--rec u-w x' '-w x' '-w -R x' '--reference=. x' 'u-w -- x -R' '--re u-w x' \
	'--r u-w x'; do
	mkdir -p "$TMP/w/x"
	: >"$TMP/w/x/file"
	chmod 777 "$TMP/w/x" "$TMP/w/x/file"
	# shellcheck disable=SC2086 # words
	same chmod.recursive '[ "$(stat -c %a x/file)" != 777 ]' chmod $line
	chmod -R 777 "$TMP/w"
	rm -rf "$TMP/w"
done
verdict 'chmod.recursive is what chmod does'
for mode in 777 0666 o+w a+w ugo+rw u+w g+w o-w 775 u=rw,o=w o=rwx 1777 go-x+w u+s 4755 2755 +s ug+xs \
	+4000 =6755 u=s,o=w 644; do
	mkdir -p "$TMP/w"
	: >"$TMP/w/x"
	same chmod.world_writable '[ $((0$(stat -c %a x) & 2)) != 0 ]' chmod "$mode" x
	same chmod.setid '[ $((0$(stat -c %a x) & 06000)) != 0 ]' chmod "$mode" x
	rm -rf "$TMP/w"
done
verdict 'what chmod makes of a mode'

for line in '. -delete' '-delete' '. -name x -delete' '. -name -delete' '. -exec true -delete ;' \
	'. -exec true {} + -delete' \
	'. --delete' '-- . -delete' '-L . -delete' '-D tree . -delete' '-O2 . -delete' '. -path -delete' \
	'. -newermt 2001-01-01 -delete' \
	'. -delet' '. ( -name x ) -delete' '. ! -name y -delete' '. -printf -delete' \
	'. -exec true {} ; -delete' '. -name y -o -delete'; do
	mkdir -p "$TMP/w"
	: >"$TMP/w/x"
	# shellcheck disable=SC2086
	same find.delete '[ ! -e x ]' find $line
	rm -rf "$TMP/w"
done
verdict 'find.delete is what find does'

for line in 'xf a.tar --to-command=./run' '-xf a.tar --to-comm ./run' '-I ./run -cf b.tar x' \
	'cIf ./run b.tar x' 'cfI b.tar ./run x' \
	'-cf b.tar --use=./run x' '-cf b.tar --checkpoint=1 --checkpoint-action=exec=./run big' \
	'-cf b.tar --checkpoint=1 --checkpoint-action=dot big' '-cf b.tar --exclude -I x' \
	'-cf b.tar -- x' 'xf a.tar' 'tf a.tar' \
	'-cf b.tar x -I./run' '-cf b.tar --use-compress-program ./run x' '--to-command=./run -xf a.tar'; do
	mkdir -p "$TMP/w"
	printf '#!/bin/sh\ntouch "%s/w/ran"\ncat >/dev/null\n' "$TMP" >"$TMP/w/run"
	chmod +x "$TMP/w/run"
	echo x >"$TMP/w/x"
	head -c 40000 /dev/zero >"$TMP/w/big"
	tar -C "$TMP/w" -cf "$TMP/w/a.tar" x
	# shellcheck disable=SC2086
	same tar.exec '[ -e ran ]' tar $line
	rm -rf "$TMP/w"
done
verdict 'tar.exec is what tar does'

# git: a push that only force makes; a reset; a clean; an alias that git starts as a command of its own.
if command -v git >/dev/null; then
	export HOME="$TMP" GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t \
		GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t
	git init -q -b main "$TMP/first"
	git -C "$TMP/first" commit -q --allow-empty -m one
	git clone -q --bare "$TMP/first" "$TMP/first.git"
	git -C "$TMP/first" remote add o "$TMP/first.git"
	git -C "$TMP/first" commit -q --amend --allow-empty -m two
	git -C "$TMP/first" config alias.fp 'push -f'
	new=$(git -C "$TMP/first" rev-parse HEAD)
	try() {
		fact=$1 effect=$2
		shift 2
		cp -a "$TMP/first" "$TMP/w"
		rm -rf "$TMP/r.git"
		cp -a "$TMP/first.git" "$TMP/r.git"
		git -C "$TMP/w" remote set-url o "$TMP/r.git"
		echo x >"$TMP/w/untracked"
		same "$fact" "$effect" git "$@"
		rm -rf "$TMP/w"
	}
	forced="[ \"\$(git --git-dir=$TMP/r.git rev-parse main)\" = $new ]"
	for line in 'push -f o main' 'push --force o main' 'push o main -f' 'push o +main' 'push o main' \
		'push -qf o main' \
		'push --for o main' 'push --forc o main' 'push -f --no-force o main' \
		'push --mirror o' 'push -C . push' 'push -n o main' '-C . push -f o main' \
		'-c a.b=c push -f o main' '-p push -f o main' '--git-dir=.git push -f o main' \
		'--git-dir .git push -f o main' \
		'push -o x -v o main' 'push --no-force-with-lease o main' 'push -uf o main' \
		'push -fu o main' 'push --all -f o' \
		'push -4f o main' 'push o +refs/heads/main:refs/heads/main' 'push o +HEAD:main' \
		'push o -- +main' \
		'push --forcex o main' 'push o +main --no-force' '-c alias.y=push\ -f y o main'; do
		# shellcheck disable=SC2086
		eval "set -- $line"
		case $* in *-n\ o*) continue ;; esac
		try git.push.force "$forced" "$@"
	done
	verdict 'git.push.force is what git does'
	# What git itself takes for a push: where it forces, there must be doubt at least.
	held() {
		cp -a "$TMP/first" "$TMP/w"
		rm -rf "$TMP/r.git"
		cp -a "$TMP/first.git" "$TMP/r.git"
		git -C "$TMP/w" remote set-url o "$TMP/r.git"
		(cd "$TMP/w" && echo '+refs/heads/main:refs/heads/main' | timeout 10 "$@") >"$TMP/.out" 2>&1
		if eval "$forced"; then
			n_forced=$((n_forced + 1))
			"$AGENTSH" policy facts -- "$@" | grep -qE '^git\.push\.force\??$' || wrong="$wrong$*
"
		fi
		rm -rf "$TMP/w"
	}
	n_forced=0
	for word in psuh pushh psh pish pus upsh push2 phus psush xpush pushx puh ush push-f pulsh pu p psu \
		pushed puush posh bush; do
		held git -c help.autocorrect=immediate $word -f o main
	done
	held git -c remote.o.push=+refs/heads/main:refs/heads/main push o main
	held git -c remote.o.mirror=true push o
	held git send-pack --stdin "$TMP/r.git"
	ok "git forces by slips and settings ($n_forced)" [ $n_forced -gt 8 ]
	verdict 'and they are in doubt'
	for line in 'clean -f' 'clean -fd' 'clean -n' 'clean --force' 'clean --fo' 'clean -e f' \
		'clean -ef' 'clean -qf' \
		'clean -xdf' 'clean -f .' 'clean . -f' '-C . clean -f' 'clean -e z -f' \
		'clean --no-force' 'clean -f -x'; do
		# shellcheck disable=SC2086
		try git.clean.force '[ ! -e untracked ]' $line
	done
	verdict 'git.clean.force is what git does'
	git -C "$TMP/first" rm -q --cached -r . 2>/dev/null
	echo one >"$TMP/first/file"
	git -C "$TMP/first" add file
	git -C "$TMP/first" commit -q -m file
	echo two >"$TMP/first/file"
	for line in 'reset --hard' 'reset --har' 'reset --h' 'reset' 'reset --soft' 'reset -q --hard' \
		'reset HEAD --hard' \
		'reset --hard HEAD' '-C . reset --hard' 'reset -- --hard' 'reset --mixed' \
		'reset --hard --'; do
		# shellcheck disable=SC2086
		try git.reset.hard '[ "$(cat file)" = one ]' $line
	done
	verdict 'git.reset.hard is what git does'
else
	skip 'git' 'not installed'
fi
