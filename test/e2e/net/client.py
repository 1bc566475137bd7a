#!/usr/bin/env python3
"""client - what well- and ill-behaved clients say to the proxy, byte by byte.

client.py PROXY_PORT DIR PROXY_PID WIDE_PORT: at WIDE_PORT is a proxy whose policy allows everything; DIR is the
internet's (internet.py), with ca.pem and the proxy's events.
Prints "ok TEXT" or "not ok TEXT" for each check.
"""
import concurrent.futures
import hashlib
import json
import os
import socket
import ssl
import struct
import sys
import time

import said
from said import ok

PORT, DIR, PID, WIDE = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
SIZE = int(os.environ.get('PROXY_MIB', '256')) << 20
BEFORE = len(open(os.path.join(sys.argv[2], 'reached')).readlines())
GOOD = b'Host: allowed.test\r\n'


def lines(name):
    return said.lines(name, DIR)


def events(since, kind=None):
    found = [json.loads(x) for x in lines('events')[since:]]
    return [e for e in found if kind is None or e['type'] == kind]


def connect(port=PORT):
    s = socket.create_connection(('127.0.0.1', port), timeout=20)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def read_all(s):
    return said.read_all(s, b'<reset>')


def say(data, port=PORT):
    with connect(port) as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        return read_all(s)


def status(answer):
    return int(answer.split(b' ', 2)[1]) if answer.startswith(b'HTTP/1.1 ') else 0


def refused(name, data, want, neighbour=True, port=PORT, rule=None):
    """Nothing arrives anywhere, the client is told, and the log names a rule, or this one."""
    reached, told = len(lines('reached')), len(lines('events'))
    got = say(data, port)
    denied = [e for e in events(told) if e.get('policy', {}).get('effective_decision') == 'deny']
    ok(status(got) == want and len(lines('reached')) == reached and
       (not neighbour or (denied and denied[-1]['policy'].get('rule') and
                          rule in (None, denied[-1]['policy']['rule']))), name, (got, denied))


def get(url, fields=GOOD, method=b'GET'):
    return method + b' ' + url + b' HTTP/1.1\r\n' + fields + b'Connection: close\r\n\r\n'


