# background jobs, wait, exit codes, disown, nohup, traps
(exit 3) & wait $!; echo "wait $?"
sleep 0.1 & sleep 0.1 & wait; echo "all $?"
bash -c '(sleep 0.1; exit 4) & (sleep 0.5; exit 5) & wait -n; echo "first $?"; wait'
false | true; echo "pipe ${PIPESTATUS[*]}"
set -o pipefail; false | true; echo "pipefail $?"; set +o pipefail
trap 'echo usr1' USR1; python3 -c 'import os; os.kill(os.getppid(), 10)'; trap - USR1
trap 'echo exiting' EXIT
nohup sh -c 'echo from nohup' 2>/dev/null
{ sleep 30 & } 2>/dev/null; p=$!; disown; while [ -e /proc/$p ] && ! grep -qs sleep /proc/$p/comm; do :; done; python3 -c "import os; os.kill($p, 15)"; while [ -e /proc/$p ] && ! grep -qs Z /proc/$p/stat; do :; done; echo gone
timeout 0.2 sleep 10; echo "timeout $?"
timeout -s KILL 0.2 sleep 10; echo "timeout $?"
bash -c 'exit 255'; echo $?; bash -c 'exit 126'; echo $?; nonexistent 2>/dev/null; echo $?; /etc/passwd 2>/dev/null; echo $?
sh -c 'exec python3 -c "import os; os.kill(os.getpid(), 15)"'; echo "signal $?"
