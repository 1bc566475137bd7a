# shim - the stand-in for bash and sh keeps everything a caller can see of a shell.
# shellcheck shell=sh
. /opt/e2e/lib.sh
section "shell shim"

is_elf() { file -L "$1" | grep -q ELF; }
check "/bin/bash is a statically linked file" eval 'file /bin/bash | grep -q "statically linked"'
check "/bin/sh is a statically linked file" eval 'file -L /bin/sh | grep -q "statically linked"'
check "/bin/bash.real is an ELF file" is_elf /bin/bash.real
check "/bin/sh.real is an ELF file" is_elf /bin/sh.real
check "agentsh --version names the program" eval 'agentsh --version | grep -q agentsh'
check "shim install-shell twice changes nothing" eval \
	'before=$(sha256sum /bin/bash /bin/sh /bin/bash.real /bin/sh.real); install_shim && [ "$before" = "$(sha256sum /bin/bash /bin/sh /bin/bash.real /bin/sh.real)" ]'
check "shim install-shell --dry-run changes nothing and says so" eval \
	'agentsh shim install-shell --root / --shim /usr/bin/agentsh-shell-shim --bash --dry-run >/dev/null'
check "shim status tells both shells" eval 'agentsh shim status --root / --shim /usr/bin/agentsh-shell-shim --bash | grep -q "^bash: .*shim_matches=true"'
check "shim install-shell refuses the host's root without consent" eval \
	'! agentsh shim install-shell --root / --shim /usr/bin/agentsh-shell-shim --bash 2>/tmp/refused && grep -q "i-understand-this-modifies-the-host" /tmp/refused'

check_ok "echo through the shim" '^hello-shim$' /bin/bash -c 'echo hello-shim'
check_ok "python3 through the shim" '^4$' /bin/bash -c 'python3 -c "print(2+2)"'

check_same_all "no such command" /bin/bash -c 'definitely-not-a-command'
check_same_all "syntax error" /bin/bash -c 'if then'
check_same_all "argv[0] of bash" /bin/bash -c 'echo $0 "$@"' name one 'two  words' ''
check_same_all "argv[0] given by the caller" /usr/bin/python3 -c \
	'import os; os.execv("/bin/bash", ["a-name", "-c", "echo $0; exec -a other bash -c \"echo \\$0\""])'
check_same "login shell by argv[0]" /usr/bin/python3 -c \
	'import os; os.execv("/bin/bash", ["-bash", "-c", "shopt -q login_shell && echo login; echo $0"])'
check_same "sh keeps being the same shell" /bin/sh -c 'echo "${BASH_VERSION:-no bash}"; echo $0'
check_same "-l -c" /bin/bash -l -c 'shopt -q login_shell && echo login'
check_same "-lc" /bin/bash -lc 'echo ok'
check_same "-e -u -o pipefail -c" /bin/bash -e -u -o pipefail -c 'false | true; echo not reached'
check_same "-O extglob +B -c --" /bin/bash -O extglob +B -c -- 'echo {a,b}; [[ aa == +(a) ]] && echo yes'
check_same "--norc --noprofile -c" /bin/bash --norc --noprofile -c 'echo $-'
check_same "--posix -c" /bin/bash --posix -c 'set -o | grep posix'
check_same "--version" /bin/bash --version
check_same "dash's own options" /bin/sh -euc 'echo $-'

cat >/tmp/script <<'SCRIPT'
read -r line
echo "read: $line"
this line is data
echo "arguments: $# $1"
exit 7
SCRIPT
INPUT=/tmp/script
check_same "script on standard input" /bin/bash
check_same "script on standard input of sh" /bin/sh
check_same "-s with arguments" /bin/bash -s first second
check_same "standard input belongs to the command" /bin/bash -c 'cat; echo end'
INPUT=/dev/null
check_same "script on standard input from a pipe" /usr/bin/python3 -c \
	'import subprocess, sys; p = subprocess.run(["/bin/bash"], input=b"echo one; cat <<E\n$((1+1))\nE\nexit 5\n"); sys.exit(p.returncode)'
check_same "empty standard input" /bin/bash
check_same "heredoc" /bin/bash -c 'cat <<A; cat <<-"B"
one $((1+1))
A
	two $((1+1))
	B'
printf '#!/bin/bash\necho "$0: $#"; exit 3\n' >/tmp/file.sh
chmod 0755 /tmp/file.sh
check_same "a script file with a #! line" /tmp/file.sh a b
check_same "a script file as argument" /bin/bash /tmp/file.sh a
check_same "a missing script" /bin/bash /tmp/none.sh

