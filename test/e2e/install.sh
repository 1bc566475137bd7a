#!/bin/sh
# The shim in place of a root's shells and out again: every state it may find, and killed before every
# system call.
. "$(dirname "$0")/../t.sh"

# The shim: this program, and a later version of it.
cp "$AGENTSH" "$TMP/shim"
cp "$AGENTSH" "$TMP/shim2" && echo later >>"$TMP/shim2"
ln -s shim "$TMP/shim-link"
gcc -o "$TMP/kill_at" test/e2e/kill_at.c || exit 1

# A root with these in usr/bin: dash and bash ("shells" of a few bytes), sh a link to dash, bin a link to
# usr/bin.
fresh() {
	rm -rf "$TMP/root"
	mkdir -p "$TMP/root/usr/bin"
	ln -s usr/bin "$TMP/root/bin"
	for shell in dash bash; do
		echo "the real $shell" >"$TMP/root/bin/$shell"
		chmod 755 "$TMP/root/bin/$shell"
	done
	ln -s dash "$TMP/root/bin/sh"
}
bin=$TMP/root/bin

put() {
	"$AGENTSH" shim install-shell --root "$TMP/root" --shim "$TMP/shim" "$@" 2>&1 | sed "s,$TMP/root,,g"
}
take() {
	"$AGENTSH" shim uninstall-shell --root "$TMP/root" "$@" 2>&1 | sed "s,$TMP/root,,g"
}
# All names in bin, each with what it is.
bin_is() {
	find "$bin/" -mindepth 1 -printf '%f %y %l\n' | sort | while read -r name type to; do
		if [ "$type" = l ]; then
			echo "$name>$to"
		elif cmp -s "$bin/$name" "$TMP/shim"; then
			echo "$name=shim"
		elif cmp -s "$bin/$name" "$TMP/shim2"; then
			echo "$name=shim2"
		else
			echo "$name=$(sed -n 's/^the real //p' "$bin/$name" | tr ' ' '_')"
		fi
	done | tr '\n' ' ' | sed 's/ $//'
}
before='bash=bash dash=dash sh>dash'
both='bash=shim bash.real=bash dash=dash sh=shim sh.real=dash sh.real.link>dash'
sh_only='bash=bash dash=dash sh=shim sh.real=dash sh.real.link>dash'
bash_only='bash=shim bash.real=bash dash=dash sh>dash'

# ---- what is said -------------------------------------------------------------------------------
fresh
has 'a shim is needed' "$("$AGENTSH" shim install-shell --root "$TMP/root" 2>&1)" \
	'^agentsh: --shim is required$'
has 'two of a kind' "$(put --bash --bash-only)" '^agentsh: --bash and --bash-only are mutually exclusive$'
for root in / /./ /proc/self/root ''; do
	has "the host '$root' is not touched by accident" \
		"$("$AGENTSH" shim install-shell --root "$root" --shim "$TMP/shim" 2>&1)" \
			'refusing to modify host rootfs'
	has "nor is its shell taken out of '$root'" \
		"$("$AGENTSH" shim uninstall-shell --root "$root" 2>&1)" 'refusing to modify host rootfs'
done
ok 'a dry run on the host is fine' "$AGENTSH" shim install-shell --shim "$TMP/shim" --dry-run
has 'an unknown format' "$(put --output xml)" 'invalid --output "xml"'
has 'an unknown option' "$(put --frobnicate)" 'frobnicate'
has 'a stray word' "$(put now)" "unexpected argument 'now'"
has 'a shim that is none' "$("$AGENTSH" shim install-shell --root "$TMP/root" --shim /bin/cat 2>&1)" \
	"'/bin/cat' is not an agentsh shim"
has 'a shim that is not there' "$("$AGENTSH" shim install-shell --root "$TMP/root" --shim /nope 2>&1)" \
	'read shim: '
not_ok 'which is an error' "$AGENTSH" shim install-shell --root "$TMP/root" --shim /nope
has 'a root that is not there' "$("$AGENTSH" shim status --root /nope 2>&1)" "open '/nope'"
has 'help' "$("$AGENTSH" shim install-shell --help)" '^usage: agentsh shim install-shell --shim FILE'
is 'nothing of this changed anything' "$(bin_is)" "$before"

