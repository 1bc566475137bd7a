#!/usr/bin/env python3
"""asker - questions to the proxy's name service: asker.py ADDRESS DIR. Prints as client.py does."""
import json
import socket
import struct
import sys

import said
from said import ok

WHERE, DIR = sys.argv[1], sys.argv[2]
A, CNAME, NULL, PTR, MX, TXT, AAAA, SRV, NAPTR, HTTPS, ANY, CAA = 1, 5, 10, 12, 15, 16, 28, 33, 35, 65, 255, 257
SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = 2, 3, 4, 5


def lines(name):
    return said.lines(name, DIR)


def question(name, kind):
    labels = b''.join(bytes([len(x)]) + x.encode() for x in name.split('.'))
    return b'\x12\x34\1\0\0\1\0\0\0\0\0\0' + labels + b'\0' + struct.pack('>HH', kind, 1)


def receive(s, n):
    data = b''
    while len(data) < n:
        piece = s.recv(n - len(data))
        if not piece:
            raise OSError('hung up')
        data += piece
    return data


def send(message, tcp=False):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as s:
        s.settimeout(8)
        s.connect((WHERE, 53))
        if not tcp:
            s.send(message)
            return s.recv(65535)
        s.sendall(struct.pack('>H', len(message)) + message)
        return receive(s, struct.unpack('>H', receive(s, 2))[0])


def name_at(m, at):
    labels, after = [], None
    while m[at]:
        if m[at] >= 0xc0:
            after = after or at + 2
            at = struct.unpack('>H', m[at:at + 2])[0] & 0x3fff
            continue
        labels.append(m[at + 1:at + 1 + m[at]].decode())
        at += m[at] + 1
    return '.'.join(labels), after or at + 1


def ask(name, kind=A, tcp=False):
    """The code, whether it is cut, the addresses."""
    m = send(question(name, kind), tcp)
    ident, flags, _, count, _, _ = struct.unpack('>HHHHHH', m[:12])
    assert ident == 0x1234 and flags & 0x8000
    at, found = name_at(m, 12)[1] + 4, []
    for _ in range(count):
        _, at = name_at(m, at)
        kind, _, _, n = struct.unpack('>HHIH', m[at:at + 10])
        data = m[at + 10:at + 10 + n]
        if kind in (A, AAAA):
            found.append(socket.inet_ntop(socket.AF_INET if kind == A else socket.AF_INET6, data))
        elif kind != CNAME:
            found.append(data)
        at += 10 + n
    assert at == len(m)
    return flags & 15, bool(flags & 0x200), found


def asked_for(text, before):
    return any(text in x for x in lines('asked')[before:])


def denied(text, name, want, kind=A, rule=None):
    before, told = len(lines('asked')), len(lines('events'))
    got = ask(name, kind)
    events = [json.loads(x) for x in lines('events')[told:]]
    rules = [e['policy']['rule'] for e in events if e['policy'].get('effective_decision') == 'deny']
    ok(got == (want, False, []) and not asked_for(name, before) and (rule is None or rule in rules), text,
       (got, rules))


for tcp in False, True:
    ok(ask('allowed.test', A, tcp) == (0, False, ['192.0.2.10']), 'an allowed name, tcp=%s' % tcp)
ok(ask('WWW.Allowed.TEST') == (0, False, ['192.0.2.10']), 'by CNAME, in another spelling')
ok(ask('six.allowed.test', AAAA) == (0, False, ['2001:db8::10']), 'an IPv6 address')
ok(ask('six.allowed.test') == (0, False, []), 'and no other')
ok(ask('localhost') == (0, False, ['127.0.0.1']), 'localhost')
ok(ask('nobody.allowed.test')[0] == NXDOMAIN, 'no such name')
denied('DN-01 a name that no rule could let through', 'f00d' * 12 + '.tunnel.evil.test', NXDOMAIN, A, 'nothing-else')
denied('DN-01 TXT of such a name', 'f00d.tunnel.evil.test', NXDOMAIN, TXT, 'nothing-else')
NAME = b'\7allowed\4test\0'
for kind, want in ((MX, b'\0\x0a\4mail' + NAME), (TXT, b'\5hello'), (CAA, b'\0\5issueca.test'),
                   (NAPTR, b'\0\1\0\2\1s\7SIP+D2U\0\4_sip' + NAME)):
    ok(ask('allowed.test', kind) == (0, False, [want]), 'another type: %d' % kind, ask('allowed.test', kind))
ok(ask('_sip._udp.deep.allowed.test', SRV)[2] == [b'\0\1\0\2\x13\xc4' + NAME], 'a service')
ok(ask('_sip._udp.allowed.test', SRV)[0] == NXDOMAIN, 'not one that only a deeper pattern would let through')
got = ask('huge.allowed.test', TXT)
ok(got[1] and len(ask('huge.allowed.test', TXT, True)[2]) == 200, 'much of it is cut, and whole over TCP', got[:2])
ok(ask('odd.allowed.test', TXT) == (SERVFAIL, False, []) and ask('odd.allowed.test', CAA) == (0, False, []), 'malformed data')
denied('ANY is refused', 'another-secret.allowed.test', REFUSED, ANY, 'dns-types')
denied('data of any kind is not passed on', 'another-secret.allowed.test', REFUSED, NULL, 'dns-types')
denied('PTR of what nobody asked for', '10.2.0.192.in-addr.arpa', NXDOMAIN, PTR, 'dns-types')
ok(ask('1.0.0.127.in-addr.arpa', PTR)[2] == [b'\x09localhost\0'], 'PTR of this machine')

