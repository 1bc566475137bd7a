# contexts - a denied command stays denied, whatever starts it.
# shellcheck shell=sh disable=SC2016
. /opt/e2e/lib.sh
section "multi-context blocking"

denied() { check_denied "$1" sudo block-shell-escape "$2" 'ran sudo' /bin/bash -c "$3"; }

denied "env sudo" 126 'env sudo whoami'
denied "env with assignments and options" 126 'env -i A=1 PATH=$PATH sudo whoami'
check_denied "env -S" sudo block-shell-escape 126 'ran sudo' /bin/bash -c 'env -S "sudo whoami"'
denied "xargs sudo" fail 'echo whoami | xargs sudo'
denied "xargs -I" fail 'echo sudo | xargs -I{} env {} whoami'
denied "find -exec sudo" any 'find /tmp -maxdepth 0 -exec sudo whoami \;'
denied "find -exec +" any 'find /tmp -maxdepth 0 -exec sudo whoami {} +'
denied "find -execdir" any 'cd /tmp && touch a-file && PATH=/usr/bin find /tmp/a-file -execdir sudo whoami \;'
denied "nice" 126 'nice -n 5 sudo whoami'
denied "nohup" 126 'nohup sudo whoami'
denied "timeout" 126 'timeout 5 sudo whoami'
denied "setsid" fail 'setsid -w sudo whoami'
denied "stdbuf" 126 'stdbuf -oL sudo whoami'
denied "setarch" fail 'setarch -R sudo whoami'
denied "ionice" fail 'ionice -c3 sudo whoami'
denied "taskset" fail 'taskset 1 sudo whoami'
denied "flock" fail 'flock /tmp/l sudo whoami'
denied "wrappers of wrappers" 126 'env nice timeout 5 env nohup sudo whoami'
denied "time" 126 'time sudo whoami'
denied "command" 126 'bash -p -c "command sudo whoami"'
denied "eval and quoting" 126 's=su; eval "$s""d"o who\ami'
denied "\$'..' and IFS" 126 "\$'\\x73udo' whoami"
denied "command substitution" any 'x=$(sudo whoami); echo "[$x]"'
denied "process substitution" any 'cat <(sudo whoami)'
denied "subshell in the background" any '(sudo whoami) & wait'
denied "pipeline" any 'sudo whoami | cat'
denied "alias" 126 'shopt -s expand_aliases
alias x=sudo
x whoami'
denied "function" 126 'ls() { sudo "$@"; }; ls whoami'
denied "trap" any 'trap "sudo whoami" EXIT; true'
denied "base64 piped into a shell" any 'echo c3VkbyB3aG9hbWkK | base64 -d | sh'
denied "coproc" any 'coproc { sudo whoami; }; wait'
denied "PROMPT_COMMAND, PS4 and DEBUG" any 'trap "trap - DEBUG; sudo whoami" DEBUG; true'

# Where programs may be started, whatever the configuration.
H=$E2E_HOME
printf '#!/bin/bash\nsudo whoami\n' >"$H/script.sh"
printf '#!/usr/bin/sudo\nwhoami\n' >"$H/shebang"
printf '#!/usr/bin/env -S sudo whoami\n' >"$H/shebang-env"
printf '#!%s\n' "$H/shebang" >"$H/shebang2"
chmod 0755 "$H/script.sh" "$H/shebang" "$H/shebang-env" "$H/shebang2"
denied "script file" 126 "$H/script.sh"
denied "script file given to bash" 126 "bash $H/script.sh"
denied "sourced file" 126 ". $H/script.sh"
denied "#! line names it" 126 "$H/shebang"
check_denied "#! line with env -S" sudo block-shell-escape 126 'ran sudo' /bin/bash -c "$H/shebang-env"
denied "#! of a #!" 126 "$H/shebang2"

denied "python subprocess" fail "python3 -c 'import subprocess; subprocess.run([\"sudo\", \"whoami\"])'"
denied "python subprocess with a shell" any "python3 -c 'import subprocess; subprocess.run(\"sudo whoami\", shell=True)'"
denied "python os.system" any "python3 -c 'import os; os.system(\"sudo whoami\")'"
denied "python os.execvp" fail "python3 -c 'import os; os.execvp(\"sudo\", [\"sudo\", \"whoami\"])'"
denied "python os.posix_spawn" fail "python3 -c 'import os; os.waitpid(os.posix_spawn(\"/usr/bin/sudo\", [\"sudo\", \"whoami\"], os.environ), 0)'"
denied "perl" any "perl -e 'system(\"sudo\", \"whoami\")'"
denied "awk" any "awk 'BEGIN { system(\"sudo whoami\") }'"
denied "node child_process" any "node -e 'require(\"child_process\").spawnSync(\"sudo\", [\"whoami\"], {stdio: \"inherit\"})'"
printf 'all:\n\tsudo whoami\n' >/tmp/Makefile
denied "make" fail 'make -f /tmp/Makefile'
denied "git alias" fail "git -c alias.x='!sudo whoami' x"
denied "tar --checkpoint-action" any 'cd /tmp && tar cf /dev/null --checkpoint=1 --checkpoint-action=exec="sudo whoami" /etc/passwd'
denied "sqlite .shell" any "echo '.shell sudo whoami' | sqlite3"
denied "sed e" any "echo 1 | sed '1e sudo whoami'"
denied "npm script" any 'mkdir -p n && cd n && echo "{\"scripts\":{\"x\":\"sudo whoami\"}}" >package.json && npm run -s x'
denied "double fork" any "python3 -c 'import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: os.execv(\"/usr/bin/sudo\", [\"sudo\", \"whoami\"])
os.wait()'; sleep 0.3"

check_ok "env whoami is allowed" "^$E2E_USER\$" /bin/bash -c 'env whoami'
check_ok "python running ls is allowed" 'passwd' /bin/bash -c "python3 -c 'import subprocess; subprocess.run([\"ls\", \"/etc\"])'"
check_ok "find -exec echo is allowed" '^/tmp$' /bin/bash -c 'find /tmp -maxdepth 0 -exec echo {} \;'
check_ok "xargs echo is allowed" '^a b$' /bin/bash -c 'printf "a\nb\n" | xargs echo'
exit 0