is 'dry run: sh' "$(put --dry-run)" 'write /bin/sh.real.link (remember the link to dash)
write /bin/sh.real (copy of /usr/bin/dash)
write /bin/sh (write shim bytes)'
is 'dry run: bash only, forced' "$(put --dry-run --bash-only --force)" 'rename /bin/bash -> /bin/bash.real
write /bin/bash (write shim bytes)
write /etc/agentsh/shim.conf (write shim.conf with force=true)'
is 'dry run as JSON' "$(put --dry-run --bash-only --output json | sed "s,$TMP/,,")" '{
  "root": "",
  "shim": "shim",
  "actions": [
    {
      "op": "rename",
      "from": "/bin/bash",
      "to": "/bin/bash.real"
    },
    {
      "op": "write",
      "path": "/bin/bash",
      "note": "write shim bytes"
    }
  ]
}'
is 'dry run of nothing to take out' "$(take --dry-run --bash)" 'skip /bin/bash.real (.real missing)
skip /bin/sh.real (.real missing)'
is 'a dry run changes nothing' "$(bin_is)" "$before"

# ---- in and out ---------------------------------------------------------------------------------
is 'in: silent' "$(put)" ''
is 'sh is replaced, the link remembered' "$(bin_is)" "$sh_only"
put
is 'a second time changes nothing' "$(bin_is)" "$sh_only"
put --bash
is 'bash too' "$(bin_is)" "$both"
is 'modes' "$(stat -c %a "$bin/sh" "$bin/sh.real" "$bin/bash.real" | tr '\n' ' ')" '755 755 755 '
is 'dry run of the second time' "$(put --dry-run)" \
	'note {"op":"note","path":"/bin/sh","note":"shim already installed"}'
is 'status' "$("$AGENTSH" shim status --root "$TMP/root" --shim "$TMP/shim" --bash | sed "s,$TMP,,g")" \
	'root=/root
shim=/shim
sh: state=installed target=/root/bin/sh exists=true type=file real_exists=true shim_matches=true
bash: state=installed target=/root/bin/bash exists=true type=file real_exists=true shim_matches=true'
has 'status as JSON' "$("$AGENTSH" shim status --root "$TMP/root" --output json)" '"state": "installed"'
is 'out: dry run' "$(take --dry-run --bash)" 'remove /bin/bash (replaced by the real shell in one step)
rename /bin/bash.real -> /bin/bash
rename /bin/sh.real.link -> /bin/sh
remove /bin/sh.real (the link is back)'
take
is 'sh alone is out' "$(bin_is)" "$bash_only"
take --bash
is 'all is as before' "$(bin_is)" "$before"
is 'out again: silent' "$(take --bash)" ''
put --bash-only
is 'bash alone' "$(bin_is)" "$bash_only"

fresh
inode=$(stat -c %i "$bin/bash")
put --bash
is 'the real shell keeps its inode' "$(stat -c %i "$bin/bash.real")" "$inode"
"$AGENTSH" shim install-shell --root "$TMP/root" --shim "$TMP/shim2" --bash
has 'a later version replaces the shim only' "$(bin_is)" \
	'^bash=shim2 bash.real=bash dash=dash sh=shim2 sh.real=dash sh.real.link>dash$'
has 'status tells them apart' "$("$AGENTSH" shim status --root "$TMP/root" --shim "$TMP/shim")" \
	'state=other_version'
"$AGENTSH" shim install-shell --root "$TMP/root" --shim "$TMP/shim-link" --bash
is '--shim follows a link' "$(bin_is)" "$both"

rm "$bin/sh.real.link"
take --bash
is 'out without a remembered link: a file' "$(bin_is)" 'bash=bash dash=dash sh=dash'

# ---- force --------------------------------------------------------------------------------------
fresh
put --force
is 'force is recorded' "$(cat "$TMP/root/etc/agentsh/shim.conf")" '# Written by: agentsh shim install-shell
force=true'
is 'for all to read' "$(stat -c %a "$TMP/root/etc/agentsh/shim.conf")" 644
echo 'ready_gate=true' >>"$TMP/root/etc/agentsh/shim.conf"
put
is 'and cleared, the rest is kept' "$(cat "$TMP/root/etc/agentsh/shim.conf")" \
	'# Written by: agentsh shim install-shell
