# arguments - a denied way to call an allowed tool stays denied in every spelling, and its neighbours work.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "arguments"
case $E2E_PAIR in own-*) ;; *) exit 0 ;; esac

victim() {
	rm -rf /tmp/victim
	as_user mkdir -p /tmp/victim/sub
	as_user touch /tmp/victim/sub/file
}
gone='[ ! -e /tmp/victim/sub/file ]'
# denied_rm ID SHELL COMMAND
denied_rm() {
	victim
	check_denied "$1: $3" rm block-rm-recursive any "$gone" "$2" -c "$3"
}
for spelling in '-fr /tmp/victim' '-R /tmp/victim' '-vrf /tmp/victim' '-dR /tmp/victim' \
	'--recurs /tmp/victim' '--r /tmp/victim' \
	'/tmp/victim -rf' '-f -r -- /tmp/victim' '-f /tmp/none -R /tmp/victim' \
	'--recursiv --forc /tmp/victim'; do
	denied_rm AR-01 /bin/bash "rm $spelling"
done
denied_rm AR-01 /bin/sh 'rm -R /tmp/victim'
denied_rm AR-01 /bin/bash 'echo /tmp/victim | xargs rm --recu'
denied_rm AR-01 /bin/bash 'env -S "rm -v --r" /tmp/victim'
denied_rm AR-01 /bin/bash 'find /tmp/victim -maxdepth 0 -exec rm -fR {} +'
denied_rm AR-01 /bin/bash 'busybox rm -Rf /tmp/victim'
denied_rm AR-02 /bin/bash \
	'mkdir -p /tmp/glob; cd /tmp/glob; touch ./-rf; mv /tmp/victim .; rm *; mv victim /tmp'
