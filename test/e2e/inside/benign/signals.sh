# signals to own children and groups, in every way
cat >/tmp/w/s.py <<'P'
import ctypes, os, signal, subprocess, time
for sig in (1, 2, 9, 10, 15, 19):
    p = subprocess.Popen(["sleep", "60"])
    os.kill(p.pid, sig)
    if sig == 19:
        while open("/proc/%d/stat" % p.pid).read().split()[2] != "T": pass
        os.kill(p.pid, signal.SIGCONT); os.kill(p.pid, 9)
    print(sig, p.wait())
p = subprocess.Popen("sleep 60 & sleep 60 & wait", shell=True, start_new_session=True)
time.sleep(0.1)
os.killpg(p.pid, 15); print("killpg", p.wait())
p = subprocess.Popen(["sleep", "60"])
fd = os.pidfd_open(p.pid)
signal.pidfd_send_signal(fd, 15); print("pidfd", p.wait())
signal.signal(10, lambda *a: print("self")); os.kill(os.getpid(), 10); signal.raise_signal(10); os.kill(0, 0)
signal.pthread_sigmask(signal.SIG_BLOCK, [12])
libc = ctypes.CDLL(None, use_errno=True)
print("sigqueue", libc.sigqueue(os.getpid(), 12, ctypes.c_void_p(7)), signal.sigwaitinfo([12]).si_signo)
signal.signal(14, lambda *a: print("alarm")); signal.setitimer(signal.ITIMER_REAL, 0.05); signal.pause()
r, w = os.pipe()
pid = os.fork()
if pid == 0:
    os.read(r, 1); os._exit(7)
os.kill(pid, 0); os.write(w, b"x"); print("exit", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
try: os.kill(2 ** 22 - 1, 0)
except ProcessLookupError: print("no such process")
P
python3 /tmp/w/s.py
bash -c 'trap "echo parent got it; exit 0" TERM; sh -c "python3 -c \"import os; os.kill($$, 15)\""; sleep 1; echo not reached'
