"""outsider - listens where sessions may and may not go; whoever is reached says so in /tmp/reached."""
import fcntl
import os
import socket
import struct
import threading


def add_address(name, text):
    with socket.socket() as s:
        # One address, not the network around it, where others may be.
        for call, value in (0x8916, text), (0x891c, "255.255.255.255"):  # SIOCSIFADDR, SIOCSIFNETMASK
            fcntl.ioctl(s, call, struct.pack("16sH2s4s8x", name, 2, b"", socket.inet_aton(value)))


def reached(what):
    fd = os.open("/tmp/reached", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.write(fd, (what + "\n").encode())
    os.close(fd)


def serve(s, what):
    while True:
        if s.type == socket.SOCK_DGRAM:
            _, where = s.recvfrom(100)
            reached(what)
            s.sendto(b"hello", where)
        else:
            c, _ = s.accept()
            reached(what)
            c.sendall(b"hello\n")
            c.close()


def listen(family, kind, address, what):
    s = socket.socket(family, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_UNIX and address[0] != "\0" and os.path.exists(address):
        os.unlink(address)
    s.bind(address)
    if family == socket.AF_UNIX and address[0] != "\0":
        os.chmod(address, 0o666)
    if kind != socket.SOCK_DGRAM:
        s.listen()
    threading.Thread(target=serve, args=(s, what)).start()


add_address(b"lo:1", "203.0.113.7")
add_address(b"lo:2", "10.9.9.9")
for ip in "127.0.0.1", "203.0.113.7", "10.9.9.9":
    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
        listen(socket.AF_INET, kind, (ip, 7000), ip)
os.makedirs("/run/docker", exist_ok=True)
os.makedirs("/srv/outside", exist_ok=True)
for path in "/run/docker.sock", "/run/docker/plain.sock", "/srv/outside/podman.sock", "/srv/outside/plain.sock":
    listen(socket.AF_UNIX, socket.SOCK_STREAM, path, path)
listen(socket.AF_UNIX, socket.SOCK_STREAM, "\0outside", "@outside")
open("/tmp/outsider", "w").close()
