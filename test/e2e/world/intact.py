#!/usr/bin/env python3
"""intact - allowed traffic comes through as it is.

intact.py proxy|direct MIB: through the proxy of the environment, or without it. MIB is how much is sent each way.
Prints "ok TEXT" or "not ok TEXT".
"""
import contextlib
import hashlib
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
WAY, SIZE = sys.argv[1], int(sys.argv[2]) << 20
HOST = 'npm-registry.test'
CA = os.path.join(HERE, 'ca.pem')
CONTEXT = ssl.create_default_context(cafile=CA)
CONNECTIONS = 500
PIECE = bytes(range(256)) * 256         # what a server's /big is made of


def ok(good, text, wrong=''):
    print(('ok ' if good else 'not ok ') + '%s: %s' % (WAY, text) + ('' if good else '\n#   ' + str(wrong)[:300]),
          flush=True)


def plain(host=HOST, port=443, family=0):
    if WAY == 'direct':
        for f, kind, proto, _, at in socket.getaddrinfo(host, port, family, socket.SOCK_STREAM):
            s = socket.socket(f, kind, proto)
            s.settimeout(60)
            s.connect(at)
            return s
    at, via = os.environ['HTTPS_PROXY'].split('//')[1].strip('/').rsplit(':', 1)
    s = socket.create_connection((at, int(via)), timeout=60)
    s.sendall(('CONNECT %s:%d HTTP/1.1\r\nHost: %s:%d\r\n\r\n' % (host, port, host, port)).encode())
    head = b''
    while b'\r\n\r\n' not in head:
        data = s.recv(1)
        if not data:
            raise ConnectionError('closed')
        head += data
    if b' 200 ' not in head.split(b'\r\n')[0]:
        raise ConnectionError(head.split(b'\r\n')[0].decode())
    return s


def dial(host=HOST, family=0):
    return CONTEXT.wrap_socket(plain(host, 443, family), server_hostname=host)


def ask(s, line, fields='', body=b''):
    s.sendall(('%s HTTP/1.1\r\nHost: %s\r\n%s\r\n' % (line, HOST, fields)).encode() + body)


def head_of(f):
    lines = []
    while True:
        line = f.readline()
        if line in (b'\r\n', b''):
            return lines
        lines.append(line.decode().strip())


def expected(n):
    digest = hashlib.sha256()
    while n:
        digest.update(PIECE[:n])
        n -= min(n, len(PIECE))
    return digest.hexdigest()


def down(n, slow=False):
    digest, left = hashlib.sha256(), n
    with dial() as s, s.makefile('rb', buffering=4096 if slow else 1 << 20) as f:
        if slow:        # no less: a window below loopback's packets makes the kernel itself wait 200 ms for each
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        ask(s, 'GET /big?n=%d' % n)
        head_of(f)
        while left:
            data = f.read(min(left, 1 << 17 if slow else 1 << 20))
            if not data:
                break
            if slow:
                time.sleep(0.01)        # being slow is the test
            digest.update(data)
            left -= len(data)
    return left == 0 and digest.hexdigest() == expected(n), '%d bytes missing' % left


def up(n):
    with dial() as s, s.makefile('rb') as f:
        ask(s, 'POST /', 'Content-Length: %d\r\n' % n)
        left = n
        while left:
            s.sendall(PIECE[:left])
            left -= min(left, len(PIECE))
        head_of(f)
        said = f.readline().decode().strip()
    return said == '%d %s' % (n, expected(n)), said


def many(n):
    """All of them open at once before any of them asks."""
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(dial()) for _ in range(n)]
        for s in found:
            ask(s, 'GET /', 'Connection: close\r\n')
        good = sum(b'hello from' in stack.enter_context(s.makefile('rb')).read() for s in found)
    return good == n, '%d of %d' % (good, n)


def sse():
    with dial() as s, s.makefile('rb') as f:
        ask(s, 'GET /sse')
        head_of(f)
        first = f.readline() and f.readline()
        with dial() as other, other.makefile('rb') as g:        # the second event waits for this
            ask(other, 'GET /go-on', 'Connection: close\r\n')
            g.read()
        rest = b''.join(f.readline() for _ in range(4))
    return b'first' in first and b'second' in rest, (first, rest)


def websocket():
    with dial() as s, s.makefile('rb') as f:
        ask(s, 'GET /ws', 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAA\r\n')
        head = head_of(f)
        for data in (b'\x82\x05hello', b'\0\xff' * 5000):
            s.sendall(data)
            if f.read(len(data)) != data:
                return False, 'echo differs'
    return '101' in head[0], head


def http2():
    via = [os.environ['HTTPS_PROXY'].split('//')[1].strip('/')] if WAY == 'proxy' else []
    p = subprocess.run(['node', os.path.join(HERE, 'h2get.js'), CA, *via], capture_output=True, text=True, timeout=60)
    return p.stdout.strip() == 'hello from h2 h2 100000', p.stdout + p.stderr


def clone():
    env = {k: v for k, v in os.environ.items() if WAY == 'proxy' or not k.lower().endswith('_proxy')}
    with tempfile.TemporaryDirectory() as to:
        p = subprocess.run(['git', 'clone', '-q', 'https://%s/row-2/repo.git' % HOST, to + '/copy'], text=True,
                           capture_output=True, timeout=60, env={**env, 'GIT_SSL_CAINFO': CA})
        with open(to + '/copy/README') as f:
            return f.read() == 'from over there\n', p.stderr


def six():
    with dial(family=socket.AF_INET6) as s, s.makefile('rb') as f:
        ask(s, 'GET /', 'Connection: close\r\n')
        text = f.read()
    return b'hello from' in text, text[-60:]


def half_closed():
    """What is said after one side has nothing more to say arrives."""
    with plain() as s:
        t = CONTEXT.wrap_bio(i := ssl.MemoryBIO(), o := ssl.MemoryBIO(), server_hostname=HOST)
        text, shut = b'', False
        while True:
            try:
                t.do_handshake()
                break
            except ssl.SSLWantReadError:
                s.sendall(o.read())
                i.write(s.recv(65536))
        t.write(b'GET /big?n=300000 HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' % HOST.encode())
        s.sendall(o.read())
        s.shutdown(socket.SHUT_WR)
        while not shut:
            try:
                data = t.read(65536)
                shut = not data
                text += data
            except ssl.SSLWantReadError:
                data = s.recv(65536)
                if data:
                    i.write(data)
                else:
                    break
            except ssl.SSLError:
                break
    return len(text) > 300000, len(text)


def main():
    checks = [('%d MiB down, byte by byte' % (SIZE >> 20), lambda: down(SIZE)),
              ('%d MiB up, byte by byte' % (SIZE >> 20), lambda: up(SIZE)),
              ('a slow reader', lambda: down(12 << 20, True)),
              ('server-sent events come one by one', sse), ('a websocket', websocket), ('HTTP/2 by ALPN', http2),
              ('half-closed', half_closed), ('a clone by git', clone), ('%d connections at once' % CONNECTIONS, lambda: many(CONNECTIONS))]
    if WAY == 'direct':
        checks.append(('IPv6', six))
    for text, check in checks:
        try:
            good, wrong = check()
        except Exception as e:          # noqa: whatever fails is told
            good, wrong = False, '%s %s' % (type(e).__name__, e)
        ok(good, text, wrong)


main()
