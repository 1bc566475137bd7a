#!/usr/bin/env python3
"""internet - a small internet on documentation addresses, for tests of what may reach it.

internet.py DIR: DIR/cert.pem and DIR/key.pem are what its HTTPS says; DIR/reached gets a line for each
request that arrives ("ADDRESS PORT METHOD PATH HOST"), DIR/asked one for each name that is asked for, DIR/named one
for each server name that TLS asks for. Writes
DIR/ready when all of it listens. Its addresses must be there.
"""
import hashlib
import http.server
import os
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
import urllib.parse

DIR = sys.argv[1]
NAMESERVER = '192.0.2.53'
PIECE = bytes(range(256)) * 256
RELEASE = threading.Event()

# name -> records; a list of lists takes turns.
A, CNAME, AAAA = 1, 5, 28
ZONE = {
    'allowed.test': [(A, '192.0.2.10')],
    'other.allowed.test': [(A, '192.0.2.11')],
    'www.allowed.test': [(CNAME, 'edge.cdn.test')],
    'edge.cdn.test': [(A, '192.0.2.10')],
    'six.allowed.test': [(AAAA, '2001:db8::10')],
    'xallowed.test': [(A, '203.0.113.66')],
    'allowed.test.evil.test': [(A, '203.0.113.66')],
    'evil.test': [(A, '203.0.113.66')],
    'meta.allowed.test': [(A, '169.254.169.254')],
    'private.allowed.test': [(A, '10.0.0.1')],
    'alias.allowed.test': [(CNAME, 'metadata.google.internal')],
    'metadata.google.internal': [(A, '169.254.169.254')],
    'mapped.allowed.test': [(AAAA, '::ffff:169.254.169.254')],
    'mixed.allowed.test': [(A, '10.0.0.1'), (A, '192.0.2.10')],
    'many.allowed.test': [(A, '192.0.2.10')] * 60,
    'local.allowed.test': [(A, '127.0.0.1')],
    'dead.allowed.test': [(A, '192.0.2.99')],
}
# Of other types: data as it is sent; b'\xc0\x0c' is the name that was asked for.
MX, TXT, SRV, NAPTR, CAA = 15, 16, 33, 35, 257
OTHERS = {
    'allowed.test': [(MX, b'\0\x0a\4mail\xc0\x0c'), (TXT, b'\5hello'), (CAA, b'\0\5issueca.test'),
                     (NAPTR, b'\0\1\0\2\1s\7SIP+D2U\0\4_sip\xc0\x0c')],
    '_sip._udp.deep.allowed.test': [(SRV, b'\0\1\0\2\x13\xc4\xc0\x1b')],
    'huge.allowed.test': [(TXT, b'\xff' + b'x' * 255)] * 200,
    'odd.allowed.test': [(TXT, b'\x0cshort')],
}
TURNS = {'turns.allowed.test': [[(A, '192.0.2.10')], [(A, '169.254.169.254')]]}
LOCK = threading.Lock()


def note(name, line):
    with LOCK, open(os.path.join(DIR, name), 'a') as f:
        f.write(line + '\n')


def wire(name):
    return b''.join(bytes([len(x)]) + x.encode() for x in name.split('.')) + b'\0'


def answer(query, tcp):
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode('latin-1').lower())
        at += query[at] + 1
    kind = struct.unpack('>H', query[at + 1:at + 3])[0]
    question, name = query[12:at + 5], '.'.join(labels)
    note('asked', name)
    if name == 'silent.allowed.test':
        return None
    if name == 'broken.allowed.test':
        return query[:2] + b'\x81\x80\0\1\0\1\0\0\0\0' + question + b'\xc0\x0c\xc0'
    if name in TURNS:
        with LOCK:
            if kind == A:
                TURNS[name].append(TURNS[name].pop(0))
            ZONE[name] = TURNS[name][-1]
    records, found = [], name in ZONE or name in OTHERS
    records += [(name, t, data) for t, data in OTHERS.get(name, []) if t == kind]
    while name in ZONE:
        owner, name = name, None
        for t, value in ZONE[owner]:
            if t == CNAME:
                records.append((owner, t, wire(value)))
                name = value
            elif t == kind:
                family = socket.AF_INET if t == A else socket.AF_INET6
                records.append((owner, t, socket.inet_pton(family, value)))
    body = b''.join(wire(o) + struct.pack('>HHIH', t, 1, 0, len(d)) + d for o, t, d in records)
    flags, count = (0x8180 if found else 0x8183), len(records)
    if not tcp and len(body) > 400:
        flags, body, count = flags | 0x200, b'', 0
    return query[:2] + struct.pack('>HHHHH', flags, 1, count, 0, 0) + question + body


class DnsUdp(socketserver.BaseRequestHandler):
    def handle(self):
        out = answer(self.request[0], False)
        if out:
            self.request[1].sendto(out, self.client_address)


class DnsTcp(socketserver.StreamRequestHandler):
    def handle(self):
        n = struct.unpack('>H', self.rfile.read(2))[0]
        out = answer(self.rfile.read(n), True)
        self.wfile.write(struct.pack('>H', len(out)) + out)


