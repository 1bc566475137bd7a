#!/usr/bin/env python3
"""world - the internet of a stage: a network namespace of its own, one link away, where all hosts of hosts.py are.

world.py DIR IP: IP is ip(8). Makes DIR/ca.pem, starts everything, writes DIR/ready, and serves until it is killed.
DIR/reached gets a line for whatever arrives: "ADDRESS PORT tcp", "ADDRESS PORT udp TEXT", "ADDRESS PORT dns NAME",
"ADDRESS PORT METHOD PATH HOST", "PATH 0 local TEXT" for a local socket. Run it as root in a network namespace of the test's.
"""
import ctypes
import os
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading

import hosts
import internet

DIR, IP = sys.argv[1], sys.argv[2]
CLONE_NEWNET = 0x40000000
V6PKTINFO = socket.IPPROTO_IPV6, socket.IPV6_PKTINFO
A, CNAME, AAAA = internet.A, internet.CNAME, internet.AAAA
GOOD, BAD = (A, hosts.MIRROR), (A, '169.254.169.254')
# What the owner of these names answers: allowed names that lead to closed addresses (DN-04, DN-05).
internet.ZONE = {
    'crates-index.test': [(CNAME, 'metadata.google.internal')],
    'metadata.google.internal': [BAD],
    'go-proxy.test': [(A, '10.0.0.1')],
    'go-sum.test': [(AAAA, '::ffff:169.254.169.254')],
}
internet.TURNS = {'crates-static.test': [[BAD], [GOOD]]}


def plain(address):
    return address[7:] if address.startswith('::ffff:') else address


def arrived(address, port, what):
    text = ''.join(c if ' ' <= c <= '~' else '?' for c in what)
    internet.note('reached', '%s %d %s' % (plain(address), port, text))


def certificates():
    names = list(hosts.NAMES) + hosts.TRICKY
    san = ['DNS:' + n for n in names] + ['IP:' + a for a in hosts.ADDRESSES]
    with open('san', 'w') as f:
        f.write('subjectAltName=%s\nbasicConstraints=CA:FALSE\n' % ','.join(san))
    key = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj'.split()
    for argv in (['req', '-x509', '-days', '2', *key, '/CN=ca', '-keyout', 'ca.key', '-out', 'ca.pem'],
                 ['req', *key, '/CN=npm-registry.test', '-keyout', 'key.pem', '-out', 'req.pem'],
                 ['x509', '-req', '-in', 'req.pem', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial',
                  '-days', '2', '-out', 'cert.pem', '-extfile', 'san']):
        subprocess.run(['openssl', *argv], check=True, stderr=subprocess.DEVNULL)


def repository():
    """A repository to be had over HTTPS, as plain files."""
    git = ['git', '-c', 'user.name=t', '-c', 'user.email=t@t.test', '-C', 'www/work']
    subprocess.run(['git', 'init', '-q', '-b', 'main', 'www/work'], check=True)
    with open('www/work/README', 'w') as f:
        f.write('from over there\n')
    for argv in (['add', '.'], ['commit', '-qm', 'first'], ['clone', '-q', '--bare', '.', '../repo.git']):
        subprocess.run(git + argv, check=True)
    subprocess.run(['git', '-C', 'www/repo.git', 'update-server-info'], check=True)


class Web(internet.Web):
    """Says hello to rows, serves the repository."""

    def arrived(self):
        address, port = self.connection.getsockname()[:2]
        arrived(address, port, '%s %s %s' % (self.command, self.path, self.headers.get('Host')))

    def do_GET(self):
        parts = self.path.split('?')[0].split('/')
        if not parts[1].startswith('row-'):
            super().do_GET()
            return
        self.arrived()
        if len(parts) == 2:
            self.say('hello from %s\n' % plain(self.connection.getsockname()[0]))
            return
        path = os.path.join(DIR, 'www', *[p for p in parts[2:] if p not in ('', '..')])
        if os.path.isfile(path):
            with open(path, 'rb') as f:
                self.say(f.read())
        else:
            self.say('no such file\n', 404)

    do_HEAD = do_GET

    def page_hello(self, _query):
        self.say('hello from %s\n' % plain(self.connection.getsockname()[0]))


def relay(one, other):
    while True:
        data = one.recv(65536)
        if not data:
            break
        other.sendall(data)
    other.shutdown(socket.SHUT_WR)


class Server(internet.Server):
    """On every address of the namespace; whoever connects has arrived."""

    def finish_request(self, request, client_address):
        if self.context and plain(request.getsockname()[0]) == hosts.HTTP2:
            with socket.create_connection(('127.0.0.1', 8443)) as behind:
                back = threading.Thread(target=relay, args=(behind, request), daemon=True)
                back.start()
                relay(request, behind)
                back.join()
            return
        super().finish_request(request, client_address)

    def server_bind(self):
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def get_request(self):
        got = super().get_request()
        arrived(*got[0].getsockname()[:2], 'tcp')
        return got


class Echo(internet.Echo):
    def handle(self):
        arrived(*self.request.getsockname()[:2], 'echo')
        super().handle()