def authorities():
    for url in (b'http://allowed.test@evil.test/', b'http://evil.test#@allowed.test/',
                b'http://evil.test\\@allowed.test/', b'http://allowed.test%2eevil.test/',
                b'http://allowed.test%00.evil.test/', b'http://allowed.test:/', b'http://allowed.test:0/',
                b'http://allowed.test:65616/', b'http://allowed.test:+80/', b'http://[allowed.test]/',
                b'http://allowed..test/', b'http:///', b'http://', b'https://allowed.test/', b'ftp://allowed.test/',
                b'/', b'*', b'http://[::1%25lo]/', b'http://\xc3\xa4.test/', b'http://fe80::1/'):
        refused('NW-11 %s' % url.decode('latin-1'), get(url), 400)
    refused('NW-11 tab in the host', get(b'http://evil.test\t.allowed.test/'), 400, False)
    for url in (b'http://evil.test?allowed.test', b'http://evil.test/allowed.test',
                b'http://xallowed.test/', b'http://allowed.test.evil.test/', b'http://EVIL.test./',
                b'http://[::ffff:10.0.0.1]/', b'http://allowed.test:8080/', b'http://10.1/', b'http://127.0.0.1/',
                b'http://localhost/', b'http://[::1]/'):
        refused('NW-11 %s' % url.decode(), get(url), 403)
    for host, want in ((b'evil.test:443', 403), (b'allowed.test:22', 403), (b'allowed.test:443:80', 400),
                       (b'allowed.test:65979', 400), (b'allowed.test:0443', 400), (b'allowed.test', 400),
                       (b'allowed.test:', 400), (b'xallowed.test:443', 403),
                       (b'allowed.test.evil.test:443', 403), (b'allowed.test/:443', 400),
                       (b'evil.test:443@allowed.test:443', 400), (b'[allowed.test]:443', 400),
                       (b'169.254.169.254:80', 403), (b'[::ffff:a9fe:a9fe]:80', 403)):
        refused('NW-14 CONNECT %s' % host.decode(), get(host, method=b'CONNECT'), want)
    for host in (b'evil.test\0.allowed.test:443', b'evil.test\r\n.allowed.test:443',
                 b'evil.test .allowed.test:443'):
        refused('NW-14 CONNECT %r' % host, get(host, method=b'CONNECT'), 400, False)
    got = say(get(b'ALLOWED.Test.:80', method=b'CONNECT') + b'GET / HTTP/1.0\r\n\r\n')
    ok(status(got) == 200 and b'hello from 192.0.2.10' in got, 'a name in another spelling is the same', got)
    for text in ('2852039166', '0xA9FEA9FE', '0251.0376.0251.0376', '169.254.43518', '0xa9.0xfe.0xa9.0xfe',
                 '169.16689662', '169.254.169.254.', '[::ffff:169.254.169.254]', '[::169.254.169.254]',
                 '[64:ff9b::a9fe:a9fe]', '[2002:a9fe:a9fe::]', '[fd00:ec2::254]', '100.100.100.200',
                 '168.63.129.16', '192.0.0.192', '169.254.170.2'):
        refused('MD-02 %s' % text, get(b'http://' + text.encode() + b'/latest/meta-data/'), 403, True, WIDE,
                'block-metadata-services')
    for text in '3221225994', '0xc0.0.0x20a':
        got = say(get(b'http://' + text.encode() + b'/'), WIDE)
        ok(b'hello from 192.0.2.10' in got, 'MD-02 %s is an address as others' % text, got)
    refused('MD-02 full-width digits', get('http://１６９.254.169.254/'.encode()), 400, False)