class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    wbufsize = 0

    def log_message(self, *args):
        pass

    def arrived(self):
        at = self.connection.getsockname()
        note('reached', '%s %d %s %s %s' % (at[0], at[1], self.command, self.path, self.headers.get('Host')))

    def say(self, text, status=200, fields=()):
        data = text if isinstance(text, bytes) else text.encode()
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(data)

    def chunk(self, data):
        self.wfile.write(b'%x\r\n' % len(data) + data + b'\r\n')

    def do_GET(self):
        self.arrived()
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        what = url.path.strip('/').replace('-', '_') or 'hello'
        getattr(self, 'page_' + what, self.page_none)(query)

    do_HEAD = do_GET

    def page_none(self, _query):
        self.say('no such page\n', 404)

    def page_hello(self, _query):
        self.say('hello from %s\n' % self.connection.getsockname()[0])

    def page_port(self, _query):
        self.say('from port %d\n' % self.client_address[1])

    def page_last(self, _query):
        """The answer looks as if more could be asked, and then there is nobody."""
        self.page_port(_query)
        self.close_connection = True

    def page_same(self, _query):
        """Tells of a length, as it may, and has no body."""
        self.send_response(304)
        self.send_header('Content-Length', '500')
        self.end_headers()

    def page_headers(self, _query):
        self.say(self.requestline + '\n' + str(self.headers))

    def page_big(self, query):
        left = int(query['n'])
        self.send_response(200)
        if 'chunked' in query:
            self.send_header('Transfer-Encoding', 'chunked')
        elif 'close' in query:
            self.close_connection = True
        else:
            self.send_header('Content-Length', str(left))
        self.end_headers()
        while left:
            data = PIECE[:left]
            if 'chunked' in query:
                self.chunk(data)
            else:
                self.wfile.write(data)
            left -= len(data)
        if 'chunked' in query:
            self.wfile.write(b'0\r\nX-Sum: fine\r\n\r\n')

    def page_short(self, _query):
        self.send_response(200)
        self.send_header('Content-Length', '1000')
        self.end_headers()
        self.wfile.write(b'only this')
        self.close_connection = True

    def page_sse(self, _query):
        self.send_response(200)
        self.send_header('Content-Type', 'text/event-stream')
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()
        self.chunk(b'data: first\n\n')
        RELEASE.wait(10)
        RELEASE.clear()
        self.chunk(b'data: second\n\n')
        self.wfile.write(b'0\r\n\r\n')

    def page_go_on(self, _query):
        RELEASE.set()
        self.say('on it goes\n')

    def page_ws(self, _query):
        key = self.headers.get('Sec-WebSocket-Key', '')
        self.wfile.write(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n'
                         b'Connection: Upgrade\r\nSec-WebSocket-Accept: ' + key.encode() + b'\r\n\r\n')
        while True:
            data = self.rfile.read1(65536)
            if not data:
                break
            self.wfile.write(data)
        self.close_connection = True

    def page_redirect(self, query):
        self.say('elsewhere\n', 302, [('Location', query['to'])])

    def body(self):
        if self.headers.get('Transfer-Encoding') == 'chunked':
            while True:
                n = int(self.rfile.readline(), 16)
                if not n:
                    self.rfile.readline()
                    return
                while n:
                    data = self.rfile.read(min(n, 1 << 20))
                    n -= len(data)
                    yield data
                self.rfile.readline()
        left = int(self.headers.get('Content-Length', 0))
        while left:
            data = self.rfile.read(min(left, 1 << 20))
            if not data:
                return
            left -= len(data)
            yield data

    def do_POST(self):
        self.arrived()
        if self.path == '/early':
            self.close_connection = True
            self.say('too much\n', 413, [('Connection', 'close')])
            return
        if self.path == '/hasty':
            time.sleep(0.03)
            self.say('answered before it is read\n')
            for _ in self.body():
                pass
            return
        digest, total = hashlib.sha256(), 0
        for data in self.body():
            digest.update(data)
            total += len(data)
        self.say('%d %s\n' % (total, digest.hexdigest()))

    do_PUT = do_POST


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = allow_reuse_address = True
    request_queue_size = 1024
    context = None

    def __init__(self, address, handler, context=None):
        if ':' in address[0]:
            self.address_family = socket.AF_INET6
        self.context = context
        super().__init__(address, handler)

    def finish_request(self, request, client_address):
        if self.context:
            request = self.context.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        pass


class Udp(socketserver.ThreadingMixIn, socketserver.UDPServer):
    daemon_threads = True


class Echo(socketserver.BaseRequestHandler):
    """Says what it is first, then what it hears until there is no more, then how much that was."""

    def handle(self):
        total = 0
        self.request.sendall(b'echo\n')
        while True:
            data = self.request.recv(65536)
            if not data:
                break
            total += len(data)
            self.request.sendall(data)
        self.request.sendall(b'%d bytes\n' % total)


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(DIR, 'cert.pem'), os.path.join(DIR, 'key.pem'))
    context.set_alpn_protocols(['http/1.1'])
    context.sni_callback = lambda _socket, name, _context: note('named', str(name))
    servers = [Udp((NAMESERVER, 53), DnsUdp), Server((NAMESERVER, 53), DnsTcp)]
    for address in ('192.0.2.10', '192.0.2.11', '203.0.113.66', '10.0.0.1', '169.254.169.254',
                    '2001:db8::10', '127.0.0.1'):
        servers += [Server((address, 80), Web), Server((address, 443), Web, context),
                    Server((address, 8080), Web), Server((address, 8443), Web, context)]
    servers.append(Server(('192.0.2.10', 7), Echo))
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    open(os.path.join(DIR, 'ready'), 'w').close()
    while True:
        time.sleep(3600)


if __name__ == '__main__':
    main()
