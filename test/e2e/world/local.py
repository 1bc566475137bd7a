#!/usr/bin/env python3
"""local - programs of one session talk to each other: TCP, UDP and local sockets. Prints what arrived; the same whether
governed or not.

local.py FOLDER: sockets by path are made there.
"""
import array
import os
import socket
import subprocess
import sys

FOLDER = sys.argv[1]


def serve(s):
    """Another process echoes one message on that socket."""
    code = ('import socket, sys\ns = socket.socket(fileno=int(sys.argv[1]))\n'
            'if s.type == socket.SOCK_DGRAM:\n d, a = s.recvfrom(9999)\n s.sendto(d[::-1], a)\n'
            'else:\n c, a = s.accept()\n c.sendall(c.recv(9999)[::-1])\n c.close()\n')
    return subprocess.Popen([sys.executable, '-c', code, str(s.fileno())], pass_fds=[s.fileno()])


def talk(name, family, kind, address, mine=None):
    with socket.socket(family, kind) as s, socket.socket(family, kind) as c:
        try:
            s.bind(address)
            if kind == socket.SOCK_STREAM:
                s.listen()
            p = serve(s)
            if mine is not None:
                c.bind(mine)
            c.settimeout(20)
            c.connect(s.getsockname())
            c.send(b'olleh')
            print(name, c.recv(99).decode())
            p.wait()
        except OSError as e:
            print(name, 'fails', e.errno)


def descriptors():
    """An open file goes to another process over a local socket."""
    path = os.path.join(FOLDER, 'rights')
    with socket.socket(socket.AF_UNIX) as s, socket.socket(socket.AF_UNIX) as c:
        s.bind(path)
        s.listen()
        c.connect(path)
        to, _ = s.accept()
        r, w = os.pipe()
        c.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [w]))])
        _, control, _, _ = to.recvmsg(1, 100)
        os.write(array.array('i', control[0][2])[0], b'through it')
        print('descriptors', os.read(r, 99).decode())


def main():
    four, six, unix = socket.AF_INET, socket.AF_INET6, socket.AF_UNIX
    stream, dgram = socket.SOCK_STREAM, socket.SOCK_DGRAM
    talk('tcp', four, stream, ('127.0.0.1', 0))
    talk('tcp6', six, stream, ('::1', 0))
    talk('udp', four, dgram, ('127.0.0.1', 0))
    talk('udp6', six, dgram, ('::1', 0))
    talk('path', unix, stream, os.path.join(FOLDER, 'stream'))
    talk('datagrams', unix, dgram, os.path.join(FOLDER, 'one'), os.path.join(FOLDER, 'other'))
    talk('abstract', unix, stream, '\0agentsh-test-%d' % os.getpid())
    descriptors()


main()
