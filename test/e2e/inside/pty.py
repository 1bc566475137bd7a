"""pty - type into an interactive shell on a pseudo-terminal and print what matters of the answer.

usage: pty.py CASE. Prompts are set to a mark, so that waiting is for an event, never for a time."""
import fcntl
import os
import re
import select
import signal
import struct
import sys
import termios
import time

MARK = "READY>"


class Shell:
    def __init__(self, argv, rows=24, cols=80):
        self.pid, self.fd = os.forkpty()
        if self.pid == 0:
            for s in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
                signal.signal(s, signal.SIG_DFL)
            env = {k: os.environ[k] for k in ("HOME", "PATH", "USER", "LANG") if k in os.environ}
            env["TERM"] = "dumb"
            os.execve(argv[0], argv, env)
        self.size(rows, cols)
        self.buffer = ""
        self.status = None

    def size(self, rows, cols):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def read_until(self, pattern, seconds=15):
        end = time.monotonic() + seconds
        while not re.search(pattern, self.buffer):
            left = end - time.monotonic()
            ready = select.select([self.fd], [], [], max(left, 0))[0]
            if not ready:
                print("TIMEOUT waiting for %r in %r" % (pattern, self.buffer[-400:]))
                sys.exit(1)
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            if not data:
                break
            self.buffer += data.decode("utf-8", "replace").replace("\r", "")
        match = re.search(pattern, self.buffer)
        seen = self.buffer[:match.end()] if match else self.buffer
        self.buffer = self.buffer[match.end():] if match else ""
        return seen

    def send(self, text):
        os.write(self.fd, text.encode())

    def start(self):
        # The mark is spelt in two parts, so that its echo is not taken for the prompt.
        self.send("PS1=READ'Y>' PS2=; stty -echo; unset PROMPT_COMMAND HISTFILE; set +o history 2>/dev/null\n")
        self.read_until(MARK)
        return self

    def run(self, line):
        self.send(line + "\n")
        return self.read_until(MARK).replace(MARK, "").strip()

    def end(self):
        self.send("exit 3\n")
        self.read_until(r"(?!)", 5)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def clean(text):
    return re.sub(r"\b[0-9]{2,}\b", "N", text)


def foreground(shell, name):
    """Wait until a program of that name is the terminal's foreground group."""
    for _ in range(300):
        try:
            pgid = os.tcgetpgrp(shell.fd)
            if open("/proc/%d/comm" % pgid).read().strip() == name:
                return
        except (OSError, FileNotFoundError):
            pass
        time.sleep(0.05)
    print("TIMEOUT: %s never came to the foreground" % name)
    sys.exit(1)


def bash(*more):
    return Shell(["/bin/bash", "--norc", "--noprofile", "-i", *more]).start()


case = sys.argv[1]
if case == "tty":
    s = bash()
    print(s.run("tty | sed 's/[0-9]*$/N/'; test -t 0 && test -t 1 && test -t 2 && echo all"))
    print(s.run("echo $-; echo $0; shopt login_shell"))
    print(s.run("python3 -c 'import os; print(os.tcgetpgrp(0) == os.getpgrp(), os.getsid(0) == os.getppid())'"))
elif case == "size":
    s = Shell(["/bin/bash", "--norc", "-i"], 33, 111).start()
    print(s.run("stty size"))
elif case == "ctrl-c":
    s = bash()
    s.send("sleep 100\n")
    foreground(s, "sleep")
    s.send("\x03")
    s.read_until(MARK)
    print("code", s.run("echo $?"))
    s.send("python3 -c 'import time\ntry:\n print(\"in\"+\"side\", flush=True)\n while True: time.sleep(0.05)\nexcept KeyboardInterrupt: print(\"caught\")'\n")
    s.read_until("inside")
    s.send("\x03")
    print(s.read_until(MARK).replace(MARK, "").strip().replace("^C", ""))
elif case == "ctrl-z":
    s = bash()
    s.send("sleep 100\n")
    foreground(s, "sleep")
    s.send("\x1a")
    print(clean(s.read_until(MARK)).replace(MARK, "").replace("^Z", "").strip())
    print(clean(s.run("jobs")))
    print(clean(s.run("bg; jobs -r")))
    s.send("fg\n")
    foreground(s, "sleep")
    s.send("\x03")
    s.read_until(MARK)
    print("code", s.run("echo $?"), s.run("jobs"))
elif case == "ctrl-d":
    s = Shell(["/bin/bash", "--norc", "-i"]).start()
    s.send("\x04")
    s.read_until(r"(?!)", 5)
    print("code", os.waitstatus_to_exitcode(os.waitpid(s.pid, 0)[1]))
    sys.exit(0)
elif case == "resize":
    s = bash()
    s.send("python3 -c 'import signal, os, time\nsignal.signal(28, lambda *a: (os.write(1, (str(os.get_terminal_size()) + chr(10)).encode()), os._exit(0)))\nprint(\"in\"+\"side\", flush=True); time.sleep(30)'\n")
    s.read_until("inside")
    s.size(40, 120)
    print(s.read_until(MARK).replace(MARK, "").strip())
elif case == "background":
    s = bash()
    print(clean(s.run("sleep 0.2 & wait $!; echo code $?")))
    print(clean(s.run("(exit 5) & wait $!; echo code $?")))
    print(s.run("cat <<E | tr a-z A-Z\nheredoc\nE"))
elif case == "sh":
    s = Shell(["/bin/sh", "-i"]).start()
    print(s.run("echo $0; test -t 0 && echo tty"))
elif case == "sudo":
    s = bash()
    print(s.run("sudo whoami"))
    # What the terminal shows is also what our line on stderr is looked for in.
    sys.stderr.write(s.run("/usr/bin/sudo -n true; echo code $?"))
elif case == "exit":
    s = bash()
print("exit", s.end())