rm -rf /tmp/glob
denied_rm AR-06 /bin/bash "rm -r \$'/tmp/vic\\xff\\xc2\\xa0\\xe2\\x80\\xae' /tmp/victim"
victim
check_denied "AR-06: backslash and newline" rm block-rm-recursive any "$gone" /bin/bash -c "rm \\
-\\
r /tmp/victim"
check_that "AR-06: the log is still one JSON object a line" 'python3 -c "import json
for l in open(\"$LOG\", encoding=\"utf-8\"): json.loads(l)"'
rm -rf /tmp/victim
check_ok "a file that is called -r" '^done$' /bin/bash -c \
	'cd /tmp && touch ./-r && rm -f -- -r && [ ! -e -r ] && echo done'
check_ok "files with -r in their names" '^done$' /bin/bash -c \
	'cd /tmp && touch my-report.txt a-r && rm -f my-report.txt a-r && rm -v none --force; echo done'

# Package managers: stand-ins that tell when they run; python's module is one, too.
for name in npm npx yarn pip3.11 uv cargo corepack; do
	printf '#!/bin/dash\nmkdir -p /tmp/canary; : >/tmp/canary/%s; exit 0\n' $name >/usr/bin/$name.e2e
	[ -e /usr/bin/$name ] && mv /usr/bin/$name /usr/bin/$name.kept
	mv /usr/bin/$name.e2e /usr/bin/$name
	chmod 755 /usr/bin/$name
done
mkdir -p /tmp/modules
printf 'import os\nos.makedirs("/tmp/canary", exist_ok=True)\nopen("/tmp/canary/pip", "w")\n' \
	>/tmp/modules/pip.py
cp /tmp/modules/pip.py /tmp/modules/pip
# package RULE PROGRAM COMMAND
package() { check_denied "AR-04: $3" "$2" "$1" any "ran ${2%%-*}" /bin/bash -c "$3"; }
for command in 'npm i x' 'npm --silent install x' 'npm ci' 'npm exec x' 'npm --prefix list add x' \
	'npm instal x'; do
	package approve-package-install npm "$command"
done
package approve-package-install npx 'npx x'
package approve-package-install yarn 'yarn --cwd /tmp add x'
package approve-package-install yarn yarn
package approve-package-install pip3.11 'pip3.11 --quiet install x'
package approve-package-install uv 'uv --directory /tmp pip install x'
package approve-package-install cargo 'cargo +nightly install x'
package approve-package-install corepack 'corepack yarn@1 add x'
package approve-package-source npm 'npm i --offline git+https://h.test/x'
python=$(basename "$(readlink -f /usr/bin/python3)")
check_denied 'AR-04: python3 -m pip install' "$python" approve-python-package-install any 'ran pip' \
	/bin/bash -c 'cd /tmp/modules && python3 -Bmpip -q install x'
check_denied 'AR-04: pip by its path' "$python" approve-python-package-install any 'ran pip' \
	/bin/bash -c 'cd /tmp/modules && python3 ./pip install x'
for command in 'npm run install' 'npm --prefix install ls' 'npm test' 'yarn run add' 'pip3.11 list' \
	'cargo build' 'npm ci --offline'; do
	clear_canary
	check_ok "AR-04: $command is nobody's business" '^ok$' /bin/bash -c "$command && echo ok"
done
for name in npm npx yarn pip3.11 uv cargo corepack; do
	rm -f /usr/bin/$name
	[ ! -e /usr/bin/$name.kept ] || mv /usr/bin/$name.kept /usr/bin/$name
done
rm -rf /tmp/modules /tmp/canary

# Options that execute, delete or write, by rules of a policy of our own.
mkdir -p ${POLICY%/*}
[ ! -e $POLICY ] || cp -p $POLICY /tmp/saved-policy
cat >$POLICY <<'P'
version: 1
name: default
command_rules:
  - name: no-deletes
    commands: [find, git, rsync, tar]
    facts: ["find.delete|git.clean.force|rsync.delete|tar.delete"]
    decision: deny
  - name: no-starts
    commands: [find, git, tar]
    facts: ["find.exec|git.config.exec|git.exec|tar.exec"]
    decision: deny
  - name: no-writes
    commands: [curl, find, dd]
    facts: ["curl.output|find.write|dd.of"]
    decision: deny
  - name: no-force
    commands: [git]
    facts: ["git.push.force|git.push.delete"]
    decision: deny
  - name: rest
    decision: allow
P
governed && stop_server
# own ID RULE PROGRAM EVIDENCE COMMAND
own() { check_denied "$1: $5" "$3" "$2" any "$4" /bin/bash -c "$5"; }
tree() {
	victim
	as_user rm -rf /tmp/g
	as_user git init -q /tmp/g
	as_user touch /tmp/g/untracked
	rm -f /tmp/ran /tmp/written
	as_user sh -c 'printf "#!/bin/dash\n: >/tmp/ran\n" >/tmp/run; chmod 755 /tmp/run'
}
ran='[ -e /tmp/ran ]'
for command in 'find /tmp/victim -delete' 'find -L /tmp/victim -name x -o -delete' \
	'find /tmp/victim -exec true {} + -delete'; do
	tree
	own AR-03 no-deletes find "$gone" "$command"
done
for command in 'clean -fdx' 'clean -dxf' 'clean --for' '-c a.b=c clean -qf .'; do
	tree
	own AR-03 no-deletes git '[ ! -e /tmp/g/untracked ]' "cd /tmp/g && git $command"
done
tree
own AR-03 no-deletes tar "$gone" 'tar -cf /tmp/t.tar --remove-f -C /tmp/victim/sub file'
for command in '-execdir /tmp/run {} +' '-ok /tmp/run \;' '-name x -o -exec /tmp/run \;'; do
	tree
	own AR-05 no-starts find "$ran" "yes | find /tmp/g -maxdepth 0 $command"
done
for command in '-c core.pager=/tmp/run -p help -a' '-c CORE.fsmonitor=/tmp/run status' \
	'-c alias.x=!/tmp/run x' \
	'clone "ext::/tmp/run x" /tmp/g2' 'ls-remote --upload-p=/tmp/run /tmp/g'; do
	tree
	case $command in *ext::*) command="-c protocol.ext.allow=always $command" ;; esac
	own AR-05 'quiet no-starts' git "$ran" "cd /tmp/g && script -qec 'git $command' /dev/null"
done
for command in '-cf /tmp/t.tar -I /tmp/run untracked' 'cIf /tmp/run /tmp/t.tar untracked' \
	'-cf /tmp/t.tar --checkpoint=1 --checkpoint-act=exec=/tmp/run .git' \
	'--use-comp /tmp/run -cf /tmp/t.tar untracked'; do
	tree
	own AR-05 no-starts tar "$ran" "cd /tmp/g && tar $command"
done
tree
own AR-05 no-writes curl '[ -e /tmp/written ]' 'curl -sSLo /tmp/written file:///etc/hostname'
own AR-05 no-writes curl '[ -e /tmp/written ]' 'curl file:///etc/hostname --out /tmp/written'
rm -f /tmp/written
own AR-05 no-writes find '[ -e /tmp/written ]' 'find / -maxdepth 0 -fprintf /tmp/written x'
rm -f /tmp/written

# An alias in the repository's configuration: git starts what it stands for as a command of its own.
aliased() {
	as_user rm -rf /tmp/g /tmp/g.git
	as_user git init -q --bare -b main /tmp/g.git
	as_user git clone -q /tmp/g.git /tmp/g 2>/dev/null
	as_user git -C /tmp/g commit -q --allow-empty -m one
	as_user git -C /tmp/g push -q origin HEAD:main 2>/dev/null
	as_user git -C /tmp/g commit -q --amend --allow-empty -m two
	as_user git -C /tmp/g config alias.fp "$1"
}
forced='[ "$(git --git-dir=/tmp/g.git -c safe.directory="*" log -1 --format=%s main)" = two ]'
for value in 'push -f' '!git push --force' '!sh -c "git push origin +HEAD:main"'; do
	aliased "$value"
	own "AR-01, alias '$value'" no-force git "$forced" 'cd /tmp/g && git fp origin HEAD:main'
done
# The same from every other place where git looks for settings; and what git takes a word for that it does not
# know, which it runs in the same process.
aliased 'push -q'
cp "$E2E_HOME/.gitconfig" /tmp/gitconfig
printf '[alias]\n\tglo = push -f\n\ttwo = glo -q\n[include]\n\tpath = /tmp/included\n' >>"$E2E_HOME/.gitconfig"
printf '[alias]\n\tinc = push -f\n' >/tmp/included
for command in 'git glo' 'git inc' 'git two' \
	'GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=alias.env GIT_CONFIG_VALUE_0="push -f" git env' \
	'GIT_CONFIG_PARAMETERS="'"'alias.par'='push -f'"'" git par' \
	'printf "[alias]\n\txdg = push -f\n" >/tmp/xdg; GIT_CONFIG_GLOBAL=/tmp/xdg git xdg' \
	'git -c help.autocorrect=immediate psuh -f' \
	'git config help.autocorrect immediate; git pushh --force'; do
	own "AR-01" no-force git "$forced" "cd /tmp/g && $command origin HEAD:main"
done
own "AR-01" no-force git "$forced" \
	'cd /tmp/g && git -c remote.origin.push=+refs/heads/main:refs/heads/main push origin main'
own "AR-01" no-force git "$forced" \
	'cd /tmp/g && echo +refs/heads/main:refs/heads/main | git send-pack --stdin /tmp/g.git'
check_ok "a slip that forces nothing" '^done$' /bin/bash -c \
	'cd /tmp/g && git pushh origin HEAD:slip && echo done'
cp /tmp/gitconfig "$E2E_HOME/.gitconfig"
aliased 'push -q'
check_ok "an alias that forces nothing" '^done$' /bin/bash -c \
	'cd /tmp/g && git fp origin HEAD:topic && echo done'
tree
check_ok "neighbours of what is denied" '^done$' /bin/bash -c \
	'cd /tmp/g && find . -name -delete && git -c color.ui=always status >/dev/null &&
	tar -cf /tmp/t.tar --exclude -I untracked && curl -sS file:///etc/hostname >/dev/null && git \
		clean -n >/dev/null && echo done'
[ ! -e /tmp/saved-policy ] || cp -p /tmp/saved-policy $POLICY
governed && stop_server
rm -rf /tmp/included /tmp/gitconfig /tmp/xdg /tmp/g /tmp/g.git /tmp/g2 /tmp/t.tar /tmp/run /tmp/ran /tmp/victim
exit 0