check_same "exit codes 0 to 255" /usr/bin/python3 -c 'import subprocess
print([subprocess.call(["/bin/bash", "-c", "exit %d" % n]) for n in range(256)])'
check_same "exit codes of a single command" /usr/bin/python3 -c 'import subprocess
print([subprocess.call(["/bin/bash", "-c", "/usr/bin/python3 -c \"import os; os._exit(%d)\"" % n]) for n in (0, 1, 2, 126, 127, 255)])'
check_same "death by signal" /usr/bin/python3 -c 'import subprocess
for n in (1, 2, 3, 4, 6, 8, 9, 11, 13, 14, 15, 10, 12):
    print(n, subprocess.call(["/bin/bash", "-c", "exec /usr/bin/python3 -c \"import os; os.kill(os.getpid(), %d)\"" % n]),
          subprocess.call(["/bin/bash", "-c", "/usr/bin/python3 -c \"import os; os.kill(os.getpid(), %d)\"; exit $?" % n]))'
check_same "a signal from outside reaches the shell" /usr/bin/python3 -c 'import subprocess, signal
p = subprocess.Popen(["/bin/bash", "-c", "trap \"echo caught; exit 9\" TERM; echo ready; while :; do sleep 0.05; done"], stdout=subprocess.PIPE)
print(p.stdout.readline()); p.send_signal(signal.SIGTERM); print(p.stdout.read(), p.wait())'
check_same "ignored signals stay ignored" /usr/bin/python3 -c 'import subprocess, signal
signal.signal(signal.SIGPIPE, signal.SIG_IGN); signal.signal(signal.SIGINT, signal.SIG_IGN)
subprocess.call(["/bin/bash", "-c", "grep SigIgn /proc/self/status"], restore_signals=False)'

mkdir -p '/tmp/a dir'
E2E_CWD='/tmp/a dir'
export E2E_CWD
check_same "working directory" /bin/bash -c 'pwd; /bin/pwd'
check_same "working directory of sh" /bin/sh -c 'pwd'
unset E2E_CWD
check_same "standard descriptors" /usr/bin/python3 -c 'import subprocess, os
r, w = os.pipe(); os.write(w, bytes(range(256)))
os.close(w)
print(subprocess.run(["/bin/bash", "-c", "cat"], stdin=r, stdout=subprocess.PIPE).stdout == bytes(range(256)))
r, w = os.pipe()
subprocess.run(["/bin/bash", "-c", "echo through 9 >&9"], pass_fds=(), preexec_fn=lambda: os.dup2(w, 9), close_fds=False)
os.close(w); print(os.read(r, 100))'
check_same "closed standard output" /usr/bin/python3 -c 'import subprocess, os
print(subprocess.call(["/bin/bash", "-c", "echo x 2>/dev/null; exit 4"], preexec_fn=lambda: os.close(1)))'
check_same "closed standard input" /usr/bin/python3 -c 'import subprocess, os
print(subprocess.call(["/bin/bash", "-c", "cat 2>/dev/null; exit 4"], preexec_fn=lambda: os.close(0)))'
check_same "umask, nice, limits, process group" /usr/bin/python3 -c 'import subprocess, os, resource
os.umask(0o137); os.nice(3); resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); resource.setrlimit(resource.RLIMIT_NOFILE, (200, 300))
def own(): os.setpgid(0, 0)
print(subprocess.run(["/bin/bash", "-c", "nice; prlimit --noheadings -o SOFT,HARD --nofile --core; touch um; stat -c %a um; rm um; [ $$ = $(ps -o pgid= -p $$) ] && echo leader"], preexec_fn=own, stdout=subprocess.PIPE).stdout)'
check_same "the pid stays that of the process started" /usr/bin/python3 -c 'import subprocess
p = subprocess.Popen(["/bin/bash", "-c", "echo $$"], stdout=subprocess.PIPE)
print(int(p.communicate()[0]) == p.pid)'
check_same "nested shells" /bin/bash -c 'bash -c "sh -c \"bash -c \\\"echo deep; exit 6\\\"\""; echo $?'
check_same "env -i bash" /bin/bash -c 'env -i /bin/bash -c "echo ok; /usr/bin/env | grep -vE \"^(_|SHLVL|PWD|OLDPWD|BASH_ENV|AGENTSH_[A-Z_]*|[A-Za-z]*_PROXY|[a-z]*_proxy)=\""'
exit 0
