#!/usr/bin/env python3
"""secure - HTTPS servers with a certificate each, for tests of who is spoken to.

secure.py DIR ADDRESS=NAME...: on port 443 of each address, with DIR/NAME.pem and DIR/NAME.key. Serves the files
below DIR/www; answers a POST with length and SHA-256 of what came; /ws echoes. DIR/arrived gets a line for each
request ("ADDRESS METHOD PATH HOST"). Writes DIR/secure when all listen.
"""
import hashlib
import http.server
import os
import socketserver
import ssl
import sys
import threading
import time

DIR = sys.argv[1]


class Files(http.server.SimpleHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def __init__(self, *args):
        super().__init__(*args, directory=os.path.join(DIR, 'www'))

    def log_message(self, *args):
        pass

    def arrived(self):
        with open(os.path.join(DIR, 'arrived'), 'a') as f:
            f.write('%s %s %s %s\n' % (self.connection.getsockname()[0], self.command, self.path,
                                       self.headers.get('Host')))

    def do_GET(self):
        self.arrived()
        if self.path == '/ws':
            self.echo()
        elif self.path == '/cut':
            self.cut()
        else:
            super().do_GET()

    def echo(self):
        self.wfile.write(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n'
                         b'Connection: Upgrade\r\n\r\n')
        while True:
            data = self.rfile.read1(65536)
            if not data:
                break
            self.wfile.write(data)
        self.close_connection = True

    def cut(self):
        """An answer without a length, broken off without a word."""
        self.wfile.write(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nonly half')
        self.close_connection = True

    def do_POST(self):
        self.arrived()
        digest, left = hashlib.sha256(), int(self.headers['Content-Length'])
        total = left
        while left:
            data = self.rfile.read(min(left, 1 << 20))
            if not data:
                return
            digest.update(data)
            left -= len(data)
        text = b'%d %s\n' % (total, digest.hexdigest().encode())
        self.send_response(200)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = allow_reuse_address = True
    context = None

    def finish_request(self, request, client_address):
        super().finish_request(self.context.wrap_socket(request, server_side=True), client_address)

    def handle_error(self, request, client_address):
        pass


for argument in sys.argv[2:]:
    address, name = argument.split('=')
    server = Server((address, 443), Files)
    server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.context.load_cert_chain(os.path.join(DIR, name + '.pem'), os.path.join(DIR, name + '.key'))
    server.context.set_alpn_protocols(['http/1.1'])
    threading.Thread(target=server.serve_forever, daemon=True).start()
open(os.path.join(DIR, 'secure'), 'w').close()
while True:
    time.sleep(3600)
