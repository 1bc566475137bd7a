#!/usr/bin/env python3
"""straight - what programs do that know nothing of a proxy, socket by socket. Run governed, on the internet of
internet.py, whose folder is the one argument.

Prints "ok TEXT" or "not ok TEXT" for each check.
"""
import errno
import os
import select
import socket
import ssl
import sys
import threading

import said
from said import ok, read_all

DIR = sys.argv[1]
GOOD, EVIL, PRIVATE, SIX = '192.0.2.10', '203.0.113.66', '10.0.0.1', '2001:db8::10'


def reached():
    return len(said.lines('reached', DIR))


def dial(host, port, family=socket.AF_INET):
    s = socket.socket(family)
    s.settimeout(20)
    s.connect((host, port))
    return s


def say(data, host=GOOD, port=80):
    with dial(host, port) as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        return read_all(s)


def get(host, path=b'/', fields=b'Connection: close\r\n', version=b'1.1'):
    fields = (b'Host: ' + host + b'\r\n' if host else b'') + fields
    return b'GET ' + path + b' HTTP/' + version + b'\r\n' + fields + b'\r\n'


def tls(name, host=GOOD, port=443, raw=None):
    context = ssl.create_default_context(cafile=os.path.join(DIR, 'ca.pem'))
    context.check_hostname = False
    with context.wrap_socket(raw or dial(host, port), server_hostname=name) as s:
        s.sendall(get((name or host).encode()))
        return read_all(s)


def refused_tls(name, host=EVIL):
    try:
        return tls(name, host)
    except OSError as e:
        return e


def denied(text, what, *args):
    before = reached()
    got = what(*args)
    ok(reached() == before and (isinstance(got, OSError) or b'hello' not in got), text, got)


def hosts():
    ok(b'hello from 192.0.2.10' in say(get(b'allowed.test')), 'a request goes where its Host says')
    ok(b'hello from 192.0.2.10' in say(get(b'allowed.test'), EVIL), 'whatever address was dialled')
    got = say(get(b'allowed.test', b'http://allowed.test/'))
    ok(b'hello from 192.0.2.10' in got, 'a whole URI is as good as a path', got)
    denied('NW-12 another Host at an allowed address', say, get(b'evil.test'))
    denied('NW-12 a URI and a Host that differ', say, get(b'allowed.test', b'http://evil.test/'))
    denied('NW-12 two hosts', say, get(b'allowed.test', b'/', b'Host: evil.test\r\n'))
    denied('NW-12 no Host, at an address that only a name allows', say, get(b'', version=b'1.0'))
    denied('a Host that names another port', say, get(b'allowed.test:8080'))
    denied('NW-11 user information in the Host', say, get(b'allowed.test@evil.test'))
    denied('CONNECT to a web server', say, b'CONNECT allowed.test:80 HTTP/1.1\r\nHost: allowed.test:80\r\n\r\n')
    denied('what is no HTTP on port 80', say, b'SSH-2.0-x\r\n', EVIL)
    denied('TLS on port 80', say, b'\x16\3\1\0\5\1\0\0\1\0')
    with dial(GOOD, 80) as s:
        s.settimeout(20)
        before = reached()
        s.sendall(get(b'allowed.test', b'/', b'') + get(b'evil.test', b'/', b'') + get(b'allowed.test'))
        got = read_all(s)
    answers = [x[:3] for x in got.split(b'HTTP/1.1 ')[1:]]
    ok(answers == [b'200', b'403', b'200'] and reached() == before + 2,
       'NW-13 each request of a connection is judged', answers)
    got = say(get(b'allowed.test', b'/headers', b'Upgrade: h2c\r\nHTTP2-Settings: x\r\nConnection: Upgrade, close\r\n'))
    ok(b'200' in got and b'h2c' not in got.split(b'\r\n\r\n', 1)[1], 'NW-24 no other protocol than was judged', got)


def names():
    ok(b'hello from 192.0.2.10' in tls('allowed.test'), 'TLS goes where its server name says')
    ok(b'hello from 192.0.2.10' in tls('allowed.test', EVIL), 'NW-15 and nowhere else')
    denied('NW-15 a name that no rule allows', refused_tls, 'evil.test')
    denied('NW-15 the same at an allowed address', refused_tls, 'evil.test', GOOD)
    denied('NW-15 no name', refused_tls, None)
    denied('NW-15 plain HTTP on port 443', say, get(b'allowed.test'), GOOD, 443)
    denied('NW-15 what stops in the middle', say, b'\x16\3\1\2\0\1\0\1\xfc\3\3' + bytes(40), EVIL, 443)
    ok(b'hello from 192.0.2.11' in tls(None, '192.0.2.11'), 'an address that a rule allows needs no name')


def code(what, *args):
    try:
        what(*args).close()
        return 0
    except OSError as e:
        return e.errno


def sockets():
    ok(code(dial, PRIVATE, 80) == errno.EACCES, 'NW-02 a range that is denied is denied at once')
    ok(code(dial, '169.254.169.254', 80) == errno.EACCES, 'MD-01 as are metadata services')
    ok(code(dial, EVIL, 8080) == errno.EACCES, 'and other ports')
    s = socket.socket()
    s.setblocking(False)
    got = s.connect_ex((GOOD, 443))
    select.select([], [s], [], 20)
    error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    ok(got in (0, errno.EINPROGRESS) and error == 0 and s.connect_ex((GOOD, 443)) in (0, errno.EISCONN),
       'one that does not wait', (got, error))
    ok(not s.getblocking(), 'and still does not')
    s.setblocking(True)
    ok(b'hello from 192.0.2.10' in tls('allowed.test', raw=s), 'and serves')
    for text, only in (('IPv6', 0), ('IPv6 and nothing else', 1)):
        s = socket.socket(socket.AF_INET6)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
        s.settimeout(20)
        s.connect(('2001:db8::66', 443))
        ok(b'hello from 192.0.2.10' in tls('allowed.test', raw=s), text)
    s = socket.socket(socket.AF_INET6)
    s.connect(('::ffff:' + EVIL, 443))
    ok(b'hello from 192.0.2.10' in tls('allowed.test', raw=s), 'IPv4 on a socket of IPv6')


def crowd():
    good = []

    def one():
        try:
            if b'hello from 192.0.2.10' in say(get(b'allowed.test'), EVIL):
                good.append(1)
        except OSError:
            pass

    for _ in range(8):
        threads = [threading.Thread(target=one) for _ in range(25)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    ok(len(good) == 200, 'many at once, each its own', len(good))


def early():
    """What is said by another thread, as soon as the connection is there, is no stranger's."""
    good = 0
    for _ in range(100):
        s = socket.socket()
        s.settimeout(20)
        done = []

        def push():
            while not done:
                try:
                    s.send(get(b'allowed.test'))
                    return
                except OSError:
                    pass

        t = threading.Thread(target=push)
        t.start()
        s.connect((EVIL, 80))
        t.join()
        done.append(1)
        good += b'hello from 192.0.2.10' in read_all(s)
        s.close()
    ok(good == 100, 'who speaks before the connection is told of is served', good)


for check in (hosts, names, sockets, crowd, early):
    check()