def framing():
    got = say(get(b'http://allowed.test/headers', b'Host: evil.test\r\n'))
    ok(status(got) == 200 and b'Host: allowed.test' in got and b'evil' not in got,
       'NW-12 the host is the one that was judged', got)
    refused('NW-12 the reverse', get(b'http://evil.test/', GOOD), 403)
    refused('NW-12 two hosts', get(b'http://allowed.test/', GOOD + b'Host: evil.test\r\n'), 400)
    one = b'GET http://allowed.test/ HTTP/1.1\r\n' + GOOD + b'\r\n'
    two = b'GET http://evil.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n'
    got = say(one + two + one)
    ok([status(b'HTTP/1.1 ' + x) for x in got.split(b'HTTP/1.1 ')[1:]] == [200, 403, 200] and
       not any('203.0.113.66' in x for x in lines('reached')[BEFORE:]), 'NW-13 each of several requests is judged', got)
    ports = [p.split(b'\n')[0] for p in say(b''.join(
        b'%s http://%s HTTP/1.1\r\nHost: x\r\nConnection: %s\r\n\r\n' % x for x in (
            (b'GET', b'allowed.test/port', b'keep-alive'), (b'GET', b'allowed.test/port', b'keep-alive'),
            (b'GET', b'www.allowed.test/port', b'keep-alive'), (b'GET', b'allowed.test/last', b'keep-alive'),
            (b'GET', b'allowed.test/port', b'keep-alive'), (b'GET', b'other.allowed.test/port', b'keep-alive'),
            (b'GET', b'allowed.test/port', b'close')))).split(b'from port ')[1:]]
    ok(len(ports) == 7 and ports[0] == ports[1] and len(set(ports)) == 6,
       'NW-13 one connection to a server for requests to it alone, and another when it ends', ports)
    got = say((one * 50)[:-2] + b'Connection: close\r\n\r\n')
    ok(got.count(b'hello from 192.0.2.10') == 50, 'fifty requests in one piece', len(got))
    got = say(two * 1000)
    ok(got.count(b' 403 ') == 1000, 'a thousand refusals in a row', got.count(b' 403 '))
    post = b'POST http://allowed.test/ HTTP/1.1\r\n' + GOOD
    chunked = b'Transfer-Encoding: chunked\r\n'
    for name, fields in (('both lengths', b'Content-Length: 4\r\n' + chunked),
                         ('two lengths', b'Content-Length: 4\r\nContent-Length: 4\r\n'),
                         ('a list of lengths', b'Content-Length: 4, 4\r\n'),
                         ('a signed length', b'Content-Length: +4\r\n'),
                         ('another coding', b'Transfer-Encoding: chunked, identity\r\n'),
                         ('a coding disguised', b'Transfer-Encoding: xchunked\r\n'),
                         ('codings twice', chunked + chunked), ('a folded line', b'X: a\r\n b\r\n'),
                         ('a space before the colon', b'Transfer-Encoding : chunked\r\n')):
        refused('NW-13 ' + name, post + fields + b'\r\n0\r\n\r\n', 400)
    refused('NW-13 bare line feeds', b'GET http://allowed.test/ HTTP/1.1\nHost: allowed.test\n\n', 400)
    for name, body in (('no chunk size', b'zz\r\nabc\r\n0\r\n\r\n'), ('a negative one', b'-1\r\n\r\n'),
                       ('a huge one', b'ffffffffffffffff1\r\n\r\n'), ('an extension', b'3;a=b\r\nabc\r\n0\r\n\r\n'),
                       ('a longer chunk than it says', b'3\r\nabcd\r\n0\r\n\r\n')):
        got = say(post + chunked + b'\r\n' + body)
        ok(status(got) == 400, 'NW-13 chunks: ' + name, got)
    got = say(get(b'http://allowed.test/headers', GOOD + b'Upgrade: h2c\r\nHTTP2-Settings: x\r\nTE: trailers\r\n'
                  b'Proxy-Authorization: Basic x\r\nX-Mine: 1\r\nConnection: Upgrade, X-Mine\r\n'))
    ok(status(got) == 200 and not any(x in got.split(b'\r\n\r\n', 1)[1].lower() for x in (b'h2c', b'http2-s', b'basic', b'x-mine',
                                                                 b'te: ', b'upgrade')),
       'NW-24 what is between neighbours stays there', got)
    got = say(b'GET http://allowed.test/headers HTTP/1.0\r\n\r\n')
    ok(status(got) == 200 and b'HTTP/1.0' in got, 'HTTP/1.0', got)
    got = say(b'HEAD http://allowed.test/big?n=1000 HTTP/1.1\r\n' + GOOD + b'\r\n' + one)
    ok(b'Content-Length: 1000' in got and b'hello from' in got, 'HEAD, and another after it', got)
    got = say(b'GET http://allowed.test/same HTTP/1.1\r\n' + GOOD + b'\r\n' + get(b'http://allowed.test/hello'))
    ok(status(got) == 304 and b'hello from' in got, '304 with a length, and another after it', got)
    got = say(get(b'http://allowed.test/short'))
    ok(got.endswith(b'<reset>'), 'an answer that is cut off is seen to be', got)
    got = say(get(b'http://dead.allowed.test:7/'))
    ok(status(got) == 502, 'nobody listens there', got)


