# peek - run as a command of one session: look into the process whose number comes in the file named.
# usage: peek.py FILE OUT      writes "ready", later one line per attempt: NAME refused|READ
import ctypes, os, sys, time

sys.stdout = open(sys.argv[2], "w", buffering=1)
print("ready")
end = time.monotonic() + 20
while time.monotonic() < end:
    try:
        pid = int(open(sys.argv[1]).read())
        break
    except (FileNotFoundError, ValueError):
        time.sleep(0.01)
else:
    sys.exit(1)

for name in "mem", "environ", "maps", "auxv", "root", "exe", "fd/0":
    path = f"/proc/{pid}/{name}"
    try:
        if name in ("root", "exe", "fd/0"):
            os.readlink(path)
        else:
            os.close(os.open(path, os.O_RDONLY))
        print(name, "READ")
    except OSError:
        print(name, "refused")

libc = ctypes.CDLL(None, use_errno=True)
one = ctypes.create_string_buffer(1)


class Piece(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


here, there = Piece(ctypes.addressof(one), 1), Piece(0x400000, 1)  # where the program's first page is
got = libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
print("process_vm_readv", "READ" if got == 1 else "refused")
print("ptrace", "READ" if libc.ptrace(0x4206, pid, 0, 0) == 0 else "refused")