ready_gate=true
force=false'
rm "$TMP/root/etc/agentsh/shim.conf"
ln -s "$TMP/outside" "$TMP/root/etc/agentsh/shim.conf"
put --force
not_ok 'a link there is replaced, not followed' test -e "$TMP/outside"

# ---- links --------------------------------------------------------------------------------------
fresh
ln -sf bash "$bin/sh"
put --bash
is 'sh is bash: each its own real shell' "$(bin_is)" \
	'bash=shim bash.real=bash dash=dash sh=shim sh.real=bash sh.real.link>bash'
take
is 'a link to a shim does not come back' "$(bin_is)" 'bash=shim bash.real=bash dash=dash sh=bash'
ln -sf bash "$bin/sh"
put
is 'a link to a shim: its real shell is copied' "$(bin_is)" \
	'bash=shim bash.real=bash dash=dash sh=shim sh.real=bash sh.real.link>bash'
is 'out in a dry run tells the same' "$(take --bash --dry-run | tail -n 2)" \
	'rename /bin/sh.real.link -> /bin/sh
remove /bin/sh.real (the link is back)'
take --bash
is 'both out: the link comes back' "$(bin_is)" 'bash=bash dash=dash sh>bash'
put --bash-only
is 'bash only, when sh is bash, takes sh too' "$(bin_is)" \
	'bash=shim bash.real=bash dash=dash sh=shim sh.real=bash sh.real.link>bash'

fresh
rm "$TMP/root/bin"
mkdir "$TMP/root/bin"
echo 'the real busybox' >"$bin/busybox"
chmod 755 "$bin/busybox"
ln -s /bin/busybox "$bin/sh"
put --bash
is 'an absolute link stays in the root' "$(bin_is)" \
	'busybox=busybox sh=shim sh.real=busybox sh.real.link>/bin/busybox'
take --bash
is 'and comes back' "$(bin_is)" 'busybox=busybox sh>/bin/busybox'
fresh
rm "$TMP/root/bin"
ln -s /usr/../../../usr/bin "$TMP/root/bin"
put
is 'so does a folder: it cannot leave the root' "$(bin="$TMP/root/usr/bin" bin_is)" "$sh_only"
fresh
ln -sf nothing "$bin/sh"
has 'a link that leads nowhere' "$(put)" "'/bin/sh' is a link that leads nowhere: '/usr/bin/nothing': No such"
ln -sf sh "$bin/sh"
has 'a link to itself' "$(put)" "'/bin/sh' is a link that leads nowhere: .*(ymbolic|Too many)"

# ---- odd states ---------------------------------------------------------------------------------
fresh
rm "$bin/sh"
is 'nothing there: skipped' "$(put --dry-run)" 'skip /bin/sh (target missing)'
has 'nothing to stand in for is an error' "$(put)" "^agentsh: no sh in '/bin' to stand in for"
is 'and changes nothing' "$(bin_is)" 'bash=bash dash=dash'
put --bash && mv "$bin/bash.real" "$bin/keep" && put --bash
is 'a shim without a real shell is left alone' "$(bin_is)" 'bash=shim dash=dash keep=bash'
is 'and told' "$(put --bash-only --dry-run)" \
	'note {"op":"note","path":"/bin/bash","note":"already shimmed but missing .real; leaving untouched"}'
has 'status' "$("$AGENTSH" shim status --root "$TMP/root" --bash)" '^bash: state=partial_missing_real '
has 'status of nothing' "$("$AGENTSH" shim status --root "$TMP/root")" \
	'^sh: state=missing .* exists=false type= '
cp "$TMP/shim2" "$bin/bash"
has 'another shim without a real shell' "$(put --bash)" \
	"^agentsh: '/bin/bash' is another shim and there is no '/bin/bash.real': refusing$"
mv "$bin/keep" "$bin/bash.real" && rm "$bin/bash"
put --bash
is 'only the real shell is left: completed' "$(bin_is)" 'bash=shim bash.real=bash dash=dash'
rm "$bin/bash"
take --bash
is 'or put back' "$(bin_is)" 'bash=bash dash=dash'