def bodies():
    data = os.urandom(3 << 20)
    want = b'%d %s' % (len(data), hashlib.sha256(data).hexdigest().encode())
    head = b'POST http://allowed.test/ HTTP/1.1\r\n' + GOOD + b'Connection: close\r\n'
    got = say(head + b'Content-Length: %d\r\n\r\n' % len(data) + data)
    ok(want in got, 'a body with its length', got)
    pieces = b''.join(b'%x\r\n' % len(data[i:i + 70001]) + data[i:i + 70001] + b'\r\n'
                      for i in range(0, len(data), 70001))
    got = say(head + b'Transfer-Encoding: chunked\r\n\r\n' + pieces + b'0\r\n\r\n')
    ok(want in got, 'a body in chunks', got)
    with connect() as s:
        s.sendall(head + b'Content-Length: 5\r\nExpect: 100-continue\r\n\r\n')
        first = s.recv(1000)
        s.sendall(b'hello')
        got = read_all(s)
    ok(first.startswith(b'HTTP/1.1 100 ') and status(got) == 200, 'who waits for 100 gets it', (first, got))
    got = say(head.replace(b'/ HTTP', b'/early HTTP') + b'Content-Length: 100000000\r\n\r\n' + data)
    ok(status(got) == 413, 'an answer before the body has come', got[:300])
    for how in (b'', b'&chunked=1', b'&close=1'):
        got = say(get(b'http://allowed.test/big?n=1000000' + how))
        ok(got.count(bytes(range(256))) >= 3906 and status(got) == 200, 'an answer %s' % how.decode(), len(got))


def hasty():
    """A server answers before it has read the body, part of which is still with the proxy: what it is sent
    behind that part would not be read as a request, or the end of one would be."""
    swallowed, tried = 0, 0
    for size in range(2400000, 5400000, 50000):
        with connect() as s:
            s.settimeout(1)
            try:
                s.sendall(b'POST http://allowed.test/hasty HTTP/1.1\r\n' + GOOD + b'Content-Length: %d\r\n\r\n' % size)
                s.sendall(b'x' * size)
                tried += b'before it is read' in s.recv(4096)
                s.sendall(get(b'http://allowed.test/'))
                s.recv(4096)
            except TimeoutError:
                swallowed += 1
            except OSError:
                pass
    ok(tried > 0 and not swallowed, 'NW-13 nothing is asked behind a body that has not gone out', (tried, swallowed))


def streams():
    s = connect()
    s.sendall(get(b'http://allowed.test/sse'))
    got = b''
    while b'first' not in got:
        got += s.recv(1000)
    ok(b'second' not in got, 'the first event comes at once')
    say(get(b'http://allowed.test/go-on'))
    got += read_all(s)
    ok(b'second' in got and got.endswith(b'0\r\n\r\n'), 'and the second when it is there', got)
    s = connect()
    s.sendall(b'GET http://allowed.test/ws HTTP/1.1\r\n' + GOOD + b'Connection: Upgrade\r\nUpgrade: websocket\r\n'
              b'Sec-WebSocket-Key: abc\r\nSec-WebSocket-Version: 13\r\n\r\nearly')
    got = b''
    while not got.endswith(b'early'):
        got += s.recv(1000)
    ok(status(got) == 101 and b'Accept: abc' in got, 'a websocket', got)
    s.sendall(b'frame')
    ok(s.recv(100) == b'frame', 'echoes')
    s.close()
    with connect() as s:
        s.sendall(get(b'allowed.test:7', method=b'CONNECT'))
        got = s.recv(1000)
        while b'echo\n' not in got:
            got += s.recv(1000)
        s.sendall(b'x' * 100000)
        s.shutdown(socket.SHUT_WR)
        got = read_all(s)
    ok(got == b'x' * 100000 + b'100000 bytes\n', 'the server speaks first; half of it closed', got[-50:])


def tunnel(host=b'allowed.test:443'):
    s = connect()
    s.sendall(b'CONNECT ' + host + b' HTTP/1.1\r\nHost: ' + host + b'\r\n\r\n')
    got = s.recv(4096)
    if b' 200 ' not in got:
        raise OSError(got)
    return s


def context():
    c = ssl.create_default_context(cafile=os.path.join(DIR, 'ca.pem'))
    c.check_hostname = False
    return c