# --- where the operator leads names
before = len(lines('asked'))
told = len(lines('events'))
got = ask('led.allowed.test')
events = [json.loads(x) for x in lines('events')[told:]]
ok(got == (0, False, ['10.0.0.1']), 'a name is led to a private address by the operator', got)
ok(any(e['type'] == 'dns_redirect' and e['policy']['rule'] == 'led-inside' and e['fields']['ips'] == ['10.0.0.1']
       for e in events), 'the log has it', events)
told = len(lines('events'))
ok(ask('quiet.allowed.test', AAAA)[2] == ['2001:db8::10'] and ask('quiet.allowed.test') == (0, False, []),
   'or to one of the other family')
ok(not any('dns_redirect' in x for x in lines('events')[told:]), 'silently')
ok(ask('ledmeta.allowed.test') == (REFUSED, False, []), 'metadata services stay closed')
ok(ask('www.evil.test')[0] == NXDOMAIN, 'what is denied is not led anywhere')
ok(ask('led.allowed.test', TXT) == (0, False, []), 'it has nothing else there')
ok(len(lines('asked')) == before, 'and nobody is asked for any of them')

# --- how much names may hold
CID = 'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi'
before = len(lines('asked'))
ok(ask(CID + '.allowed.test')[0] == NXDOMAIN and asked_for(CID, before), 'a hash is a name')
for text, name in (('a label of data', 'f00d' * 15 + 'ba2.allowed.test'),
                   ('labels of data', '.'.join(['f00dbabe1234' * 3] * 2) + '.deep.allowed.test'),
                   ('a long name', 'some-words.' * 11 + 'deep.allowed.test')):
    denied('DN-01 ' + text, name, REFUSED, A, 'dns-label')
    denied('DN-01 %s, TXT' % text, 'x' + name[1:], REFUSED, TXT, 'dns-label')
codes = [ask('i6a7b8c9d0e1f2g3h4-%d.allowed.test' % i)[0] for i in range(70)]
ok(codes[:55] == [NXDOMAIN] * 55 and codes[65:] == [REFUSED] * 5, 'DN-01 many names with data in them', codes)
ok(ask('plain-name.allowed.test')[0] == NXDOMAIN, 'others are asked for still')
ok(ask('allowed.test', HTTPS) == (0, False, []), 'no keys that would hide names')
for host in ('meta', 'private', 'alias', 'local'):
    told = len(lines('events'))
    got = ask(host + '.allowed.test')
    kinds = [json.loads(x)['type'] for x in lines('events')[told:]]
    ok(got == (REFUSED, False, []) and kinds.count('dns_rebind_blocked') == 1, 'DN-05 %s' % host, (got, kinds))
ok(ask('mapped.allowed.test', AAAA) == (REFUSED, False, []), 'DN-05 mapped')
ok(ask('mixed.allowed.test') == (0, False, ['192.0.2.10']), 'DN-05 what may not be reached is taken out')
ok(ask('broken.allowed.test')[0] == SERVFAIL, 'DN-09 a malformed answer')
got = ask('many.allowed.test')
ok(got[0] == 0 and len(got[2]) == 16 and not got[1], 'many of them', got)
for name, message in (('a loop', b'\x12\x34\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1'),
                      ('two questions', question('allowed.test', A).replace(b'\1\0\0\1', b'\1\0\0\2', 1)),
                      ('cut', question('allowed.test', A)[:-1]),
                      ('255 labels', b'\x12\x34\1\0\0\1\0\0\0\0\0\0' + b'\1a' * 200 + b'\0\0\1\0\1'),
                      ('NUL in a label', b'\x12\x34\1\0\0\1\0\0\0\0\0\0\3a\0b\0\0\1\0\1')):
    ok(send(message)[3] & 15 == 1, 'DN-09 a question: ' + name)
with socket.create_connection((WHERE, 53), timeout=8) as s:
    s.sendall(b'\xff\xff' + b'x' * 1000)
    try:
        gone = s.recv(10)
    except ConnectionResetError:
        gone = b''
    ok(gone == b'', 'DN-09 64 KiB over TCP')
with socket.create_connection((WHERE, 53), timeout=8) as s:
    many = [('allowed.test', A), ('evil.test', A), ('huge.allowed.test', TXT), ('silent.allowed.test', A),
            ('localhost', A)] * 8
    data = b''.join(struct.pack('>HH', len(question(n, k)), i) + question(n, k)[2:] for i, (n, k) in enumerate(many))
    for i in range(0, len(data), 700):
        s.sendall(data[i:i + 700])
    s.shutdown(socket.SHUT_WR)
    codes = {}
    try:
        while len(codes) < len(many):
            m = receive(s, struct.unpack('>H', receive(s, 2))[0])
            codes[struct.unpack('>H', m[:2])[0]] = (m[3] & 15, len(m))
    except OSError as e:
        ok(False, 'many questions on a connection', (e, codes))
    ok([codes[i][0] for i in range(5)] == [0, NXDOMAIN, 0, SERVFAIL, 0] and codes[2][1] > 50000 and
       len(codes) == len(many), 'many questions on a connection', codes)
held = [socket.create_connection((WHERE, 53), timeout=8) for _ in range(100)]
for s in held:
    s.sendall(b'\0')
ok(ask('allowed.test', A, True)[2] == ['192.0.2.10'], 'who does not finish asking holds nobody up')
for s in held:
    s.close()
before = len(lines('asked'))
codes = [ask('n%d.allowed.test' % i)[0] for i in range(640)]
ok(codes.count(REFUSED) >= 20 and codes.count(NXDOMAIN) >= 400, 'DN-01 names by the hundred are a way to tell', len(codes))
ok(len(lines('asked')) - before <= 1220 and ask('localhost')[2] == ['127.0.0.1'], 'what is known is answered still')
