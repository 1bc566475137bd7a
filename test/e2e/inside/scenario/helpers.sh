# helpers - SV-11: what the server is started from and starts itself takes nothing from who called: no variable, no
# directory, no program of another's choice.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "what the server is, and starts"

rm -rf /tmp/evil
mkdir -p /tmp/evil/agentsh /tmp/evil/bin
for name in agentsh agentsh-shell-shim supervise server sh dash bash env; do
	printf '#!/usr/bin/python3\nopen("/tmp/evil/ran", "a").write("%s\\n")\n' $name >/tmp/evil/bin/$name
done
echo 'echo BASH_ENV >>/tmp/evil/ran' >/tmp/evil/env
governed && cp /etc/agentsh/config.yaml /tmp/evil/agentsh/config.yaml &&
	sed -i 's|/var/lib/agentsh|/tmp/evil/state|g; s|/etc/agentsh/policies|/tmp/evil/policies|g' /tmp/evil/agentsh/config.yaml
mkdir /tmp/evil/policies
printf 'version: 1\nname: default\ncommand_rules: [{name: all, commands: ["*"], decision: allow}]\n' \
	>/tmp/evil/policies/default.yaml
chmod -R a+rX /tmp/evil
chmod 777 /tmp/evil
chmod 755 /tmp/evil/bin/*

governed && stop_server
check_denied "SV-11 the first command, with variables that mean harm" sudo block-shell-escape 126 'ran sudo' \
	PATH="/tmp/evil/bin:$PATH" LD_PRELOAD=/tmp/evil/x.so AGENTSH_CONFIG=/tmp/evil/agentsh/config.yaml \
	XDG_CONFIG_HOME=/tmp/evil XDG_DATA_HOME=/tmp/evil XDG_RUNTIME_DIR=/tmp/evil TMPDIR=/tmp/evil \
	AGENTSH_DATA_DIR=/tmp/evil /bin/bash -c 'exec sudo whoami'
governed || exit 0

server=$(server_pids | head -1)
supervisor=$(pgrep -P "$server" | head -1)
variables() { tr '\0' '\n' <"/proc/$1/environ"; }
check_that "a server is there, and its supervisor" '[ -n "$server" ] && [ -n "$supervisor" ]'
check_that "its environment is its own" '[ "$(variables $server)" = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" ]'
check_that "its supervisor has none" '[ -z "$(variables $supervisor)" ]'
for pid in $server $supervisor; do
	check_that "its directory is /" '[ "$(readlink /proc/$pid/cwd)" = / ]'
	check_that "its program is the installed one" \
		'cmp -s "/proc/$pid/exe" /usr/bin/agentsh'
done
check_that "nothing was kept or read elsewhere" '[ ! -e /tmp/evil/state ] && [ ! -e /tmp/evil/ran ]'
try PATH="/tmp/evil/bin:$PATH" /bin/bash -c 'echo "$PATH"'
check_that "the command itself has the PATH it was given" 'grep -q "^/tmp/evil/bin:" "$TRY/out"'
rm -rf /tmp/evil