def hello(name, extra=b''):
    """A ClientHello with one more extension."""
    c, i, o = context(), ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        c.wrap_bio(i, o, server_hostname=name).do_handshake()
    except ssl.SSLWantReadError:
        pass
    data = bytearray(o.read())
    data += extra
    at = 9 + 2 + 32
    at += 1 + data[at]
    at += 2 + struct.unpack('>H', data[at:at + 2])[0]
    at += 1 + data[at]
    data[at:at + 2] = struct.pack('>H', len(data) - at - 2)
    data[6:9] = struct.pack('>I', len(data) - 9)[1:]
    data[3:5] = struct.pack('>H', len(data) - 5)
    return bytes(data)


def refused_tls(name, data, rule, host=b'allowed.test:443'):
    reached, told = len(lines('reached')), len(lines('events'))
    s = tunnel(host)
    s.sendall(data)
    got = read_all(s)
    rules = [e['policy'].get('rule') for e in events(told, 'tls_sni_mismatch')]
    ok(got in (b'', b'\x15\3\3\0\2\2\x31') and rules == [rule] and len(lines('reached')) == reached,
       'NW-15 ' + name, (got, rules))


def names():
    c = context()
    with c.wrap_socket(tunnel(), server_hostname='Allowed.TEST') as s:
        s.sendall(b'GET / HTTP/1.0\r\n\r\n')
        ok(b'hello from 192.0.2.10' in read_all(s), 'TLS for the very host')
    refused_tls('another name', hello('evil.test'), 'tls-name-mismatch')
    refused_tls('a name that is allowed, too', hello('other.allowed.test'), 'tls-name-mismatch')
    refused_tls('no name', hello(None), 'tls-no-name')
    refused_tls('a hidden name', hello('allowed.test', b'\xfe\x0d\0\4\0\0\0\0'), 'tls-hidden-name')
    refused_tls('no TLS', b'GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n', 'tls-only')
    refused_tls('the name twice', hello('allowed.test', b'\0\0\0\x0e\0\x0c\0\0\x09evil.test'), 'malformed-request')
    refused_tls('another name on another port', hello('evil.test'), 'tls-name-mismatch', b'allowed.test:8443')
    data = hello('allowed.test')[5:]
    s = tunnel()
    for i in range(0, len(data), 100):
        piece = data[i:i + 100]
        s.sendall(b'\x16\3\1' + struct.pack('>H', len(piece)) + piece)
    ok(s.recv(5)[:1] == b'\x16', 'a hello in many records is put together')
    s.close()


def resolving():
    asked = len(lines('asked'))
    refused('DN-01 what no rule could allow', get(b'%s.tunnel.evil.test:443' % (b'5ec3e7' * 8), method=b'CONNECT'), 403)
    ok(not any('tunnel' in x for x in lines('asked')[asked:]), 'DN-01 it is not asked for')
    for host in (b'meta', b'private', b'alias', b'mapped', b'local'):
        told = len(lines('events'))
        refused('DN-05 %s' % host.decode(), get(b'http://' + host + b'.allowed.test/'), 403)
        ok(len(events(told, 'dns_rebind_blocked')) == 1, 'DN-05 it is told')
    got = say(get(b'http://mixed.allowed.test/'))
    ok(b'hello from 192.0.2.10' in got, 'DN-05 of several addresses, the one that may be', got)
    end, seen = time.monotonic() + 15, set()
    while len(seen) < 2 and time.monotonic() < end:
        got = say(get(b'http://turns.allowed.test/'))
        seen.add(status(got))
    ok(seen == {200, 403} and not any(x.startswith('169.254') for x in lines('reached')[BEFORE:]),
       'DN-04 an address is judged each time it is asked for', seen)
    got = say(get(b'http://broken.allowed.test/'))
    ok(status(got) == 504, 'DN-09 a malformed answer', got)
    got = say(get(b'http://nobody.allowed.test/'))
    ok(status(got) == 502, 'there is no such name', got)
    for host in (b'many', b'www', b'six', b'box'):
        got = say(get(b'http://' + host + b'.allowed.test/'))
        ok(b'hello from ' in got, 'by CNAME, TCP, IPv6, the hosts file: %s' % host.decode(), got)