fresh
put --bash
echo 'the real new bash' >"$bin/new" && chmod 755 "$bin/new" && mv "$bin/new" "$bin/bash"
has 'another shell over the shim is not thrown away' "$(take --bash)" \
	"'/bin/bash' is not a shim, and not the shell in '/bin/bash.real': leaving both alone"
put --bash
has 'a new shell over the shim becomes the real one' "$(bin_is)" '^bash=shim bash.real=new_bash '
cp "$TMP/shim" "$bin/bash.real"
has 'a real shell that is a shim' "$(put --bash)" \
	"'/bin/bash.real' is a shim itself, the real shell is lost: refusing"
has 'has a status' "$("$AGENTSH" shim status --root "$TMP/root" --bash 2>&1)" '^bash: state=broken '
ln -sf bash "$bin/bash.real"
has 'a real shell that is a link' "$(put --bash)" "'/bin/bash.real' is not a regular file: refusing"
fresh
rm "$bin/sh" && mkdir "$bin/sh"
has 'a folder' "$(put)" "'/bin/sh' is not a regular file: refusing"
rmdir "$bin/sh" && mkfifo "$bin/sh"
has 'a pipe' "$(put)" "'/bin/sh' is not a regular file: refusing"
fresh
chmod 644 "$bin/bash"
has 'not executable' "$(put --bash-only)" "'/bin/bash' is not executable: refusing"
chmod 4755 "$bin/bash"
has 'setuid' "$(put --bash-only)" "'/bin/bash' is setuid or setgid: refusing"
chmod 777 "$bin/"
has 'a folder that all can write' "$(put)" "'/bin' can be written by everyone: refusing"
is 'none of them changed anything' "$(bin_is)" "$before"

# ---- killed -------------------------------------------------------------------------------------
# A shell stands there: the old one, or the shim with the right real one beside it.
working() {
	[ -x "$bin/$1" ] || return 1
	[ "$(cat "$bin/$1" 2>/dev/null)" = "the real $2" ] && return 0
	cmp -s "$bin/$1" "$TMP/shim" || cmp -s "$bin/$1" "$TMP/shim2" || return 1
	[ -x "$bin/$1.real" ] && [ "$(cat "$bin/$1.real")" = "the real $2" ]
}
# Kill COMMAND at each system call; after each, both shells work and COMMAND again ends in WANT.
killed() {
	text=$1 prepare=$2 command=$3 want=$4
	at=0 broken=''
	while at=$((at + 1)); do
		$prepare >/dev/null
		# shellcheck disable=SC2086
		"$TMP/kill_at" $at "$AGENTSH" shim $command >/dev/null 2>&1
		status=$?
		if ! { working sh dash && working bash bash; }; then
			broken="$broken at $at: $(bin_is);"
		fi
		# shellcheck disable=SC2086
		"$AGENTSH" shim $command >/dev/null 2>&1
		[ "$(bin_is)" = "$want" ] || broken="$broken again after $at: $(bin_is);"
		[ $status -eq 0 ] || break
	done
	is "$text: killed at every system call" "$status $broken" '3 '
	[ $at -gt 50 ] || is 'there were system calls' "$at" 'more than 50'
}
prepared_both() { fresh; put --bash; }
prepared_old() {
	fresh
	"$AGENTSH" shim install-shell --root "$TMP/root" --shim "$TMP/shim2" --bash
}
install_both="install-shell --root $TMP/root --shim $TMP/shim --bash"
killed 'in' fresh "$install_both" "$both"
killed 'a later version' prepared_old "$install_both" "$both"
killed 'out' prepared_both "uninstall-shell --root $TMP/root --bash" "$before"

# ---- two at once --------------------------------------------------------------------------------
fresh
for i in 1 2 3 4 5 6 7 8; do
	"$AGENTSH" shim install-shell --root "$TMP/root" --shim "$TMP/shim" --bash ||
		echo "failed $i" >>"$TMP/failed" &
done
wait
not_ok 'eight at once: none fails' test -e "$TMP/failed"
is 'and all is well' "$(bin_is)" "$both"