class Ssh(internet.socketserver.StreamRequestHandler):
    """Says what a server of port 22 says, and hears one line."""

    def handle(self):
        self.wfile.write(b'SSH-2.0-canary\r\n')
        line = self.rfile.readline(200).decode('latin-1').strip()
        arrived(*self.request.getsockname()[:2], 'said ' + line)


def udp_echo(port):
    """Echo on every address: answers come from where they were asked."""
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    s.bind(('::', port))
    while True:
        data, control, _flags, who = s.recvmsg(65536, 100)
        info = control[0][2]
        where = socket.inet_ntop(socket.AF_INET6, info[:16])
        arrived(where, port, 'udp ' + data[:60].decode('latin-1').split('\n')[0])
        s.sendmsg([data], [(*V6PKTINFO, info[:16] + struct.pack('i', 0))], 0, who)


class ForeignUdp(internet.DnsUdp):
    def handle(self):
        address, port = self.server.server_address[:2]
        arrived(address, port, 'dns ' + question(self.request[0]))
        super().handle()


class ForeignTcp(internet.socketserver.StreamRequestHandler):
    def handle(self):
        data = self.rfile.read(struct.unpack('>H', self.rfile.read(2))[0])
        arrived(*self.server.server_address[:2], 'dns ' + question(data))
        out = internet.answer(data, True)
        self.wfile.write(struct.pack('>H', len(out)) + out)


def question(data):
    at, labels = 12, []
    while at < len(data) and data[at]:
        labels.append(data[at + 1:at + 1 + data[at]].decode('latin-1').lower())
        at += data[at] + 1
    return '.'.join(labels)


def lookup(path):
    """A local socket of one who looks names up for others."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        os.chmod(path, 0o666)
        s.listen()
        while True:
            c, _ = s.accept()
            arrived(path, 0, 'local ' + c.recv(100).decode('latin-1'))
            c.close()


def resolver():
    argv = ['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--user=root',
            '--pid-file=', '--bind-interfaces', '--listen-address=' + hosts.RESOLVER, '--local-ttl=60',
            '--log-queries', '--log-facility=' + os.path.join(DIR, 'queries')]
    argv += ['--host-record=%s' % ','.join([name, *found]) for name, found in hosts.NAMES.items()]
    argv += ['--server=/%s/%s' % (name, hosts.TRICKS) for name in hosts.TRICKY]
    argv += ['--address=/tunnel.evil.com/203.0.113.66']
    with open(os.path.join(DIR, 'dnsmasq.log'), 'w') as log:
        return subprocess.Popen(argv, stdout=log, stderr=log)


def servers():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain('cert.pem', 'key.pem')
    context.set_alpn_protocols(['http/1.1'])
    internet.socketserver.TCPServer.request_queue_size = 1024
    found = [Server(('::', 7), Echo), Server(('::', 22), Ssh), Server(('::', 443), Web, context),
             Server(('::', 853), Web, context)]
    found += [Server(('::', port), Web) for port in (80, 4444, 8080)]
    for address in hosts.FOREIGN:
        found += [internet.Udp((address, 53), ForeignUdp), Server((address, 53), ForeignTcp)]
    found += [internet.Udp((hosts.TRICKS, 53), internet.DnsUdp), Server((hosts.TRICKS, 53), internet.DnsTcp)]
    for server in found:
        threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 60}, daemon=True).start()
    for port in hosts.UDP:
        threading.Thread(target=udp_echo, args=(port,), daemon=True).start()


def ip(*lines):
    subprocess.run([IP, '-batch', '-'], input='\n'.join(lines), text=True, check=True)


def outside(ready, go):
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), 'unshare')
    ready.send(b'x')
    go.recv(1)
    ip('link set lo up', 'link set out0 up', 'addr add %s/24 dev out0' % hosts.GATE,
       'addr add %s/64 dev out0 nodad' % hosts.GATE6,
       *['addr add %s/%s' % (a, '128 dev lo nodad' if ':' in a else '32 dev lo') for a in hosts.ADDRESSES])
    dns = resolver()
    servers()
    if os.path.exists('/usr/bin/node'):
        subprocess.Popen(['/usr/bin/node', os.path.join(os.path.dirname(__file__), 'h2.js'), DIR])
    with open('ready', 'w'):
        pass
    dns.wait()


def main():
    os.makedirs(DIR, exist_ok=True)
    os.chdir(DIR)
    open('reached', 'w').close()
    certificates()
    repository()
    ready, go = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        outside(go, go)
        os._exit(1)
    ready.recv(1)
    with open('outside', 'w') as f:
        f.write('%d\n' % pid)
    ip('link set lo up', 'link add eth0 type veth peer name out0 netns %d' % pid, 'link set eth0 up',
       'addr add %s/24 dev eth0' % hosts.STAGE, 'addr add %s/64 dev eth0 nodad' % hosts.STAGE6)
    for path in hosts.LOOKUP:
        threading.Thread(target=lookup, args=(path,), daemon=True).start()
    ready.send(b'x')
    ip('route add default via %s' % hosts.GATE, 'route add ::/0 via %s dev eth0' % hosts.GATE6)
    os.waitpid(pid, 0)


main()