def memory():
    with open('/proc/%d/status' % PID) as f:
        return [int(x.split()[1]) for x in f if x.startswith('VmRSS')][0]


def descriptors():
    return len(os.listdir('/proc/%d/fd' % PID))


def settled(count):
    end = time.monotonic() + 10
    while descriptors() > count and time.monotonic() < end:
        time.sleep(0.02)
    return descriptors() <= count


def many():
    before = descriptors()
    idle = [tunnel(b'allowed.test:80') for _ in range(100)]
    ok(memory() <= 6144, 'a hundred connections in 6 MiB', memory())
    loris = [connect() for _ in range(300)]
    for s in loris:
        s.sendall(b'GET http://allo')
    start = time.monotonic()
    got = say(get(b'http://allowed.test/'))
    ok(status(got) == 200 and time.monotonic() - start < 1, 'who does not finish asking holds nobody up')
    for s in idle + loris:
        s.close()
    with concurrent.futures.ThreadPoolExecutor(500) as pool:
        def one(_):
            with tunnel(b'allowed.test:80') as s:
                s.sendall(b'GET /big?n=100000 HTTP/1.0\r\n\r\n')
                return len(read_all(s))
        sizes = set(pool.map(one, range(500)))
    ok(len(sizes) == 1 and 100000 < sizes.pop() < 101000, 'five hundred at once', sizes)
    slow = connect()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.sendall(get(b'http://allowed.test/big?n=%d' % SIZE))
    slow.recv(1000)
    reader = tunnel(b'allowed.test:80')
    reader.sendall(b'GET /big?n=%d HTTP/1.0\r\n\r\n' % SIZE)
    reader.recv(1000)
    spent = ticks()
    time.sleep(0.3)
    ok(memory() <= 8192, 'slow readers are not stored for', memory())
    ok(ticks() - spent < 10, 'nor waited for busily', ticks() - spent)
    slow.close()
    reader.close()
    ok(settled(before + 16), 'no descriptor is left', (before, descriptors()))


def ticks():
    with open('/proc/%d/stat' % PID) as f:
        return sum(int(x) for x in f.read().rsplit(')', 1)[1].split()[11:13])


def bulk():
    block = hashlib.sha256(b'seed').digest() * 2048
    digest, total = hashlib.sha256(), 0
    expected = hashlib.sha256()
    piece = bytes(range(256)) * 256
    for _ in range(SIZE // len(piece)):
        expected.update(piece)
    with tunnel(b'allowed.test:80') as s:
        s.sendall(b'GET /big?n=%d HTTP/1.0\r\n\r\n' % SIZE)
        data = b''
        while b'\r\n\r\n' not in data:
            data += s.recv(65536)
        data = data.split(b'\r\n\r\n', 1)[1] or s.recv(65536)
        while data:
            digest.update(data)
            total += len(data)
            data = s.recv(1 << 20)
    ok(total == SIZE and digest.digest() == expected.digest(), '%d MiB down, the very bytes' % (SIZE >> 20), total)
    digest = hashlib.sha256()
    with tunnel(b'allowed.test:80') as s:
        s.sendall(b'POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n' % SIZE)
        for _ in range(SIZE // len(block)):
            s.sendall(block)
            digest.update(block)
        got = read_all(s)
    ok(b'%d %s' % (SIZE, digest.hexdigest().encode()) in got, '%d MiB up, the very bytes' % (SIZE >> 20), got)
    ok(memory() <= 6144, 'and still in 6 MiB', memory())


for part in (authorities, framing, bodies, hasty, streams, names, resolving, many, bulk):
    part()
ok(say(get(b'http://allowed.test/')).endswith(b'hello from 192.0.2.10\n'), 'the proxy serves on')
