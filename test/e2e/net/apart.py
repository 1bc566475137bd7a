#!/usr/bin/env python3
"""apart - what a program can do within a network namespace of its session: apart.py DEED [ARGUMENT]...

tcp ADDRESS PORT          connect: "connected" or the name of the error
udp ADDRESS PORT          send: "sent" or the name of the error
ask ADDRESS NAME udp|tcp  a question to that name server: the first address, "none CODE", or the name of the error
abstract NAME             connect to that abstract socket
serve PORT                listen on loopback, say so in ./serving, and answer one
pair                      TCP on loopback, UDP on loopback and an abstract socket between two processes
route, link, setns PID, unshare   change the network, or leave it
kind FAMILY TYPE          a socket of that kind
ns                        which namespace this is
"""
import ctypes
import errno
import os
import socket
import struct
import sys

LIBC = ctypes.CDLL(None, use_errno=True)


def family(address):
    return socket.AF_INET6 if ':' in address else socket.AF_INET


def tcp(address, port):
    s = socket.socket(family(address), socket.SOCK_STREAM)
    s.settimeout(5)
    s.connect((address, int(port)))
    return 'connected'


def udp(address, port):
    s = socket.socket(family(address), socket.SOCK_DGRAM)
    s.sendto(b'canary', (address, int(port)))
    return 'sent'


def ask(address, name, way):
    wire = b''.join(bytes([len(x)]) + x.encode() for x in name.split('.')) + b'\0'
    q = struct.pack('>HHHHHH', 0x1234, 0x100, 1, 0, 0, 0) + wire + struct.pack('>HH', 1, 1)
    s = socket.socket(family(address), socket.SOCK_DGRAM if way == 'udp' else socket.SOCK_STREAM)
    s.settimeout(5)
    s.connect((address, 53))
    if way == 'udp':
        s.send(q)
        a = s.recv(4096)
    else:
        s.send(struct.pack('>H', len(q)) + q)
        a = s.recv(4096)[2:]
    if struct.unpack('>H', a[6:8])[0] == 0:
        return 'none %d' % (a[3] & 15)
    return socket.inet_ntoa(a[-4:])


def abstract(name):
    s = socket.socket(socket.AF_UNIX)
    s.connect('\0' + name)
    return 'connected'


def serve(port):
    s = socket.create_server(('127.0.0.1', int(port)))
    s.settimeout(20)
    open('serving', 'w').close()
    c, _ = s.accept()
    c.send(b'hello')
    return 'served'


def pair():
    for kind, at in ((socket.AF_INET, ('127.0.0.1', 0)), (socket.AF_UNIX, '\0apart-pair')):
        s = socket.socket(kind)
        s.bind(at)
        s.listen()
        if os.fork() == 0:
            c = socket.socket(kind)
            c.connect(s.getsockname())
            c.send(b'hello')
            os._exit(0)
        s.settimeout(5)
        if s.accept()[0].recv(9) != b'hello':
            return 'no'
        os.wait()
    a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    a.bind(('127.0.0.1', 0))
    a.settimeout(5)
    if os.fork() == 0:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'hello', a.getsockname())
        os._exit(0)
    return a.recv(9).decode()


def netlink(kind, flags, rest):
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    s.sendto(struct.pack('=IHHII', 16 + len(rest), kind, flags, 1, 0) + rest, (0, 0))
    error = -struct.unpack('=i', s.recv(4096)[16:20])[0]
    if error:
        raise OSError(error, '')
    return 'done'


def route():  # RTM_NEWROUTE 198.51.100.0/24 dev lo
    return netlink(24, 0x405, struct.pack('=BBBBBBBBI', 2, 24, 0, 0, 254, 4, 253, 1, 0) +
                   struct.pack('=HH4s', 8, 1, b'\xc6\x33\x64\0') + struct.pack('=HHi', 8, 4, 1))


def link():  # RTM_NEWLINK: lo as it is, up
    return netlink(16, 5, struct.pack('=BBHiII', 0, 0, 0, 1, 1, 1))


def call(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), '')
    return 'done'


def setns(pid):
    return call(LIBC.setns(os.open('/proc/%s/ns/net' % pid, os.O_RDONLY), 0x40000000))


def unshare():
    return call(LIBC.unshare(0x40000000))


def kind(which, how):
    socket.socket(int(which), int(how))
    return 'made'


def ns():
    return os.readlink('/proc/self/ns/net')


try:
    print(globals()[sys.argv[1]](*sys.argv[2:]))
except OSError as e:
    print('timed out' if e.errno is None else errno.errorcode[e.errno])
